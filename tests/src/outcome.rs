//! What a refused call has to look like: the exact row of the error table, and a text that names
//! the thing.

use pkcs11_bridge_protocol::error_object::ErrorObject;
use serde_json::Value;

/// What a call answered.
pub type Outcome = Result<Value, ErrorObject>;

/// Asserts the status and code of a failure and that its text holds each of `words`, in any case.
#[track_caller]
pub fn assert_error(what: &str, outcome: &Outcome, row: (u16, &str), words: &[&str]) {
    let error = match outcome {
        Err(error) => error,
        Ok(result) => panic!("{what}: expected {row:?}, and it succeeded with {result}"),
    };
    assert_eq!((error.data.status, error.data.code.as_str()), row, "{what}: {}", error.message);
    let text = error.message.to_lowercase();
    for word in words {
        assert!(text.contains(&word.to_lowercase()), "{what}: no `{word}` in: {}", error.message);
    }
}

/// Asserts the `CKR_*` value that a failure carries.
#[track_caller]
pub fn assert_ckr(what: &str, outcome: &Outcome, ckr: &str) {
    let carried = outcome.as_ref().err().and_then(|error| error.data.pkcs11.as_deref());
    assert_eq!(carried, Some(ckr), "{what}");
}
