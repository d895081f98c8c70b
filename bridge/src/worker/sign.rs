//! Makes signatures with the private key of a certificate. The bridge checks each of them. The
//! worker itself checks only the first one, to find the right key.

use cryptoki::mechanism::Mechanism;
use cryptoki::session::Session;
use pkcs11_bridge_protocol::base64_bytes::Base64Bytes;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::rv::Rv;

use super::certificates::FoundCertificate;
use super::key::{Authentication, PrivateKey};
use super::mechanism;
use super::module::LoadedModule;
use super::module_error::InContext;
use super::slot::{Credentials, LoginError, SlotState};
use crate::ipc::task::{BatchReady, KeyUse, PrepareBatch, Sign};
use crate::trace_points::{TracePoint, reached};
use crate::verification::public_key::Verifier;
use crate::verification::scheme::{Scheme, check_length};
use crate::verification::token_signature::TokenSignature;

/// Makes one signature, as the token returns it.
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
    let input = mechanism::input(signer.scheme, data);
    let candidates = slot.private_keys(&session, certificate)?;
    for key in candidates.keys {
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
        if candidates.proven {
            return Ok(signature.into());
        }
        let parsed = TokenSignature::new(signature.clone(), signer.scheme);
        if parsed.is_some_and(|parsed| parsed.is_of(&signer.verifier, data)) {
            slot.remember_key(certificate, key);
            return Ok(signature.into());
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

/// Prepares a batch: logs in, and returns what the bridge has to know of the key.
pub(super) fn prepare(
    module: &LoadedModule,
    task: &PrepareBatch,
    credentials: &Credentials<'_>,
) -> Result<BatchReady, LoginError> {
    let slot = module.slot(task.key.slot_id)?;
    slot.with_renewal(|| {
        // Find a login that has ended now, because the tasks of the batch cannot log in.
        slot.check_token()?;
        let signer = Signer::find(&slot, &task.key)?;
        let _logged_in = slot.log_in(credentials, &signer.certificate)?;
        let keys = slot.private_keys(&*slot.session()?, &signer.certificate)?;
        Ok(BatchReady {
            pin_for_each: keys.keys.iter().any(|key| key.authentication == Authentication::Always),
            token: slot.token_label()?,
            certificate: signer.certificate.subject(),
        })
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
        let mechanism = mechanism::mechanism(scheme);
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
        Ok(slot.sign(session, input).context(&operation)?)
    }
}
