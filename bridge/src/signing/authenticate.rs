//! `authenticate`: proves to the page's server who the user is. The bridge puts the signed bytes
//! together itself, so the signature is of no use for anything else.

use pkcs11_bridge_protocol::algorithm::{Algorithm, Hash};
use pkcs11_bridge_protocol::authentication::{Authentication, PREFIX, signed_message};
use pkcs11_bridge_protocol::base64_bytes::Base64Bytes;
use pkcs11_bridge_protocol::call::{Authenticate, SignatureFormat};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use serde_json::value::RawValue;

use super::hashed::hashed;
use super::in_flight::InFlight;
use super::key_certificate::KeyCertificate;
use super::key_permission;
use super::key_search::{Found, Search};
use super::login_task::{LoginTask, SigningContext};
use super::login_terms;
use super::pin::PinEntry;
use super::purpose::Purpose;
use crate::ipc::frame;
use crate::ipc::message::encode_result;
use crate::ipc::task::{Sign, SigningMethod, Task};
use crate::supervisor::BatchId;
use crate::verification::key_kind::KeyKind;

/// Signs the challenge, with a PIN if the token wants one.
pub(crate) async fn authenticate(
    pins: &PinEntry,
    context: SigningContext<'_>,
    params: Authenticate,
) -> Result<Box<RawValue>, Failure> {
    let Authenticate { module: _, slot_id, cert_id, challenge } = params;
    let _in_flight = InFlight::begin();
    let search = Search { pins, context, slot_id, cert_id: &cert_id, pin: None };
    let Found { certificate, call } = search.find(Purpose::Authenticate).await?;
    key_permission::check_authentication(&certificate)?;
    let message =
        signed_message(&context.origin.to_string(), &challenge).ok_or_else(origin_too_long)?;
    let signer = Signer { pins, context, certificate: &certificate, call, message: &message };
    let no_algorithm = || no_algorithm(&certificate);
    let (mut algorithm, fallback) = algorithms(certificate.key_kind()).ok_or_else(no_algorithm)?;
    let mut signed = signer.sign(algorithm).await;
    if let (Err(failure), Some(fallback)) = (&signed, fallback)
        // The token refused the first algorithm before it signed.
        && failure.code == ErrorCode::AlgorithmUnsupported
    {
        algorithm = fallback;
        signed = signer.sign(algorithm).await;
    }
    let (format, signature) = (PREFIX.to_owned(), signed?);
    let certificate = certificate.der().to_vec().into();
    encode_result(&Authentication { format, algorithm, signature, certificate })
}

/// The algorithm for a key of this kind, and the one for tokens that do not have it. `None` if no
/// JSON Web Algorithm fits the key.
fn algorithms(key: KeyKind) -> Option<(Algorithm, Option<Algorithm>)> {
    Some(match key {
        KeyKind::Rsa => (Algorithm::RsaPss(Hash::Sha256), Some(Algorithm::RsaPkcs1(Hash::Sha256))),
        KeyKind::RsaPss(allowed) => {
            let mut hashes = [Hash::Sha256, Hash::Sha384, Hash::Sha512].into_iter();
            (Algorithm::RsaPss(hashes.find(|hash| allowed.allows(*hash))?), None)
        }
        KeyKind::Ec(curve) => (Algorithm::Ecdsa(curve.hash_of_jwa()?), None),
        KeyKind::Ed25519 => (Algorithm::EdDsa, None),
        // Servers could not verify it: WebCrypto does not have it everywhere.
        KeyKind::Ed448 => return None,
        KeyKind::MlDsa(parameters) => (Algorithm::MlDsa(parameters), None),
    })
}

struct Signer<'a> {
    pins: &'a PinEntry,
    context: SigningContext<'a>,
    certificate: &'a KeyCertificate<'a>,
    call: Option<BatchId>,
    message: &'a [u8],
}

impl Signer<'_> {
    async fn sign(&self, algorithm: Algorithm) -> Result<Base64Bytes, Failure> {
        let Self { pins, context, certificate, call, message } = *self;
        let verifier = certificate.verifier(algorithm)?;
        let (method, key) = (SigningMethod::Authenticate, certificate.key_use(algorithm));
        let data = hashed(algorithm, message);
        let data = Base64Bytes(data);
        let task = Task::Sign(Sign {
            method,
            key,
            data: data.clone(),
            message: Some(message.to_vec().into()),
            pin: None,
        });
        let login = login_terms::terms(context, certificate, call);
        let purpose = Purpose::Authenticate;
        let login_task = LoginTask { context, task: &task, login: &login, purpose };
        let reported =
            pins.execute(&login_task).await.map_err(|failure| certificate.failed(failure))?;
        let signature =
            certificate.check(&verifier, &data, &reported, SignatureFormat::Raw).await?;
        frame::decode(signature.get().as_bytes())
            .map_err(|error| Failure::new(ErrorCode::Internal, error.to_string()))
    }
}

fn no_algorithm(certificate: &KeyCertificate<'_>) -> Failure {
    Failure::new(
        ErrorCode::AlgorithmUnsupported,
        format!(
            "Certificate {} cannot prove an identity, because its key is {}, which no JSON Web \
             Algorithm fits. Choose another certificate.",
            certificate.id(),
            certificate.key_kind()
        ),
    )
}

fn origin_too_long() -> Failure {
    let message = "The page's origin is too long to be signed. Serve the page from a shorter one.";
    Failure::new(ErrorCode::BadArgument, message)
}
