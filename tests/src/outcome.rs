//! The outcome of a call, and assertions on errors: the exact row of the error table, and words in
//! the text.

use pkcs11_bridge_protocol::error_object::ErrorObject;
use serde_json::Value;

/// The result or the error of a call.
pub type Outcome = Result<Value, ErrorObject>;

/// Asserts that a call failed with this status and code, and that the error text contains each of
/// `words`. Upper and lower case do not matter.
#[track_caller]
pub fn assert_error(what: &str, outcome: &Outcome, row: (u16, &str), words: &[&str]) {
    let error = match outcome {
        Err(error) => error,
        Ok(result) => panic!("{what}: expected {row:?}, got the result {result}"),
    };
    assert_eq!((error.data.status, error.data.code.as_str()), row, "{what}: {}", error.message);
    let text = error.message.to_lowercase();
    for word in words {
        assert!(
            text.contains(&word.to_lowercase()),
            "{what}: `{word}` is missing in: {}",
            error.message
        );
    }
}

/// Asserts the `CKR_*` name in an error.
#[track_caller]
pub fn assert_ckr(what: &str, outcome: &Outcome, ckr: &str) {
    let actual = outcome.as_ref().err().and_then(|error| error.data.pkcs11.as_deref());
    assert_eq!(actual, Some(ckr), "{what}");
}
