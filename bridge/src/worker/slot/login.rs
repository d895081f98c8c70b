//! The login to a token (PKCS#11 3.2, section 5.6.8), of which a process has one for all its sessions,
//! and the PIN for a single signature. `CKR_USER_ALREADY_LOGGED_IN` is never taken as proof of a PIN,
//! and no PIN goes to the token without the bridge's leave.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLockReadGuard};

use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::TokenInfo;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::pin::Pin;

use super::SlotState;
use super::attempt::Attempt;
pub(in crate::worker) use super::attempt::Pins;
use super::refusal::{check_length, final_try, pin_locked, wrong_pin};
use crate::ipc::{Entry, PinPermission, PinRequest, Tries, Want, unix_micros};
use crate::process::lock::lock;
use crate::worker::certificates::TokenCertificate;
use crate::worker::failures::{AsFailure, InContext, failure};
use crate::worker::pin::PinProof;

/// Whether this process is logged in to the token.
pub(in crate::worker) enum Login {
    LoggedOut,
    /// With a PIN that went through this process.
    ByPin(Box<PinProof>),
    /// With one that the reader took.
    ByPinpad,
}

impl Login {
    /// Whether a call may go on without another login. A PIN that it brings has to be the right one,
    /// where one can be judged.
    fn covers(&self, of_page: Option<&Pin>) -> bool {
        match (self, of_page) {
            (Self::LoggedOut, _) => false,
            (Self::ByPin(proof), Some(pin)) => proof.matches(pin),
            (Self::ByPin(_), None) | (Self::ByPinpad, _) => true,
        }
    }
}

/// Why a private key cannot be used.
pub(in crate::worker) enum LoginError {
    PinNeeded(PinRequest),
    /// Another call is logging in.
    LoggingIn,
    Failed(Failure),
    /// What the token said of a PIN. It is not sent again, also where it is not known whether the token
    /// has counted it.
    PinSent(Failure),
}

impl From<Failure> for LoginError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// That a login is under way, told to other calls until this is dropped.
struct LoggingIn<'a>(&'a AtomicBool);

impl<'a> LoggingIn<'a> {
    fn tell(flag: &'a AtomicBool) -> Self {
        flag.store(true, Ordering::Release);
        Self(flag)
    }
}

impl Drop for LoggingIn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// A page's PIN that the token refused. Calls that were made before it did so and bring the same one
/// get the same answer, and the token is not asked again: a page that signs three things at once with
/// one mistyped PIN would use up three tries.
pub(in crate::worker) struct RefusedPin {
    proof: PinProof,
    at: u64,
    failure: Failure,
}

impl AsFailure for LoginError {
    fn as_failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::PinNeeded(_) | Self::LoggingIn | Self::PinSent(_) => None,
        }
    }
}

impl SlotState {
    /// Makes sure that private keys can be used, and stays so while the guard lives.
    ///
    /// A PIN that equals the one of the login is not sent again. Another one logs out first, so that
    /// the token itself judges it.
    pub(in crate::worker) fn log_in(
        &self,
        pins: &Pins<'_>,
        certificate: &TokenCertificate,
    ) -> Result<RwLockReadGuard<'_, Login>, LoginError> {
        loop {
            if matches!(pins.leave, PinPermission::Nothing)
                && self.logging_in.load(Ordering::Acquire)
            {
                // A user at a pinpad must not take all threads from those who only read.
                return Err(LoginError::LoggingIn);
            }
            let login = self.login.read().unwrap_or_else(PoisonError::into_inner);
            if login.covers(pins.of_page) {
                return Ok(login);
            }
            let token = self.token_info()?;
            if pins.of_page.is_none() && !token.login_required() {
                return Ok(login);
            }
            drop(login);
            let attempt = self.attempt(pins, &token, Want::Login, certificate)?;
            let mut login = self.write_login();
            // Another call may have been quicker.
            if !login.covers(pins.of_page) {
                let _told = LoggingIn::tell(&self.logging_in);
                self.log_in_with(attempt, &token, &mut login)?;
            }
        }
    }

    /// The PIN that may be sent to the token now.
    fn attempt<'a>(
        &self,
        pins: &Pins<'a>,
        token: &TokenInfo,
        want: Want,
        certificate: &TokenCertificate,
    ) -> Result<Attempt<'a>, LoginError> {
        let label = token.label();
        let entry =
            if token.protected_authentication_path() { Entry::Pinpad } else { Entry::Software };
        if let (Entry::Software, Some(pin)) = (entry, pins.of_page) {
            self.check_refused(pin, pins.arrived)?;
            check_length(pin, token)?;
        }
        if token.user_pin_locked() {
            return Err(pin_locked(label).into());
        }
        let tries = tries(token);
        let attempt = Attempt::of(pins, entry, tries).ok_or_else(|| {
            LoginError::PinNeeded(PinRequest {
                token_label: label.to_owned(),
                token_serial: token.serial_number().to_owned(),
                certificate: certificate.subject(),
                tries,
                entry,
                want,
            })
        })?;
        match attempt {
            Attempt::OfPage(_) if token.user_pin_final_try() => Err(final_try(label).into()),
            Attempt::Entered(pin) => Ok(check_length(pin, token).map(|()| attempt)?),
            Attempt::OfPage(_) | Attempt::Pinpad => Ok(attempt),
        }
    }

    fn check_refused(&self, pin: &Pin, arrived: u64) -> Result<(), Failure> {
        match &*lock(&self.refused) {
            // A clock that was set back meanwhile tells nothing.
            Some(refused)
                if arrived <= refused.at
                    && refused.at <= unix_micros()
                    && refused.proof.matches(pin) =>
            {
                Err(refused.failure.clone())
            }
            _ => Ok(()),
        }
    }

    fn log_in_with(
        &self,
        attempt: Attempt<'_>,
        token: &TokenInfo,
        login: &mut Login,
    ) -> Result<(), LoginError> {
        let session = self.sessions.take()?;
        make_sure_of(&session)?;
        if !matches!(login, Login::LoggedOut) {
            *login = Login::LoggedOut;
            self.end_login(&session)?;
        }
        let send = || session.login(UserType::User, attempt.pin().map(Pin::secret));
        let mut result = send();
        if matches!(result, Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _))) {
            // No proof of this PIN: only the token can tell.
            self.end_login(&session)?;
            result = send();
        }
        self.judged(result, attempt, token).map_err(LoginError::PinSent)?;
        *login = match attempt.pin() {
            Some(pin) => Login::ByPin(Box::new(PinProof::of(pin)?)),
            None => Login::ByPinpad,
        };
        // Objects that only a user sees may be there now.
        self.forget_objects();
        Ok(())
    }

    /// Sends the PIN for one signature, between `C_SignInit` and `C_Sign` on the same session
    /// (`CKU_CONTEXT_SPECIFIC`).
    pub(in crate::worker) fn authenticate(
        &self,
        session: &Session,
        pins: &Pins<'_>,
        certificate: &TokenCertificate,
    ) -> Result<(), LoginError> {
        let token = self.token_info()?;
        let attempt = self.attempt(pins, &token, Want::Signature, certificate)?;
        make_sure_of(session)?;
        let result = session.login(UserType::ContextSpecific, attempt.pin().map(Pin::secret));
        self.judged(result, attempt, &token).map_err(LoginError::PinSent)
    }

    /// Fails where [`SlotState::authenticate`] would, without sending a PIN.
    pub(in crate::worker) fn may_authenticate(
        &self,
        pins: &Pins<'_>,
        certificate: &TokenCertificate,
    ) -> Result<(), LoginError> {
        let token = self.token_info()?;
        self.attempt(pins, &token, Want::Signature, certificate).map(drop)
    }

    /// What the token said of a PIN.
    fn judged(
        &self,
        result: Result<(), Error>,
        attempt: Attempt<'_>,
        token: &TokenInfo,
    ) -> Result<(), Failure> {
        let Err(error) = result else { return Ok(()) };
        let wrong = matches!(error, Error::Pkcs11(RvError::PinIncorrect, _));
        let label = token.label();
        let failure = failure(&error, &format!("logging in to the token \"{label}\""));
        let failure = if wrong {
            wrong_pin(failure, label, self.token_info().ok().as_ref())
        } else {
            failure
        };
        if let (true, Attempt::OfPage(pin)) = (wrong, attempt) {
            let (proof, at) = (PinProof::of(pin)?, unix_micros());
            *lock(&self.refused) = Some(RefusedPin { proof, at, failure: failure.clone() });
        }
        Err(failure)
    }

    pub(super) fn end_login(&self, session: &Session) -> Result<(), Failure> {
        // The handles of private objects end with the login.
        self.known().keys.clear();
        match session.logout() {
            Err(Error::Pkcs11(RvError::UserNotLoggedIn, _)) => Ok(()),
            result => result.context("logging out"),
        }
    }
}

/// Fails where the token was taken out since the session was opened: then no PIN is sent.
pub(super) fn make_sure_of(session: &Session) -> Result<(), Failure> {
    session.get_session_info().context("asking for the token").map(drop)
}

fn tries(token: &TokenInfo) -> Tries {
    if token.user_pin_final_try() {
        Tries::Last
    } else if token.user_pin_count_low() {
        Tries::Fewer
    } else {
        Tries::NotKnown
    }
}
