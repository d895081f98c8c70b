//! Consent in the window: buttons for a pointer, and digits for a keyboard.

use eframe::egui::Ui;

use super::{App, Choice, Stage};
use crate::digits::Digits;
use crate::question::Answer;
use crate::window::button::{self, Button, Kind, Press};
use crate::window::digits_field::{self, Typed};
use crate::window::field::Field;

impl App {
    pub(super) fn consent_buttons(&mut self, ui: &mut Ui) {
        let [allow, deny, block] =
            ["consent-allow", "consent-deny", "consent-block"].map(|id| self.texts.text(id));
        let explanation = self.texts.text("consent-block-explanation");
        let live = self.clicks_count;
        let button = |label, kind| Button { label, explanation: None, kind, live };
        let block = Button { explanation: Some(&explanation), ..button(&block, Kind::Quiet) };
        let presses = button::row(
            ui,
            Some(&block),
            &[button(&deny, Kind::Secondary), button(&allow, Kind::Primary)],
        );
        match presses[..] {
            // A key alone neither allows nor blocks. Denying is safe, and can be undone by asking
            // again.
            [Press::Key, ..] => self.ask_for_digits(Choice::Block),
            [.., Press::Key] => self.ask_for_digits(Choice::Allow),
            [Press::Pointer, ..] => self.finish(ui, Answer::Blocked),
            [_, Press::Pointer | Press::Key, _] => self.finish(ui, Answer::Denied),
            [.., Press::Pointer] => self.finish(ui, Answer::Allowed),
            _ => {}
        }
    }

    /// People who use a keyboard confirm with digits that the window shows. A stray key can press a
    /// button, but it does not type four digits that were not there before. Clicks and assistive
    /// technologies need no digits: they name the button that they mean.
    fn ask_for_digits(&mut self, choice: Choice) {
        self.stage = Stage::ConsentDigits { choice, digits: Digits::new(), field: Field::digits() };
    }

    pub(super) fn consent_digits(&mut self, ui: &mut Ui) {
        let Stage::ConsentDigits { choice, digits, field } = &mut self.stage else { return };
        let (id, answer) = match choice {
            Choice::Allow => ("consent-type-allow", Answer::Allowed),
            Choice::Block => ("consent-type-block", Answer::Blocked),
        };
        let live = self.typing_since.is_some();
        match digits_field::show(ui, &self.texts, id, digits, field, live) {
            Typed::Right => self.finish(ui, answer),
            Typed::Wrong => self.notice = Some(digits_field::wrong(&self.texts)),
            Typed::Unfinished => {}
        }
    }
}
