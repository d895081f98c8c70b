//! Decides what a PIN opens: only the key of its certificate, and for how long. Keys for
//! non-repudiation, and keys without a certificate, ask for each signature or batch, unless a rule
//! says otherwise.

use std::sync::Arc;

use super::SigningContext;
use super::key_certificate::KeyCertificate;
use crate::access::origin::RequestOrigin;
use crate::certificate::key_purpose::KeyPurpose;
use crate::config::Ask;
use crate::supervisor::{BatchId, LoginTerms};

/// The terms for tasks that use the key of a certificate.
pub(super) fn terms(
    context: SigningContext<'_>,
    certificate: &KeyCertificate<'_>,
    batch: Option<BatchId>,
) -> LoginTerms {
    let fingerprint = certificate.fingerprint();
    let longest = context.supervisor.limits().login;
    let (ask, longest) = match context.origin {
        RequestOrigin::Tuple(origin) => (
            context.rules.ask(origin, fingerprint),
            context.rules.login_time(origin, fingerprint).unwrap_or(longest),
        ),
        RequestOrigin::Opaque => (Some(Ask::Each), longest),
    };
    let ask = ask.unwrap_or(match certificate.purpose() {
        KeyPurpose::NonRepudiation | KeyPurpose::Unknown => Ask::Each,
        KeyPurpose::Signing | KeyPurpose::AuthenticationOnly => Ask::Login,
    });
    LoginTerms {
        certificate: Some(fingerprint),
        name: certificate.name(),
        batch,
        opens_for: match ask {
            Ask::Login => Some(longest),
            Ask::Each => None,
        },
    }
}

/// The terms for a task that only reads what the token shows after a login. A PIN opens no key by
/// it, except to the rest of the call that it was entered for.
pub(super) fn reading(call: BatchId) -> LoginTerms {
    LoginTerms { certificate: None, name: Arc::from(""), batch: Some(call), opens_for: None }
}
