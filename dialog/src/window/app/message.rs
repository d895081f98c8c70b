//! Messages in the window, which ask nothing: the keypad of a reader, and the progress of a batch.

use eframe::egui::Ui;

use super::App;
use crate::question::{Answer, Question};
use crate::window::body;
use crate::window::button::{self, Button, Kind, Press};

impl App {
    pub(super) fn message(&mut self, ui: &mut Ui) {
        let live = self.clicks_count;
        let hide = self.texts.text("hide");
        let hide = Button { label: &hide, explanation: None, kind: Kind::Secondary, live };
        let Question::Progress(progress) = &self.question else {
            if button::row(ui, None, &[hide])[0] != Press::None {
                self.finish(ui, Answer::Hidden);
            }
            return;
        };
        let name = self.texts.text("progress-bar");
        body::progress_bar(ui, &name, progress.done, progress.count);
        ui.add_space(6.0);
        let stop = self.texts.text("progress-stop");
        let stop = Button { label: &stop, explanation: None, kind: Kind::Secondary, live };
        match button::row(ui, None, &[hide, stop])[..] {
            [_, stop] if stop != Press::None => self.finish(ui, Answer::Cancelled),
            [Press::Pointer | Press::Key, _] => self.finish(ui, Answer::Hidden),
            _ => {}
        }
    }
}
