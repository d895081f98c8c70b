//! Creates the throw-away token in a process of its own. The token gets five key pairs, each with a
//! certificate of a demo CA. One of them is only for log-ins. The CA's key is never stored.

use std::path::Path;
use std::time::{Duration, SystemTime};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::Error;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, CertificateType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki_sys::CK_ULONG;
use der::asn1::{ObjectIdentifier, OctetStringRef, UintRef};
use der::{Decode, Encode};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SignatureAlgorithm,
};
use secrecy::SecretString;
use x509_cert::Certificate;

use crate::verification::rsa_public_key::RsaPublicKey;

/// The user's PIN of the token. It is not a secret: the token protects nothing and lasts only as
/// long as the demo.
pub(super) const PIN: &str = "123456";
const SO_PIN: &str = "12345678";
const LABEL: &str = "Demo token";

#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("SoftHSM2 failed to create the demo token: {0}")]
    Module(#[from] Error),
    #[error("cannot issue a certificate for the demo token: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("cannot encode a key of the demo token: {0}")]
    Encoding(#[from] der::Error),
    #[error("SoftHSM2 has no slot for the demo token")]
    NoSlot,
    #[error("SoftHSM2 did not return the public key of a key pair that it generated")]
    NoPublicKey,
}

/// Initialises the token in the first free slot of the module as the demo token.
pub(crate) fn make(library: &Path) -> Result<(), TokenError> {
    let module = Pkcs11::new(library)?;
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
    let slot = free_slot(&module)?;
    let so_pin = SecretString::from(SO_PIN);
    module.init_token(slot, &so_pin, LABEL)?;
    let slot = demo_token_slot(&module)?;
    let session = module.open_rw_session(slot)?;
    let pin = SecretString::from(PIN);
    session.login(UserType::So, Some(&so_pin))?;
    session.init_pin(&pin)?;
    session.logout()?;
    session.login(UserType::User, Some(&pin))?;

    let ca = DemoCa::new()?;
    for (id, (owner, kind, purpose)) in (1..).zip(OWNERS) {
        let public_key = generate(&session, id, owner, kind)?;
        let certificate = ca.issue(owner, &public_key, purpose)?;
        store_certificate(&session, id, owner, certificate)?;
    }
    session.close()?;
    module.finalize()?;
    Ok(())
}

/// A slot with a token that is not initialised. An initialised token belongs to the user.
fn free_slot(module: &Pkcs11) -> Result<Slot, TokenError> {
    for slot in module.get_slots_with_token()? {
        if !module.get_token_info(slot)?.token_initialized() {
            return Ok(slot);
        }
    }
    Err(TokenError::NoSlot)
}

/// Finds the demo token again, because SoftHSM2 moves a token to another slot when it is
/// initialised.
fn demo_token_slot(module: &Pkcs11) -> Result<Slot, TokenError> {
    for slot in module.get_slots_with_initialized_token()? {
        let token = module.get_token_info(slot)?;
        if token.label() == LABEL && !token.user_pin_initialized() {
            return Ok(slot);
        }
    }
    Err(TokenError::NoSlot)
}

#[derive(Clone, Copy)]
enum Kind {
    Rsa(u32),
    Ec(ObjectIdentifier, &'static SignatureAlgorithm),
}

/// What a certificate is for.
#[derive(Clone, Copy)]
enum Purpose {
    LoginAndSignatures,
    Login,
}

const OWNERS: [(&str, Kind, Purpose); 5] = [
    ("Ada Demo (RSA-2048)", Kind::Rsa(2048), Purpose::LoginAndSignatures),
    ("Blaise Demo (RSA-3072)", Kind::Rsa(3072), Purpose::LoginAndSignatures),
    ("Carl Demo (P-256)", P256, Purpose::LoginAndSignatures),
    ("Emmy Demo (P-384)", P384, Purpose::LoginAndSignatures),
    ("Hedy Demo (log-in only)", P256, Purpose::Login),
];

const P256: Kind =
    Kind::Ec(ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), &rcgen::PKCS_ECDSA_P256_SHA256);
const P384: Kind =
    Kind::Ec(ObjectIdentifier::new_unwrap("1.3.132.0.34"), &rcgen::PKCS_ECDSA_P384_SHA384);

/// The public key of a pair on the token, in the form that a certificate needs.
struct TokenPublicKey {
    bytes: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
}

impl PublicKeyData for TokenPublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

fn generate(
    session: &Session,
    id: u8,
    label: &str,
    kind: Kind,
) -> Result<TokenPublicKey, TokenError> {
    let common = [
        Attribute::Token(true),
        Attribute::Id(vec![id]),
        Attribute::Label(label.as_bytes().to_vec()),
    ];
    let mut public = common.to_vec();
    public.push(Attribute::Verify(true));
    let mut private = common.to_vec();
    private.extend([
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
    ]);
    let mechanism = match kind {
        Kind::Rsa(bits) => {
            public.push(Attribute::ModulusBits(CK_ULONG::from(bits).into()));
            public.push(Attribute::PublicExponent(vec![1, 0, 1]));
            Mechanism::RsaPkcsKeyPairGen
        }
        Kind::Ec(curve, _) => {
            public.push(Attribute::EcParams(curve.to_der()?));
            Mechanism::EccKeyPairGen
        }
    };
    let (public_key, _) = session.generate_key_pair(&mechanism, &public, &private)?;
    match kind {
        Kind::Rsa(_) => Ok(TokenPublicKey {
            bytes: rsa_public_key(session, public_key)?,
            algorithm: &rcgen::PKCS_RSA_SHA256,
        }),
        Kind::Ec(_, algorithm) => {
            Ok(TokenPublicKey { bytes: ec_point(session, public_key)?, algorithm })
        }
    }
}

fn rsa_public_key(session: &Session, key: ObjectHandle) -> Result<Vec<u8>, TokenError> {
    let wanted = [AttributeType::Modulus, AttributeType::PublicExponent];
    match &session.get_attributes(key, &wanted)?[..] {
        [Attribute::Modulus(modulus), Attribute::PublicExponent(exponent)] => Ok(RsaPublicKey {
            modulus: UintRef::new(modulus)?,
            public_exponent: UintRef::new(exponent)?,
        }
        .to_der()?),
        _ => Err(TokenError::NoPublicKey),
    }
}

/// The EC point, without the OCTET STRING that PKCS#11 wraps it in.
fn ec_point(session: &Session, key: ObjectHandle) -> Result<Vec<u8>, TokenError> {
    match &session.get_attributes(key, &[AttributeType::EcPoint])?[..] {
        [Attribute::EcPoint(point)] => Ok(<&OctetStringRef>::from_der(point)?.as_bytes().to_vec()),
        _ => Err(TokenError::NoPublicKey),
    }
}

fn store_certificate(
    session: &Session,
    id: u8,
    label: &str,
    der: Vec<u8>,
) -> Result<(), TokenError> {
    let names = Certificate::from_der(&der)?;
    let names = names.tbs_certificate();
    session.create_object(&[
        Attribute::Class(ObjectClass::CERTIFICATE),
        Attribute::CertificateType(CertificateType::X_509),
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Id(vec![id]),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Subject(names.subject().to_der()?),
        Attribute::Issuer(names.issuer().to_der()?),
        Attribute::SerialNumber(names.serial_number().to_der()?),
        Attribute::Value(der),
    ])?;
    Ok(())
}

/// A certification authority that exists only while the token is created.
struct DemoCa {
    issuer: Issuer<'static, KeyPair>,
}

impl DemoCa {
    fn new() -> Result<Self, TokenError> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = distinguished_name("Demo CA, trust it nowhere");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Ok(Self { issuer: Issuer::new(params, key) })
    }

    fn issue(
        &self,
        owner: &str,
        key: &TokenPublicKey,
        purpose: Purpose,
    ) -> Result<Vec<u8>, TokenError> {
        let now = SystemTime::now();
        let mut params = CertificateParams::default();
        params.distinguished_name = distinguished_name(owner);
        params.not_before = (now - HOUR).into();
        params.not_after = (now + 30 * 24 * HOUR).into();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match purpose {
            Purpose::LoginAndSignatures => {
                vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::EmailProtection]
            }
            Purpose::Login => vec![ExtendedKeyUsagePurpose::ClientAuth],
        };
        Ok(params.signed_by(key, &self.issuer)?.der().to_vec())
    }
}

const HOUR: Duration = Duration::from_secs(60 * 60);

fn distinguished_name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, "ZZ");
    name.push(DnType::OrganizationName, "pkcs11-bridge demo");
    name.push(DnType::CommonName, common_name);
    name
}
