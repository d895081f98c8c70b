//! Access to the token in a slot: its sessions, and a cache of its certificates, keys and
//! mechanisms.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::MechanismType;
use cryptoki::object::ObjectHandle;
use cryptoki::session::{Session, SessionState};
use cryptoki::slot::Slot;
use pkcs11_bridge_protocol::failure::Failure;

use crate::ipc::certificate_listing::{CertificateListing, ListedToken, TokenIdentity};
use crate::ipc::key_listing::ListedKey;
use crate::process::lock::lock;
use crate::verification::scheme::Scheme;
use crate::worker::certificates::{self, ReadCertificates, TokenCertificate};
use crate::worker::info;
use crate::worker::key::PrivateKey;
use crate::worker::library::Functions;
use crate::worker::mechanism::Way;
use crate::worker::module_error::InContext;
use crate::worker::public_keys::PublicKeys;
use crate::worker::sessions::{PooledSession, SessionPool};
use crate::worker::token_info::TokenInfo;

pub(super) struct TokenAccess {
    context: Pkcs11,
    slot: Slot,
    functions: Arc<Functions>,
    sessions: SessionPool,
    known: Mutex<KnownObjects>,
    /// Whether the token was gone since this worker started.
    was_gone: AtomicBool,
}

#[derive(Default)]
struct KnownObjects {
    certificates: Option<Arc<[TokenCertificate]>>,
    /// The certificate objects when they were last listed.
    listed: Option<Vec<ObjectHandle>>,
    /// The keys without a certificate, and what the token showed when they were read.
    public_keys: Option<(View, Arc<PublicKeys>)>,
    mechanisms: Option<Arc<[MechanismType]>>,
    /// Whether a user can log in, if a task has asked the token.
    can_log_in: Option<bool>,
    /// The keys that signatures have proven, by the id of their certificate.
    keys: HashMap<String, ProvenKey>,
    /// Keys that made a wrong signature, with the id of the certificate.
    ruled_out: Vec<(String, PrivateKey)>,
}

/// Which objects a token shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum View {
    /// Those that need no login.
    Public,
    /// All.
    LoggedIn,
}

/// A key that made a right signature.
struct ProvenKey {
    key: PrivateKey,
    ways: HashMap<Scheme, Way>,
}

impl TokenAccess {
    pub(super) fn new(context: Pkcs11, slot: Slot, functions: Arc<Functions>) -> Self {
        let sessions = SessionPool::new(context.clone(), slot);
        let (known, was_gone) = Default::default();
        Self { context, slot, functions, sessions, known, was_gone }
    }

    pub(super) fn slot(&self) -> Slot {
        self.slot
    }

    pub(super) fn session(&self) -> Result<PooledSession<'_>, Failure> {
        self.sessions.take()
    }

    /// A session that is opened now, in place of those that no task uses.
    pub(super) fn new_session(&self) -> Result<PooledSession<'_>, Failure> {
        self.sessions.take_new()
    }

    /// What the token that is in the slot now says of itself.
    pub(super) fn info(&self) -> Result<TokenInfo, Failure> {
        self.notice_change();
        let operation = format!("asking for the token in slot {}", self.slot.id());
        let info = info::of_token(&self.functions, self.slot).context(&operation)?;
        self.note_login(&info);
        Ok(info)
    }

    /// OpenSC notices only here that the card was changed. Otherwise it answers for the card
    /// before, with that card's certificates and count of tries, and fails the login.
    fn notice_change(&self) {
        let _ = self.context.get_slot_info(self.slot);
    }

    /// Remembers what the token says about logins.
    pub(super) fn note_login(&self, info: &TokenInfo) {
        self.known().can_log_in = Some(can_log_in(info));
    }

    /// Ends the login. Succeeds if there is none.
    pub(super) fn log_out(&self, session: &Session) -> Result<(), Failure> {
        // The handles of private objects end with the login.
        self.known().keys.clear();
        match session.logout() {
            Err(Error::Pkcs11(RvError::UserNotLoggedIn, _)) => Ok(()),
            result => result.context("logging out"),
        }
    }

    /// Reads the certificates from the token.
    pub(super) fn read_certificates(&self) -> Result<Arc<[TokenCertificate]>, Failure> {
        let session = self.session()?;
        let (certificates, _) = self.read(&session, &certificates::handles(&session)?)?;
        Ok(certificates)
    }

    fn read(
        &self,
        session: &Session,
        objects: &[ObjectHandle],
    ) -> Result<(Arc<[TokenCertificate]>, bool), Failure> {
        let ReadCertificates { all, is_complete } = certificates::read(session, objects)?;
        let certificates: Arc<[_]> = all.into();
        let mut known = self.known();
        known.certificates = Some(Arc::clone(&certificates));
        // One of their keys may have got its certificate.
        known.public_keys = None;
        drop(known);
        Ok((certificates, is_complete))
    }

    /// See [`super::SlotState::list_certificates`].
    pub(super) fn list_certificates(
        &self,
        known: Option<&ListedToken>,
    ) -> Result<CertificateListing, Failure> {
        let began = Instant::now();
        self.notice_change();
        let session = self.session()?;
        let objects = certificates::handles(&session)?;
        let listed = |identity| ListedToken { identity, objects: objects.len() };
        // OpenSC asks the card for this. The first list of an origin costs no more than needed.
        let mut token = listed(known.map(|_| self.identity()).transpose()?);
        let is_known = token.identity.is_some() && known == Some(&token);
        let (certificates, is_complete) = if is_known && self.may_have_same(&objects) {
            (None, true)
        } else {
            let (certificates, is_complete) = self.read(&session, &objects)?;
            if token.identity.is_none() && began.elapsed() >= SLOW {
                let identity = self.identity()?;
                // The session fails if the token was changed meanwhile.
                if certificates::handles(&session)? == objects {
                    token = listed(Some(identity));
                }
            }
            (Some(certificates.iter().map(TokenCertificate::info).collect()), is_complete)
        };
        let login_required = self.known().can_log_in.unwrap_or(true);
        self.known().listed = Some(objects);
        Ok(CertificateListing { token, certificates, login_required, is_complete })
    }

    /// The keys without a certificate that can sign, and whether a user can log in.
    pub(super) fn list_keys(&self, view: View) -> Result<(Vec<ListedKey>, bool), Failure> {
        self.notice_change();
        let keys = self.read_public_keys(view)?;
        Ok((keys.listed(), self.known().can_log_in.unwrap_or(true)))
    }

    /// Reads the keys without a certificate from the token.
    pub(super) fn read_public_keys(&self, view: View) -> Result<Arc<PublicKeys>, Failure> {
        let session = self.session()?;
        let (certificates, _) = self.read(&session, &certificates::handles(&session)?)?;
        let keys = Arc::new(PublicKeys::read(&session, &certificates)?);
        self.known().public_keys = Some((view, Arc::clone(&keys)));
        Ok(keys)
    }

    /// The keys without a certificate as they were last read, unless the token shows more now.
    pub(super) fn known_public_keys(&self, view: View) -> Option<Arc<PublicKeys>> {
        let known = self.known();
        let (seen, keys) = known.public_keys.as_ref()?;
        (*seen >= view).then(|| Arc::clone(keys))
    }

    fn identity(&self) -> Result<TokenIdentity, Failure> {
        Ok(self.info()?.identity())
    }

    /// Whether the certificates may be those of the last list. The handles of this process show
    /// it, or the token stayed in the slot as far as this process knows.
    fn may_have_same(&self, objects: &[ObjectHandle]) -> bool {
        match &self.known().listed {
            Some(listed) => listed == objects,
            None => !self.was_gone.load(Ordering::Acquire),
        }
    }

    /// The certificates as they were last read.
    pub(super) fn known_certificates(&self) -> Option<Arc<[TokenCertificate]>> {
        self.known().certificates.clone()
    }

    pub(super) fn proven_key(&self, certificate: &TokenCertificate) -> Option<PrivateKey> {
        self.known().keys.get(certificate.id()).map(|proven| proven.key)
    }

    pub(super) fn proven_way(&self, certificate: &TokenCertificate, scheme: Scheme) -> Option<Way> {
        self.known().keys.get(certificate.id())?.ways.get(&scheme).copied()
    }

    pub(super) fn remember_key(
        &self,
        certificate: &TokenCertificate,
        key: PrivateKey,
        scheme: Scheme,
        way: Way,
    ) {
        let mut known = self.known();
        let new = || ProvenKey { key, ways: HashMap::new() };
        let proven = known.keys.entry(certificate.id().to_owned()).or_insert_with(new);
        if proven.key != key {
            *proven = new();
        }
        proven.ways.insert(scheme, way);
    }

    pub(super) fn rule_out(&self, certificate: &TokenCertificate, key: PrivateKey) {
        self.known().ruled_out.push((certificate.id().to_owned(), key));
    }

    pub(super) fn is_ruled_out(&self, certificate: &TokenCertificate, key: PrivateKey) -> bool {
        let known = self.known();
        known.ruled_out.iter().any(|(id, other)| id == certificate.id() && *other == key)
    }

    pub(super) fn forget_objects(&self) {
        let mut known = self.known();
        known.certificates = None;
        known.public_keys = None;
        known.keys.clear();
    }

    /// Forgets the token and closes its sessions.
    pub(super) fn forget_all(&self) {
        *self.known() = KnownObjects::default();
        self.was_gone.store(true, Ordering::Release);
        self.sessions.close_all();
    }

    pub(super) fn lists(&self, mechanism: MechanismType) -> bool {
        let known = self.known().mechanisms.clone();
        let mechanisms = known.unwrap_or_else(|| {
            let read: Arc<[_]> =
                self.context.get_mechanism_list(self.slot).unwrap_or_default().into();
            Arc::clone(self.known().mechanisms.insert(read))
        });
        mechanisms.contains(&mechanism)
    }

    fn known(&self) -> MutexGuard<'_, KnownObjects> {
        lock(&self.known)
    }
}

/// A list that took this long is worth keeping from the first time.
const SLOW: Duration = Duration::from_secs(5);

/// Whether a user can log in to the token, as far as its flags tell.
pub(super) fn can_log_in(info: &TokenInfo) -> bool {
    info.login_required() || info.user_pin_initialized()
}

/// Whether the module says that the user is logged in. Fails if the token was removed since the
/// session was opened. The worker must then send no PIN.
pub(super) fn check_token(session: &Session) -> Result<bool, Failure> {
    let info = session.get_session_info().context("asking for the token")?;
    Ok(matches!(info.session_state(), SessionState::RoUser | SessionState::RwUser))
}
