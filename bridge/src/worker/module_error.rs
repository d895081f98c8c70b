//! Turns errors of the module into failures for the page.

use std::ffi::c_ulong;

use cryptoki::error::{Error, RvError};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::rv::{self, Rv};

/// Adds to an error what the worker was doing when the module failed.
pub(super) trait InContext<T> {
    /// `operation` completes "while …".
    fn context(self, operation: &str) -> Result<T, Failure>;
}

impl<T> InContext<T> for Result<T, Error> {
    fn context(self, operation: &str) -> Result<T, Failure> {
        self.map_err(|error| failure(&error, operation))
    }
}

/// The failure for an error of the module. `operation` completes "while …".
pub(super) fn failure(error: &Error, operation: &str) -> Failure {
    match error {
        Error::Pkcs11(reason, _) => Failure::from_rv(return_value(*reason), operation),
        error => Failure::new(
            ErrorCode::Internal,
            format!("While {operation}: the module failed ({error})."),
        ),
    }
}

/// The return value behind an error of cryptoki.
pub(super) fn return_value(error: RvError) -> Rv {
    match error {
        // `CK_RV` has 32 bits on Windows.
        #[allow(clippy::useless_conversion)]
        RvError::VendorDefined(value) | RvError::UnknownErrorCode(value) => Rv(value.into()),
        error => rv::TABLE
            .iter()
            .map(|entry| entry.rv)
            .find(|rv| {
                cryptoki::error::Rv::from(rv.0 as c_ulong) == cryptoki::error::Rv::Error(error)
            })
            .unwrap_or(Rv::GENERAL_ERROR),
    }
}

/// An error that may hold a failure of the module.
pub(super) trait AsFailure: Sized {
    fn as_failure(&self) -> Option<&Failure>;
}

impl AsFailure for Failure {
    fn as_failure(&self) -> Option<&Failure> {
        Some(self)
    }
}

/// The cached state that a failure shows to be out of date. The worker reads that state again and
/// then repeats the task, because nothing was signed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stale {
    /// The handles of certificates and keys have changed.
    Objects,
    /// The token was removed, or its sessions or its login ended.
    Token,
}

impl Stale {
    pub(super) fn of(failure: &Failure) -> Option<Self> {
        let rv = failure.rv?;
        STALE.iter().find(|(known, _)| *known == rv).map(|(_, stale)| *stale)
    }
}

const STALE: [(Rv, Stale); 9] = [
    (Rv::DEVICE_REMOVED, Stale::Token),
    (Rv::KEY_HANDLE_INVALID, Stale::Objects),
    (Rv::OBJECT_HANDLE_INVALID, Stale::Objects),
    // An earlier operation on the session failed and is still active.
    (Rv::OPERATION_ACTIVE, Stale::Token),
    (Rv::SESSION_CLOSED, Stale::Token),
    (Rv::SESSION_HANDLE_INVALID, Stale::Token),
    (Rv::TOKEN_NOT_PRESENT, Stale::Token),
    (Rv::TOKEN_NOT_RECOGNIZED, Stale::Token),
    (Rv::USER_NOT_LOGGED_IN, Stale::Token),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_return_value_survives_the_conversion_by_cryptoki() {
        for entry in rv::TABLE {
            let cryptoki::error::Rv::Error(error) =
                cryptoki::error::Rv::from(entry.rv.0 as c_ulong)
            else {
                panic!("{}", entry.name)
            };
            assert_eq!(return_value(error), entry.rv, "{}", entry.name);
        }
        assert_eq!(return_value(RvError::VendorDefined(0x8000_0001)), Rv(0x8000_0001));
    }
}
