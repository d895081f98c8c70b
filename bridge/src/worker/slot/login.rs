//! The login to a token (PKCS#11 3.2, section 5.6.8), and the PIN for a single signature. A login
//! holds for all sessions of this process.
//!
//! The worker sends a PIN only with the bridge's permission, and decides nothing about PINs. It
//! never takes `CKR_USER_ALREADY_LOGGED_IN` as proof of a PIN.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::pin::Pin;
use pkcs11_bridge_protocol::rv::Rv;

use super::token::{TokenAccess, can_log_in, check_token};
use crate::confinement::tracer;
use crate::ipc::pin::{
    PinEntryPath, PinPermission, PinReason, PinRefusal, PinRequest, PinUse, TokenPinState,
    TriesLeft,
};
use crate::pin_proof::PinProof;
use crate::worker::certificates::TokenCertificate;
use crate::worker::module_error::{AsFailure, failure};
use crate::worker::token_info::TokenInfo;

/// What a task may log in with.
pub(in crate::worker) struct Credentials<'a> {
    /// The PIN that the page sent. A login with another PIN does not count.
    pub(in crate::worker) page_pin: Option<&'a Pin>,
    pub(in crate::worker) permission: &'a PinPermission,
    /// What became of the PIN of the permission so far.
    pub(in crate::worker) pin_use: &'a Cell<PinUse>,
    /// Tells the bridge that the token accepted that PIN.
    pub(in crate::worker) pin_accepted: &'a dyn Fn(),
}

impl Credentials<'_> {
    /// Calls `C_Login`, and notes before the call that the token gets the PIN.
    fn send(&self, session: &Session, user: UserType, pin: Option<&Pin>) -> Result<(), Error> {
        self.pin_use.set(PinUse::NotAccepted);
        session.login(user, pin.map(Pin::secret))?;
        self.pin_use.set(PinUse::Accepted);
        (self.pin_accepted)();
        Ok(())
    }

    /// The PIN that the login must have used: of the page, or of the user if it is for the login.
    fn pin(&self) -> Option<&Pin> {
        self.page_pin.or(match self.permission {
            PinPermission::Send { pin, reason: PinReason::Login, .. } => Some(pin),
            _ => None,
        })
    }

    /// The bridge gives a PIN for a single signature only if the task may use the login too.
    fn may_use_login(&self) -> bool {
        matches!(
            self.permission,
            PinPermission::Login
                | PinPermission::Send { reason: PinReason::Signature, .. }
                | PinPermission::Pinpad { reason: PinReason::Signature, .. }
        )
    }
}

/// Whether a task needs a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::worker) enum LoginNeed {
    /// If the token says that it does (`CKF_LOGIN_REQUIRED`).
    AsTokenSays,
    /// If the token has a PIN at all (also `CKF_USER_PIN_INITIALIZED`).
    Always,
}

/// The login of this process to one token.
#[derive(Default)]
pub(super) struct TokenLogin {
    /// Held for reading while a private key is used, so that no task logs out meanwhile.
    state: RwLock<Login>,
    /// Whether a task is logging in now.
    in_progress: AtomicBool,
    /// See [`TokenLogin::was_attempted`].
    attempted: AtomicBool,
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
    /// Whether a task may go on without another login. If it brings a PIN, the login must have used
    /// the same PIN. Otherwise the bridge must permit the use of the login. A login by pinpad does
    /// not reveal its PIN, so no PIN of a page stands in for it.
    fn covers(&self, credentials: &Credentials<'_>) -> bool {
        match (self, credentials.pin()) {
            (Self::LoggedOut, _) => false,
            (Self::ByPin(proof), Some(pin)) => {
                let matches = proof.matches(pin);
                if matches && credentials.pin_use.get() == PinUse::NotSent {
                    credentials.pin_use.set(PinUse::Matched);
                }
                matches
            }
            (Self::ByPin(_), None) => credentials.may_use_login(),
            (Self::ByPinpad, _) => {
                let has_logged_in = credentials.pin_use.get() == PinUse::Accepted;
                credentials.may_use_login() || has_logged_in
            }
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
    /// The task failed after the token had accepted a PIN for this signature. The worker does not
    /// repeat the task, because it would send the PIN again.
    AfterPin(Failure),
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
            Self::PinNeeded(_) | Self::LoggingIn | Self::PinRefused(_) | Self::AfterPin(_) => None,
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
    /// PIN, or for a PIN at the pinpad, the worker logs out first, so that the token itself judges
    /// it.
    pub(super) fn ensure(
        &self,
        token: &TokenAccess,
        credentials: &Credentials<'_>,
        certificate: Option<&TokenCertificate>,
        need: LoginNeed,
    ) -> Result<RwLockReadGuard<'_, Login>, LoginError> {
        loop {
            if matches!(credentials.permission, PinPermission::None | PinPermission::Login)
                && self.in_progress.load(Ordering::Acquire)
            {
                // A user at the pinpad must not keep all threads of the worker busy.
                return Err(LoginError::LoggingIn);
            }
            let login = self.state.read().unwrap_or_else(PoisonError::into_inner);
            if login.covers(credentials) {
                return Ok(login);
            }
            let info = token.info()?;
            let needs_login = match need {
                // A login that the task may not use would show it keys all the same.
                _ if !matches!(*login, Login::LoggedOut) => true,
                LoginNeed::AsTokenSays => info.login_required(),
                LoginNeed::Always => can_log_in(&info),
            };
            if credentials.page_pin.is_none() && !needs_login {
                return Ok(login);
            }
            drop(login);
            let pin = permitted_pin(credentials, &info, PinReason::Login, certificate)?;
            let mut login = self.write();
            // Another task may have logged in meanwhile.
            if !login.covers(credentials) {
                let _in_progress = InProgress::begin(&self.in_progress);
                self.log_in(token, credentials, pin, &info, &mut login)?;
            }
        }
    }

    /// Does not wait for a login in progress: the user may be at the reader's pinpad.
    pub(super) fn is_logged_out(&self) -> bool {
        match self.state.try_read() {
            Ok(login) => matches!(*login, Login::LoggedOut),
            Err(TryLockError::Poisoned(login)) => matches!(**login.get_ref(), Login::LoggedOut),
            Err(TryLockError::WouldBlock) => true,
        }
    }

    fn log_in(
        &self,
        token: &TokenAccess,
        credentials: &Credentials<'_>,
        pin: Option<&Pin>,
        info: &TokenInfo,
        login: &mut Login,
    ) -> Result<(), LoginError> {
        // If an earlier login failed, the token may have logged in nevertheless. Before the first
        // one, a new session shows that the token is there. It costs fewer APDUs than the question,
        // which modules for cards pass on to the card.
        let was_attempted = self.attempted.swap(true, Ordering::AcqRel);
        let session = if was_attempted { token.session() } else { token.new_session() }?;
        let is_logged_in = was_attempted && check_token(&session)?;
        if is_logged_in || !matches!(login, Login::LoggedOut) {
            *login = Login::LoggedOut;
            token.log_out(&session)?;
        }
        if let Err(error) = credentials.send(&session, UserType::User, pin) {
            if matches!(error, Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) {
                // This proves nothing about the PIN. Only the token can judge it. The bridge
                // decides whether the worker may send the PIN once more.
                let _ = token.log_out(&session);
            }
            return Err(refusal(&error, info, token, PinReason::Login));
        }
        *login = match pin {
            Some(pin) => Login::ByPin(Box::new(PinProof::of(pin)?)),
            None => Login::ByPinpad,
        };
        Ok(())
    }

    /// Whether this process has tried to log in.
    pub(super) fn was_attempted(&self) -> bool {
        self.attempted.load(Ordering::Acquire)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Login> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The PIN that the worker may send now; `Ok(None)` stands for the reader's pinpad. A permission
/// holds for one time, because the bridge counts each time.
fn permitted_pin<'a>(
    credentials: &Credentials<'a>,
    info: &TokenInfo,
    reason: PinReason,
    certificate: Option<&TokenCertificate>,
) -> Result<Option<&'a Pin>, LoginError> {
    refuse_tracer()?;
    let token = pin_state(info);
    if credentials.pin_use.get().was_sent() || !credentials.permission.covers(&token) {
        let certificate = certificate.map(TokenCertificate::subject);
        return Err(LoginError::PinNeeded(PinRequest { token, certificate, reason }));
    }
    match credentials.permission {
        PinPermission::Send { pin, .. } => Ok(Some(pin)),
        PinPermission::Pinpad { .. } | PinPermission::Login | PinPermission::None => Ok(None),
    }
}

/// Fails if another program can see a PIN in this process.
fn refuse_tracer() -> Result<(), Failure> {
    tracer::refuse().map_err(|traced| {
        Failure::new(ErrorCode::Internal, format!("The bridge takes no PIN now: {traced}."))
    })
}

/// See [`super::SlotState::authenticate`].
pub(super) fn authenticate(
    token: &TokenAccess,
    session: &Session,
    credentials: &Credentials<'_>,
    certificate: &TokenCertificate,
) -> Result<(), LoginError> {
    let info = token.info()?;
    let pin = permitted_pin(credentials, &info, PinReason::Signature, Some(certificate))?;
    check_token(session)?;
    credentials
        .send(session, UserType::ContextSpecific, pin)
        .map_err(|error| refusal(&error, &info, token, PinReason::Signature))
}

/// See [`super::SlotState::may_authenticate`].
pub(super) fn may_authenticate(
    token: &TokenAccess,
    credentials: &Credentials<'_>,
    certificate: &TokenCertificate,
) -> Result<(), LoginError> {
    permitted_pin(credentials, &token.info()?, PinReason::Signature, Some(certificate)).map(drop)
}

fn refusal(error: &Error, info: &TokenInfo, token: &TokenAccess, reason: PinReason) -> LoginError {
    let label = info.label();
    let failure = failure(error, &format!("logging in to the token \"{label}\""));
    let was_wrong = failure.rv == Some(Rv::PIN_INCORRECT);
    let now = if was_wrong { token.info().ok() } else { None };
    let tries = now.as_ref().map_or(TriesLeft::Unknown, tries_left);
    LoginError::PinRefused(PinRefusal { failure, token_label: label, tries, reason })
}

fn pin_state(info: &TokenInfo) -> TokenPinState {
    let (min_length, max_length) = pin_lengths(info.min_pin_length(), info.max_pin_length());
    TokenPinState {
        label: info.label(),
        serial: info.serial_number(),
        entry: if info.protected_authentication_path() {
            PinEntryPath::Pinpad
        } else {
            PinEntryPath::Software
        },
        tries: tries_left(info),
        min_length,
        max_length,
    }
}

/// The lengths that the token takes, in bytes. Unknown if they make no sense, because modules
/// misreport them.
fn pin_lengths(min: Option<u64>, max: Option<u64>) -> (usize, Option<usize>) {
    let fit = |length: Option<u64>| length.and_then(|length| usize::try_from(length).ok());
    let min = fit(min).unwrap_or(0);
    // Tokens give 0 if they name no maximum.
    let max = fit(max).filter(|max| *max > 0);
    if max.is_some_and(|max| min > max) { (0, None) } else { (min, max) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_make_no_sense_are_unknown() {
        for (reported, taken) in [
            ((Some(4), Some(8)), (4, Some(8))),
            ((Some(8), Some(8)), (8, Some(8))),
            ((Some(0), Some(0)), (0, None)),
            ((Some(6), Some(0)), (6, None)),
            ((Some(9), Some(8)), (0, None)),
            ((Some(4), None), (4, None)),
            ((None, Some(8)), (0, Some(8))),
            ((None, None), (0, None)),
        ] {
            assert_eq!(pin_lengths(reported.0, reported.1), taken, "{reported:?}");
        }
    }
}
