//! The window of the bridge itself.

use pkcs11_bridge_dialog::question::Answer;

use super::Asked;
use crate::dialog::updates::Updates;

/// Whether this build has a window, and the desktop a display for it.
pub(crate) fn has_display() -> bool {
    false
}

pub(super) fn ask(_: &Asked<'_>, _: Updates) -> Answer {
    Answer::Unavailable("this build has no window of its own".to_owned())
}
