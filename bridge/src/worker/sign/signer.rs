//! Tries the keys that may belong to a certificate, and the ways to sign, until a signature is
//! right. Remembers both for the next signature.
//!
//! A key that wants a PIN for each signature is tried at most once, because the PIN is sent for it.

use cryptoki::session::Session;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::rv::Rv;

use crate::certificate::fingerprint::Named;
use crate::ipc::task::KeyUse;
use crate::trace_points::{TracePoint, reached};
use crate::verification::public_key::Verifier;
use crate::verification::scheme::Scheme;
use crate::verification::token_signature::TokenSignature;
use crate::worker::certificates::FoundCertificate;
use crate::worker::key::{self, Authentication, Candidate, PrivateKey, Search};
use crate::worker::mechanism::{ToSign, Way, combined};
use crate::worker::module_error::{InContext, Stale};
use crate::worker::slot::{Credentials, LoginError, SlotState};

/// A certificate, and what the worker needs to sign and check with its key.
pub(super) struct Signer<'a> {
    slot: &'a SlotState,
    certificate: FoundCertificate,
    key: KeyUse,
    scheme: Scheme,
    verifier: Verifier,
}

/// Why a key made no signature in one way.
enum Unsuccessful {
    /// The token does not have this way.
    Way(Failure),
    /// The token cannot sign with this key, or the key is another one.
    Key(Failure),
    /// Nothing else may be tried now.
    All(LoginError),
}

impl<'a> Signer<'a> {
    pub(super) fn find(slot: &'a SlotState, key: &KeyUse) -> Result<Self, Failure> {
        let certificate = slot.certificate_with(key.certificate)?;
        let public_key = certificate.public_key()?;
        let scheme = Scheme::new(key.algorithm, public_key.kind())?;
        // Fail before signing if the signature could not be checked.
        let verifier = public_key.verifier(scheme)?;
        Ok(Self { slot, certificate, key: key.clone(), scheme, verifier })
    }

    pub(super) fn certificate(&self) -> &FoundCertificate {
        &self.certificate
    }

    /// Whether the key wants a PIN for each signature. Fails if there is no key.
    pub(super) fn needs_pin_for_each(&self) -> Result<bool, Failure> {
        let session = self.slot.session()?;
        for search in Search::ALL {
            let keys = self.keys(&session, search)?;
            if !keys.is_empty() {
                let always = |found: &Candidate| found.key.authentication == Authentication::Always;
                return Ok(keys.iter().any(always));
            }
        }
        Err(key::not_found(&self.certificate))
    }

    /// Makes a signature. The login, if one is needed, must be there.
    pub(super) fn sign(
        &self,
        credentials: &Credentials<'_>,
        to_sign: ToSign<'_>,
    ) -> Result<Vec<u8>, LoginError> {
        let mut session = self.slot.session()?;
        let mut tried = Vec::new();
        // What went wrong with the most likely key.
        let mut problem = None;
        for search in Search::ALL {
            for Candidate { key, is_likely } in self.keys(&session, search)? {
                if tried.contains(&key.handle) {
                    continue;
                }
                tried.push(key.handle);
                for way in self.ways(to_sign) {
                    let failure = match self.attempt(&session, key, way, credentials, to_sign) {
                        Ok(signature) => return Ok(signature),
                        Err(failure) => failure,
                    };
                    // The operation may still be active.
                    session.discard();
                    session = self.slot.session()?;
                    match failure {
                        Unsuccessful::Way(failure) => drop(problem.get_or_insert(failure)),
                        Unsuccessful::Key(failure) => {
                            if is_likely {
                                problem.get_or_insert(failure);
                            }
                            break;
                        }
                        Unsuccessful::All(error) => return Err(error),
                    }
                }
            }
        }
        self.slot.forget_objects();
        Err(problem.unwrap_or_else(|| key::not_found(&self.certificate)).into())
    }

    /// The keys to try. If a signature has shown which one is right, only that key.
    fn keys(&self, session: &Session, search: Search) -> Result<Vec<Candidate>, Failure> {
        match (self.slot.proven_key(&self.certificate), search) {
            (Some(key), Search::ById) => Ok(vec![Candidate { key, is_likely: true }]),
            (Some(_), Search::ByKind) => Ok(Vec::new()),
            (None, search) => {
                let mut keys = key::find(session, &self.certificate, search)?;
                // A key that was wrong before may be tried again, after all others.
                keys.sort_by_key(|found| self.slot.is_ruled_out(&self.certificate, found.key));
                Ok(keys)
            }
        }
    }

    /// The ways to try. If a signature has shown which one is right, only that way. What the token
    /// lists comes first, but many tokens do more than they list.
    fn ways(&self, to_sign: ToSign<'_>) -> Vec<Way> {
        let mut ways: Vec<Way> = Way::of(self.scheme, to_sign).collect();
        match self.slot.proven_way(&self.certificate, self.scheme) {
            Some(proven) if ways.contains(&proven) => vec![proven],
            _ => {
                ways.sort_by_key(|way| {
                    let mechanism = way.mechanism(self.scheme);
                    !mechanism.is_some_and(|mechanism| self.slot.lists(mechanism.mechanism_type()))
                });
                ways
            }
        }
    }

    fn attempt(
        &self,
        session: &Session,
        key: PrivateKey,
        way: Way,
        credentials: &Credentials<'_>,
        to_sign: ToSign<'_>,
    ) -> Result<Vec<u8>, Unsuccessful> {
        let (slot, certificate) = (self.slot, &self.certificate);
        let public_key = certificate.public_key().map_err(Unsuccessful::Key)?;
        let (Some(mechanism), Some(input)) =
            (way.mechanism(self.scheme), way.input(self.scheme, public_key, to_sign))
        else {
            return Err(Unsuccessful::Way(self.unsupported()));
        };
        reached(TracePoint::Found);
        let operation = format!("signing with the key of {}", Named(certificate.id()));
        let always = key.authentication == Authentication::Always;
        if always {
            // Do not begin an operation that must stop for a PIN.
            slot.may_authenticate(credentials, certificate).map_err(Unsuccessful::All)?;
        }
        let begun = session.sign_init(&mechanism, key.handle).context(&operation);
        begun.map_err(|failure| self.unsuccessful(failure))?;
        if always {
            slot.authenticate(session, credentials, certificate).map_err(Unsuccessful::All)?;
        }
        let signed = slot.sign(session, &input).context(&operation);
        reached(TracePoint::Signed);
        let is_proven = slot.proven_key(certificate) == Some(key)
            && slot.proven_way(certificate, self.scheme) == Some(way);
        let signed = signed.and_then(|signature| {
            let is_right = is_proven
                || TokenSignature::read(&signature, &self.verifier, to_sign.data).is_some();
            if is_right { Ok(signature) } else { Err(self.does_not_match()) }
        });
        match signed {
            Ok(signature) => {
                if !is_proven {
                    slot.remember_key(certificate, key, self.scheme, way);
                }
                Ok(signature)
            }
            Err(failure) if always => {
                // The PIN was sent for this key. The next call begins with another one.
                slot.rule_out(certificate, key);
                Err(Unsuccessful::All(LoginError::AfterPin(failure)))
            }
            Err(failure) => Err(self.unsuccessful(failure)),
        }
    }

    fn unsuccessful(&self, failure: Failure) -> Unsuccessful {
        match failure.rv {
            Some(Rv::MECHANISM_INVALID) => Unsuccessful::Way(self.unsupported()),
            // SoftHSM answers so to parameters of a mechanism that it does not know.
            Some(Rv::ARGUMENTS_BAD | Rv::MECHANISM_PARAM_INVALID | Rv::FUNCTION_NOT_SUPPORTED) => {
                Unsuccessful::Way(failure)
            }
            _ if Stale::of(&failure).is_some() => Unsuccessful::All(failure.into()),
            Some(rv) if CONCERN_ALL_KEYS.contains(&rv) => Unsuccessful::All(failure.into()),
            _ if matches!(
                failure.code,
                ErrorCode::PinIncorrect | ErrorCode::PinLocked | ErrorCode::PinEntryCancelled
            ) =>
            {
                Unsuccessful::All(failure.into())
            }
            _ => Unsuccessful::Key(failure),
        }
    }

    fn unsupported(&self) -> Failure {
        let algorithm = self.key.algorithm;
        let mechanism = Way::Hashed.mechanism(self.scheme).map(|one| one.mechanism_type());
        let name = mechanism.map(|mechanism| format!(" ({mechanism})")).unwrap_or_default();
        let hashes = combined(self.scheme)
            .is_some_and(|mechanism| self.slot.lists(mechanism.mechanism_type()));
        let advice = if hashes {
            "The token hashes the message itself: pass `message` in place of `data`."
        } else {
            "Choose another algorithm."
        };
        Failure::with_rv(
            ErrorCode::AlgorithmUnsupported,
            Rv::MECHANISM_INVALID,
            format!("The token cannot do {algorithm}{name}. {advice}"),
        )
    }

    fn does_not_match(&self) -> Failure {
        Failure::new(
            ErrorCode::Internal,
            format!(
                "The token's signature does not match {}, so the page does not get it. The \
                 certificate may belong to another key, or the token may be faulty.",
                Named(self.certificate.id())
            ),
        )
    }
}

/// Return values that say nothing about a key. Another key would fail in the same way.
const CONCERN_ALL_KEYS: [Rv; 6] = [
    Rv::CRYPTOKI_NOT_INITIALIZED,
    Rv::DEVICE_ERROR,
    Rv::DEVICE_MEMORY,
    Rv::HOST_MEMORY,
    Rv::SESSION_COUNT,
    Rv::TOKEN_RESOURCE_EXCEEDED,
];
