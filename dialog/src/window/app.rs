//! The window's state: which input it waits for, and what an input causes.

mod consent;
mod message;
mod pin;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use eframe::egui::{
    Event, Frame, ImeEvent, Key, Label, Margin, Modifiers, RawInput, ScrollArea, Ui,
    ViewportCommand, vec2,
};

use super::body;
use super::field::Field;
use super::guard::{Guard, KeyPress};
use super::style::{Font, MARGIN, Palette, WIDTH};
use crate::description::{self, Description, Notice};
use crate::digits::Digits;
use crate::question::{Answer, PinQuestion, Question, Update};
use crate::texts::Texts;

/// One question in a window.
pub(super) struct App {
    texts: Texts,
    question: Question,
    description: Description,
    stage: Stage,
    /// What to know about the last input.
    notice: Option<Notice>,
    guard: Guard<KeyName>,
    /// Whether clicks and typing count in this frame.
    clicks_count: bool,
    typing_since: Option<f64>,
    updates: Receiver<Update>,
    deadline: Instant,
    answer: Rc<RefCell<Option<Answer>>>,
    /// The height of the buttons in the last frame.
    footer_height: f32,
    /// The height that the window last asked for.
    height: f32,
}

/// The key on the keyboard, or what it types if that is not known.
type KeyName = (Option<Key>, Key);

/// What the window waits for.
enum Stage {
    /// A button, or a key that goes on to digits.
    Consent,
    /// Digits, because the user pressed a button of a consent by a key.
    ConsentDigits { choice: Choice, digits: Digits, field: Field },
    /// Digits, because a wrong PIN came before.
    PinDigits { digits: Digits, field: Field },
    /// The PIN. `since` tells since when this stage is on the screen.
    Pin { field: Field, since: f64 },
    /// A PIN of an unusual length waits to be confirmed.
    PinLength { field: Field },
    /// Nothing: the window only tells.
    Message,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    Allow,
    Block,
}

impl App {
    pub(super) fn new(
        texts: Texts,
        question: Question,
        limit: Duration,
        updates: Receiver<Update>,
        answer: Rc<RefCell<Option<Answer>>>,
    ) -> Self {
        let description = match &question {
            Question::Consent(question) => description::consent(&texts, question),
            Question::Pin(question) => description::pin(&texts, question),
            Question::Pinpad(question) => description::pinpad(&texts, question),
            Question::Progress(progress) => description::progress(&texts, progress),
        };
        let stage = match &question {
            Question::Consent(_) => Stage::Consent,
            Question::Pin(PinQuestion { confirm_first: true, .. }) => {
                Stage::PinDigits { digits: Digits::new(), field: Field::digits() }
            }
            Question::Pin(_) => Stage::Pin { field: Field::pin(), since: 0.0 },
            Question::Pinpad(_) | Question::Progress(_) => Stage::Message,
        };
        Self {
            texts,
            question,
            description,
            stage,
            notice: None,
            guard: Guard::new(0.0),
            clicks_count: false,
            typing_since: None,
            updates,
            deadline: Instant::now() + limit,
            answer,
            footer_height: 0.0,
            height: 0.0,
        }
    }

    pub(super) fn title(&self) -> String {
        format!("{} – pkcs11-bridge", self.description.title)
    }

    /// Takes out the input that does not count, before any control sees it.
    pub(super) fn filter_input(&mut self, input: &mut RawInput) {
        let now = input.time.unwrap_or_default();
        // Before this frame's keys: the pause may just be over.
        self.guard.typing_counts(now);
        let in_field = self.field_counts();
        let guard = &mut self.guard;
        input.events.retain(|event| match event {
            Event::WindowFocused(focused) => {
                guard.set_focus(*focused, now);
                true
            }
            Event::Key { key, physical_key, pressed: true, .. } => {
                let decides = matches!(key, Key::Space | Key::Enter | Key::Escape);
                match guard.press((*physical_key, *key), now) {
                    KeyPress::Ignored => false,
                    KeyPress::MayEdit => !decides || in_field,
                    KeyPress::MayDecide => true,
                }
            }
            Event::Key { key, physical_key, pressed: false, .. } => {
                guard.release(&(*physical_key, *key), now);
                true
            }
            Event::Text(_) | Event::Ime(ImeEvent::Commit(_)) => {
                guard.text(now);
                guard.typing_counts(now).is_some()
            }
            Event::PointerButton { pressed: true, .. } | Event::AccessKitActionRequest(_) => {
                guard.clicks_count(now)
            }
            Event::Copy | Event::Cut | Event::Paste(_) => false,
            _ => true,
        });
        self.clicks_count = self.guard.clicks_count(now);
        self.typing_since = self.guard.typing_counts(now);
    }

    /// Whether a field is there and typing counts, so that Enter and Escape belong to the field.
    fn field_counts(&mut self) -> bool {
        let has_field = matches!(
            self.stage,
            Stage::ConsentDigits { .. } | Stage::PinDigits { .. } | Stage::Pin { .. }
        );
        has_field && self.typing_since.is_some()
    }

    pub(super) fn show(&mut self, ui: &mut Ui) {
        self.apply_updates();
        let palette = Palette::of(ui);
        // The hint stands in the lower margin.
        let margin = Margin { bottom: 6, ..Margin::same(MARGIN as i8) };
        let height = Frame::new().fill(palette.ground).inner_margin(margin).show(ui, |ui| {
            ui.set_width(ui.available_width());
            let room = ui.available_height() - self.footer_height - GAP;
            let scrolled = ScrollArea::vertical()
                .auto_shrink([false, true])
                .max_height(room.max(MIN_BODY))
                .show(ui, |ui| {
                    let site = self.texts.text("row-site");
                    body::show(ui, &self.description, &site);
                });
            ui.add_space(GAP - ui.spacing().item_spacing.y);
            let top = ui.cursor().top();
            self.footer(ui);
            self.footer_height = ui.min_rect().bottom() - top;
            scrolled.content_size.y + GAP + self.footer_height + margin.sum().y
        });
        self.fit(ui, height.inner.ceil());
        self.close_if_asked(ui);
        self.schedule(ui);
    }

    /// The height that all content needs. Valid after two frames.
    pub(super) fn wanted_height(&self) -> f32 {
        self.height
    }

    fn fit(&mut self, ui: &Ui, height: f32) {
        let screen = ui.input(|input| input.viewport().monitor_size);
        let height = screen.map_or(height, |screen| height.min(screen.y - BESIDE_WINDOWS));
        if (self.height - height).abs() >= 1.0 {
            self.height = height;
            ui.ctx().send_viewport_cmd(ViewportCommand::InnerSize(vec2(WIDTH, height)));
        }
    }

    fn schedule(&self, ui: &Ui) {
        let now = ui.input(|input| input.time);
        let left = self.deadline.saturating_duration_since(Instant::now());
        let wait = match self.guard.next_change(now) {
            Some(change) => left.min(Duration::from_secs_f64(change - now)),
            None => left,
        };
        // A screen reader that comes later learns of the window in the next frame only.
        ui.ctx().request_repaint_after(wait.min(LONGEST_WAIT));
    }

    fn close_if_asked(&mut self, ui: &mut Ui) {
        // Escape and the window's own button give up.
        let escape = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape));
        if escape || ui.input(|input| input.viewport().close_requested()) {
            let answer = match &self.question {
                Question::Consent(_) => Answer::Denied,
                Question::Pin(_) => Answer::Cancelled,
                Question::Pinpad(_) | Question::Progress(_) => Answer::Hidden,
            };
            self.finish(ui, answer);
        }
        if Instant::now() >= self.deadline {
            self.finish(ui, Answer::TimedOut);
        }
    }

    /// The first answer counts.
    fn finish(&mut self, ui: &Ui, answer: Answer) {
        self.answer.borrow_mut().get_or_insert(answer);
        ui.ctx().send_viewport_cmd(ViewportCommand::Close);
    }

    fn apply_updates(&mut self) {
        loop {
            match (self.updates.try_recv(), &mut self.question) {
                (Ok(Update::Done(done)), Question::Progress(progress)) => {
                    progress.done = done;
                    self.description = description::progress(&self.texts, progress);
                }
                (Ok(_), _) => {}
                (Err(TryRecvError::Empty | TryRecvError::Disconnected), _) => return,
            }
        }
    }

    fn footer(&mut self, ui: &mut Ui) {
        // Beside the controls: on a small screen, the text above scrolls.
        if let Some(notice) = &self.notice {
            body::show_notice(ui, notice);
        }
        match &self.stage {
            Stage::Consent => self.consent_buttons(ui),
            Stage::ConsentDigits { .. } => {
                self.consent_digits(ui);
                self.consent_buttons(ui);
            }
            Stage::PinDigits { .. } => self.pin_digits(ui),
            Stage::Pin { .. } => self.pin(ui),
            Stage::PinLength { .. } => self.pin_length(ui),
            Stage::Message => self.message(ui),
        }
        self.hint(ui);
    }

    /// Says that input does not count yet. The line is always there, so that nothing moves.
    fn hint(&self, ui: &mut Ui) {
        let palette = Palette::of(ui);
        let waits = match self.stage {
            Stage::Consent | Stage::PinLength { .. } | Stage::Message => !self.clicks_count,
            _ => self.typing_since.is_none(),
        };
        let line = ui.spacing().item_spacing.y;
        ui.add_space(-0.5 * line);
        let top = ui.cursor().top();
        if waits {
            let for_focus = self.clicks_count && !self.guard.has_focus();
            let text = self.texts.text(if for_focus { "wait-focus" } else { "wait" });
            let job = Font::Small.job(&text, palette.ink_soft, ui.available_width());
            ui.add(Label::new(job).wrap());
        }
        let missing = HINT_HEIGHT - (ui.cursor().top() - line - top);
        ui.add_space(missing.max(0.0) - line);
    }
}

const LONGEST_WAIT: Duration = Duration::from_millis(250);
const GAP: f32 = 16.0;
const HINT_HEIGHT: f32 = 18.0;
/// What a desktop needs of the screen's height for a window's title and its own bars.
const BESIDE_WINDOWS: f32 = 96.0;
/// On a small screen the text scrolls, and the buttons stay.
const MIN_BODY: f32 = 120.0;
