//! The window of the bridge itself.

use pkcs11_bridge_dialog::question::Answer;

use super::Asked;
use crate::dialog::updates::Updates;

#[cfg(feature = "window")]
pub(crate) use pkcs11_bridge_dialog::window::has_display;

/// Why no window can be shown, as far as this process knows without trying it.
pub(in crate::dialog) fn no_window() -> Option<&'static str> {
    match (cfg!(feature = "window"), has_display()) {
        (false, _) => Some("this build has no window"),
        (true, false) => Some("there is no display for a window"),
        (true, true) => None,
    }
}

#[cfg(feature = "window")]
pub(in crate::dialog) use pkcs11_bridge_dialog::window::probe as probe_window;

#[cfg(not(feature = "window"))]
pub(in crate::dialog) fn probe_window() -> Result<(), String> {
    Err("this build has no window".to_owned())
}

/// Who asks the user. The first that claims the question keeps it.
#[cfg(feature = "window")]
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asker {
    Window,
    OtherWays,
}

/// Asks in the window. If the display does not show it in time, a thread runs `otherwise`, because
/// the display holds this one. Then this function does not return.
#[cfg(feature = "window")]
pub(super) fn ask(
    asked: &Asked,
    updates: Updates,
    otherwise: impl FnOnce(String) + Send + 'static,
) -> Answer {
    use std::sync::{Arc, OnceLock};
    use std::thread;

    if let Some(reason) = no_window() {
        return Answer::Unavailable(reason.to_owned());
    }
    let asker = Arc::new(OnceLock::new());
    let is_first = |asker: &OnceLock<Asker>, claim| *asker.get_or_init(|| claim) == claim;
    let (limit, shared) = (SHOWN_WITHIN.min(asked.left() / 2), Arc::clone(&asker));
    thread::spawn(move || {
        thread::sleep(limit);
        if is_first(&shared, Asker::OtherWays) {
            otherwise(format!("the display shows no window within {} s", limit.as_secs()));
        }
    });
    let may_show = || is_first(&asker, Asker::Window);
    let (question, left) = (asked.question().clone(), asked.left());
    let answer = pkcs11_bridge_dialog::window::ask(question, left, updates, may_show);
    while !is_first(&asker, Asker::Window) {
        thread::park();
    }
    answer
}

/// How long a display may take to show the window. Half of the time that the user has is left for
/// the other ways.
#[cfg(feature = "window")]
const SHOWN_WITHIN: std::time::Duration = std::time::Duration::from_secs(20);

/// Whether this build has a window, and the desktop a display for it.
#[cfg(not(feature = "window"))]
pub(crate) fn has_display() -> bool {
    false
}

#[cfg(not(feature = "window"))]
pub(super) fn ask(_: &Asked, _: Updates, _: impl FnOnce(String) + Send + 'static) -> Answer {
    Answer::Unavailable("this build has no window".to_owned())
}
