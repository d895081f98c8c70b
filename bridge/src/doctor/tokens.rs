//! The token in a slot: what it says of its PIN, its certificates, and its keys without one.

use pkcs11_bridge_protocol::call::{Call, Certificates, Keys, Token};
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::result::{CertificateInfo, KeyInfo, OneOrMany, TokenInfo};
use pkcs11_bridge_protocol::slot_id::SlotId;

use super::modules::Examination;
use super::report::{CertificateState, Problem, TokenState};
use super::signature::{self, Key};
use super::{Identities, Signatures};
use crate::certificate::fingerprint::Named;
use crate::certificate::key_purpose::KeyPurpose;
use crate::modules::Module;
use crate::verification::key_kind::KeyKind;
use crate::verification::public_key::PublicKey;
use crate::worker::certificates::subject;

/// `None` if the token cannot be read.
pub(super) async fn examine(
    module: &Module,
    slot_id: SlotId,
    to: &mut Examination<'_>,
) -> Option<TokenState> {
    let name = Some(module.name.to_string());
    let about = format!("module {}, slot {slot_id}", module.name);
    let token = match to
        .page
        .call(Call::Token, Token { module: name.clone(), slot_id: Some(slot_id) })
        .await
    {
        Ok(OneOrMany::One(token)) => token,
        Ok(OneOrMany::Many(_)) => return None,
        Err(failure) => {
            to.problems.push(Problem::new(about, failure.message));
            return None;
        }
    };
    let (pin, problem) = pin_state(&token);
    if let Some(problem) = problem {
        to.problems.push(Problem::new(about.clone(), problem));
    }
    let (mut certificates, mut keys, mut shows_more) = (Vec::new(), Vec::new(), false);
    if token.flags & TOKEN_INITIALIZED == 0 {
        // It has no objects, and modules open no session on it.
        return Some(state(token, pin, certificates, keys, shows_more, to.identities));
    }
    match to
        .page
        .call(Call::Certificates, Certificates { module: name.clone(), slot_id, login: None })
        .await
    {
        Ok(found) => {
            shows_more = found.login_required;
            for certificate in found.certificates {
                certificates.push(examine_certificate(module, slot_id, certificate, to).await);
            }
        }
        Err(failure) => to.problems.push(Problem::new(about.clone(), failure.message)),
    }
    // After a signature with a certificate's key, the token shows all keys.
    let asks = to.signatures == Signatures::Made && shows_more && certificates.is_empty();
    let login = asks.then_some(true);
    match to.page.call(Call::Keys, Keys { module: name, slot_id, login }).await {
        Ok(found) => {
            for key in found.keys {
                keys.push(examine_key(module, slot_id, key, to).await);
            }
        }
        Err(failure) => to.problems.push(Problem::new(about, failure.message)),
    }
    Some(state(token, pin, certificates, keys, shows_more, to.identities))
}

fn state(
    token: TokenInfo,
    pin: &'static str,
    certificates: Vec<CertificateState>,
    keys: Vec<CertificateState>,
    may_show_more_after_login: bool,
    identities: Identities,
) -> TokenState {
    let shown = identities == Identities::Shown;
    TokenState {
        initialized: token.flags & TOKEN_INITIALIZED != 0,
        label: token.label,
        manufacturer: token.manufacturer_id,
        model: token.model,
        serial_number: shown.then_some(token.serial_number),
        pin,
        certificates,
        keys,
        may_show_more_after_login,
    }
}

async fn examine_certificate(
    module: &Module,
    slot_id: SlotId,
    certificate: CertificateInfo,
    to: &mut Examination<'_>,
) -> CertificateState {
    let der = certificate.base64.as_ref();
    let key = PublicKey::of_certificate(der, &certificate.id).map(|key| key.kind());
    let purpose = KeyPurpose::of_certificate(der);
    let shown = to.identities == Identities::Shown;
    let subject = shown.then(|| subject(der)).flatten();
    let CertificateInfo { id, label, base64: _ } = certificate;
    examine_signer(module, slot_id, Signer { id, label, subject, key, purpose }, to).await
}

async fn examine_key(
    module: &Module,
    slot_id: SlotId,
    key: KeyInfo,
    to: &mut Examination<'_>,
) -> CertificateState {
    let KeyInfo { id, label, public_key, .. } = key;
    let key = PublicKey::of_info(public_key.as_ref(), &id).map(|key| key.kind());
    let (subject, purpose) = (None, KeyPurpose::Unknown);
    examine_signer(module, slot_id, Signer { id, label, subject, key, purpose }, to).await
}

/// A certificate, or a key without one.
struct Signer {
    id: String,
    label: String,
    subject: Option<String>,
    key: Result<KeyKind, Failure>,
    purpose: KeyPurpose,
}

async fn examine_signer(
    module: &Module,
    slot_id: SlotId,
    signer: Signer,
    to: &mut Examination<'_>,
) -> CertificateState {
    let Signer { id, label, subject, key, purpose } = signer;
    let about = format!("module {}, slot {slot_id}, {}", module.name, Named(&id));
    let made = match (&key, to.signatures) {
        (Ok(kind), Signatures::Made) => {
            let (module, cert_id) = (module.name.as_str(), id.as_str());
            let key = Key { module, slot_id, cert_id, kind: *kind, purpose };
            Some(signature::make(to.page, key).await)
        }
        _ => None,
    };
    let failures = key.as_ref().err().map(|failure| failure.message.clone());
    let failures = failures.into_iter().chain(made.as_ref().and_then(|made| made.problem.clone()));
    to.problems.extend(failures.map(|text| Problem::new(about.clone(), text)));
    CertificateState {
        id,
        label,
        subject,
        key: key.ok().map(|kind| kind.to_string()),
        purpose: match purpose {
            KeyPurpose::Signing => "signatures",
            KeyPurpose::NonRepudiation => "signatures that bind their owner (non-repudiation)",
            KeyPurpose::AuthenticationOnly => "authentication only",
            KeyPurpose::Unknown => "not known",
        },
        signature: made,
    }
}

/// What the flags of the token say of the user's PIN, and what to do about it.
fn pin_state(token: &TokenInfo) -> (&'static str, Option<&'static str>) {
    let has = |flag| token.flags & flag != 0;
    if !has(TOKEN_INITIALIZED) {
        ("not set", None)
    } else if has(USER_PIN_LOCKED) {
        let advice = "The PIN is locked. Unlock it with the token's own software and its PUK.";
        ("locked", Some(advice))
    } else if has(USER_PIN_FINAL_TRY) {
        let advice = "One try of the PIN is left. Enter the right PIN in the token's own software.";
        ("one try is left", Some(advice))
    } else if has(USER_PIN_COUNT_LOW) {
        let advice = "A wrong PIN was entered. Pages may send no PIN until the right PIN was \
                      entered in a dialog.";
        ("a wrong PIN was entered", Some(advice))
    } else if has(LOGIN_REQUIRED) && !has(USER_PIN_INITIALIZED) {
        let advice = "The token has no user PIN yet. Set it with the token's own software.";
        ("not set", Some(advice))
    } else if has(PROTECTED_AUTHENTICATION_PATH) {
        ("entered at the reader's pinpad", None)
    } else if has(LOGIN_REQUIRED) {
        ("set", None)
    } else {
        ("not needed, as the token says", None)
    }
}

// Flags of `CK_TOKEN_INFO` (PKCS#11 3.2, section 3.2).
const LOGIN_REQUIRED: u32 = 0x4;
const USER_PIN_INITIALIZED: u32 = 0x8;
const PROTECTED_AUTHENTICATION_PATH: u32 = 0x100;
const TOKEN_INITIALIZED: u32 = 0x400;
const USER_PIN_COUNT_LOW: u32 = 0x1_0000;
const USER_PIN_FINAL_TRY: u32 = 0x2_0000;
const USER_PIN_LOCKED: u32 = 0x4_0000;
