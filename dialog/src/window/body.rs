//! The part of the window that tells: who asks, for what, and what the user has to know.

use eframe::egui::accesskit::Live;
use eframe::egui::text::LayoutJob;
use eframe::egui::{Align2, Frame, Label, Margin, Rect, Sense, Stroke, Ui, pos2, vec2};

use super::style::{CARD, Font, Palette};
use crate::description::{Description, Grants, Level, Notice, Row, RowValue};
use crate::origin::ShownOrigin;

/// Shows the description.
pub(super) fn show(ui: &mut Ui, description: &Description, site: &str) {
    let palette = Palette::of(ui);
    heading(ui, &description.heading);
    ui.add_space(6.0);
    origin(ui, site, &description.origin);
    for notice in &description.notices {
        show_notice(ui, notice);
    }
    if let Some(grants) = &description.grants {
        ui.add_space(4.0);
        show_grants(ui, grants);
    }
    if !description.rows.is_empty() {
        ui.add_space(4.0);
        for row in &description.rows {
            show_row(ui, row);
        }
    }
    if let Some(consequence) = &description.consequence {
        ui.add_space(2.0);
        text(ui, Font::Body, consequence, palette.ink_soft);
    }
}

/// The heading. Its lines have about the same width, so that no word stands alone in the last one.
fn heading(ui: &mut Ui, heading: &str) {
    let color = Palette::of(ui).ink;
    let rows = |width: f32| {
        let job = Font::Heading.job(heading, color, width);
        ui.fonts_mut(|fonts| fonts.layout_job(job)).rows.len()
    };
    let widest = ui.available_width();
    let fewest = rows(widest);
    let narrower = (0..).map(|step| widest - HEADING_STEP * step as f32);
    let fitting = narrower.take_while(|width| *width > HEADING_STEP && rows(*width) == fewest);
    let job = Font::Heading.job(heading, color, fitting.last().unwrap_or(widest));
    let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
    ui.add(Label::new(galley));
}

/// A text that wraps.
pub(super) fn text(ui: &mut Ui, font: Font, text: &str, color: eframe::egui::Color32) {
    let job = font.job(text, color, ui.available_width());
    ui.add(Label::new(job).wrap());
}

/// The origin in a card of its own, with the registrable domain marked.
fn origin(ui: &mut Ui, site: &str, origin: &ShownOrigin) {
    let palette = Palette::of(ui);
    card(ui, |ui| {
        text(ui, Font::Small, site, palette.ink_soft);
        ui.spacing_mut().item_spacing.y = 2.0;
        let mut job = LayoutJob::default();
        job.append(&origin.before, 0.0, Font::Origin.format(palette.ink_soft));
        job.append(&origin.domain, 0.0, Font::OriginStrong.format(palette.ink));
        job.append(&origin.after, 0.0, Font::Origin.format(palette.ink_soft));
        job.wrap.max_width = ui.available_width();
        job.wrap.break_anywhere = true;
        ui.add(Label::new(job).wrap());
    });
}

fn card(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    let palette = Palette::of(ui);
    Frame::new()
        .fill(palette.surface)
        .stroke(Stroke::new(1.0, palette.line))
        .corner_radius(CARD)
        .inner_margin(Margin::symmetric(16, 12))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            add(ui);
        });
}

pub(super) fn show_notice(ui: &mut Ui, notice: &Notice) {
    let palette = Palette::of(ui);
    let (mark, fill) = palette.notice(notice.level);
    Frame::new().fill(fill).corner_radius(CARD).inner_margin(Margin::symmetric(14, 10)).show(
        ui,
        |ui| {
            ui.set_width(ui.available_width());
            let left = ui.cursor().min;
            let response = ui
                .horizontal_top(|ui| {
                    ui.add_space(26.0);
                    ui.vertical(|ui| {
                        let job = Font::Body.job(&notice.text, palette.ink, ui.available_width());
                        ui.add(Label::new(job).wrap())
                    })
                    .inner
                })
                .inner;
            let sign = if notice.level == Level::Info { "i" } else { "!" };
            let center = pos2(left.x + 8.0, left.y + 10.0);
            ui.painter().circle_filled(center, 8.5, mark);
            let format = Font::Strong.format(fill);
            ui.painter().text(center, Align2::CENTER_CENTER, sign, format.font_id, fill);
            if notice.level == Level::Danger {
                ui.ctx().accesskit_node_builder(response.id, |node| {
                    node.set_live(Live::Assertive);
                });
            }
        },
    );
}

fn show_grants(ui: &mut Ui, grants: &Grants) {
    let palette = Palette::of(ui);
    text(ui, Font::Body, &grants.intro, palette.ink);
    for item in &grants.items {
        ui.horizontal_top(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(14.0, 20.0), Sense::hover());
            ui.painter().circle_filled(rect.center(), 2.5, palette.accent);
            ui.vertical(|ui| text(ui, Font::Body, item, palette.ink));
        });
    }
}

fn show_row(ui: &mut Ui, row: &Row) {
    let palette = Palette::of(ui);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 12.0;
        ui.vertical(|ui| {
            ui.set_width(LABEL_WIDTH);
            text(ui, Font::Body, &row.label, palette.ink_soft);
        });
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            match &row.value {
                RowValue::Text { main, more } => {
                    let font = if more.is_some() { Font::Strong } else { Font::Body };
                    text(ui, font, main, palette.ink);
                    if let Some(more) = more {
                        text(ui, Font::Small, more, palette.ink_soft);
                    }
                }
                RowValue::List(names) => {
                    ui.spacing_mut().item_spacing.y = 5.0;
                    for name in names {
                        text(ui, Font::Body, name, palette.ink);
                    }
                }
                RowValue::Hash { kind, hex } => {
                    text(ui, Font::Body, kind, palette.ink);
                    text(ui, Font::Mono, &lines_of(hex), palette.ink_soft);
                }
            }
            if let Some(note) = &row.note {
                text(ui, Font::Small, note, palette.ink_soft);
            }
        });
    });
}

/// The groups of a hash, in lines of the same length. Each length of a hash fills its last line.
fn lines_of(hex: &str) -> String {
    let groups: Vec<&str> = hex.split(' ').collect();
    groups.chunks(GROUPS_OF_LINE).map(|line| line.join(" ")).collect::<Vec<_>>().join("\n")
}

/// How far a batch is.
pub(super) fn progress_bar(ui: &mut Ui, name: &str, done: usize, count: usize) {
    use eframe::egui::WidgetInfo;
    use eframe::egui::accesskit::Role;

    let palette = Palette::of(ui);
    let size = vec2(ui.available_width(), 8.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let share = if count == 0 { 1.0 } else { done.min(count) as f32 / count as f32 };
    ui.painter().rect_filled(rect, 4, palette.line);
    let filled = Rect::from_min_size(rect.min, vec2(rect.width() * share, rect.height()));
    ui.painter().rect_filled(filled, 4, palette.accent);
    response.widget_info(|| WidgetInfo {
        value: Some(f64::from(share)),
        ..WidgetInfo::labeled(Role::ProgressIndicator, true, name)
    });
}

const GROUPS_OF_LINE: usize = 4;
const HEADING_STEP: f32 = 8.0;
const LABEL_WIDTH: f32 = 112.0;
