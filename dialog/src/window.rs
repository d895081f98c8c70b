//! The window that asks. It needs a display and OpenGL, which may be Mesa's software renderer.
//!
//! It follows the system's language, its dark mode, and its scale: on X11 the setting `Xft.dpi`, on
//! Wayland the scale of the output, elsewhere that of the monitor.

mod app;
mod body;
mod button;
mod digits_field;
mod field;
mod guard;
mod probe;
mod style;
mod theme;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use eframe::egui::{self, RawInput, Rect, ThemePreference, ViewportBuilder, X11WindowType, vec2};

use crate::question::{Answer, Question, Update};
use crate::texts::Texts;
use app::App;
pub use probe::probe;
use style::WIDTH;

/// Asks in a window, and returns after at most `limit`. The main thread has to call this, once in a
/// process: windows of macOS belong to it. `updates` tells how far a batch is.
///
/// A display that hangs makes this function hang too. If the caller then asks in another way,
/// `may_show` must be false: this function asks it before it shows the window.
///
/// The answer is `Unavailable` if no window can be shown.
pub fn ask(
    question: Question,
    limit: Duration,
    updates: Receiver<Update>,
    may_show: impl FnOnce() -> bool,
) -> Answer {
    without_panic(|| try_ask(question, limit, updates, may_show))
        .unwrap_or_else(|reason| Answer::Unavailable(format!("the window failed ({reason})")))
}

/// A library that is missing, or a display that goes, makes the toolkit panic. The caller then asks
/// in another way. Returns the text of the panic.
fn without_panic<T>(show: impl FnOnce() -> T) -> Result<T, String> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let shown = catch_unwind(AssertUnwindSafe(show));
    std::panic::set_hook(hook);
    shown.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no reason").to_owned()
    })
}

/// Whether the process has a display that may show a window.
pub fn has_display() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(not(all(unix, not(target_os = "macos")))) || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

fn try_ask(
    question: Question,
    limit: Duration,
    updates: Receiver<Update>,
    may_show: impl FnOnce() -> bool,
) -> Answer {
    let answer = Rc::new(RefCell::new(None));
    let theme = theme::preferred();
    let (wake, forwarded) = mpsc::channel();
    let new_app = |question, updates| {
        App::new(Texts::of_system(), question, limit, updates, Rc::clone(&answer))
    };
    let (_, no_updates) = mpsc::channel();
    let context = egui::Context::default();
    prepare(&context, theme);
    let measured = measure(&context, &mut new_app(question.clone(), no_updates));
    let app = new_app(question, forwarded);
    let viewport = ViewportBuilder::default()
        .with_title(app.title())
        .with_app_id(APP_ID)
        .with_inner_size(vec2(WIDTH, measured))
        .with_resizable(true)
        .with_window_type(X11WindowType::Dialog)
        .with_always_on_top()
        .with_active(true)
        .with_minimize_button(false)
        .with_maximize_button(false)
        .with_drag_and_drop(false)
        .with_icon(eframe::icon_data::from_png_bytes(ICON).unwrap_or_default());
    let mut options =
        eframe::NativeOptions { viewport, centered: true, ..eframe::NativeOptions::default() };
    // The window paints only when something changes. On a hidden window, waiting for the screen
    // could take for ever.
    options.glow_options.vsync = false;
    let ran = eframe::run_native(
        APP_ID,
        options,
        // The display has answered, and the window is not visible yet.
        Box::new(move |creation| {
            if !may_show() {
                return Err("the display answered too late".into());
            }
            prepare(&creation.egui_ctx, theme);
            forward(updates, wake, creation.egui_ctx.clone());
            Ok(Box::new(Window { app }))
        }),
    );
    match (answer.take(), ran) {
        (Some(answer), _) => answer,
        (None, Ok(())) => Answer::Cancelled,
        (None, Err(error)) => Answer::Unavailable(format!("no window can be shown ({error})")),
    }
}

/// Wakes the window for each update.
fn forward(updates: Receiver<Update>, wake: mpsc::Sender<Update>, context: egui::Context) {
    std::thread::spawn(move || {
        for update in updates {
            if wake.send(update).is_err() {
                return;
            }
            context.request_repaint();
        }
    });
}

fn prepare(context: &egui::Context, theme: ThemePreference) {
    style::apply(context);
    context.set_theme(theme);
    context.options_mut(|options| options.zoom_with_keyboard = false);
}

/// The height that shows everything, found in a context without a window.
fn measure(context: &egui::Context, app: &mut App) -> f32 {
    for _ in 0..2 {
        let screen_rect = Some(Rect::from_min_size(egui::Pos2::ZERO, vec2(WIDTH, MAX_HEIGHT)));
        let input = RawInput { screen_rect, ..RawInput::default() };
        let mut output = context.run_ui(input, |ui| app.show(ui));
        output.textures_delta.clear();
    }
    app.wanted_height()
}

struct Window {
    app: App,
}

impl eframe::App for Window {
    fn raw_input_hook(&mut self, _: &egui::Context, input: &mut RawInput) {
        self.app.filter_input(input);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        self.app.show(ui);
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}

/// The picture of `www/icon.svg`.
const ICON: &[u8] = include_bytes!("../icon.png");
/// The class of the window, and its name for the desktop.
const APP_ID: &str = "pkcs11-bridge";
const MAX_HEIGHT: f32 = 8192.0;

#[cfg(test)]
mod tests {
    use eframe::egui::{FullOutput, Shape};

    use super::*;
    use crate::samples;
    use crate::texts::LANGUAGES;

    /// Shows the first frames of a question in a window that fits it.
    fn frames(context: &egui::Context, texts: Texts, question: Question) -> (FullOutput, Rect) {
        let (_, updates) = mpsc::channel();
        let limit = Duration::from_secs(600);
        let mut app = App::new(texts, question, limit, updates, Rc::default());
        let height = measure(context, &mut app);
        let screen = Rect::from_min_size(egui::Pos2::ZERO, vec2(WIDTH, height));
        let mut last = FullOutput::default();
        for _ in 0..2 {
            let input = RawInput { screen_rect: Some(screen), ..RawInput::default() };
            last.textures_delta.clear();
            last = context.run_ui(input, |ui| app.show(ui));
        }
        last.textures_delta.clear();
        (last, screen)
    }

    /// All texts of a frame, each with the part of the screen where it may be drawn.
    fn texts_of(shape: &Shape, clip: Rect, texts: &mut Vec<(String, Rect, Rect, bool)>) {
        match shape {
            Shape::Text(text) => {
                let rect = text.galley.rect.translate(text.pos.to_vec2());
                let content = text.galley.text().to_owned();
                texts.push((content, rect, clip, text.galley.elided));
            }
            Shape::Vec(shapes) => {
                for shape in shapes {
                    texts_of(shape, clip, texts);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn no_text_is_cut_off_in_any_language() {
        let context = egui::Context::default();
        prepare(&context, ThemePreference::Dark);
        for language in LANGUAGES {
            for question in samples::all() {
                let (output, screen) = frames(&context, Texts::new(language), question.clone());
                let mut texts = Vec::new();
                for clipped in &output.shapes {
                    texts_of(&clipped.shape, clipped.clip_rect.intersect(screen), &mut texts);
                }
                assert!(texts.len() > 4, "the window is empty: {question:?}");
                for (text, rect, clip, elided) in texts {
                    let fits = clip.expand(0.5).contains_rect(rect);
                    assert!(fits && !elided, "{}: {text:?} {rect} {clip}", language.code);
                }
            }
        }
    }

    #[test]
    fn every_letter_of_the_texts_has_a_glyph() {
        let context = egui::Context::default();
        prepare(&context, ThemePreference::Light);
        let mut output = context.run_ui(RawInput::default(), |ui| {
            for language in LANGUAGES {
                for c in language.letters() {
                    let font = egui::FontId::proportional(14.0);
                    let has_glyph = ui.fonts_mut(|fonts| fonts.has_glyph(&font, c));
                    assert!(has_glyph, "{}: no glyph for {c:?}", language.code);
                }
            }
        });
        output.textures_delta.clear();
    }
}
