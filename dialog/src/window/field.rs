//! A field for a PIN or for digits. It is not egui's own text field, which keeps copies of what was
//! typed. It has no clipboard: a PIN cannot be copied out of it.

use eframe::egui::accesskit::Role;
use eframe::egui::{
    Event, Id, Key, Rect, Response, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};
use pkcs11_bridge_protocol::pin::Pin;
use zeroize::{Zeroize, Zeroizing};

use super::style::{CONTROL, Font, Palette};

/// What was typed. The memory is wiped, and never moves while the user types.
pub(super) struct Field {
    text: Zeroizing<String>,
    kind: Kind,
    /// Whether this field takes the focus the next time that it is shown.
    wants_focus: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pin,
    Digits,
}

impl Field {
    pub(super) fn pin() -> Self {
        Self::new(Kind::Pin)
    }

    pub(super) fn digits() -> Self {
        Self::new(Kind::Digits)
    }

    fn new(kind: Kind) -> Self {
        let text = Zeroizing::new(String::with_capacity(MAX_LEN));
        Self { text, kind, wants_focus: true }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn clear(&mut self) {
        self.text.zeroize();
        *self.text = String::with_capacity(MAX_LEN);
        self.wants_focus = true;
    }

    pub(super) fn take_pin(&mut self) -> Pin {
        Pin::from(std::mem::take(&mut *self.text))
    }

    /// Shows the field with its name. Returns whether the user pressed Enter in it.
    pub(super) fn show(&mut self, ui: &mut Ui, name: &str, live: bool) -> bool {
        let size = vec2(ui.available_width(), HEIGHT);
        let (_, rect) = ui.allocate_space(size);
        let id = Id::unique(("field", self.kind == Kind::Pin));
        let response = ui.interact(rect, id, Sense::click());
        if std::mem::take(&mut self.wants_focus) || response.clicked() {
            response.request_focus();
        }
        let entered = live && response.has_focus() && self.edit(ui);
        self.paint(ui, &response, live);
        let role = if self.kind == Kind::Pin { Role::PasswordInput } else { Role::TextInput };
        response.widget_info(|| WidgetInfo {
            current_text_value: Some(self.shown()),
            ..WidgetInfo::labeled(role, live, name)
        });
        entered
    }

    /// Applies the events of this frame. The guard has taken out those that do not count.
    fn edit(&mut self, ui: &mut Ui) -> bool {
        ui.input(|input| {
            let mut entered = false;
            for event in &input.events {
                match event {
                    // Text after Enter belongs to whatever comes next.
                    Event::Text(text) if !entered => self.insert(text),
                    Event::Key { key: Key::Backspace, pressed: true, .. } => {
                        self.text.pop();
                    }
                    Event::Key { key: Key::Enter, pressed: true, modifiers, .. } => {
                        entered |= modifiers.is_none();
                    }
                    _ => {}
                }
            }
            entered
        })
    }

    fn insert(&mut self, text: &str) {
        for c in text.chars().filter(|c| !c.is_control()) {
            let fits = match self.kind {
                Kind::Pin => self.text.len() + c.len_utf8() <= MAX_LEN,
                Kind::Digits => self.text.len() < crate::digits::LEN && c.is_ascii_digit(),
            };
            if fits {
                self.text.push(c);
            }
        }
    }

    /// What the screen shows: for a PIN, a dot for each character.
    fn shown(&self) -> String {
        match self.kind {
            Kind::Pin => "•".repeat(self.text.chars().count()),
            Kind::Digits => self.text.to_string(),
        }
    }

    fn paint(&self, ui: &Ui, response: &Response, live: bool) {
        let palette = Palette::of(ui);
        let rect = response.rect;
        let fill = if live { palette.surface } else { palette.ground };
        let stroke = match (live, response.has_focus()) {
            (true, true) => Stroke::new(2.0, palette.accent),
            (true, false) => Stroke::new(1.0, palette.edge),
            (false, _) => Stroke::new(1.0, palette.line),
        };
        ui.painter().rect(rect, CONTROL, fill, stroke, StrokeKind::Inside);
        let mut cursor = rect.left() + PADDING;
        match self.kind {
            Kind::Pin => {
                // A long PIN needs no more dots than fit.
                let dots = self.text.chars().count();
                let room = ((rect.width() - 2.0 * PADDING) / DOT_STEP) as usize;
                for _ in 0..dots.min(room) {
                    let center = pos2(cursor + 5.0, rect.center().y);
                    ui.painter().circle_filled(center, 4.5, palette.ink);
                    cursor += DOT_STEP;
                }
            }
            Kind::Digits => {
                let job = Font::LargeMono.job(&self.text, palette.ink, f32::INFINITY);
                let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
                let corner = pos2(cursor, rect.center().y - galley.size().y / 2.0);
                cursor += galley.size().x;
                ui.painter().galley(corner, galley, palette.ink);
            }
        }
        if live && response.has_focus() {
            let caret =
                Rect::from_center_size(pos2(cursor + 2.0, rect.center().y), vec2(2.0, 22.0));
            ui.painter().rect_filled(caret, 1, palette.accent);
        }
    }
}

/// Longer than any PIN of a token.
const MAX_LEN: usize = 255;
const HEIGHT: f32 = 44.0;
const PADDING: f32 = 14.0;
const DOT_STEP: f32 = 15.0;
