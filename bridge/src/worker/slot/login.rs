//! The login to a token (PKCS#11 3.2, section 5.6.8), and the PIN for a single signature. A login
//! holds for all sessions of this process.
//!
//! The worker sends a PIN only with the bridge's permission, and decides nothing about PINs. It
//! never takes `CKR_USER_ALREADY_LOGGED_IN` as proof of a PIN.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::TokenInfo;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::pin::Pin;
use pkcs11_bridge_protocol::rv::Rv;

use super::token::{TokenAccess, check_token};
use crate::ipc::pin::{
    PinEntryPath, PinPermission, PinReason, PinRefusal, PinRequest, TokenPinState, TriesLeft,
};
use crate::pin_proof::PinProof;
use crate::worker::certificates::TokenCertificate;
use crate::worker::module_error::{AsFailure, failure};

/// What a task may log in with.
pub(in crate::worker) struct Credentials<'a> {
    /// The PIN that the page sent. A login with another PIN does not count.
    pub(in crate::worker) page_pin: Option<&'a Pin>,
    pub(in crate::worker) permission: &'a PinPermission,
}

/// The login of this process to one token.
#[derive(Default)]
pub(super) struct TokenLogin {
    /// Held for reading while a private key is used, so that no task logs out meanwhile.
    state: RwLock<Login>,
    /// Whether a task is logging in now.
    in_progress: AtomicBool,
}

/// Whether this process is logged in to the token.
#[derive(Default)]
pub(in crate::worker) enum Login {
    #[default]
    LoggedOut,
    /// With a PIN that this process sent.
    ByPin(Box<PinProof>),
    /// With a PIN that the reader took.
    ByPinpad,
}

impl Login {
    /// Whether a task may go on without another login. If the page sent a PIN, the login must have
    /// used the same PIN. A login by pinpad does not reveal its PIN, so it always counts.
    fn covers(&self, page_pin: Option<&Pin>) -> bool {
        match (self, page_pin) {
            (Self::LoggedOut, _) => false,
            (Self::ByPin(proof), Some(pin)) => proof.matches(pin),
            (Self::ByPin(_), None) | (Self::ByPinpad, _) => true,
        }
    }
}

/// Why a private key cannot be used.
pub(in crate::worker) enum LoginError {
    PinNeeded(PinRequest),
    /// Another task is logging in.
    LoggingIn,
    Failed(Failure),
    /// The token did not accept the PIN. The worker never sends it again, even if it is unknown
    /// whether the token counted the try.
    PinRefused(PinRefusal),
}

impl From<Failure> for LoginError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl AsFailure for LoginError {
    fn as_failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::PinNeeded(_) | Self::LoggingIn | Self::PinRefused(_) => None,
        }
    }
}

/// Marks a login as in progress until it is dropped.
struct InProgress<'a>(&'a AtomicBool);

impl<'a> InProgress<'a> {
    fn begin(flag: &'a AtomicBool) -> Self {
        flag.store(true, Ordering::Release);
        Self(flag)
    }
}

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl TokenLogin {
    /// Logs in if needed. A PIN that equals the PIN of the login is not sent again. With another
    /// PIN the worker logs out first, so that the token itself judges it.
    pub(super) fn ensure(
        &self,
        token: &TokenAccess,
        credentials: &Credentials<'_>,
        certificate: &TokenCertificate,
    ) -> Result<RwLockReadGuard<'_, Login>, LoginError> {
        loop {
            if matches!(credentials.permission, PinPermission::None)
                && self.in_progress.load(Ordering::Acquire)
            {
                // A user at the pinpad must not keep all threads of the worker busy.
                return Err(LoginError::LoggingIn);
            }
            let login = self.state.read().unwrap_or_else(PoisonError::into_inner);
            if login.covers(credentials.page_pin) {
                return Ok(login);
            }
            let info = token.info()?;
            if credentials.page_pin.is_none() && !info.login_required() {
                return Ok(login);
            }
            drop(login);
            let pin = permitted_pin(credentials, &info, PinReason::Login, certificate)?;
            let mut login = self.write();
            // Another task may have logged in meanwhile.
            if !login.covers(credentials.page_pin) {
                let _in_progress = InProgress::begin(&self.in_progress);
                log_in(token, pin, &info, &mut login)?;
            }
        }
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Login> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The PIN that the worker may send now; `Ok(None)` stands for the reader's pinpad.
fn permitted_pin<'a>(
    credentials: &Credentials<'a>,
    info: &TokenInfo,
    reason: PinReason,
    certificate: &TokenCertificate,
) -> Result<Option<&'a Pin>, LoginError> {
    let token = pin_state(info);
    if !credentials.permission.covers(&token) {
        let certificate = certificate.subject();
        return Err(LoginError::PinNeeded(PinRequest { token, certificate, reason }));
    }
    match credentials.permission {
        PinPermission::Send { pin, .. } => Ok(Some(pin)),
        PinPermission::Pinpad { .. } | PinPermission::None => Ok(None),
    }
}

fn log_in(
    token: &TokenAccess,
    pin: Option<&Pin>,
    info: &TokenInfo,
    login: &mut Login,
) -> Result<(), LoginError> {
    let session = token.session()?;
    check_token(&session)?;
    if !matches!(login, Login::LoggedOut) {
        *login = Login::LoggedOut;
        token.log_out(&session)?;
    }
    let send = || session.login(UserType::User, pin.map(Pin::secret));
    let mut result = send();
    if matches!(result, Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _))) {
        // This proves nothing about the PIN. Only the token can judge it.
        token.log_out(&session)?;
        result = send();
    }
    result.map_err(|error| refusal(&error, info, token))?;
    *login = match pin {
        Some(pin) => Login::ByPin(Box::new(PinProof::of(pin)?)),
        None => Login::ByPinpad,
    };
    // The token may show private objects now.
    token.forget_objects();
    Ok(())
}

/// See [`super::SlotState::authenticate`].
pub(super) fn authenticate(
    token: &TokenAccess,
    session: &Session,
    credentials: &Credentials<'_>,
    certificate: &TokenCertificate,
) -> Result<(), LoginError> {
    let info = token.info()?;
    let pin = permitted_pin(credentials, &info, PinReason::Signature, certificate)?;
    check_token(session)?;
    session
        .login(UserType::ContextSpecific, pin.map(Pin::secret))
        .map_err(|error| refusal(&error, &info, token))
}

/// See [`super::SlotState::may_authenticate`].
pub(super) fn may_authenticate(
    token: &TokenAccess,
    credentials: &Credentials<'_>,
    certificate: &TokenCertificate,
) -> Result<(), LoginError> {
    permitted_pin(credentials, &token.info()?, PinReason::Signature, certificate).map(drop)
}

fn refusal(error: &Error, info: &TokenInfo, token: &TokenAccess) -> LoginError {
    let label = info.label().to_owned();
    let failure = failure(error, &format!("logging in to the token \"{label}\""));
    let was_wrong = failure.rv == Some(Rv::PIN_INCORRECT);
    let now = if was_wrong { token.info().ok() } else { None };
    let tries = now.as_ref().map_or(TriesLeft::Unknown, tries_left);
    LoginError::PinRefused(PinRefusal { failure, token_label: label, tries })
}

fn pin_state(info: &TokenInfo) -> TokenPinState {
    TokenPinState {
        label: info.label().to_owned(),
        serial: info.serial_number().to_owned(),
        entry: if info.protected_authentication_path() {
            PinEntryPath::Pinpad
        } else {
            PinEntryPath::Software
        },
        tries: tries_left(info),
        min_length: info.min_pin_length(),
        // Tokens give 0 if they name no maximum.
        max_length: Some(info.max_pin_length()).filter(|max| *max > 0),
    }
}

fn tries_left(info: &TokenInfo) -> TriesLeft {
    if info.user_pin_locked() {
        TriesLeft::Locked
    } else if info.user_pin_final_try() {
        TriesLeft::Final
    } else if info.user_pin_count_low() {
        TriesLeft::Low
    } else {
        TriesLeft::Unknown
    }
}
