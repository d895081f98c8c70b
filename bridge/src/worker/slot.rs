//! What the worker keeps of one slot between calls: sessions, the login, certificates, keys and
//! mechanisms. All of it is dropped and read anew once the token turns out to be another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::MechanismType;
use cryptoki::object::ObjectHandle;
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use pkcs11_bridge_protocol::failure::{Failure, Row};
use pkcs11_bridge_protocol::pin::Pin;

use super::certificates::{self, TokenCertificate};
use super::failures::{AsFailure, InContext, is_stale};
use super::key;
use super::pin::PinProof;
use super::sessions::{PooledSession, SessionPool};
use crate::pipe::PinRequest;

pub(super) struct SlotState {
    context: Pkcs11,
    slot: Slot,
    sessions: SessionPool,
    /// Held for reading while a private key is used, so that nobody logs out meanwhile.
    login: RwLock<Login>,
    known: Mutex<Known>,
}

/// Whether this process is logged in to the token. There is one login for all its sessions
/// (PKCS#11 3.2, section 5.6.8).
pub(super) enum Login {
    LoggedOut,
    LoggedIn(Box<PinProof>),
}

#[derive(Default)]
struct Known {
    certificates: Option<Arc<[TokenCertificate]>>,
    mechanisms: Option<Arc<[MechanismType]>>,
    /// Private keys by the id of their certificate.
    keys: HashMap<String, ObjectHandle>,
}

/// Why a private key cannot be used.
pub(super) enum LoginError {
    PinNeeded(PinRequest),
    Failed(Failure),
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
            Self::PinNeeded(_) => None,
        }
    }
}

impl SlotState {
    pub(super) fn new(context: Pkcs11, slot: Slot) -> Self {
        Self {
            sessions: SessionPool::new(context.clone(), slot),
            context,
            slot,
            login: RwLock::new(Login::LoggedOut),
            known: Mutex::default(),
        }
    }

    pub(super) fn session(&self) -> Result<PooledSession<'_>, Failure> {
        self.sessions.take()
    }

    /// Does `work`, and once more with everything read anew where it fails because the token was
    /// taken out and put back.
    pub(super) fn renewing<T, E: AsFailure>(
        &self,
        work: impl Fn() -> Result<T, E>,
    ) -> Result<T, E> {
        match work() {
            Err(error) if error.as_failure().is_some_and(is_stale) => {
                self.forget();
                work()
            }
            result => result,
        }
    }

    /// Drops everything that is known of the token, the login included.
    pub(super) fn forget(&self) {
        let mut login = self.write_login();
        if matches!(*login, Login::LoggedIn(_))
            && let Ok(session) = self.sessions.take()
        {
            // A token that is gone has nobody logged in.
            let _ = session.logout();
        }
        *login = Login::LoggedOut;
        *self.known() = Known::default();
        self.sessions.close_all();
    }

    /// Makes sure that private keys can be used, and stays so while the guard lives.
    ///
    /// A PIN that equals the one of the login is not sent again. Another one logs out first, so that
    /// the token itself judges it.
    pub(super) fn log_in(
        &self,
        pin: Option<&Pin>,
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
                        _ => self.log_in_with(pin, &mut login)?,
                    }
                }
            }
        }
    }

    fn log_in_with(&self, pin: &Pin, login: &mut Login) -> Result<(), Failure> {
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
            Err(error) => Err(self.login_failure(error, token.label())),
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

    fn token_info(&self) -> Result<TokenInfo, Failure> {
        let operation = format!("asking for the token in slot {}", self.slot.id());
        self.context.get_token_info(self.slot).context(&operation)
    }

    /// The certificates on the token, read now.
    pub(super) fn read_certificates(&self) -> Result<Arc<[TokenCertificate]>, Failure> {
        let certificates: Arc<[_]> = certificates::read(&*self.session()?)?.into();
        self.known().certificates = Some(Arc::clone(&certificates));
        Ok(certificates)
    }

    /// The certificates as they were read last, if they were.
    pub(super) fn known_certificates(&self) -> Option<Arc<[TokenCertificate]>> {
        self.known().certificates.clone()
    }

    /// The private key of a certificate, looked up once.
    pub(super) fn private_key(
        &self,
        session: &Session,
        certificate: &TokenCertificate,
    ) -> Result<ObjectHandle, Failure> {
        if let Some(key) = self.known().keys.get(certificate.id()) {
            return Ok(*key);
        }
        let key = key::find_private(session, certificate)?;
        self.known().keys.insert(certificate.id().to_owned(), key);
        Ok(key)
    }

    /// Has certificates and keys read anew by the next call.
    pub(super) fn forget_objects(&self) {
        let mut known = self.known();
        known.certificates = None;
        known.keys.clear();
    }

    pub(super) fn has_mechanism(&self, mechanism: MechanismType) -> Result<bool, Failure> {
        let known = self.known().mechanisms.clone();
        let mechanisms = match known {
            Some(mechanisms) => mechanisms,
            None => {
                let read: Arc<[_]> = self
                    .context
                    .get_mechanism_list(self.slot)
                    .context("asking which algorithms the token has")?
                    .into();
                Arc::clone(self.known().mechanisms.insert(read))
            }
        };
        Ok(mechanisms.contains(&mechanism))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_login(&self) -> RwLockWriteGuard<'_, Login> {
        self.login.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_length(pin: &Pin, token: &TokenInfo) -> Result<(), Failure> {
    // A token that tells no maximum has none to keep to.
    let max = if token.max_pin_length() == 0 { usize::MAX } else { token.max_pin_length() };
    let min = token.min_pin_length().max(1);
    if (min..=max).contains(&pin.len()) {
        return Ok(());
    }
    let problem = if pin.is_empty() {
        "The PIN is empty".to_owned()
    } else {
        format!("The token \"{}\" takes PINs of {min} to {max} bytes", token.label())
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
