//! One signature with a key, as a page would ask for it. The bridge asks the user for the PIN, and
//! checks the signature. The doctor throws it away.

use pkcs11_bridge_protocol::algorithm::Algorithm;
use pkcs11_bridge_protocol::authentication::Challenge;
use pkcs11_bridge_protocol::call::{Authenticate, Call, SignData};
use pkcs11_bridge_protocol::document::Document;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::slot_id::SlotId;

use super::local_page::LocalPage;
use super::report::SignatureState;
use crate::certificate::key_purpose::KeyPurpose;
use crate::verification::key_kind::KeyKind;
use crate::verification::scheme::Scheme;

/// The key that signs.
pub(super) struct Key<'a> {
    pub(super) module: &'a str,
    pub(super) slot_id: SlotId,
    pub(super) cert_id: &'a str,
    pub(super) kind: KeyKind,
    pub(super) purpose: KeyPurpose,
}

/// Keys that are only for authentication sign a challenge, all others a fixed text.
pub(super) async fn make(page: &LocalPage, key: Key<'_>) -> SignatureState {
    let (algorithm, signed) = match key.purpose {
        KeyPurpose::AuthenticationOnly => {
            ("authenticate".to_owned(), authenticate(page, &key).await)
        }
        KeyPurpose::Signing | KeyPurpose::NonRepudiation | KeyPurpose::Unknown => {
            match algorithm_for(key.kind) {
                Some(algorithm) => (algorithm.to_string(), sign(page, &key, algorithm).await),
                None => {
                    let message = format!("The doctor has no algorithm for {}.", key.kind);
                    (String::new(), Err(Failure::new(ErrorCode::BadArgument, message)))
                }
            }
        }
    };
    let problem = signed.err().map(|failure| failure.message);
    SignatureState { algorithm, works: problem.is_none(), problem }
}

async fn sign(page: &LocalPage, key: &Key<'_>, algorithm: Algorithm) -> Result<(), Failure> {
    // As a message, so that tokens can sign it that sign no hash.
    let params = SignData {
        module: Some(key.module.to_owned()),
        slot_id: key.slot_id,
        cert_id: key.cert_id.to_owned(),
        algorithm_reference: algorithm,
        data: None,
        message: Some(TEXT.to_vec().into()),
        pin: None,
        signature_format: None,
        document: Some(Document { name: DOCUMENT.to_owned(), size: Some(TEXT.len() as u64) }),
    };
    page.call(Call::SignData, params).await.map(drop)
}

async fn authenticate(page: &LocalPage, key: &Key<'_>) -> Result<(), Failure> {
    let challenge = Challenge::new(TEXT.to_vec())
        .ok_or_else(|| Failure::bad_argument("challenge", "has a wrong length."))?;
    let params = Authenticate {
        module: Some(key.module.to_owned()),
        slot_id: key.slot_id,
        cert_id: key.cert_id.to_owned(),
        challenge,
    };
    page.call(Call::Authenticate, params).await.map(drop)
}

/// An algorithm that fits the key.
fn algorithm_for(kind: KeyKind) -> Option<Algorithm> {
    let names = ["sha256", "PS256", "EdDSA", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"];
    let mut algorithms = names.into_iter().filter_map(|name| name.parse::<Algorithm>().ok());
    algorithms.find(|algorithm| Scheme::new(*algorithm, kind).is_ok())
}

/// What is signed. Nobody can use a signature over it.
const TEXT: &[u8] = b"A test signature of pkcs11-bridge doctor. It is thrown away.";
const DOCUMENT: &str = "pkcs11-bridge doctor: test signature";
