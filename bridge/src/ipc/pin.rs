//! What the bridge and a worker tell each other about PINs. The bridge alone decides whether a PIN
//! may be tried. The worker sends a PIN to the token only if the bridge permits it.

use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::pin::Pin;
use serde::{Deserialize, Serialize};

/// The PIN that the worker may send to the token for a task, and the token that it is for. No
/// `Debug`: it may hold a PIN.
#[derive(Clone, Serialize, Deserialize)]
pub enum PinPermission {
    /// No PIN. A task that needs a login ends with `Outcome::PinNeeded`, even if the worker is
    /// logged in, unless the page sent the PIN of that login.
    None,
    /// No PIN. The task may use the login of the worker.
    Login,
    /// This PIN once, for the token that was in this state.
    Send { pin: Pin, token: TokenPinState, reason: PinReason },
    /// The PIN that the user enters on the reader's pinpad, once.
    Pinpad { token: TokenPinState, reason: PinReason },
}

/// What became of the PIN that the worker had permission to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PinUse {
    /// The worker did not send it.
    #[default]
    NotSent,
    /// The worker did not send it, because it equals the PIN of the login.
    Matched,
    /// The worker sent it, and the token did not accept it, whatever the token returned. Also
    /// stands for an answer that never came.
    NotAccepted,
    /// The token accepted it.
    Accepted,
}

/// What a token says about its PIN (`CK_TOKEN_INFO`, PKCS#11 3.2, section 3.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPinState {
    pub(crate) label: String,
    pub(crate) serial: String,
    pub(crate) entry: PinEntryPath,
    pub(crate) tries: TriesLeft,
    /// The shortest PIN that the token takes, in bytes; 0 if the token does not say.
    pub(crate) min_length: usize,
    /// The longest PIN that the token takes, in bytes; `None` if the token does not say.
    pub(crate) max_length: Option<usize>,
}

/// How many tries are left, as far as the token's flags say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TriesLeft {
    /// The token sets none of the flags below.
    Unknown,
    /// A wrong PIN was entered since the last right one (`CKF_USER_PIN_COUNT_LOW`). The token need
    /// not say when one try is left.
    Low,
    /// One try is left (`CKF_USER_PIN_FINAL_TRY`).
    Final,
    /// The PIN is locked (`CKF_USER_PIN_LOCKED`).
    Locked,
}

/// Where the token takes its PIN from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PinEntryPath {
    /// The program sends the PIN.
    Software,
    /// The user enters the PIN on the reader (`CKF_PROTECTED_AUTHENTICATION_PATH`).
    Pinpad,
}

/// A task that cannot go on without a PIN.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PinRequest {
    pub(crate) token: TokenPinState,
    /// The subject of the certificate (RFC 4514), or its label if the subject cannot be read.
    /// `None` if the login is needed to see the certificate.
    pub(crate) certificate: Option<String>,
    pub(crate) reason: PinReason,
}

/// What the PIN is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PinReason {
    /// To log in.
    Login,
    /// For this one signature (`CKA_ALWAYS_AUTHENTICATE`).
    Signature,
}

/// The token's answer to a PIN that it did not accept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PinRefusal {
    /// What `C_Login` returned.
    pub(crate) failure: Failure,
    pub(crate) token_label: String,
    /// The tries left after a wrong PIN.
    pub(crate) tries: TriesLeft,
    /// What the PIN was sent for.
    pub(crate) reason: PinReason,
}

impl PinUse {
    /// Whether the worker has sent the PIN, so that its permission is used up.
    pub(crate) fn was_sent(self) -> bool {
        matches!(self, Self::NotAccepted | Self::Accepted)
    }
}

impl PinPermission {
    /// The same PIN for another use, or for another time.
    pub(crate) fn again_for(mut self, new: PinReason) -> Self {
        match &mut self {
            Self::None | Self::Login => {}
            Self::Send { reason, .. } | Self::Pinpad { reason, .. } => *reason = new,
        }
        self
    }

    /// Whether the permission holds for a token in this state. It does not hold for another token,
    /// or if fewer tries are left than the bridge knew.
    pub(crate) fn covers(&self, now: &TokenPinState) -> bool {
        let (path, known) = match self {
            Self::None | Self::Login => return false,
            Self::Send { token, .. } => (PinEntryPath::Software, token),
            Self::Pinpad { token, .. } => (PinEntryPath::Pinpad, token),
        };
        let tries_are_known = match now.tries {
            TriesLeft::Unknown => true,
            TriesLeft::Low => known.tries != TriesLeft::Unknown,
            TriesLeft::Final => known.tries == TriesLeft::Final,
            TriesLeft::Locked => false,
        };
        now.entry == path && now.serial == known.serial && tries_are_known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(serial: &str, entry: PinEntryPath, tries: TriesLeft) -> TokenPinState {
        let (label, serial) = (String::new(), serial.to_owned());
        TokenPinState { label, serial, entry, tries, min_length: 4, max_length: None }
    }

    #[test]
    fn a_permission_holds_for_its_token_and_not_for_fewer_tries_than_known() {
        use PinEntryPath::{Pinpad, Software};
        use TriesLeft::{Final, Locked, Low, Unknown};
        for (known, now, holds) in [
            (Unknown, Unknown, true),
            (Unknown, Low, false),
            (Unknown, Final, false),
            (Unknown, Locked, false),
            (Low, Unknown, true),
            (Low, Low, true),
            (Low, Final, false),
            (Low, Locked, false),
            (Final, Unknown, true),
            (Final, Low, true),
            (Final, Final, true),
            (Final, Locked, false),
        ] {
            let send = PinPermission::Send {
                pin: Pin::from(String::new()),
                token: state("1", Software, known),
                reason: PinReason::Login,
            };
            let pinpad = PinPermission::Pinpad {
                token: state("1", Pinpad, known),
                reason: PinReason::Login,
            };
            assert_eq!(send.covers(&state("1", Software, now)), holds, "{known:?} {now:?}");
            assert_eq!(pinpad.covers(&state("1", Pinpad, now)), holds, "{known:?} {now:?}");
            assert!(!send.covers(&state("2", Software, now)));
            assert!(!send.covers(&state("1", Pinpad, now)));
            assert!(!pinpad.covers(&state("1", Software, now)));
            for permission in [PinPermission::None, PinPermission::Login] {
                assert!(!permission.covers(&state("1", Software, now)));
            }
        }
    }
}
