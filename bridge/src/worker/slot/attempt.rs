//! The PIN that may go to the token for a call, if any.

use pkcs11_bridge_protocol::pin::Pin;

use crate::ipc::{Entry, PinPermission, Tries};

/// The PINs of one call, and which of them may go to the token.
pub(in crate::worker) struct Pins<'a> {
    pub(in crate::worker) of_page: Option<&'a Pin>,
    pub(in crate::worker) leave: &'a PinPermission,
    /// When the bridge took the call, in microseconds since 1970.
    pub(in crate::worker) arrived: u64,
}

/// A PIN on its way to the token.
#[derive(Clone, Copy)]
pub(super) enum Attempt<'a> {
    OfPage(&'a Pin),
    Entered(&'a Pin),
    Pinpad,
}

impl<'a> Attempt<'a> {
    /// `None` where there is no leave for a PIN that this token takes: also where the try would be the
    /// last, and the user did not know when the PIN was entered.
    pub(super) fn of(pins: &Pins<'a>, entry: Entry, tries: Tries) -> Option<Self> {
        match (entry, pins.leave, pins.of_page) {
            (Entry::Pinpad, PinPermission::Pinpad, _) => Some(Self::Pinpad),
            (Entry::Software, PinPermission::Entered(_, told), _)
                if tries == Tries::Last && *told != tries =>
            {
                None
            }
            (Entry::Software, PinPermission::Entered(pin, _), _) => Some(Self::Entered(pin)),
            (Entry::Software, PinPermission::OfPage, Some(pin)) => Some(Self::OfPage(pin)),
            _ => None,
        }
    }

    pub(super) fn pin(self) -> Option<&'a Pin> {
        match self {
            Self::OfPage(pin) | Self::Entered(pin) => Some(pin),
            Self::Pinpad => None,
        }
    }
}
