//! The certificate of the key that a page names. The bridge reads it before the key is used, and
//! decides by it. The worker then signs only with the key of this certificate, and the bridge
//! checks the signature. A key without a certificate stands here with its public key.

use std::sync::Arc;

use pkcs11_bridge_protocol::algorithm::Algorithm;
use pkcs11_bridge_protocol::base64_bytes::Base64Bytes;
use pkcs11_bridge_protocol::call::SignatureFormat;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::slot_id::SlotId;
use serde_json::value::RawValue;

use super::SigningContext;
use super::in_flight::InFlight;
use crate::certificate::fingerprint::{Fingerprint, Named};
use crate::certificate::key_purpose::KeyPurpose;
use crate::ipc::frame;
use crate::ipc::message::encode_result;
use crate::ipc::task::{KeyUse, Task};
use crate::supervisor::Request;
use crate::trace_points::{TracePoint, reached};
use crate::verification::key_kind::KeyKind;
use crate::verification::known_certificates::{KnownCertificate, OtherCertificate};
use crate::verification::public_key::{PublicKey, Verifier};
use crate::verification::scheme::Scheme;
use crate::verification::token_signature::TokenSignature;
use crate::worker::certificates;

/// The certificate of a key, in one slot.
pub(super) struct KeyCertificate<'a> {
    context: SigningContext<'a>,
    slot_id: SlotId,
    cert_id: &'a str,
    known: Arc<KnownCertificate>,
}

impl<'a> KeyCertificate<'a> {
    /// The certificate, if its key was used before.
    pub(super) fn known(
        context: SigningContext<'a>,
        slot_id: SlotId,
        cert_id: &'a str,
    ) -> Option<Self> {
        let SigningContext { session, module, .. } = context;
        let known = session.certificates().get(&module.name, slot_id, cert_id)?;
        Some(Self { context, slot_id, cert_id, known })
    }

    /// Reads the certificate from the token.
    pub(super) async fn read(
        context: SigningContext<'a>,
        slot_id: SlotId,
        cert_id: &'a str,
    ) -> Result<Self, Failure> {
        let der = Self::read_shown(context, slot_id, cert_id).await?;
        Self::remember(context, slot_id, cert_id, der)
    }

    /// Reads the certificate in DER. Fails if the token does not show it now.
    pub(super) async fn read_shown(
        context: SigningContext<'_>,
        slot_id: SlotId,
        cert_id: &str,
    ) -> Result<Vec<u8>, Failure> {
        let SigningContext { supervisor, session, module, .. } = context;
        let task = Task::Certificate { slot_id, cert_id: cert_id.to_owned() };
        let request = Request::without_login(&task);
        let result = supervisor.execute(session, module, &request).await?.result()?;
        Self::decode_der(&result)
    }

    /// The certificate in DER in the result of a task.
    pub(super) fn decode_der(result: &RawValue) -> Result<Vec<u8>, Failure> {
        decode(result).map(|Base64Bytes(der)| der)
    }

    /// Remembers a certificate that was read. Fails if the page was shown another one with this id.
    pub(super) fn remember(
        context: SigningContext<'a>,
        slot_id: SlotId,
        cert_id: &'a str,
        der: Vec<u8>,
    ) -> Result<Self, Failure> {
        let SigningContext { supervisor, session, module, .. } = context;
        let is_key = Named(cert_id).is_key();
        let fingerprint = if is_key { Fingerprint::of_key(&der) } else { Fingerprint::of(&der) };
        let certificates = session.certificates();
        let known = certificates.get(&module.name, slot_id, cert_id);
        if let Some(known) = known.filter(|known| known.fingerprint == fingerprint) {
            return Ok(Self { context, slot_id, cert_id, known });
        }
        let known = if is_key {
            KnownCertificate {
                fingerprint,
                purpose: KeyPurpose::Unknown,
                name: certificates::key_name(&der, fingerprint).into(),
                public_key: PublicKey::of_info(&der, cert_id)?,
                der,
            }
        } else {
            KnownCertificate {
                fingerprint,
                purpose: KeyPurpose::of_certificate(&der),
                name: certificates::subject(&der).map_or_else(|| cert_id.into(), Arc::from),
                public_key: PublicKey::of_certificate(&der, cert_id)?,
                der,
            }
        };
        let known = certificates.insert(&module.name, slot_id, cert_id, known);
        let known = known.map_err(|OtherCertificate| {
            supervisor.listings().forget(session.origin(), &module.name, slot_id);
            other_certificate(cert_id)
        })?;
        Ok(Self { context, slot_id, cert_id, known })
    }

    pub(super) fn id(&self) -> &'a str {
        self.cert_id
    }

    pub(super) fn der(&self) -> &[u8] {
        &self.known.der
    }

    pub(super) fn key_kind(&self) -> KeyKind {
        self.known.public_key.kind()
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.known.fingerprint
    }

    pub(super) fn purpose(&self) -> KeyPurpose {
        self.known.purpose
    }

    /// The name of the certificate, for people.
    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.known.name)
    }

    /// The key with this algorithm, for a task of the worker.
    pub(super) fn key_use(&self, algorithm: Algorithm) -> KeyUse {
        KeyUse { slot_id: self.slot_id, certificate: self.known.fingerprint, algorithm }
    }

    /// The verifier for signatures with this algorithm. Fails if the key cannot make them, or if
    /// the bridge cannot check them.
    pub(super) fn verifier(&self, algorithm: Algorithm) -> Result<Verifier, Failure> {
        let public_key = &self.known.public_key;
        public_key.verifier(Scheme::new(algorithm, public_key.kind())?)
    }

    /// Checks what a worker reports as the signature of `data`. Returns the result for the page.
    /// The module controls its worker, so nothing else of the report counts.
    pub(super) async fn check(
        &self,
        verifier: &Verifier,
        data: &Base64Bytes,
        reported: &RawValue,
        format: SignatureFormat,
    ) -> Result<Box<RawValue>, Failure> {
        let Base64Bytes(signature) = decode(reported)?;
        let (verifier, data) = (verifier.clone(), data.clone());
        let in_place = InFlight::is_alone() && verifier.is_quick();
        let check = move || {
            TokenSignature::read(&signature, &verifier, data.as_ref())
                .map(|signature| signature.in_format(format))
        };
        let checked = if in_place {
            check()
        } else {
            // All pages share the thread of the bridge.
            tokio::task::spawn_blocking(check).await.map_err(|error| internal(&error))?
        };
        reached(TracePoint::Checked);
        match checked {
            Some(signature) => encode_result(&Base64Bytes(signature)),
            None => {
                self.forget_objects().await;
                Err(self.does_not_match())
            }
        }
    }

    /// Says what follows for this certificate from the failure of a task. If the token has another
    /// certificate now, the next call reads it again.
    pub(super) fn failed(&self, failure: Failure) -> Failure {
        if failure.code == ErrorCode::NotFound {
            self.forget();
        }
        failure
    }

    fn forget(&self) {
        let SigningContext { supervisor, session, module, .. } = self.context;
        supervisor.listings().forget(session.origin(), &module.name, self.slot_id);
        session.certificates().forget(&module.name, self.slot_id, self.cert_id);
    }

    /// Makes the worker look for the key again. It may have used another key.
    async fn forget_objects(&self) {
        self.forget();
        let SigningContext { supervisor, session, module, .. } = self.context;
        let task = Task::ForgetObjects { slot_id: self.slot_id };
        let request = Request::without_login(&task);
        if let Err(failure) = supervisor.execute(session, module, &request).await {
            tracing::debug!(%failure, "the worker did not forget its keys");
        }
    }

    fn does_not_match(&self) -> Failure {
        Failure::new(
            ErrorCode::Internal,
            format!(
                "The token's signature does not match {}, so the page does not get it. The \
                 certificate may belong to another key, or the token may be faulty.",
                Named(self.cert_id)
            ),
        )
    }
}

fn decode(reported: &RawValue) -> Result<Base64Bytes, Failure> {
    frame::decode(reported.get().as_bytes()).map_err(|error| internal(&error))
}

fn internal(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(ErrorCode::Internal, format!("The bridge cannot check the signature: {error}."))
}

fn other_certificate(cert_id: &str) -> Failure {
    Failure::new(
        ErrorCode::NotFound,
        format!(
            "The token has another {} than the page was shown. Ask for the certificates again.",
            Named(cert_id)
        ),
    )
}
