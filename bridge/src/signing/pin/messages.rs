//! The errors that a page gets if the PIN entry fails.

use std::time::Duration;

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::result::PinEntry as Policy;
use pkcs11_bridge_protocol::rv::Rv;

use crate::ipc::pin::{PinRefusal, TriesLeft};
use crate::signing::purpose::Purpose;

pub(super) fn not_from_page() -> Failure {
    let problem = "is not accepted from pages by this bridge. Leave it out: the bridge then asks \
                   the user on the desktop.";
    Failure::bad_argument("pin", problem)
}

/// The error for a PIN of a page after too many that were not accepted.
pub(super) fn tries_used(token_label: &str) -> Failure {
    Failure::new(
        ErrorCode::PinFinalTry,
        format!(
            "The token \"{token_label}\" did not accept the last PINs. The bridge sends it no more \
             PINs from pages, until the user has entered the right one. Sign without `pin`: the \
             bridge then asks the user on the desktop."
        ),
    )
}

/// The error for a PIN of a page if the bridge cannot count its try.
pub(super) fn try_not_recorded(token_label: &str) -> Failure {
    Failure::new(
        ErrorCode::PinFinalTry,
        format!(
            "The bridge cannot write down that a PIN is tried on the token \"{token_label}\", so \
             it did not send the PIN of the page. Its log says why. Sign without `pin`: the bridge \
             then asks the user on the desktop."
        ),
    )
}

/// The error for a PIN that the token refused.
pub(super) fn refused(refusal: PinRefusal) -> Failure {
    let PinRefusal { failure, token_label: label, tries, reason: _ } = refusal;
    if failure.rv != Some(Rv::PIN_INCORRECT) {
        return failure;
    }
    match tries {
        TriesLeft::Locked => pin_locked(&label),
        TriesLeft::Final => Failure {
            code: ErrorCode::PinFinalTry,
            message: format!(
                "Wrong PIN for the token \"{label}\", and one try is left: another wrong one locks \
                 it. Make sure of the PIN first."
            ),
            ..failure
        },
        TriesLeft::Low | TriesLeft::Unknown => Failure {
            message: format!(
                "Wrong PIN for the token \"{label}\". Check it before you try again: the token \
                 locks after a few wrong ones."
            ),
            ..failure
        },
    }
}

pub(super) fn wrong_before(token_label: &str) -> Failure {
    Failure::new(
        ErrorCode::PinFinalTry,
        format!(
            "A wrong PIN was entered before for the token \"{token_label}\", so a PIN from a page \
             is not sent to it. Sign without `pin`: the user is then asked on the desktop."
        ),
    )
}

pub(super) fn final_try(token_label: &str) -> Failure {
    Failure::new(
        ErrorCode::PinFinalTry,
        format!(
            "The token \"{token_label}\" has one try left before its PIN locks, so a PIN from a \
             page is not sent to it. Sign without `pin`: the user is then asked on the desktop."
        ),
    )
}

pub(super) fn pin_locked(token_label: &str) -> Failure {
    Failure::with_rv(
        ErrorCode::PinLocked,
        Rv::PIN_LOCKED,
        format!(
            "The PIN of the token \"{token_label}\" is locked after too many wrong tries. Unlock \
             it with the token's own software or its issuer."
        ),
    )
}

pub(super) fn stopping() -> Failure {
    Failure::new(
        ErrorCode::PinEntryCancelled,
        "The bridge is stopping, so it did not ask for the PIN. Nothing was signed.",
    )
}

pub(super) fn busy() -> Failure {
    let message = "The bridge could not ask for the PIN, because another of its questions was not \
                   answered. Answer that question and try again.";
    Failure::new(ErrorCode::PinEntryTimedOut, message)
}

pub(super) fn timed_out(limit: Duration) -> Failure {
    let message = format!("No PIN was entered within {} s. Try again.", limit.as_secs());
    Failure::new(ErrorCode::PinEntryTimedOut, message)
}

pub(super) fn cancelled() -> Failure {
    let message = "The user cancelled the entry of the PIN. Nothing was signed.";
    Failure::new(ErrorCode::PinEntryCancelled, message)
}

pub(super) fn unavailable(label: &str, purpose: Purpose<'_>, policy: Policy) -> Failure {
    let install = "Install a pinentry program (pinentry-gnome3, pinentry-qt, pinentry-mac)";
    match (policy, purpose) {
        (Policy::PageOrNative, Purpose::One { .. } | Purpose::Batch { .. }) => {
            Failure::bad_argument(
                "pin",
                format_args!(
                    "is missing: the token \"{label}\" needs its PIN, and the bridge cannot ask \
                     the user for it. {install}, or pass `pin`."
                ),
            )
        }
        _ => Failure::new(
            ErrorCode::Internal,
            format!(
                "The token \"{label}\" needs its PIN, and the bridge cannot ask the user for it. \
                 {install}."
            ),
        ),
    }
}
