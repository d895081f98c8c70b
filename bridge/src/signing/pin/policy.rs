//! Decides whether a PIN may be tried, from the token's state and the PIN alone.

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::pin::Pin;
use pkcs11_bridge_protocol::rv::Rv;

use super::messages;
use crate::ipc::pin::{PinEntryPath, TokenPinState, TriesLeft};

/// Fails if the token's state allows no PIN, or if it does not allow this PIN of the page.
pub(super) fn check(token: &TokenPinState, page_pin: Option<&Pin>) -> Result<(), Failure> {
    let page_pin = page_pin.filter(|_| token.entry == PinEntryPath::Software);
    if let Some(pin) = page_pin {
        check_length(pin, token)?;
    }
    match (token.tries, page_pin) {
        (TriesLeft::Locked, _) => Err(messages::pin_locked(&token.label)),
        // Only the user may use the last tries.
        (TriesLeft::Final, Some(_)) => Err(messages::final_try(&token.label)),
        // The token need not say when one try is left. SoftHSM does not.
        (TriesLeft::Low, Some(_)) => Err(messages::wrong_before(&token.label)),
        _ => Ok(()),
    }
}

/// Fails if the token does not take PINs of this length.
pub(super) fn check_length(pin: &Pin, token: &TokenPinState) -> Result<(), Failure> {
    let (min, max) = (token.min_length.max(1), token.max_length.unwrap_or(usize::MAX));
    if (min..=max).contains(&pin.len()) {
        return Ok(());
    }
    let label = &token.label;
    let problem = if pin.is_empty() {
        format!("The PIN for the token \"{label}\" is empty")
    } else if pin.len() < min {
        format!("The PIN is shorter than {min} bytes, the minimum of the token \"{label}\"")
    } else {
        format!("The PIN is longer than {max} bytes, the maximum of the token \"{label}\"")
    };
    Err(Failure::with_rv(
        ErrorCode::PinIncorrect,
        Rv::PIN_LEN_RANGE,
        format!("{problem}. The bridge did not send it. No try was lost."),
    ))
}

/// Whether the failure ended the PIN entry, because of the PIN or because the user gave none.
pub(super) fn ends_entry(failure: &Failure) -> bool {
    matches!(
        failure.code,
        ErrorCode::PinEntryCancelled
            | ErrorCode::PinEntryTimedOut
            | ErrorCode::PinFinalTry
            | ErrorCode::PinLocked
            | ErrorCode::PinIncorrect
    )
}

/// Whether the user may enter the PIN once more. The PIN was wrong or could not be tried, and the
/// token does not say that only one try is left.
pub(super) fn may_enter_again(failure: &Failure) -> bool {
    failure.code == ErrorCode::PinIncorrect
        && matches!(failure.rv, Some(Rv::PIN_INCORRECT | Rv::PIN_INVALID | Rv::PIN_LEN_RANGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(entry: PinEntryPath, tries: TriesLeft) -> TokenPinState {
        let (label, serial) = ("card".to_owned(), "1".to_owned());
        TokenPinState { label, serial, entry, tries, min_length: 4, max_length: Some(8) }
    }

    fn code(token: &TokenPinState, page_pin: Option<&str>) -> Option<ErrorCode> {
        let pin = page_pin.map(|pin| Pin::from(pin.to_owned()));
        check(token, pin.as_ref()).err().map(|failure| failure.code)
    }

    #[test]
    fn pages_get_no_try_after_a_wrong_pin_and_a_locked_pin_is_never_tried() {
        use PinEntryPath::{Pinpad, Software};
        use TriesLeft::{Final, Locked, Low, Unknown};
        for (entry, tries, with_page_pin, without) in [
            (Software, Unknown, None, None),
            (Software, Low, Some(ErrorCode::PinFinalTry), None),
            (Software, Final, Some(ErrorCode::PinFinalTry), None),
            (Software, Locked, Some(ErrorCode::PinLocked), Some(ErrorCode::PinLocked)),
            (Pinpad, Unknown, None, None),
            (Pinpad, Low, None, None),
            (Pinpad, Final, None, None),
            (Pinpad, Locked, Some(ErrorCode::PinLocked), Some(ErrorCode::PinLocked)),
        ] {
            let token = token(entry, tries);
            assert_eq!(code(&token, Some("12345678")), with_page_pin, "{entry:?} {tries:?}");
            assert_eq!(code(&token, None), without, "{entry:?} {tries:?}");
        }
    }

    #[test]
    fn a_page_pin_of_a_wrong_length_is_not_tried() {
        let software = token(PinEntryPath::Software, TriesLeft::Unknown);
        for (pin, taken) in
            [("", false), ("123", false), ("1234", true), ("12345678", true), ("123456789", false)]
        {
            let refused = (!taken).then_some(ErrorCode::PinIncorrect);
            assert_eq!(code(&software, Some(pin)), refused, "{pin}");
        }
        let open = TokenPinState { min_length: 0, max_length: None, ..software };
        assert_eq!(code(&open, Some("")), Some(ErrorCode::PinIncorrect));
        assert_eq!(code(&open, Some(&"1".repeat(1000))), None);
        let pinpad = token(PinEntryPath::Pinpad, TriesLeft::Unknown);
        assert_eq!(code(&pinpad, Some("")), None);
    }
}
