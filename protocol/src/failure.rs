//! Why a call failed. The bridge and its workers use this type; only the wire uses
//! [`crate::error_object::ErrorObject`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error_code::ErrorCode;
use crate::rv::Rv;

/// Why a call failed: the error code, and a text that says what happened and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The error code.
    pub code: ErrorCode,
    /// The return value that stands for the failure in PKCS#11: the module returned it, or the
    /// bridge found the same failure itself. `None` if PKCS#11 has no such value.
    pub rv: Option<Rv>,
    /// What happened and what to do, in one or two sentences. Never holds a PIN or data to sign.
    pub message: String,
}

impl Failure {
    /// A failure without a return value.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, rv: None, message: message.into() }
    }

    /// A failure with a return value.
    pub fn with_rv(code: ErrorCode, rv: Rv, message: impl Into<String>) -> Self {
        Self { code, rv: Some(rv), message: message.into() }
    }

    /// A failure for the argument `name`: it is missing, has the wrong type, or is out of range.
    /// `problem` continues the sentence that begins with the name.
    pub fn bad_argument(name: &str, problem: impl fmt::Display) -> Self {
        Self::new(ErrorCode::BadArgument, format!("`{name}` {problem}"))
    }

    /// The failure for a return value of the module, by [`crate::rv::TABLE`]. `operation` says what
    /// the worker was doing, such as "signing with the key of certificate 01".
    pub fn from_rv(rv: Rv, operation: &str) -> Self {
        match rv.entry() {
            Some(entry) => Self::with_rv(
                entry.code,
                rv,
                format!("While {operation}: {} ({}).", entry.meaning, entry.name),
            ),
            None => Self::with_rv(
                ErrorCode::Internal,
                rv,
                format!(
                    "While {operation}: the module returned {rv}, which PKCS#11 does not define. \
                     The vendor's documentation may."
                ),
            ),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_undefined_return_value_keeps_its_number() {
        let failure = Failure::from_rv(Rv(0x8000_0102), "signing");
        assert_eq!(failure.code, ErrorCode::Internal);
        assert_eq!(failure.rv, Some(Rv(0x8000_0102)));
        assert!(failure.message.contains("0x80000102"));
    }
}
