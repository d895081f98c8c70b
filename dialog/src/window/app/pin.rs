//! The PIN in the window: digits after a wrong one, the field, and a PIN of an unusual length.

use eframe::egui::Ui;

use super::{App, Stage};
use crate::description::{self, Level, Notice};
use crate::question::{Answer, PinQuestion, Purpose, Question};
use crate::window::body;
use crate::window::button::{self, Button, Kind, Press};
use crate::window::digits_field::{self, Typed};
use crate::window::field::Field;
use crate::window::style::{Font, Palette};

impl App {
    pub(super) fn pin_digits(&mut self, ui: &mut Ui) {
        let Stage::PinDigits { digits, field } = &mut self.stage else { return };
        let live = self.typing_since.is_some();
        match digits_field::show(ui, &self.texts, "pin-confirm", digits, field, live) {
            Typed::Right => {
                let since = ui.input(|input| input.time);
                self.notice = None;
                self.stage = Stage::Pin { field: Field::pin(), since };
                ui.ctx().request_repaint();
            }
            Typed::Wrong => self.notice = Some(digits_field::wrong(&self.texts)),
            Typed::Unfinished => {}
        }
        self.cancel_row(ui, None);
    }

    pub(super) fn pin(&mut self, ui: &mut Ui) {
        let Stage::Pin { field, since } = &mut self.stage else { return };
        let palette = Palette::of(ui);
        let name = self.texts.text("pin-label");
        body::text(ui, Font::Strong, &name, palette.ink);
        let entered = field.show(ui, &name, self.typing_since.is_some());
        // The field is live since the stage began, or since typing counts.
        let live_since = self.typing_since.map(|typing| typing.max(*since));
        let is_empty = field.text().is_empty();
        let sign = match &self.question {
            Question::Pin(PinQuestion {
                purpose: Purpose::Authenticate | Purpose::ListCertificates | Purpose::ListKeys,
                ..
            }) => "pin-log-in",
            _ => "pin-sign",
        };
        let pressed = self.cancel_row(ui, Some((sign, !is_empty)));
        let now = ui.input(|input| input.time);
        if (entered || pressed != Press::None) && !is_empty {
            match live_since {
                Some(live_since) if now - live_since >= TOO_FAST => self.submit_pin(ui),
                _ => self.discard_pin(),
            }
        }
    }

    /// Nobody reads the window and types a PIN in so short a time. The text was meant for another
    /// window.
    fn discard_pin(&mut self) {
        self.notice = Some(Notice::new(Level::Danger, self.texts.text("problem-too-fast")));
        if let Stage::Pin { field, .. } = &mut self.stage {
            field.clear();
        }
    }

    fn submit_pin(&mut self, ui: &Ui) {
        let Question::Pin(question) = &self.question else { return };
        let Stage::Pin { field, .. } = &mut self.stage else { return };
        let len = field.text().len();
        match description::unusual_length(&self.texts, question.lengths, len) {
            None => {
                let answer = Answer::Pin(field.take_pin());
                self.finish(ui, answer);
            }
            Some(text) => {
                self.notice = Some(Notice::new(Level::Warning, text));
                let field = std::mem::replace(field, Field::pin());
                self.stage = Stage::PinLength { field };
                ui.ctx().request_repaint();
            }
        }
    }

    pub(super) fn pin_length(&mut self, ui: &mut Ui) {
        let Stage::PinLength { field } = &mut self.stage else { return };
        let live = self.clicks_count;
        let [cancel, change, send] =
            ["pin-cancel", "pin-change", "pin-send-anyway"].map(|id| self.texts.text(id));
        let button = |label, kind| Button { label, explanation: None, kind, live };
        let presses = button::row(
            ui,
            Some(&button(&cancel, Kind::Quiet)),
            &[button(&change, Kind::Secondary), button(&send, Kind::Primary)],
        );
        let pressed = presses.iter().position(|press| *press != Press::None);
        match pressed {
            Some(0) => self.finish(ui, Answer::Cancelled),
            Some(1) => {
                self.notice = None;
                let since = ui.input(|input| input.time);
                self.stage = Stage::Pin { field: Field::pin(), since };
                ui.ctx().request_repaint();
            }
            Some(_) => {
                let answer = Answer::Pin(field.take_pin());
                self.finish(ui, answer);
            }
            None => {}
        }
    }

    /// *Cancel*, and the button that sends the PIN, with whether it is live.
    fn cancel_row(&mut self, ui: &mut Ui, send: Option<(&'static str, bool)>) -> Press {
        let live = self.clicks_count;
        let cancel = self.texts.text("pin-cancel");
        let cancel = Button { label: &cancel, explanation: None, kind: Kind::Secondary, live };
        let Some((id, filled)) = send else {
            if button::row(ui, None, &[cancel])[0] != Press::None {
                self.finish(ui, Answer::Cancelled);
            }
            return Press::None;
        };
        let send = self.texts.text(id);
        let live = live && filled;
        let send = Button { label: &send, explanation: None, kind: Kind::Primary, live };
        match button::row(ui, None, &[cancel, send])[..] {
            [_, send] if send != Press::None => send,
            [Press::Pointer | Press::Key, _] => {
                self.finish(ui, Answer::Cancelled);
                Press::None
            }
            _ => Press::None,
        }
    }
}

/// A PIN that is complete earlier after its field became live was not meant for it, in seconds.
const TOO_FAST: f64 = 1.0;
