//! Finds the private keys that may belong to a certificate. What a token says of a key is a hint:
//! only a signature that the certificate verifies proves which key is right.

mod description;

use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;

use super::certificates::TokenCertificate;
use super::objects;
use crate::certificate::fingerprint::Named;
use crate::verification::key_kind::KeyKind;
use description::{BRIEF, Description, FULL};

/// A private key on the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PrivateKey {
    pub(super) handle: ObjectHandle,
    pub(super) authentication: Authentication,
}

/// A key that may belong to a certificate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) key: PrivateKey,
    /// Whether more than its kind says so.
    pub(super) is_likely: bool,
}

/// How often a key needs the PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Authentication {
    /// Only for the login.
    Once,
    /// For every signature (`CKA_ALWAYS_AUTHENTICATE`, PKCS#11 3.2, section 4.9).
    Always,
}

/// Which keys a search looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// Those with the `CKA_ID` of the certificate.
    ById,
    /// All of the same kind. Certificate and key may have different ids, or none.
    ByKind,
}

impl Search {
    /// Both searches. The second one is needed only if the first finds no key that signs.
    pub(super) const ALL: [Self; 2] = [Self::ById, Self::ByKind];
}

/// Why a key may belong to a certificate, the strongest reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Evidence {
    /// It has the same public key.
    PublicKey,
    /// It has the same `CKA_ID`.
    Id,
    /// It is of the same kind.
    Kind,
}

/// The keys that may belong to the certificate, most likely first. They do not include keys that
/// the token describes as other keys.
pub(super) fn find(
    session: &Session,
    certificate: &TokenCertificate,
    search: Search,
) -> Result<Vec<Candidate>, Failure> {
    let class = Attribute::Class(ObjectClass::PRIVATE_KEY);
    let (template, wanted) = match search {
        Search::ById if certificate.cka_id().is_empty() => return Ok(Vec::new()),
        Search::ById => (vec![class, Attribute::Id(certificate.cka_id().to_vec())], BRIEF),
        Search::ByKind => (vec![class], FULL),
    };
    let handles = objects::find(session, &template, "looking for the private key")?;
    let mut keys = describe(session, certificate, handles, wanted)?;
    if search == Search::ById && keys.len() > 1 {
        // Only now is it worth reading more of the keys: a card may need long for it.
        let handles = keys.iter().map(|key| key.handle).collect();
        keys = describe(session, certificate, handles, FULL)?;
    }
    let ids = match certificate.public_key()?.kind() {
        // The private key object does not hold the point. The public key object does, and has the
        // same CKA_ID (PKCS#11 3.2, section 6.3.3).
        KeyKind::Ec(_) | KeyKind::Ed25519 | KeyKind::Ed448 if keys.len() > 1 => {
            description::ids_of_public_keys(session, certificate.public_key()?)?
        }
        _ => Vec::new(),
    };
    let evidence = |key: &Description| match &key.id {
        _ if key.has_same_modulus => Evidence::PublicKey,
        Some(id) if ids.contains(id) => Evidence::PublicKey,
        _ if search == Search::ById => Evidence::Id,
        _ => Evidence::Kind,
    };
    if search == Search::ByKind {
        keys.retain(|key| key.may_sign != Some(false));
        let only_one = keys.len() == 1;
        // The user would enter a PIN for a guess.
        keys.retain(|key| {
            key.authentication == Authentication::Once
                || only_one
                || evidence(key) == Evidence::PublicKey
        });
    }
    keys.sort_by_key(|key| (key.may_sign == Some(false), evidence(key), key.authentication));
    keys.truncate(MAX_KEYS);
    let candidate = |found: Description| Candidate {
        is_likely: evidence(&found) != Evidence::Kind,
        key: PrivateKey { handle: found.handle, authentication: found.authentication },
    };
    Ok(keys.into_iter().map(candidate).collect())
}

/// What the token says of each key, without the keys that it describes as other keys than the
/// certificate's.
fn describe(
    session: &Session,
    certificate: &TokenCertificate,
    handles: Vec<ObjectHandle>,
    wanted: &[AttributeType],
) -> Result<Vec<Description>, Failure> {
    let public_key = certificate.public_key()?;
    let describe = |handle| Description::read(session, handle, wanted, public_key);
    Ok(handles.into_iter().filter_map(describe).collect())
}

pub(super) fn not_found(certificate: &TokenCertificate) -> Failure {
    Failure::new(
        ErrorCode::NotFound,
        format!(
            "The token has no private key for {}. Choose another certificate.",
            Named(certificate.id())
        ),
    )
}

/// How many keys of a search the worker tries for one signature.
const MAX_KEYS: usize = 16;
