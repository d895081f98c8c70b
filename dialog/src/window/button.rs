//! A button. It tells whether a pointer or a key pressed it, because a key alone must not allow
//! anything. The guard has taken out all presses that do not count.

use eframe::egui::accesskit::{Action, Role};
use eframe::egui::{
    Id, Key, Modifiers, Rect, Response, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2,
};

use super::style::{CONTROL, Font, Palette};

/// How a button looks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Primary,
    Secondary,
    /// Without a border, for what is seldom wanted.
    Quiet,
}

/// What happened to a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Press {
    None,
    /// A click, a touch, or the action of an assistive technology.
    Pointer,
    /// Space or Enter, while the button had the focus.
    Key,
}

/// A button that is not shown yet.
pub(super) struct Button<'a> {
    pub(super) label: &'a str,
    /// What a screen reader says after the label.
    pub(super) explanation: Option<&'a str>,
    pub(super) kind: Kind,
    /// Whether presses count now. Otherwise the button is shown pale.
    pub(super) live: bool,
}

impl Button<'_> {
    pub(super) fn size(&self, ui: &Ui) -> Vec2 {
        let job = Font::Strong.job(self.label, Palette::of(ui).ink, f32::INFINITY);
        let text = ui.fonts_mut(|fonts| fonts.layout_job(job)).size();
        // The text of a quiet button starts where all texts start.
        let side = if self.kind == Kind::Quiet { 0.0 } else { PADDING };
        let size = text + 2.0 * vec2(side, 8.0);
        if self.kind == Kind::Quiet { size } else { size.max(MIN_SIZE) }
    }

    /// Shows the button. Its id does not change between frames and answers.
    pub(super) fn show(&self, ui: &mut Ui) -> Press {
        let size = self.size(ui);
        let (_, rect) = ui.allocate_space(size);
        self.show_in(ui, rect)
    }

    fn show_in(&self, ui: &mut Ui, rect: Rect) -> Press {
        let response = ui.interact(rect, Id::unique(("button", self.label)), Sense::click());
        self.paint(ui, &response);
        response.widget_info(|| WidgetInfo::labeled(Role::Button, self.live, self.label));
        ui.ctx().accesskit_node_builder(response.id, |node| {
            if let Some(explanation) = self.explanation {
                node.set_description(explanation);
            }
        });
        if let Some(explanation) = self.explanation {
            response.clone().on_hover_text(explanation);
        }
        let by_assistive_technology =
            ui.input(|input| input.has_accesskit_action_request(response.id, Action::Click));
        let by_key = response.has_focus()
            && ui.input_mut(|input| {
                input.consume_key(Modifiers::NONE, Key::Space)
                    || input.consume_key(Modifiers::NONE, Key::Enter)
            });
        if by_key {
            Press::Key
        } else if by_assistive_technology || response.clicked_by(PRIMARY) {
            Press::Pointer
        } else {
            Press::None
        }
    }

    fn paint(&self, ui: &Ui, response: &Response) {
        let palette = Palette::of(ui);
        let hovered = response.hovered() && self.live;
        let side = if self.kind == Kind::Quiet { QUIET_PADDING } else { 0.0 };
        let rect = response.rect.expand2(vec2(side, 0.0));
        let (fill, border, ink) = match self.kind {
            // A button that waits must not look like the one to press.
            Kind::Primary if !self.live => (palette.line, None, palette.ink_soft),
            Kind::Primary if hovered => (palette.accent_strong, None, palette.on_accent),
            Kind::Primary => (palette.accent, None, palette.on_accent),
            Kind::Secondary if hovered => (palette.line, Some(palette.edge), palette.ink),
            Kind::Secondary => (palette.surface, Some(palette.edge), palette.ink),
            Kind::Quiet if hovered => (palette.line, None, palette.ink),
            Kind::Quiet => (palette.ground, None, palette.ink_soft),
        };
        let pale = |color: eframe::egui::Color32| {
            let stays = self.live || self.kind == Kind::Primary;
            if stays { color } else { palette.ground.lerp_to_gamma(color, PALE) }
        };
        ui.painter().rect_filled(rect, CONTROL, pale(fill));
        if let Some(border) = border {
            let stroke = Stroke::new(1.0, pale(border));
            ui.painter().rect_stroke(rect, CONTROL, stroke, StrokeKind::Inside);
        }
        if response.has_focus() {
            let stroke = Stroke::new(2.0, palette.accent);
            ui.painter().rect_stroke(rect.expand(3.0), 11, stroke, StrokeKind::Inside);
        }
        let job = Font::Strong.job(self.label, pale(ink), f32::INFINITY);
        let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
        let corner = rect.center() - galley.size() / 2.0;
        ui.painter().galley(pos2(corner.x.round(), corner.y.round()), galley, ink);
    }
}

/// Shows buttons at the right, and one at the left or, if the row has no room for it, above. The
/// presses stand in this order.
pub(super) fn row(ui: &mut Ui, left: Option<&Button<'_>>, right: &[Button<'_>]) -> Vec<Press> {
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

const PRIMARY: eframe::egui::PointerButton = eframe::egui::PointerButton::Primary;
const PADDING: f32 = 20.0;
const QUIET_PADDING: f32 = 10.0;
/// How much of its colour a button keeps while presses do not count.
const PALE: f32 = 0.45;
const MIN_SIZE: Vec2 = vec2(96.0, 38.0);
