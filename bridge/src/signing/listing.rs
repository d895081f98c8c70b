//! `certificates` and `keys`: the certificates of a token, and its keys without one. The bridge
//! keeps which certificates the page is shown, so that the worker cannot take another one for the
//! same `cert_id` later. The id of a key is a hash of the key itself.

use std::collections::HashMap;
use std::sync::Arc;

use pkcs11_bridge_certificate::public_key::PublicKey;
use pkcs11_bridge_protocol::call::{Certificates, Keys};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::result::{CertificateInfo, CertificateList, KeyInfo, KeyList};
use serde_json::value::RawValue;

use super::SigningContext;
use super::login_task::LoginTask;
use super::login_terms;
use super::pin::PinEntry;
use super::purpose::Purpose;
use crate::certificate::fingerprint::Fingerprint;
use crate::ipc::certificate_listing::CertificateListing;
use crate::ipc::frame;
use crate::ipc::key_listing::{KeyListing, ListedKey};
use crate::ipc::message::encode_result;
use crate::ipc::task::Task;
use crate::supervisor::{BatchId, Request};
use crate::verification::key_kind::KeyKind;

/// Lists the certificates of the token in a slot, after a login if the page wants one.
pub(crate) async fn certificates(
    pins: &PinEntry,
    context: SigningContext<'_>,
    params: Certificates,
) -> Result<Box<RawValue>, Failure> {
    let SigningContext { supervisor, session, module, .. } = context;
    let Certificates { module: _, slot_id, login } = params;
    let login = login.unwrap_or_default();
    let (listings, origin) = (supervisor.listings(), session.origin());
    let known = listings.get(origin, &module.name, slot_id);
    let known_token = known.as_ref().map(|list| list.token.clone());
    let task = Task::Certificates { slot_id, known: known_token, login };
    let result = if login {
        let terms = login_terms::reading(BatchId::new());
        let purpose = Purpose::ListCertificates;
        pins.execute(&LoginTask { context, task: &task, login: &terms, purpose }).await?
    } else {
        let request = Request::without_login(&task);
        supervisor.execute(session, module, &request).await?.result()?
    };
    let CertificateListing { token, certificates, login_required, is_complete } =
        frame::decode(result.get().as_bytes()).map_err(|error| malformed(&error))?;
    let all: Arc<[CertificateInfo]> = match (certificates, known) {
        (Some(read), _) => read.into(),
        (None, Some(known)) => known.certificates,
        (None, None) => return Err(malformed(&"it is missing")),
    };
    let mut listed = HashMap::with_capacity(all.len());
    for CertificateInfo { id, base64, .. } in all.iter() {
        let (id, fingerprint) = (id.to_ascii_lowercase(), Fingerprint::of(base64.as_ref()));
        if id.parse().is_ok_and(|expected: Fingerprint| expected != fingerprint) {
            return Err(malformed(&"an id is the fingerprint of another certificate"));
        }
        if listed.insert(id, fingerprint).is_some() {
            return Err(malformed(&"two certificates have the same id"));
        }
    }
    session.certificates().list(&module.name, slot_id, listed);
    if is_complete {
        listings.keep(origin, &module.name, slot_id, token, Arc::clone(&all));
    } else {
        listings.forget(origin, &module.name, slot_id);
    }
    encode_result(&CertificateList { certificates: all.to_vec(), login_required })
}

/// Lists the keys without a certificate of the token in a slot, after a login if the page wants
/// one. What it says of each key, it reads from the public key that the worker reports.
pub(crate) async fn keys(
    pins: &PinEntry,
    context: SigningContext<'_>,
    params: Keys,
) -> Result<Box<RawValue>, Failure> {
    let SigningContext { supervisor, session, module, .. } = context;
    let Keys { module: _, slot_id, login } = params;
    let login = login.unwrap_or_default();
    let task = Task::Keys { slot_id, login };
    let result = if login {
        let terms = login_terms::reading(BatchId::new());
        let purpose = Purpose::ListKeys;
        pins.execute(&LoginTask { context, task: &task, login: &terms, purpose }).await?
    } else {
        let request = Request::without_login(&task);
        supervisor.execute(session, module, &request).await?.result()?
    };
    let KeyListing { keys, login_required } =
        frame::decode(result.get().as_bytes()).map_err(|error| malformed(&error))?;
    let keys = keys.into_iter().filter_map(described).collect();
    encode_result(&KeyList { keys, login_required })
}

/// `None` for a key whose signatures the bridge cannot check.
fn described(listed: ListedKey) -> Option<KeyInfo> {
    let ListedKey { label, public_key } = listed;
    let key = PublicKey::of_info(public_key.as_ref()).ok()?;
    KeyKind::of(&key.kind)?;
    let id = Fingerprint::of_key(public_key.as_ref()).to_string();
    let key_type = key.kind.name().to_owned();
    let curve = key.kind.curve_name().map(str::to_owned);
    let key_size = key.size();
    Some(KeyInfo { id, label, key_type, key_size, curve, public_key })
}

fn malformed(problem: &dyn std::fmt::Display) -> Failure {
    let message = format!("The module's list of certificates cannot be used: {problem}.");
    Failure::new(ErrorCode::Internal, message)
}
