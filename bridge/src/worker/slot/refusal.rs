//! Why a PIN was not taken, in words for whoever entered it.

use cryptoki::slot::TokenInfo;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::pin::Pin;
use pkcs11_bridge_protocol::rv::Rv;

/// A PIN that the token could not take is not tried.
pub(super) fn check_length(pin: &Pin, token: &TokenInfo) -> Result<(), Failure> {
    // A token that tells no maximum has none to keep to.
    let max = if token.max_pin_length() == 0 { usize::MAX } else { token.max_pin_length() };
    let min = token.min_pin_length().max(1);
    if (min..=max).contains(&pin.len()) {
        return Ok(());
    }
    let label = token.label();
    let problem = if pin.is_empty() {
        "The PIN is empty".to_owned()
    } else if pin.len() < min {
        format!("The token \"{label}\" takes no PIN shorter than {min} bytes")
    } else {
        format!("The token \"{label}\" takes no PIN longer than {max} bytes")
    };
    Err(Failure::with_rv(
        ErrorCode::PinIncorrect,
        Rv::PIN_LEN_RANGE,
        format!("{problem}, so it was not tried. No try was lost."),
    ))
}

/// `token` is what the token says of itself after it refused the PIN, and `failure` how it did so.
pub(super) fn wrong_pin(failure: Failure, label: &str, token: Option<&TokenInfo>) -> Failure {
    // How many tries are left is known only as far as these flags tell.
    match token {
        Some(token) if token.user_pin_locked() => pin_locked(label),
        Some(token) if token.user_pin_final_try() => Failure {
            code: ErrorCode::PinFinalTry,
            message: format!(
                "Wrong PIN for the token \"{label}\", and one try is left: another wrong one locks \
                 it. Make sure of the PIN first."
            ),
            ..failure
        },
        _ => Failure {
            message: format!(
                "Wrong PIN for the token \"{label}\". Check it before you try again: the token locks \
                 after a few wrong ones."
            ),
            ..failure
        },
    }
}

/// The last try is the user's alone.
pub(super) fn final_try(label: &str) -> Failure {
    Failure::new(
        ErrorCode::PinFinalTry,
        format!(
            "The token \"{label}\" has one try left before its PIN locks, so a PIN from a page is not \
             sent to it. Sign without `pin`: the user is then asked on the desktop."
        ),
    )
}

pub(super) fn pin_locked(label: &str) -> Failure {
    Failure::with_rv(
        ErrorCode::PinLocked,
        Rv::PIN_LOCKED,
        format!(
            "The PIN of the token \"{label}\" is locked after too many wrong tries. Unlock it with \
             the token's own software or its issuer."
        ),
    )
}
