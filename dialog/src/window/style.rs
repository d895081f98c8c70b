//! Colours, fonts and sizes of the window. The colours are those of the playground page. Text has a
//! contrast of at least 4.5 to its background, and borders of fields have at least 3 (WCAG 2.2,
//! AA).

use std::sync::Arc;

use eframe::egui::epaint::text::VariationCoords;
use eframe::egui::text::{LayoutJob, TextFormat};
use eframe::egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Stroke, Theme,
    Ui, vec2,
};

use crate::description::Level;

/// The colours of a theme.
#[derive(Clone, Copy)]
pub(super) struct Palette {
    /// Behind everything.
    pub(super) ground: Color32,
    /// Behind cards and fields.
    pub(super) surface: Color32,
    pub(super) ink: Color32,
    pub(super) ink_soft: Color32,
    /// Between parts.
    pub(super) line: Color32,
    /// Around fields and buttons.
    pub(super) edge: Color32,
    pub(super) accent: Color32,
    pub(super) accent_strong: Color32,
    pub(super) on_accent: Color32,
    warn: Color32,
    warn_soft: Color32,
    bad: Color32,
    bad_soft: Color32,
    info_soft: Color32,
}

impl Palette {
    pub(super) fn of(ui: &Ui) -> Self {
        match ui.ctx().theme() {
            Theme::Light => LIGHT,
            Theme::Dark => DARK,
        }
    }

    /// The colours of a notice: its mark, and what is behind it.
    pub(super) fn notice(&self, level: Level) -> (Color32, Color32) {
        match level {
            Level::Info => (self.accent, self.info_soft),
            Level::Warning => (self.warn, self.warn_soft),
            Level::Danger => (self.bad, self.bad_soft),
        }
    }
}

const fn rgb(hex: u32) -> Color32 {
    let [_, red, green, blue] = hex.to_be_bytes();
    Color32::from_rgb(red, green, blue)
}

const LIGHT: Palette = Palette {
    ground: rgb(0xf4f6f8),
    surface: rgb(0xffffff),
    ink: rgb(0x14202b),
    ink_soft: rgb(0x52606d),
    line: rgb(0xdbe2e8),
    edge: rgb(0x82909d),
    accent: rgb(0x0b6b77),
    accent_strong: rgb(0x085660),
    on_accent: rgb(0xffffff),
    warn: rgb(0x855000),
    warn_soft: rgb(0xfdf1dc),
    bad: rgb(0xb0261d),
    bad_soft: rgb(0xfdebe9),
    info_soft: rgb(0xe2f2f3),
};

const DARK: Palette = Palette {
    ground: rgb(0x0d1217),
    surface: rgb(0x1b242d),
    ink: rgb(0xe3eaf0),
    ink_soft: rgb(0x9dabb8),
    line: rgb(0x27323d),
    edge: rgb(0x6f7e8e),
    accent: rgb(0x5cc9d4),
    accent_strong: rgb(0x83dbe4),
    on_accent: rgb(0x06222a),
    warn: rgb(0xefb75d),
    warn_soft: rgb(0x2c220f),
    bad: rgb(0xff938a),
    bad_soft: rgb(0x301615),
    info_soft: rgb(0x12313a),
};

/// A style of text.
#[derive(Clone, Copy)]
pub(super) enum Font {
    Heading,
    Body,
    Strong,
    Small,
    /// An origin, large enough to read each letter.
    Origin,
    OriginStrong,
    /// Hashes and digits.
    Mono,
    LargeMono,
}

impl Font {
    pub(super) fn format(self, color: Color32) -> TextFormat {
        let (size, weight, line) = match self {
            Self::Heading => (20.0, 640.0, 26.0),
            Self::Body => (14.0, 400.0, 20.0),
            Self::Strong => (14.0, 600.0, 20.0),
            Self::Small => (13.0, 400.0, 18.0),
            Self::Origin => (17.0, 420.0, 24.0),
            Self::OriginStrong => (17.0, 680.0, 24.0),
            Self::Mono => (13.0, 400.0, 20.0),
            Self::LargeMono => (20.0, 400.0, 26.0),
        };
        let family = match self {
            Self::Mono | Self::LargeMono => FontFamily::Monospace,
            _ => FontFamily::Proportional,
        };
        TextFormat {
            font_id: FontId::new(size, family),
            color,
            line_height: Some(line),
            coords: VariationCoords::new([(b"wght", weight)]),
            ..TextFormat::default()
        }
    }

    /// A text that wraps at this width.
    pub(super) fn job(self, text: &str, color: Color32, width: f32) -> LayoutJob {
        let mut job = LayoutJob::single_section(text.to_owned(), self.format(color));
        job.wrap.max_width = width;
        job
    }
}

/// Sets fonts, colours and sizes.
pub(super) fn apply(context: &Context) {
    let mut fonts = FontDefinitions::empty();
    for (name, family, data) in [
        ("Inter", FontFamily::Proportional, &include_bytes!("../../fonts/Inter.ttf")[..]),
        ("JetBrains Mono", FontFamily::Monospace, include_bytes!("../../fonts/JetBrainsMono.ttf")),
    ] {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(data)));
        fonts.families.entry(family).or_default().push(name.to_owned());
    }
    // Names may have letters that the font for digits lacks.
    fonts.families.entry(FontFamily::Monospace).or_default().push("Inter".to_owned());
    context.set_fonts(fonts);
    for (theme, palette) in [(Theme::Light, LIGHT), (Theme::Dark, DARK)] {
        context.style_mut_of(theme, |style| {
            style.interaction.selectable_labels = false;
            style.interaction.tooltip_delay = 0.3;
            style.animation_time = 0.0;
            style.spacing.item_spacing = vec2(8.0, 8.0);
            style.spacing.scroll.floating = false;
            let visuals = &mut style.visuals;
            visuals.panel_fill = palette.ground;
            visuals.window_fill = palette.surface;
            visuals.window_stroke = Stroke::new(1.0, palette.line);
            visuals.override_text_color = Some(palette.ink);
        });
    }
}

/// The width of the window's content.
pub(super) const WIDTH: f32 = 540.0;
pub(super) const MARGIN: f32 = 24.0;
pub(super) const CARD: CornerRadius = CornerRadius::same(10);
pub(super) const CONTROL: CornerRadius = CornerRadius::same(8);
