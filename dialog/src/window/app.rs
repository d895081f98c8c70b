//! The window's state: which input it waits for, and what an input causes.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use eframe::egui::{
    Event, Frame, ImeEvent, Key, Label, Margin, Modifiers, RawInput, ScrollArea, Ui,
    ViewportCommand, vec2,
};

use super::body;
use super::button::{Button, Kind, Press};
use super::field::Field;
use super::guard::{Guard, KeyPress};
use super::style::{Font, MARGIN, Palette, WIDTH};
use crate::description::{self, Description, Level, Notice};
use crate::digits::Digits;
use crate::question::{Answer, PinQuestion, Purpose, Question, Update};
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
                    body::show(ui, &self.description, &site, self.notice.as_ref());
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
            let text = self.texts.text("wait");
            let job = Font::Small.job(&text, palette.ink_soft, ui.available_width());
            ui.add(Label::new(job).wrap());
        }
        let missing = HINT_HEIGHT - (ui.cursor().top() - line - top);
        ui.add_space(missing.max(0.0) - line);
    }

    fn consent_buttons(&mut self, ui: &mut Ui) {
        let [allow, deny, block] =
            ["consent-allow", "consent-deny", "consent-block"].map(|id| self.texts.text(id));
        let explanation = self.texts.text("consent-block-explanation");
        let live = self.clicks_count;
        let button = |label, kind| Button { label, explanation: None, kind, live };
        let block = Button { explanation: Some(&explanation), ..button(&block, Kind::Quiet) };
        let presses =
            row(ui, Some(&block), &[button(&deny, Kind::Secondary), button(&allow, Kind::Primary)]);
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

    fn consent_digits(&mut self, ui: &mut Ui) {
        let Stage::ConsentDigits { choice, digits, field } = &mut self.stage else { return };
        let (id, answer) = match choice {
            Choice::Allow => ("consent-type-allow", Answer::Allowed),
            Choice::Block => ("consent-type-block", Answer::Blocked),
        };
        let live = self.typing_since.is_some();
        match typed_digits(ui, &self.texts, id, digits, field, live) {
            Typed::Right => self.finish(ui, answer),
            Typed::Wrong => self.notice = Some(wrong_digits(&self.texts)),
            Typed::Unfinished => {}
        }
    }

    fn pin_digits(&mut self, ui: &mut Ui) {
        let Stage::PinDigits { digits, field } = &mut self.stage else { return };
        let live = self.typing_since.is_some();
        match typed_digits(ui, &self.texts, "pin-confirm", digits, field, live) {
            Typed::Right => {
                let since = ui.input(|input| input.time);
                self.notice = None;
                self.stage = Stage::Pin { field: Field::pin(), since };
                ui.ctx().request_repaint();
            }
            Typed::Wrong => self.notice = Some(wrong_digits(&self.texts)),
            Typed::Unfinished => {}
        }
        self.cancel_row(ui, None);
    }

    fn pin(&mut self, ui: &mut Ui) {
        let Stage::Pin { field, since } = &mut self.stage else { return };
        let palette = Palette::of(ui);
        let name = self.texts.text("pin-label");
        body::text(ui, Font::Strong, &name, palette.ink);
        let entered = field.show(ui, &name, self.typing_since.is_some());
        // The field is live since the stage began, or since typing counts.
        let live_since = self.typing_since.map(|typing| typing.max(*since));
        let is_empty = field.text().is_empty();
        let sign = match &self.question {
            Question::Pin(PinQuestion { purpose: Purpose::Authenticate, .. }) => "pin-log-in",
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

    fn pin_length(&mut self, ui: &mut Ui) {
        let Stage::PinLength { field } = &mut self.stage else { return };
        let live = self.clicks_count;
        let [cancel, change, send] =
            ["pin-cancel", "pin-change", "pin-send-anyway"].map(|id| self.texts.text(id));
        let button = |label, kind| Button { label, explanation: None, kind, live };
        let presses = row(
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
            if row(ui, None, &[cancel])[0] != Press::None {
                self.finish(ui, Answer::Cancelled);
            }
            return Press::None;
        };
        let send = self.texts.text(id);
        let live = live && filled;
        let send = Button { label: &send, explanation: None, kind: Kind::Primary, live };
        match row(ui, None, &[cancel, send])[..] {
            [_, send] if send != Press::None => send,
            [Press::Pointer | Press::Key, _] => {
                self.finish(ui, Answer::Cancelled);
                Press::None
            }
            _ => Press::None,
        }
    }

    fn message(&mut self, ui: &mut Ui) {
        let live = self.clicks_count;
        let hide = self.texts.text("hide");
        let hide = Button { label: &hide, explanation: None, kind: Kind::Secondary, live };
        let Question::Progress(progress) = &self.question else {
            if row(ui, None, &[hide])[0] != Press::None {
                self.finish(ui, Answer::Hidden);
            }
            return;
        };
        let name = self.texts.text("progress-bar");
        body::progress_bar(ui, &name, progress.done, progress.count);
        ui.add_space(6.0);
        let stop = self.texts.text("progress-stop");
        let stop = Button { label: &stop, explanation: None, kind: Kind::Secondary, live };
        match row(ui, None, &[hide, stop])[..] {
            [_, stop] if stop != Press::None => self.finish(ui, Answer::Cancelled),
            [Press::Pointer | Press::Key, _] => self.finish(ui, Answer::Hidden),
            _ => {}
        }
    }
}

/// What a field for digits holds.
enum Typed {
    Unfinished,
    Right,
    Wrong,
}

/// Shows the digits to type, and a field for them. Wrong ones are replaced by new ones.
fn typed_digits(
    ui: &mut Ui,
    texts: &Texts,
    id: &'static str,
    digits: &mut Digits,
    field: &mut Field,
    live: bool,
) -> Typed {
    let palette = Palette::of(ui);
    let request = texts.with(id, &[("digits", digits.as_str().into())]);
    body::text(ui, Font::Strong, &request, palette.ink);
    let name = format!("{} {request}", texts.text("digits-label"));
    let entered = field.show(ui, &name, live);
    if digits.are(field.text()) {
        return Typed::Right;
    }
    if field.text().len() == crate::digits::LEN || (entered && !field.text().is_empty()) {
        field.clear();
        *digits = Digits::other_than(digits);
        ui.ctx().request_repaint();
        return Typed::Wrong;
    }
    Typed::Unfinished
}

fn wrong_digits(texts: &Texts) -> Notice {
    Notice::new(Level::Warning, texts.text("digits-wrong"))
}

/// Shows buttons at the right, and one at the left or, if the row has no room for it, above. The
/// presses stand in this order.
fn row(ui: &mut Ui, left: Option<&Button<'_>>, right: &[Button<'_>]) -> Vec<Press> {
    let spacing = ui.spacing().item_spacing.x;
    let mut presses = Vec::with_capacity(right.len() + 1);
    let right_width: f32 = right.iter().map(|button| button.size(ui).x + spacing).sum();
    let left_width = left.map_or(0.0, |button| button.size(ui).x + spacing);
    ui.add_space(4.0);
    let left = if left_width + right_width > ui.available_width() {
        presses.extend(left.map(|button| button.show(ui)));
        None
    } else {
        left
    };
    ui.horizontal(|ui| {
        presses.extend(left.map(|button| button.show(ui)));
        ui.add_space(ui.available_width() - right_width + spacing);
        presses.extend(right.iter().map(|button| button.show(ui)));
    });
    presses
}

/// A PIN that is complete earlier after its field became live was not meant for it, in seconds.
const TOO_FAST: f64 = 1.0;
const LONGEST_WAIT: Duration = Duration::from_millis(250);
const GAP: f32 = 16.0;
const HINT_HEIGHT: f32 = 18.0;
/// On a small screen the text scrolls, and the buttons stay.
const MIN_BODY: f32 = 120.0;
