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

#[cfg(feature = "window")]
pub(super) fn ask(asked: &Asked<'_>, updates: Updates) -> Answer {
    if let Some(reason) = no_window() {
        return Answer::Unavailable(reason.to_owned());
    }
    pkcs11_bridge_dialog::window::ask(asked.question().clone(), asked.left(), updates)
}

/// Whether this build has a window, and the desktop a display for it.
#[cfg(not(feature = "window"))]
pub(crate) fn has_display() -> bool {
    false
}

#[cfg(not(feature = "window"))]
pub(super) fn ask(_: &Asked<'_>, _: Updates) -> Answer {
    Answer::Unavailable("this build has no window".to_owned())
}
