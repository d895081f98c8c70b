//! Why a call failed, as the bridge and its workers pass it on.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error_code::ErrorCode;
use crate::rv::Rv;

/// Why a call failed: the error code, and a text that says what happened and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The error code.
    pub code: ErrorCode,
    /// The return value of the module, if the failure came from the module or PKCS#11 has a name for it.
    pub rv: Option<Rv>,
    /// One or two sentences for a person. Never holds a PIN or data to be signed.
    pub message: String,
}

impl Failure {
    /// A failure that no return value of a module belongs to.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, rv: None, message: message.into() }
    }

    /// A failure that PKCS#11 has a name for.
    pub fn with_rv(code: ErrorCode, rv: Rv, message: impl Into<String>) -> Self {
        Self { code, rv: Some(rv), message: message.into() }
    }

    /// An argument that is missing, of the wrong type, or out of range.
    pub fn bad_argument(name: &str, problem: impl fmt::Display) -> Self {
        Self::new(ErrorCode::BadArgument, format!("`{name}` {problem}"))
    }

    /// The failure that a return value of the module stands for. `operation` says what the worker
    /// was doing, as in "signing with the key of certificate 01".
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
    fn a_return_value_that_the_standard_does_not_define_keeps_its_number() {
        let failure = Failure::from_rv(Rv(0x8000_0102), "signing");
        assert_eq!(failure.code, ErrorCode::Internal);
        assert_eq!(failure.rv, Some(Rv(0x8000_0102)));
        assert!(failure.message.contains("0x80000102"));
    }
}
