//! Finds out whether a window can be shown.

use std::cell::Cell;
use std::rc::Rc;

use eframe::egui::{ViewportBuilder, vec2};

use super::{APP_ID, without_panic};

/// Opens a window with OpenGL, and closes it before it is shown. The main thread has to call this,
/// once in a process. The error says what is missing.
pub fn probe() -> Result<(), String> {
    without_panic(|| {
        let viewport = ViewportBuilder::default().with_visible(false).with_inner_size(vec2(1., 1.));
        let options = eframe::NativeOptions { viewport, ..eframe::NativeOptions::default() };
        let opened = Rc::new(Cell::new(false));
        let created = Rc::clone(&opened);
        // At this point the window and its OpenGL exist. An error closes them.
        let ran = eframe::run_native(
            APP_ID,
            options,
            Box::new(move |_| {
                created.set(true);
                Err("closed at once".into())
            }),
        );
        match ran {
            Err(error) if !opened.get() => Err(error.to_string()),
            _ => Ok(()),
        }
    })
    .unwrap_or_else(Err)
}
