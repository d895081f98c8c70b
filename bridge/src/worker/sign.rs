//! Makes signatures with the private key of a certificate. The worker checks each signature against
//! the certificate before the page gets it.

use cryptoki::mechanism::Mechanism;
use cryptoki::session::Session;
use pkcs11_bridge_protocol::base64_bytes::Base64Bytes;
use pkcs11_bridge_protocol::call::SignatureFormat;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::rv::Rv;

use super::algorithm::{Scheme, check_length};
use super::certificates::FoundCertificate;
use super::ecdsa;
use super::key::{Authentication, PrivateKey};
use super::module::LoadedModule;
use super::module_error::InContext;
use super::slot::{Credentials, LoginError, SlotState};
use super::verifier::Verifier;
use crate::ipc::task::{KeyUse, PrepareBatch, Sign, Verify};
use crate::trace_points::{TracePoint, reached};

/// Makes one signature.
pub(super) fn sign(
    module: &LoadedModule,
    task: &Sign,
    credentials: &Credentials<'_>,
) -> Result<Base64Bytes, LoginError> {
    check_length(task.key.algorithm, task.data.as_ref())?;
    let slot = module.slot(task.key.slot_id)?;
    slot.with_renewal(|| sign_once(&slot, task, credentials))
}

fn sign_once(
    slot: &SlotState,
    task: &Sign,
    credentials: &Credentials<'_>,
) -> Result<Base64Bytes, LoginError> {
    let signer = Signer::find(slot, &task.key)?;
    let certificate = &signer.certificate;
    let _logged_in = slot.log_in(credentials, certificate)?;
    let session = slot.session()?;
    let data = task.data.as_ref();
    let input = signer.scheme.input(data);
    for key in slot.private_keys(&session, certificate)? {
        reached(TracePoint::Found);
        let signature = match signer.sign(slot, &session, key, credentials, &input) {
            Ok(signature) => signature,
            Err(error) => {
                // The operation may still be active.
                session.discard();
                return Err(error);
            }
        };
        reached(TracePoint::Signed);
        if let Some(signature) = TokenSignature::new(signature, signer.scheme)
            && signer.verifier.accepts(data, signature.for_verifier())
        {
            reached(TracePoint::Checked);
            slot.remember_key(certificate, key);
            return Ok(signature.in_format(task.signature_format).into());
        }
    }
    slot.forget_objects();
    Err(Failure::new(
        ErrorCode::Internal,
        format!(
            "The token's signature does not match certificate {}, so the page does not get it. The \
             certificate may belong to another key, or the token may be faulty.",
            certificate.id()
        ),
    )
    .into())
}

/// Prepares a batch: logs in, and returns whether the key needs the PIN for every signature.
pub(super) fn prepare(
    module: &LoadedModule,
    task: &PrepareBatch,
    credentials: &Credentials<'_>,
) -> Result<bool, LoginError> {
    let slot = module.slot(task.key.slot_id)?;
    slot.with_renewal(|| {
        // Find a login that has ended now, because the tasks of the batch cannot log in.
        slot.check_token()?;
        let signer = Signer::find(&slot, &task.key)?;
        let _logged_in = slot.log_in(credentials, &signer.certificate)?;
        let keys = slot.private_keys(&*slot.session()?, &signer.certificate)?;
        Ok(keys.iter().any(|key| key.authentication == Authentication::Always))
    })
}

/// A certificate, and what the worker needs to sign and check with its key.
struct Signer {
    certificate: FoundCertificate,
    scheme: Scheme,
    mechanism: Mechanism<'static>,
    verifier: Verifier,
}

impl Signer {
    fn find(slot: &SlotState, key: &KeyUse) -> Result<Self, Failure> {
        let (certificate, algorithm) = (slot.certificate_with(key.certificate)?, key.algorithm);
        let public_key = certificate.public_key()?;
        let scheme = Scheme::new(algorithm, public_key.kind())?;
        // Fail before signing if the signature could not be checked.
        let verifier = public_key.verifier(scheme)?;
        let mechanism = scheme.mechanism();
        if !slot.has_mechanism(mechanism.mechanism_type())? {
            return Err(Failure::with_rv(
                ErrorCode::AlgorithmUnsupported,
                Rv::MECHANISM_INVALID,
                format!(
                    "The token cannot do {algorithm} ({}). Choose another algorithm.",
                    mechanism.mechanism_type()
                ),
            ));
        }
        Ok(Self { certificate, scheme, mechanism, verifier })
    }

    fn sign(
        &self,
        slot: &SlotState,
        session: &Session,
        key: PrivateKey,
        credentials: &Credentials<'_>,
        input: &[u8],
    ) -> Result<Vec<u8>, LoginError> {
        let operation = format!("signing with the key of certificate {}", self.certificate.id());
        if key.authentication == Authentication::Always {
            // Do not begin an operation that must stop for a PIN.
            slot.may_authenticate(credentials, &self.certificate)?;
        }
        session.sign_init(&self.mechanism, key.handle).context(&operation)?;
        if key.authentication == Authentication::Always {
            slot.authenticate(session, credentials, &self.certificate)?;
        }
        Ok(slot.single_part().sign(session, input).context(&operation)?)
    }
}

/// Checks a signature in software, with the public key of the certificate.
pub(super) fn verify(module: &LoadedModule, task: &Verify) -> Result<bool, Failure> {
    check_length(task.algorithm, task.data.as_ref())?;
    let slot = module.slot(task.slot_id)?;
    let certificate = slot.with_renewal(|| {
        slot.check_token()?;
        slot.certificate(&task.cert_id)
    })?;
    let public_key = certificate.public_key()?;
    let scheme = Scheme::new(task.algorithm, public_key.kind())?;
    let verifier = public_key.verifier(scheme)?;
    let (data, signature) = (task.data.as_ref(), task.signature.as_ref());
    Ok(match (scheme, task.signature_format) {
        (Scheme::Ecdsa(curve, _), SignatureFormat::Raw) => {
            ecdsa::to_der(signature, curve).is_some_and(|der| verifier.accepts(data, &der))
        }
        _ => verifier.accepts(data, signature),
    })
}

/// A signature as the token made it. An ECDSA signature is kept in DER too.
struct TokenSignature {
    raw: Vec<u8>,
    der: Option<Vec<u8>>,
}

impl TokenSignature {
    /// `None` if the bytes cannot be a signature of the scheme.
    fn new(bytes: Vec<u8>, scheme: Scheme) -> Option<Self> {
        match scheme {
            Scheme::Ecdsa(curve, _) => {
                let raw = ecdsa::full_length(&bytes, curve)?;
                let der = ecdsa::to_der(&raw, curve)?;
                Some(Self { raw, der: Some(der) })
            }
            _ => Some(Self { raw: bytes, der: None }),
        }
    }

    fn for_verifier(&self) -> &[u8] {
        self.der.as_ref().unwrap_or(&self.raw)
    }

    fn in_format(self, format: SignatureFormat) -> Vec<u8> {
        match (format, self.der) {
            (SignatureFormat::Der, Some(der)) => der,
            _ => self.raw,
        }
    }
}
