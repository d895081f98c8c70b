//! A field for digits that the window shows. Wrong ones are replaced by new ones.

use eframe::egui::text::{LayoutJob, TextFormat};
use eframe::egui::{Align, Label, Ui};

use super::field::Field;
use super::style::{Font, Palette};
use crate::description::{Level, Notice};
use crate::digits::{self, Digits};
use crate::texts::Texts;

/// What the field holds.
pub(super) enum Typed {
    Unfinished,
    Right,
    Wrong,
}

/// Shows the digits to type, and the field. `id` is the text that asks for them.
pub(super) fn show(
    ui: &mut Ui,
    texts: &Texts,
    id: &'static str,
    digits: &mut Digits,
    field: &mut Field,
    live: bool,
) -> Typed {
    let request = texts.with(id, &[("digits", digits.as_str().into())]);
    show_request(ui, &request, digits);
    let name = format!("{} {request}", texts.text("digits-label"));
    let entered = field.show(ui, &name, live);
    if digits.are(field.text()) {
        return Typed::Right;
    }
    if field.text().len() == digits::LEN || (entered && !field.text().is_empty()) {
        field.clear();
        *digits = Digits::other_than(digits);
        ui.ctx().request_repaint();
        return Typed::Wrong;
    }
    Typed::Unfinished
}

/// The sentence, with its digits as large as those that the user types.
fn show_request(ui: &mut Ui, request: &str, digits: &Digits) {
    let palette = Palette::of(ui);
    let mut job = LayoutJob::default();
    let (before, after) = request.split_once(digits.as_str()).unwrap_or((request, ""));
    for (text, font, color) in [
        (before, Font::Strong, palette.ink),
        (digits.as_str(), Font::LargeMono, palette.accent),
        (after, Font::Strong, palette.ink),
    ] {
        let format = TextFormat { valign: Align::Center, ..font.format(color) };
        job.append(text, 0.0, format);
    }
    job.wrap.max_width = ui.available_width();
    ui.add(Label::new(job).wrap());
}

pub(super) fn wrong(texts: &Texts) -> Notice {
    Notice::new(Level::Warning, texts.text("digits-wrong"))
}
