//! Keys of ML-DSA for a token, and a verifier. The `openssl` and the `pkcs11-tool` of the machine
//! may be too old for them.
//!
//!     ml-dsa make NAME PIN MODULE CERTIFICATE
//!     ml-dsa verify CERTIFICATE MESSAGE SIGNATURE
//!
//! `make` generates a key, such as `ML-DSA-65`, with a certificate in DER, on the first token of a
//! module. `verify` prints `true` or `false`.

use std::error::Error;
use std::fs;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{
    Attribute, AttributeType, CertificateType, MlDsaParameterSetType, ObjectClass,
};
use cryptoki::session::UserType;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::sign::Verifier;
use openssl::x509::{X509, X509NameBuilder};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", name, pin, module, certificate] => make(name, pin, module, certificate),
        ["verify", certificate, message, signature] => {
            let key = X509::from_der(&fs::read(certificate)?)?.public_key()?;
            let mut verifier = Verifier::new_without_digest(&key)?;
            println!("{}", verifier.verify_oneshot(&fs::read(signature)?, &fs::read(message)?)?);
            Ok(())
        }
        _ => Err("the first lines of this program say how to call it".into()),
    }
}

fn make(name: &str, pin: &str, module: &str, file: &str) -> Result<()> {
    // The last arc of the key's OID (RFC 9881, section 2).
    let (parameters, arc) = match name {
        "ML-DSA-44" => (MlDsaParameterSetType::ML_DSA_44, 0x11),
        "ML-DSA-65" => (MlDsaParameterSetType::ML_DSA_65, 0x12),
        "ML-DSA-87" => (MlDsaParameterSetType::ML_DSA_87, 0x13),
        _ => return Err(format!("no key is called {name}").into()),
    };
    let module = Pkcs11::new(module)?;
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
    let slot = *module.get_slots_with_initialized_token()?.first().ok_or("no token")?;
    let session = module.open_rw_session(slot)?;
    session.login(UserType::User, Some(&pin.to_owned().into()))?;

    let named = [
        Attribute::Token(true),
        Attribute::Id(vec![arc]),
        Attribute::Label(name.as_bytes().to_vec()),
    ];
    let public = [&named[..], &[Attribute::ParameterSet(parameters.into())]].concat();
    let private = [&named[..], &[Attribute::Private(true), Attribute::Sign(true)]].concat();
    let (key, _) = session.generate_key_pair(&Mechanism::MlDsaKeyPairGen, &public, &private)?;
    let values = session.get_attributes(key, &[AttributeType::Value])?;
    let [Attribute::Value(key)] = &values[..] else { return Err("no public key".into()) };

    let certificate = certificate(name, &public_key_info(arc, key)?)?;
    session.create_object(
        &[
            &named[..],
            &[
                Attribute::Class(ObjectClass::CERTIFICATE),
                Attribute::CertificateType(CertificateType::X_509),
                Attribute::Private(false),
                Attribute::Subject(certificate.subject_name().to_der()?),
                Attribute::Value(certificate.to_der()?),
            ],
        ]
        .concat(),
    )?;
    fs::write(file, certificate.to_der()?)?;
    Ok(())
}

/// A `SubjectPublicKeyInfo` (RFC 9881, section 4).
fn public_key_info(arc: u8, key: &[u8]) -> Result<Vec<u8>> {
    let algorithm = [b"\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03".as_slice(), &[arc]];
    let bits = [&[0], key].concat();
    let content = [algorithm.concat(), element(0x03, &bits)?].concat();
    element(0x30, &content)
}

/// An element in DER with a length of two bytes.
fn element(tag: u8, content: &[u8]) -> Result<Vec<u8>> {
    let length = u16::try_from(content.len())?.to_be_bytes();
    Ok([&[tag, 0x82], &length[..], content].concat())
}

/// A certificate that an authority of no further use signs.
fn certificate(name: &str, public_key_info: &[u8]) -> Result<X509> {
    let authority = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let authority = PKey::from_ec_key(EcKey::generate(&authority)?)?;
    let mut subject = X509NameBuilder::new()?;
    subject.append_entry_by_text("CN", name)?;
    let subject = subject.build();
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*BigNum::from_u32(1)?.to_asn1_integer()?)?;
    builder.set_subject_name(&subject)?;
    builder.set_issuer_name(&subject)?;
    builder.set_not_before(&*Asn1Time::days_from_now(0)?)?;
    builder.set_not_after(&*Asn1Time::days_from_now(3650)?)?;
    builder.set_pubkey(&*PKey::public_key_from_der(public_key_info)?)?;
    builder.sign(&authority, MessageDigest::sha256())?;
    Ok(builder.build())
}
