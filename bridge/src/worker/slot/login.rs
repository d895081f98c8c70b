//! The login to a token (PKCS#11 3.2, section 5.6.8), of which a process has one for all its sessions.
//! `CKR_USER_ALREADY_LOGGED_IN` is never taken as proof of a PIN.

use std::sync::{PoisonError, RwLockReadGuard};

use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::TokenInfo;
use pkcs11_bridge_protocol::failure::{Failure, Row};
use pkcs11_bridge_protocol::pin::Pin;

use super::SlotState;
use crate::lock::lock;
use crate::pipe::{PinRequest, unix_micros};
use crate::worker::failures::{AsFailure, InContext};
use crate::worker::pin::PinProof;

/// Whether this process is logged in to the token.
pub(in crate::worker) enum Login {
    LoggedOut,
    LoggedIn(Box<PinProof>),
}

/// Why a private key cannot be used.
pub(in crate::worker) enum LoginError {
    PinNeeded(PinRequest),
    Failed(Failure),
}

impl From<Failure> for LoginError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A PIN that the token refused. Calls that were made before it did so and bring the same one get the
/// same answer, and the token is not asked again: a page that signs three things at once with one
/// mistyped PIN would use up three tries.
pub(in crate::worker) struct RefusedPin {
    proof: PinProof,
    at: u64,
    failure: Failure,
}

impl AsFailure for LoginError {
    fn as_failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::PinNeeded(_) => None,
        }
    }

    fn after_renewal(self) -> Self {
        match self {
            Self::PinNeeded(request) => Self::Failed(Failure::with_ckr(
                Row::SessionEnded,
                "CKR_USER_NOT_LOGGED_IN",
                format!(
                    "The login to the token \"{}\" ended, because the token was taken out or reset. \
                     Sign again with the PIN.",
                    request.token_label
                ),
            )),
            failed @ Self::Failed(_) => failed,
        }
    }
}

impl SlotState {
    /// Makes sure that private keys can be used, and stays so while the guard lives. `arrived` is
    /// when the bridge took the call, in microseconds since 1970.
    ///
    /// A PIN that equals the one of the login is not sent again. Another one logs out first, so that
    /// the token itself judges it.
    pub(in crate::worker) fn log_in(
        &self,
        pin: Option<&Pin>,
        arrived: u64,
    ) -> Result<RwLockReadGuard<'_, Login>, LoginError> {
        loop {
            let login = self.login.read().unwrap_or_else(PoisonError::into_inner);
            match (&*login, pin) {
                (Login::LoggedIn(_), None) => return Ok(login),
                (Login::LoggedIn(proof), Some(pin)) if proof.matches(pin) => return Ok(login),
                (Login::LoggedOut, None) => {
                    let token = self.token_info()?;
                    if !token.login_required() {
                        return Ok(login);
                    }
                    let token_label = token.label().to_owned();
                    return Err(LoginError::PinNeeded(PinRequest { token_label }));
                }
                (_, Some(pin)) => {
                    drop(login);
                    let mut login = self.write_login();
                    match &*login {
                        // Another call was quicker.
                        Login::LoggedIn(proof) if proof.matches(pin) => {}
                        _ => self.log_in_with(pin, arrived, &mut login)?,
                    }
                }
            }
        }
    }

    fn log_in_with(&self, pin: &Pin, arrived: u64, login: &mut Login) -> Result<(), Failure> {
        let mut refused = lock(&self.refused);
        if let Some(refused) = &*refused
            && arrived <= refused.at
            && refused.proof.matches(pin)
        {
            return Err(refused.failure.clone());
        }
        let token = self.token_info()?;
        check_length(pin, &token)?;
        if token.user_pin_locked() {
            return Err(pin_locked(token.label()));
        }
        let session = self.sessions.take()?;
        if matches!(login, Login::LoggedIn(_)) {
            *login = Login::LoggedOut;
            self.log_out(&session)?;
        }
        let mut result = session.login(UserType::User, Some(pin.secret()));
        if matches!(result, Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _))) {
            // No proof of this PIN: only the token can tell.
            self.log_out(&session)?;
            result = session.login(UserType::User, Some(pin.secret()));
        }
        match result {
            Ok(()) => {
                *login = Login::LoggedIn(Box::new(PinProof::of(pin)?));
                // Objects that only a user sees may be there now.
                self.forget_objects();
                Ok(())
            }
            Err(error) => {
                let wrong = matches!(error, Error::Pkcs11(RvError::PinIncorrect, _));
                let failure = self.login_failure(error, token.label());
                if wrong {
                    let (proof, at) = (PinProof::of(pin)?, unix_micros());
                    *refused = Some(RefusedPin { proof, at, failure: failure.clone() });
                }
                Err(failure)
            }
        }
    }

    fn log_out(&self, session: &Session) -> Result<(), Failure> {
        // The handles of private objects end with the login.
        self.known().keys.clear();
        match session.logout() {
            Err(Error::Pkcs11(RvError::UserNotLoggedIn, _)) => Ok(()),
            result => result.context("logging out to have the PIN judged"),
        }
    }

    fn login_failure(&self, error: Error, label: &str) -> Failure {
        let wrong = matches!(error, Error::Pkcs11(RvError::PinIncorrect, _));
        let operation = format!("logging in to the token \"{label}\"");
        let failure = match Err::<(), _>(error).context(&operation) {
            Err(failure) => failure,
            Ok(()) => return Failure::new(Row::Internal, "The login failed."),
        };
        if !wrong {
            return failure;
        }
        // How many tries are left is known only as far as these flags tell.
        match self.token_info() {
            Ok(token) if token.user_pin_locked() => pin_locked(label),
            Ok(token) if token.user_pin_final_try() => Failure {
                row: Row::PinFinalTry,
                message: format!(
                    "Wrong PIN for the token \"{label}\", and one try is left: another wrong one \
                     locks it. Make sure of the PIN first."
                ),
                ..failure
            },
            _ => Failure {
                message: format!(
                    "Wrong PIN for the token \"{label}\". Check it before you try again: the token \
                     locks after a few wrong ones."
                ),
                ..failure
            },
        }
    }
}

fn check_length(pin: &Pin, token: &TokenInfo) -> Result<(), Failure> {
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
    Err(Failure::with_ckr(
        Row::PinIncorrect,
        "CKR_PIN_LEN_RANGE",
        format!("{problem}, so it was not tried. No try was lost."),
    ))
}

fn pin_locked(label: &str) -> Failure {
    Failure::with_ckr(
        Row::PinLocked,
        "CKR_PIN_LOCKED",
        format!(
            "The PIN of the token \"{label}\" is locked after too many wrong tries. Unlock it with \
             the token's own software or its issuer."
        ),
    )
}
