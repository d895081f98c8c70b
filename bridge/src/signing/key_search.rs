//! Finds the certificate that a call names. If the token does not show it, logs in and looks again:
//! some tokens show certificates only after a login.

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::pin::Pin;
use pkcs11_bridge_protocol::slot_id::SlotId;

use super::key_certificate::KeyCertificate;
use super::login_task::{LoginTask, SigningContext};
use super::login_terms;
use super::pin::PinEntry;
use super::purpose::Purpose;
use crate::ipc::task::{HiddenCertificate, Task};
use crate::supervisor::BatchId;

/// What a call names.
pub(super) struct Search<'a> {
    pub(super) pins: &'a PinEntry,
    pub(super) context: SigningContext<'a>,
    pub(super) slot_id: SlotId,
    pub(super) cert_id: &'a str,
    /// The PIN that the page sent.
    pub(super) pin: Option<Pin>,
}

/// A certificate that was found.
pub(super) struct Found<'a> {
    pub(super) certificate: KeyCertificate<'a>,
    /// The call, if the user entered a PIN to find the certificate. Its signature needs no second
    /// one.
    pub(super) call: Option<BatchId>,
}

impl<'a> Search<'a> {
    /// Finds the certificate. `purpose` is what the user enters a PIN for.
    pub(super) async fn find(&self, purpose: Purpose<'_>) -> Result<Found<'a>, Failure> {
        let Self { pins, context, slot_id, cert_id, ref pin } = *self;
        if let Some(certificate) = KeyCertificate::known(context, slot_id, cert_id) {
            return Ok(Found { certificate, call: None });
        }
        let not_found = match KeyCertificate::read_shown(context, slot_id, cert_id).await {
            Ok(der) => {
                let certificate = KeyCertificate::remember(context, slot_id, cert_id, der)?;
                return Ok(Found { certificate, call: None });
            }
            Err(failure) if failure.code == ErrorCode::NotFound => failure,
            Err(failure) => return Err(failure),
        };
        let call = BatchId::new();
        let named = HiddenCertificate { slot_id, cert_id: cert_id.to_owned(), pin: pin.clone() };
        let task = Task::HiddenCertificate(named);
        let login = login_terms::reading(call);
        let login_task = LoginTask { context, task: &task, login: &login, purpose };
        let read = pins.execute(&login_task).await.map_err(|failure| match failure.code {
            // The bridge cannot ask the user, and the module returned no error.
            ErrorCode::BadArgument | ErrorCode::Internal if failure.rv.is_none() => not_found,
            _ => failure,
        })?;
        let der = KeyCertificate::decode_der(&read)?;
        let certificate = KeyCertificate::remember(context, slot_id, cert_id, der)?;
        Ok(Found { certificate, call: Some(call) })
    }
}
