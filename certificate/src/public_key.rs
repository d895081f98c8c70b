//! The public key of a certificate (RFC 5280, section 4.1.2.7).

mod curve;

use std::borrow::Cow;
use std::fmt;

use pkcs11_bridge_protocol::algorithm::{Hash, MlDsa};

pub use self::curve::Curve;
use crate::element::{CONTEXT_0, CONTEXT_1, CONTEXT_2, CONTEXT_3, Element, SEQUENCE};
use crate::oid;

/// A public key.
pub struct PublicKey<'a> {
    /// Its kind.
    pub kind: KeyKind,
    /// The content of `subjectPublicKey`.
    pub bytes: Cow<'a, [u8]>,
}

/// The kind of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA for any scheme (RFC 8017, appendix A.1)
    Rsa,
    /// RSA for PSS only (RFC 8017, appendix A.2.3)
    RsaPss(PssHash),
    /// An elliptic curve (RFC 5480, section 2.1.1)
    Ec(Curve),
    /// An elliptic curve that is not known: its OID, or `None` if the key describes its curve
    /// itself, or not at all
    UnknownCurve(Option<String>),
    /// RFC 8410
    Ed25519,
    /// RFC 8410
    Ed448,
    /// RFC 9881
    MlDsa(MlDsa),
    /// Another algorithm: its OID
    Unknown(String),
}

/// Which hash signatures of an RSASSA-PSS key have (RFC 4055, section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PssHash {
    /// Any hash.
    Any,
    /// This hash, also in the mask, with a salt of its length.
    Only(Hash),
    /// Something else.
    Unknown,
}

/// The public key cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its public key cannot be read")]
pub struct UnreadableKey;

/// An RSA public key (RFC 8017, appendix A.1.1): numbers in big-endian, without leading zeros.
pub struct RsaKey<'a> {
    /// n
    pub modulus: &'a [u8],
    /// e
    pub exponent: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// Reads a `SubjectPublicKeyInfo` in DER or BER, which stands alone.
    pub fn of_info(bytes: &'a [u8]) -> Result<Self, UnreadableKey> {
        let info = Element::read(bytes).filter(|info| info.tag() == SEQUENCE);
        Self::read(info.ok_or(UnreadableKey)?)
    }

    /// Reads a `SubjectPublicKeyInfo`.
    pub(crate) fn read(info: Element<'a>) -> Result<Self, UnreadableKey> {
        let mut fields = info.elements();
        let algorithm = fields.next().filter(|algorithm| algorithm.tag() == SEQUENCE);
        let mut algorithm = algorithm.ok_or(UnreadableKey)?.elements();
        let id = algorithm.next().and_then(oid::text).ok_or(UnreadableKey)?;
        let parameters = algorithm.next();
        let key = fields.next().and_then(Element::bits).ok_or(UnreadableKey)?;
        // A key is a whole number of bytes.
        if key.unused != 0 {
            return Err(UnreadableKey);
        }
        Ok(Self { kind: KeyKind::of(id, parameters), bytes: key.bytes })
    }

    /// The numbers of an RSA key.
    pub fn rsa(&self) -> Option<RsaKey<'_>> {
        if !matches!(self.kind, KeyKind::Rsa | KeyKind::RsaPss(_)) {
            return None;
        }
        let mut numbers = Element::read(&self.bytes)?.elements();
        let modulus = numbers.next()?.magnitude()?;
        Some(RsaKey { modulus, exponent: numbers.next()?.magnitude()? })
    }

    /// The size of the key in bits, if it is known.
    pub fn size(&self) -> Option<u32> {
        match &self.kind {
            KeyKind::Rsa | KeyKind::RsaPss(_) => {
                let modulus = self.rsa()?.modulus;
                let leading = modulus.first().map_or(0, |byte| byte.leading_zeros());
                Some(u32::try_from(modulus.len()).ok()?.checked_mul(8)? - leading)
            }
            KeyKind::Ec(curve) => Some(curve.bits()),
            KeyKind::Ed25519 => Some(256),
            KeyKind::Ed448 => Some(456),
            KeyKind::UnknownCurve(_) | KeyKind::MlDsa(_) | KeyKind::Unknown(_) => None,
        }
    }
}

impl KeyKind {
    /// The name of the key's algorithm, or its OID.
    pub fn name(&self) -> &str {
        match self {
            Self::Rsa | Self::RsaPss(_) => "RSA",
            Self::Ec(_) | Self::UnknownCurve(_) => "EC",
            Self::Ed25519 => "Ed25519",
            Self::Ed448 => "Ed448",
            Self::MlDsa(MlDsa::MlDsa44) => "ML-DSA-44",
            Self::MlDsa(MlDsa::MlDsa65) => "ML-DSA-65",
            Self::MlDsa(MlDsa::MlDsa87) => "ML-DSA-87",
            Self::Unknown(id) => id,
        }
    }

    /// The name of the key's curve, or its OID, for an EC key.
    pub fn curve_name(&self) -> Option<&str> {
        match self {
            Self::Ec(curve) => Some(curve.name()),
            Self::UnknownCurve(id) => id.as_deref(),
            _ => None,
        }
    }

    fn of(id: String, parameters: Option<Element<'_>>) -> Self {
        match id.as_str() {
            // RFC 8017, appendix C
            "1.2.840.113549.1.1.1" => Self::Rsa,
            "1.2.840.113549.1.1.10" => Self::RsaPss(PssHash::of(parameters)),
            // RFC 5480, section 2.1.1
            "1.2.840.10045.2.1" => match parameters {
                Some(parameters) if parameters.tag() == SEQUENCE => {
                    let curve = Curve::of_explicit_parameters(parameters);
                    curve.map_or(Self::UnknownCurve(None), Self::Ec)
                }
                parameters => match parameters.and_then(oid::text) {
                    Some(id) => Curve::of_id(&id).map_or(Self::UnknownCurve(Some(id)), Self::Ec),
                    None => Self::UnknownCurve(None),
                },
            },
            // RFC 8410, section 3
            "1.3.101.112" => Self::Ed25519,
            "1.3.101.113" => Self::Ed448,
            // RFC 9881, section 2
            "2.16.840.1.101.3.4.3.17" => Self::MlDsa(MlDsa::MlDsa44),
            "2.16.840.1.101.3.4.3.18" => Self::MlDsa(MlDsa::MlDsa65),
            "2.16.840.1.101.3.4.3.19" => Self::MlDsa(MlDsa::MlDsa87),
            _ => Self::Unknown(id),
        }
    }
}

/// For people, with an article.
impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RsaPss(PssHash::Any) => f.write_str("an RSA key for PSS"),
            Self::RsaPss(PssHash::Only(hash)) => {
                write!(f, "an RSA key for PSS with {}", hash.name())
            }
            Self::RsaPss(PssHash::Unknown) => f.write_str("an RSA key for PSS of an unusual form"),
            Self::Ec(_) | Self::UnknownCurve(Some(_)) => {
                write!(f, "an EC key on {}", self.curve_name().unwrap_or_default())
            }
            Self::UnknownCurve(None) => f.write_str("an EC key on a curve without a name"),
            Self::Unknown(id) => write!(f, "a key of the algorithm {id}"),
            kind => write!(f, "an {} key", kind.name()),
        }
    }
}

impl PssHash {
    /// Whether the key may make signatures with this hash.
    pub fn allows(self, hash: Hash) -> bool {
        self == Self::Any || self == Self::Only(hash)
    }

    /// Reads `RSASSA-PSS-params` (RFC 8017, appendix A.2.3). Without them, the key restricts
    /// nothing (RFC 4055, section 1.2).
    fn of(parameters: Option<Element<'_>>) -> Self {
        let Some(parameters) = parameters.filter(|parameters| parameters.tag() != NULL) else {
            return Self::Any;
        };
        Self::only(parameters).map_or(Self::Unknown, Self::Only)
    }

    fn only(parameters: Element<'_>) -> Option<Hash> {
        if parameters.tag() != SEQUENCE {
            return None;
        }
        let (mut hash, mut mask_hash, mut salt_len) = (Hash::Sha1, Hash::Sha1, 20);
        for parameter in parameters.elements() {
            let value = parameter.elements().next()?;
            match parameter.tag() {
                CONTEXT_0 => hash = hash_of(value)?,
                CONTEXT_1 => {
                    let mut mask = value.elements();
                    let is_mgf1 = mask.next().and_then(oid::text)? == MGF1;
                    mask_hash = hash_of(mask.next()?).filter(|_| is_mgf1)?;
                }
                // The key restricts the salt to be at least as long (RFC 4055, section 3.3).
                CONTEXT_2 => match value.magnitude()? {
                    [len] => salt_len = usize::from(*len),
                    _ => return None,
                },
                CONTEXT_3 if value.magnitude()? == [1] => {}
                _ => return None,
            }
        }
        (hash == mask_hash && salt_len <= hash.output_len()).then_some(hash)
    }
}

/// The hash of an `AlgorithmIdentifier`.
fn hash_of(algorithm: Element<'_>) -> Option<Hash> {
    let id = oid::text(algorithm.elements().next()?)?;
    let known = HASHES.iter().find(|(known, _)| *known == id);
    known.map(|(_, hash)| *hash)
}

const NULL: u8 = 0x05;

/// RFC 8017, appendix A.2.1
const MGF1: &str = "1.2.840.113549.1.1.8";

/// RFC 8017, appendix B.1; RFC 9688, section 2
const HASHES: [(&str, Hash); 9] = [
    ("1.3.14.3.2.26", Hash::Sha1),
    ("2.16.840.1.101.3.4.2.4", Hash::Sha224),
    ("2.16.840.1.101.3.4.2.1", Hash::Sha256),
    ("2.16.840.1.101.3.4.2.2", Hash::Sha384),
    ("2.16.840.1.101.3.4.2.3", Hash::Sha512),
    ("2.16.840.1.101.3.4.2.7", Hash::Sha3_224),
    ("2.16.840.1.101.3.4.2.8", Hash::Sha3_256),
    ("2.16.840.1.101.3.4.2.9", Hash::Sha3_384),
    ("2.16.840.1.101.3.4.2.10", Hash::Sha3_512),
];
