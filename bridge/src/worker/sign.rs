//! Signatures: made with the private key of a certificate, checked against the certificate before
//! anybody gets them.

use pkcs11_bridge_protocol::call::{SignData, SignatureFormat, VerifySignedData};
use pkcs11_bridge_protocol::failure::{Failure, Row};
use pkcs11_bridge_protocol::octets::Octets;

use super::algorithm::{Scheme, check_length};
use super::certificates;
use super::ecdsa;
use super::failures::InContext;
use super::module::LoadedModule;
use super::slot::{LoginError, SlotState};

/// `arrived` is when the bridge took the call, in microseconds since 1970.
pub(super) fn sign(
    module: &LoadedModule,
    params: &SignData,
    arrived: u64,
) -> Result<Octets, LoginError> {
    check_length(params.algorithm_reference, params.data.as_ref())?;
    let slot = module.slot(params.slot_id)?;
    slot.renewing(|| sign_once(&slot, params, arrived))
}

fn sign_once(slot: &SlotState, params: &SignData, arrived: u64) -> Result<Octets, LoginError> {
    let certificate = certificates::find(slot, &params.cert_id)?;
    let public_key = certificate.public_key()?;
    let scheme = Scheme::new(params.algorithm_reference, public_key.kind())?;
    // A signature that could not be checked is not made.
    let verifier = public_key.verifier(scheme)?;
    let mechanism = scheme.mechanism();
    if !slot.has_mechanism(mechanism.mechanism_type())? {
        return Err(Failure::with_ckr(
            Row::AlgorithmUnsupported,
            "CKR_MECHANISM_INVALID",
            format!(
                "The token cannot do {} ({}). Choose another algorithm.",
                params.algorithm_reference,
                mechanism.mechanism_type()
            ),
        )
        .into());
    }

    let _logged_in = slot.log_in(params.pin.as_ref(), arrived)?;
    let session = slot.session()?;
    let operation = format!("signing with the key of certificate {}", certificate.id());
    let data = params.data.as_ref();
    let input = scheme.input(data);
    for key in slot.private_keys(&session, &certificate)? {
        let made = session.sign(&mechanism, key, &input).context(&operation)?;
        if let Some(forms) = Forms::of_token(made, scheme)
            && verifier.accepts(data, forms.to_verify())
        {
            slot.remember_key(&certificate, key);
            return Ok(forms.wanted(params.signature_format).into());
        }
    }
    slot.forget_objects();
    Err(Failure::new(
        Row::Internal,
        format!(
            "The token's signature is not one of the key in certificate {}, so it was withheld. The \
             certificate may belong to another key, or the token may be faulty.",
            certificate.id()
        ),
    )
    .into())
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
