//! What the worker keeps of one slot between calls: sessions, the login, certificates, keys and
//! mechanisms. All of it is dropped and read anew once the token turns out to be another.

mod attempt;
mod login;
mod refusal;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};

use cryptoki::context::Pkcs11;
use cryptoki::mechanism::MechanismType;
use cryptoki::session::Session;
use cryptoki::slot::{Slot, TokenInfo};
use pkcs11_bridge_protocol::failure::Failure;

use super::certificates::{self, TokenCertificate};
use super::failures::{AsFailure, InContext, Stale};
use super::key::{self, PrivateKey};
use super::sessions::{PooledSession, SessionPool};
use super::single_part::SinglePart;
use crate::process::lock::lock;
use login::{Login, RefusedPin};
pub(super) use login::{LoginError, Pins};

pub(super) struct SlotState {
    context: Pkcs11,
    slot: Slot,
    single_part: Arc<SinglePart>,
    sessions: SessionPool,
    /// Held for reading while a private key is used, so that nobody logs out meanwhile.
    login: RwLock<Login>,
    logging_in: AtomicBool,
    /// The PIN that the token refused last.
    refused: Mutex<Option<RefusedPin>>,
    known: Mutex<Known>,
    /// Counts how often the token turned out to be another.
    generation: AtomicU64,
}

#[derive(Default)]
struct Known {
    certificates: Option<Arc<[TokenCertificate]>>,
    mechanisms: Option<Arc<[MechanismType]>>,
    /// Private keys by the id of their certificate.
    keys: HashMap<String, PrivateKey>,
}

impl SlotState {
    pub(super) fn new(context: Pkcs11, slot: Slot, single_part: Arc<SinglePart>) -> Self {
        Self {
            sessions: SessionPool::new(context.clone(), slot),
            context,
            slot,
            single_part,
            login: RwLock::new(Login::LoggedOut),
            logging_in: AtomicBool::new(false),
            refused: Mutex::default(),
            known: Mutex::default(),
            generation: AtomicU64::new(0),
        }
    }

    pub(super) fn slot(&self) -> Slot {
        self.slot
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
        let generation = self.generation.load(Ordering::Acquire);
        let error = match work() {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        match error.as_failure().and_then(Stale::of) {
            None => return Err(error),
            Some(Stale::Objects) => self.forget_objects(),
            Some(Stale::Token) => self.forget(generation),
        }
        work()
    }

    /// Drops everything that is known of the token, the login included, unless another call has
    /// done so since `generation`.
    fn forget(&self, generation: u64) {
        let mut login = self.write_login();
        if self.generation.load(Ordering::Acquire) == generation {
            self.drop_all(&mut login);
        }
    }

    /// Logs out and closes all sessions.
    pub(super) fn close(&self) {
        self.drop_all(&mut self.write_login());
    }

    /// Ends the login and keeps all else. Says whether there was one.
    pub(super) fn log_out(&self) -> Result<bool, Failure> {
        let mut login = self.write_login();
        if matches!(*login, Login::LoggedOut) {
            return Ok(false);
        }
        *login = Login::LoggedOut;
        let ended = self.session().and_then(|session| self.end_login(&session));
        match ended {
            // It ended with the token that was taken out.
            Err(failure) if Stale::of(&failure) == Some(Stale::Token) => {
                self.drop_all(&mut login);
                Ok(false)
            }
            ended => ended.map(|()| true),
        }
    }

    fn drop_all(&self, login: &mut Login) {
        if !matches!(login, Login::LoggedOut)
            && let Ok(session) = self.sessions.take()
        {
            // A token that is gone has nobody logged in.
            let _ = session.logout();
        }
        *login = Login::LoggedOut;
        *self.known() = Known::default();
        self.sessions.close_all();
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    fn token_info(&self) -> Result<TokenInfo, Failure> {
        let operation = format!("asking for the token in slot {}", self.slot.id());
        self.context.get_token_info(self.slot).context(&operation)
    }

    /// Fails where the token is not the one that the open sessions are on.
    pub(super) fn make_sure_of_token(&self) -> Result<(), Failure> {
        login::make_sure_of(&*self.session()?)
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

    /// The keys that may be a certificate's: the one that is known to be, or else those found now.
    pub(super) fn private_keys(
        &self,
        session: &Session,
        certificate: &TokenCertificate,
    ) -> Result<Vec<PrivateKey>, Failure> {
        let known = self.known().keys.get(certificate.id()).copied();
        known.map_or_else(|| key::find_private(session, certificate), |key| Ok(vec![key]))
    }

    /// Remembers that a signature of this key was one of the certificate's.
    pub(super) fn remember_key(&self, certificate: &TokenCertificate, key: PrivateKey) {
        self.known().keys.insert(certificate.id().to_owned(), key);
    }

    /// Has certificates and keys read anew by the next call.
    pub(super) fn forget_objects(&self) {
        let mut known = self.known();
        known.certificates = None;
        known.keys.clear();
    }

    pub(super) fn single_part(&self) -> &SinglePart {
        &self.single_part
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

    fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.known)
    }

    fn write_login(&self) -> RwLockWriteGuard<'_, Login> {
        self.login.write().unwrap_or_else(PoisonError::into_inner)
    }
}
