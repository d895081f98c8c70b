//! Signatures: made with the private key of a certificate, checked against the certificate before
//! anybody gets them.

use cryptoki::mechanism::Mechanism;
use cryptoki::session::Session;
use pkcs11_bridge_protocol::algorithm::Algorithm;
use pkcs11_bridge_protocol::base64_bytes::Base64Bytes;
use pkcs11_bridge_protocol::call::{SignData, SignDataBatch, SignatureFormat, VerifySignedData};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::rv::Rv;

use super::algorithm::{Scheme, check_length};
use super::certificates::{self, Found};
use super::ecdsa;
use super::failures::InContext;
use super::key::{Authentication, PrivateKey};
use super::module::LoadedModule;
use super::slot::{LoginError, Pins, SlotState};
use super::verifier::Verifier;
use crate::trace_points::{self, TracePoint, reached};

/// Makes one signature.
pub(super) fn sign(
    module: &LoadedModule,
    params: &SignData,
    pins: &Pins<'_>,
) -> Result<Base64Bytes, LoginError> {
    check_length(params.algorithm_reference, params.data.as_ref())?;
    let slot = module.slot(params.slot_id)?;
    slot.renewing(|| sign_once(&slot, params, pins))
}

fn sign_once(
    slot: &SlotState,
    params: &SignData,
    pins: &Pins<'_>,
) -> Result<Base64Bytes, LoginError> {
    let signer = Signer::find(slot, &params.cert_id, params.algorithm_reference)?;
    let certificate = &signer.certificate;
    let _logged_in = slot.log_in(pins, certificate)?;
    let session = slot.session()?;
    let data = params.data.as_ref();
    let input = signer.scheme.input(data);
    for key in slot.private_keys(&session, certificate)? {
        reached(TracePoint::Found);
        let made = match signer.make(slot, &session, key, pins, &input) {
            Ok(made) => made,
            Err(error) => {
                // The operation may still be active.
                session.discard();
                return Err(error);
            }
        };
        reached(TracePoint::Signed);
        if let Some(forms) = Forms::of_token(made, signer.scheme)
            && (!trace_points::checks() || signer.verifier.accepts(data, forms.to_verify()))
        {
            reached(TracePoint::Checked);
            slot.remember_key(certificate, key);
            return Ok(forms.wanted(params.signature_format).into());
        }
    }
    slot.forget_objects();
    Err(Failure::new(
        ErrorCode::Internal,
        format!(
            "The token's signature is not one of the key in certificate {}, so it was withheld. The \
             certificate may belong to another key, or the token may be faulty.",
            certificate.id()
        ),
    )
    .into())
}

/// Makes everything ready for a batch: logs in, and says whether the key wants the PIN for every
/// signature.
pub(super) fn prepare(
    module: &LoadedModule,
    params: &SignDataBatch,
    pins: &Pins<'_>,
) -> Result<bool, LoginError> {
    let slot = module.slot(params.slot_id)?;
    slot.renewing(|| {
        // The signatures cannot log in again.
        slot.make_sure_of_token()?;
        let signer = Signer::find(&slot, &params.cert_id, params.algorithm_reference)?;
        let _logged_in = slot.log_in(pins, &signer.certificate)?;
        let keys = slot.private_keys(&*slot.session()?, &signer.certificate)?;
        Ok(keys.iter().any(|key| key.authentication == Authentication::Always))
    })
}

/// A certificate with what signs and checks for it.
struct Signer {
    certificate: Found,
    scheme: Scheme,
    mechanism: Mechanism<'static>,
    verifier: Verifier,
}

impl Signer {
    fn find(slot: &SlotState, cert_id: &str, algorithm: Algorithm) -> Result<Self, Failure> {
        let certificate = certificates::find(slot, cert_id)?;
        let public_key = certificate.public_key()?;
        let scheme = Scheme::new(algorithm, public_key.kind())?;
        // A signature that could not be checked is not made.
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

    fn make(
        &self,
        slot: &SlotState,
        session: &Session,
        key: PrivateKey,
        pins: &Pins<'_>,
        input: &[u8],
    ) -> Result<Vec<u8>, LoginError> {
        let operation = format!("signing with the key of certificate {}", self.certificate.id());
        if key.authentication == Authentication::Always {
            // No operation is begun that could not go on.
            slot.may_authenticate(pins, &self.certificate)?;
        }
        session.sign_init(&self.mechanism, key.handle).context(&operation)?;
        if key.authentication == Authentication::Always {
            slot.authenticate(session, pins, &self.certificate)?;
        }
        Ok(slot.single_part().sign(session, input).context(&operation)?)
    }
}

pub(super) fn verify(module: &LoadedModule, params: &VerifySignedData) -> Result<bool, Failure> {
    check_length(params.algorithm_reference, params.data.as_ref())?;
    let slot = module.slot(params.slot_id)?;
    let certificate = slot.renewing(|| {
        slot.make_sure_of_token()?;
        certificates::find(&slot, &params.cert_id)
    })?;
    let public_key = certificate.public_key()?;
    let scheme = Scheme::new(params.algorithm_reference, public_key.kind())?;
    let verifier = public_key.verifier(scheme)?;
    let (data, signature) = (params.data.as_ref(), params.signature.as_ref());
    Ok(match (scheme, params.signature_format.unwrap_or_default()) {
        (Scheme::Ecdsa(curve, _), SignatureFormat::Raw) => {
            ecdsa::to_der(signature, curve).is_some_and(|der| verifier.accepts(data, &der))
        }
        _ => verifier.accepts(data, signature),
    })
}

/// A signature in the form that the token gave and, where it is ECDSA, in DER too.
struct Forms {
    token: Vec<u8>,
    der: Option<Vec<u8>>,
}

impl Forms {
    /// `None` where the bytes cannot be a signature of that scheme.
    fn of_token(made: Vec<u8>, scheme: Scheme) -> Option<Self> {
        match scheme {
            Scheme::Ecdsa(curve, _) => {
                let token = ecdsa::full_length(&made, curve)?;
                let der = ecdsa::to_der(&token, curve)?;
                Some(Self { token, der: Some(der) })
            }
            _ => Some(Self { token: made, der: None }),
        }
    }

    fn to_verify(&self) -> &[u8] {
        self.der.as_ref().unwrap_or(&self.token)
    }

    fn wanted(self, format: Option<SignatureFormat>) -> Vec<u8> {
        match (format.unwrap_or_default(), self.der) {
            (SignatureFormat::Der, Some(der)) => der,
            _ => self.token,
        }
    }
}
