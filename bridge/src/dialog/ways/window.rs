//! The window of the bridge itself.

use pkcs11_bridge_dialog::question::Answer;

use super::Asked;
use crate::dialog::updates::Updates;

#[cfg(feature = "window")]
pub(crate) use pkcs11_bridge_dialog::window::has_display;

#[cfg(feature = "window")]
pub(super) fn ask(asked: &Asked<'_>, updates: Updates) -> Answer {
    if !has_display() {
        return Answer::Unavailable("there is no display for a window".to_owned());
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
