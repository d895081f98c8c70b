//! The state of one slot that the worker keeps between tasks: sessions, the login, certificates,
//! keys and mechanisms. The worker drops the state if the slot holds another token.

mod login;
mod token;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLockReadGuard};

use cryptoki::context::Pkcs11;
use cryptoki::error::Error;
use cryptoki::mechanism::MechanismType;
use cryptoki::session::Session;
use cryptoki::slot::Slot;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;

use super::certificates::{self, FoundCertificate, TokenCertificate};
use super::key::PrivateKey;
use super::library::Functions;
use super::mechanism::Way;
use super::module_error::{AsFailure, Stale};
use super::sessions::PooledSession;
use super::single_part;
use super::token_info::TokenInfo;
use crate::certificate::fingerprint::{Fingerprint, Named};
use crate::ipc::certificate_listing::{CertificateListing, ListedToken};
use crate::ipc::key_listing::KeyListing;
use crate::verification::scheme::Scheme;
pub(super) use login::{Credentials, LoginError, LoginNeed};
use login::{Login, TokenLogin};
use token::{TokenAccess, View};

pub(super) struct SlotState {
    token: TokenAccess,
    functions: Arc<Functions>,
    login: TokenLogin,
    /// Counts how often the slot turned out to hold another token.
    generation: AtomicU64,
}

impl SlotState {
    pub(super) fn new(context: Pkcs11, slot: Slot, functions: Arc<Functions>) -> Self {
        Self {
            token: TokenAccess::new(context, slot, Arc::clone(&functions)),
            functions,
            login: TokenLogin::default(),
            generation: AtomicU64::new(0),
        }
    }

    pub(super) fn slot(&self) -> Slot {
        self.token.slot()
    }

    pub(super) fn session(&self) -> Result<PooledSession<'_>, Failure> {
        self.token.session()
    }

    /// Runs `work`. If it fails because the kept state is out of date, drops that state and runs
    /// `work` once more.
    pub(super) fn with_renewal<T, E: AsFailure>(
        &self,
        work: impl Fn() -> Result<T, E>,
    ) -> Result<T, E> {
        let generation = self.generation.load(Ordering::Acquire);
        let error = match work() {
            Ok(result) => return Ok(result),
            Err(error) => error,
        };
        match error.as_failure().and_then(Stale::of) {
            None => return Err(error),
            Some(Stale::Objects) => self.token.forget_objects(),
            Some(Stale::Token) => self.forget(generation),
        }
        work()
    }

    /// Drops the state of the token, with the login, unless another task has done so since
    /// `generation`.
    fn forget(&self, generation: u64) {
        let mut login = self.login.write();
        if self.generation.load(Ordering::Acquire) == generation {
            self.drop_all(&mut login);
        }
    }

    /// Logs out and closes all sessions.
    pub(super) fn close(&self) {
        self.drop_all(&mut self.login.write());
    }

    /// Ends the login and keeps the other state. Returns whether there was a login.
    pub(super) fn log_out(&self) -> Result<bool, Failure> {
        let mut login = self.login.write();
        if matches!(*login, Login::LoggedOut) {
            return Ok(false);
        }
        *login = Login::LoggedOut;
        let ended = self.token.session().and_then(|session| self.token.log_out(&session));
        match ended {
            // The login ended when the token was removed.
            Err(failure) if Stale::of(&failure) == Some(Stale::Token) => {
                self.drop_all(&mut login);
                Ok(false)
            }
            ended => ended.map(|()| true),
        }
    }

    fn drop_all(&self, login: &mut Login) {
        if !matches!(login, Login::LoggedOut)
            && let Ok(session) = self.token.session()
        {
            // This fails if the token is gone, and with it the login.
            let _ = session.logout();
        }
        *login = Login::LoggedOut;
        self.token.forget_all();
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Logs in if needed. Private keys can be used as long as the guard lives. `certificate` is
    /// that of the key.
    pub(super) fn log_in(
        &self,
        credentials: &Credentials<'_>,
        certificate: Option<&TokenCertificate>,
        need: LoginNeed,
    ) -> Result<RwLockReadGuard<'_, Login>, LoginError> {
        self.login.ensure(&self.token, credentials, certificate, need)
    }

    /// Whether this process is not logged in to the token.
    pub(super) fn is_logged_out(&self) -> bool {
        self.login.is_logged_out()
    }

    /// Fails if [`SlotState::authenticate`] would need a PIN that the task does not have. Sends no
    /// PIN.
    pub(super) fn may_authenticate(
        &self,
        credentials: &Credentials<'_>,
        certificate: &TokenCertificate,
    ) -> Result<(), LoginError> {
        login::may_authenticate(&self.token, credentials, certificate)
    }

    /// Sends the PIN for one signature, between `C_SignInit` and `C_Sign` on the same session
    /// (`CKU_CONTEXT_SPECIFIC`).
    pub(super) fn authenticate(
        &self,
        session: &Session,
        credentials: &Credentials<'_>,
        certificate: &TokenCertificate,
    ) -> Result<(), LoginError> {
        login::authenticate(&self.token, session, credentials, certificate)
    }

    /// Fails if the token was removed since its sessions were opened.
    pub(super) fn check_token(&self) -> Result<(), Failure> {
        token::check_token(&*self.session()?).map(drop)
    }

    /// As [`SlotState::check_token`], if anything is known of a token. Otherwise the next task
    /// reads it from the token that is there now.
    pub(super) fn check_known_token(&self) -> Result<(), Failure> {
        if self.login.was_attempted() || self.token.known_certificates().is_some() {
            self.check_token()?;
        }
        Ok(())
    }

    /// Remembers what the token says about logins.
    pub(super) fn note_login(&self, info: &TokenInfo) {
        self.token.note_login(info);
    }

    pub(super) fn token_label(&self) -> Result<String, Failure> {
        Ok(self.token.info()?.label())
    }

    /// Lists the certificates, unless the token is the known one and still has them.
    pub(super) fn list_certificates(
        &self,
        known: Option<&ListedToken>,
    ) -> Result<CertificateListing, Failure> {
        let listing = self.token.list_certificates(known)?;
        let login_required = listing.login_required && self.is_logged_out();
        Ok(CertificateListing { login_required, ..listing })
    }

    /// Lists the keys that have no certificate.
    pub(super) fn list_keys(&self) -> Result<KeyListing, Failure> {
        let (keys, can_log_in) = self.token.list_keys(self.view())?;
        Ok(KeyListing { keys, login_required: can_log_in && self.is_logged_out() })
    }

    fn view(&self) -> View {
        if self.is_logged_out() { View::Public } else { View::LoggedIn }
    }

    /// The key with this fingerprint, if it has no certificate. If it is not known, reads the token
    /// again.
    fn key(&self, fingerprint: Fingerprint, view: View) -> Result<FoundCertificate, Failure> {
        if let Some(known) = self.token.known_public_keys(view)
            && let Some(found) = certificates::find_by_fingerprint(&known.all, fingerprint)
        {
            return Ok(found);
        }
        let keys = self.token.read_public_keys(view)?;
        certificates::find_by_fingerprint(&keys.all, fingerprint).ok_or_else(no_such_key)
    }

    /// Fails if the login has shown a certificate of the key, which a page has named as one without
    /// a certificate. The certificate may forbid what the page wants.
    pub(super) fn check_key(
        &self,
        certificate: &TokenCertificate,
        login: &Login,
    ) -> Result<(), Failure> {
        let fingerprint = certificate.fingerprint();
        if fingerprint.is_of_key() && !matches!(login, Login::LoggedOut) {
            self.key(fingerprint, View::LoggedIn)?;
        }
        Ok(())
    }

    /// Reads the certificates from the token.
    fn read_certificates(&self) -> Result<Arc<[TokenCertificate]>, Failure> {
        self.token.read_certificates()
    }

    /// The certificate, or the key without one, with this id. If it is not known, reads the token
    /// again.
    pub(super) fn certificate(&self, id: &str) -> Result<FoundCertificate, Failure> {
        if Named(id).is_key() {
            let fingerprint = id.to_ascii_lowercase().parse().map_err(|_| no_such_key())?;
            return self.key(fingerprint, self.view());
        }
        if let Some(known) = self.token.known_certificates()
            && let Some(found) = certificates::find(&known, id)
        {
            return Ok(found);
        }
        certificates::find(&self.read_certificates()?, id).ok_or_else(|| {
            Failure::new(
                ErrorCode::NotFound,
                "No certificate on the token has that `cert_id`. Ask for the certificates again.",
            )
        })
    }

    /// The certificate, or the key without one, with this fingerprint. If it is not known, reads
    /// the token again.
    pub(super) fn certificate_with(
        &self,
        fingerprint: Fingerprint,
    ) -> Result<FoundCertificate, Failure> {
        if fingerprint.is_of_key() {
            return self.key(fingerprint, self.view());
        }
        if let Some(known) = self.token.known_certificates()
            && let Some(found) = certificates::find_by_fingerprint(&known, fingerprint)
        {
            return Ok(found);
        }
        certificates::find_by_fingerprint(&self.read_certificates()?, fingerprint).ok_or_else(
            || {
                Failure::new(
                    ErrorCode::NotFound,
                    "The slot no longer holds the token with that certificate. Ask for the \
                 certificates again.",
                )
            },
        )
    }

    /// The key of the certificate, if a signature has shown which one it is.
    pub(super) fn proven_key(&self, certificate: &TokenCertificate) -> Option<PrivateKey> {
        self.token.proven_key(certificate)
    }

    /// The way in which that key made a signature of this scheme.
    pub(super) fn proven_way(&self, certificate: &TokenCertificate, scheme: Scheme) -> Option<Way> {
        self.token.proven_way(certificate, scheme)
    }

    /// Remembers that the key made a signature that the certificate verifies.
    pub(super) fn remember_key(
        &self,
        certificate: &TokenCertificate,
        key: PrivateKey,
        scheme: Scheme,
        way: Way,
    ) {
        self.token.remember_key(certificate, key, scheme, way);
    }

    /// Remembers that the key is not the one of the certificate.
    pub(super) fn rule_out(&self, certificate: &TokenCertificate, key: PrivateKey) {
        self.token.rule_out(certificate, key);
    }

    pub(super) fn is_ruled_out(&self, certificate: &TokenCertificate, key: PrivateKey) -> bool {
        self.token.is_ruled_out(certificate, key)
    }

    /// Makes the next task read certificates and keys again.
    pub(super) fn forget_objects(&self) {
        self.token.forget_objects();
    }

    /// Ends the operation that `C_SignInit` began on the session.
    pub(super) fn sign(&self, session: &Session, data: &[u8]) -> Result<Vec<u8>, Error> {
        single_part::sign(&self.functions, session, data)
    }

    /// Whether the token lists a mechanism. It may have others too, and may lack this one.
    pub(super) fn lists(&self, mechanism: MechanismType) -> bool {
        self.token.lists(mechanism)
    }
}

fn no_such_key() -> Failure {
    Failure::new(
        ErrorCode::NotFound,
        "The token shows no key without a certificate that has that `cert_id`. Ask for the keys \
         again, with a login. If the token has a certificate for the key, pass the certificate's \
         id.",
    )
}
