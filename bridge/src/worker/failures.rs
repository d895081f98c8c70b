//! Errors of the module, as failures that the page gets.

use std::ffi::c_ulong;

use cryptoki::error::{Error, Rv, RvError};
use pkcs11_bridge_protocol::ckr;
use pkcs11_bridge_protocol::failure::{Failure, Row};

/// Says what was being done when the module failed.
pub(super) trait InContext<T> {
    /// `operation` completes "while …".
    fn context(self, operation: &str) -> Result<T, Failure>;
}

impl<T> InContext<T> for Result<T, Error> {
    fn context(self, operation: &str) -> Result<T, Failure> {
        self.map_err(|error| failure(&error, operation))
    }
}

/// The failure that an error of the module is. `operation` completes "while …".
pub(super) fn failure(error: &Error, operation: &str) -> Failure {
    match error {
        Error::Pkcs11(reason, _) => Failure::from_ckr(rv(*reason), operation),
        error => {
            Failure::new(Row::Internal, format!("While {operation}: the module failed ({error})."))
        }
    }
}

/// The `CK_RV` that cryptoki has turned into a variant.
pub(super) fn rv(error: RvError) -> u64 {
    match error {
        // `CK_RV` has 32 bits on Windows.
        #[allow(clippy::useless_conversion)]
        RvError::VendorDefined(value) | RvError::UnknownErrorCode(value) => value.into(),
        error => ckr::TABLE
            .iter()
            .map(|entry| entry.value)
            .find(|value| Rv::from(*value as c_ulong) == Rv::Error(error))
            .unwrap_or(GENERAL_ERROR),
    }
}

/// An error that may be a failure of the module.
pub(super) trait AsFailure: Sized {
    fn as_failure(&self) -> Option<&Failure>;
}

impl AsFailure for Failure {
    fn as_failure(&self) -> Option<&Failure> {
        Some(self)
    }
}

/// What a failure says of what the worker remembers. After that was renewed the same call may work:
/// nothing was signed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stale {
    /// Certificates and keys are no longer where they were.
    Objects,
    /// The token was taken out, or its sessions or its login ended.
    Token,
}

impl Stale {
    pub(super) fn of(failure: &Failure) -> Option<Self> {
        let name = failure.pkcs11.as_deref()?;
        STALE.iter().find(|(stale, _)| *stale == name).map(|(_, what)| *what)
    }
}

const GENERAL_ERROR: u64 = 5;

const STALE: [(&str, Stale); 9] = [
    ("CKR_DEVICE_REMOVED", Stale::Token),
    ("CKR_KEY_HANDLE_INVALID", Stale::Objects),
    ("CKR_OBJECT_HANDLE_INVALID", Stale::Objects),
    // A session whose operation failed and was left as it is.
    ("CKR_OPERATION_ACTIVE", Stale::Token),
    ("CKR_SESSION_CLOSED", Stale::Token),
    ("CKR_SESSION_HANDLE_INVALID", Stale::Token),
    ("CKR_TOKEN_NOT_PRESENT", Stale::Token),
    ("CKR_TOKEN_NOT_RECOGNIZED", Stale::Token),
    ("CKR_USER_NOT_LOGGED_IN", Stale::Token),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives_the_way_through_cryptoki() {
        for entry in ckr::TABLE {
            let Rv::Error(error) = Rv::from(entry.value as c_ulong) else {
                panic!("{}", entry.name)
            };
            assert_eq!(rv(error), entry.value, "{}", entry.name);
        }
        assert_eq!(rv(RvError::VendorDefined(0x8000_0001)), 0x8000_0001);
    }

    #[test]
    fn the_stale_values_are_in_the_table() {
        for (name, _) in STALE {
            assert!(ckr::TABLE.iter().any(|entry| entry.name == name), "{name}");
        }
    }
}
