//! Keys and certificates as files, made by `openssl`. Tests use them to verify with OpenSSL what
//! the token does.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{run, tool};

/// The types of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// RSA with 1024 bits, not in [`KeyType::ALL`]
    Rsa1024,
    /// RSA with 2048 bits
    Rsa2048,
    /// RSA with 3072 bits
    Rsa3072,
    /// The curve P-256 of FIPS 186
    P256,
    /// The curve P-384 of FIPS 186
    P384,
    /// The curve P-521 of FIPS 186
    P521,
    /// Ed25519 of RFC 8032
    Ed25519,
    /// The curve secp256k1 of SEC 2, not in [`KeyType::ALL`]
    Secp256k1,
    /// The curve of RFC 5639, not in [`KeyType::ALL`]
    BrainpoolP256r1,
    /// The curve of RFC 5639, not in [`KeyType::ALL`]
    BrainpoolP384r1,
    /// The curve of RFC 5639, not in [`KeyType::ALL`]
    BrainpoolP512r1,
    /// Ed448 of RFC 8032, not in [`KeyType::ALL`]
    Ed448,
}

impl KeyType {
    /// The keys of the token, in the order of their ids.
    pub const ALL: [Self; 6] =
        [Self::Rsa2048, Self::Rsa3072, Self::P256, Self::P384, Self::P521, Self::Ed25519];

    /// The `CKA_ID` of key and certificate in hexadecimal digits.
    pub fn id(self) -> &'static str {
        match self {
            Self::Rsa1024 => "0f",
            Self::Rsa2048 => "01",
            Self::Rsa3072 => "02",
            Self::P256 => "03",
            Self::P384 => "04",
            Self::P521 => "05",
            Self::Ed25519 => "06",
            Self::Secp256k1 => "10",
            Self::BrainpoolP256r1 => "11",
            Self::BrainpoolP384r1 => "12",
            Self::BrainpoolP512r1 => "13",
            Self::Ed448 => "14",
        }
    }

    /// The usual name. It is also the label of key and certificate, and the common name
    /// of the subject.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rsa1024 => "RSA-1024",
            Self::Rsa2048 => "RSA-2048",
            Self::Rsa3072 => "RSA-3072",
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::Ed25519 => "Ed25519",
            Self::Secp256k1 => "secp256k1",
            Self::BrainpoolP256r1 => "brainpoolP256r1",
            Self::BrainpoolP384r1 => "brainpoolP384r1",
            Self::BrainpoolP512r1 => "brainpoolP512r1",
            Self::Ed448 => "Ed448",
        }
    }

    /// Whether it is an RSA key.
    pub fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa1024 | Self::Rsa2048 | Self::Rsa3072)
    }

    fn genpkey(self) -> &'static [&'static str] {
        match self {
            Self::Rsa1024 => &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
            Self::Rsa2048 => &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            Self::Rsa3072 => &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
            Self::P256 => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            Self::P384 => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
            Self::P521 => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
            Self::Ed25519 => &["-algorithm", "ED25519"],
            Self::Secp256k1 => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
            Self::BrainpoolP256r1 => {
                &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"]
            }
            Self::BrainpoolP384r1 => {
                &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP384r1"]
            }
            Self::BrainpoolP512r1 => {
                &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP512r1"]
            }
            Self::Ed448 => &["-algorithm", "ED448"],
        }
    }
}

/// What a certificate says that its key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Signatures and logins
    Signing,
    /// Signatures that bind their owner
    NonRepudiation,
    /// Logins only
    Authentication,
}

impl Usage {
    /// The extensions of the certificate.
    fn extensions(self) -> [&'static str; 2] {
        match self {
            Self::Signing => [
                "keyUsage=critical,digitalSignature",
                "extendedKeyUsage=clientAuth,emailProtection",
            ],
            Self::NonRepudiation => [
                "keyUsage=critical,digitalSignature,nonRepudiation",
                "extendedKeyUsage=clientAuth,emailProtection",
            ],
            Self::Authentication => [
                "keyUsage=critical,digitalSignature",
                "extendedKeyUsage=clientAuth,msSmartcardLogin",
            ],
        }
    }
}

/// A private key and its certificate, as files with the same name.
pub struct CertifiedKey {
    folder: PathBuf,
    name: String,
}

impl CertifiedKey {
    /// The existing files with a name in a folder.
    pub(super) fn read(folder: &Path, name: &str) -> Self {
        Self { folder: folder.to_owned(), name: name.to_owned() }
    }

    /// Generates the files.
    pub(crate) fn generate(folder: &Path, key_type: KeyType, name: &str, usage: Usage) -> Self {
        let files = Self::read(folder, name);
        let key = files.private_key();
        run(openssl(&["genpkey", "-quiet"]).args(key_type.genpkey()).arg("-out").arg(&key));
        let convert = |arguments: &[&str], from: PathBuf, to: PathBuf| {
            run(openssl(arguments).arg("-in").arg(from).arg("-out").arg(to));
        };
        convert(&["pkey", "-outform", "DER"], key.clone(), files.private_key_der());
        convert(&["pkey", "-pubout", "-outform", "DER"], key.clone(), files.public_key_der());
        let subject = format!("/C=BE/O=pkcs11-bridge/CN={name}");
        run(openssl(&["req", "-new", "-x509", "-days", "3650", "-subj", &subject])
            .args(usage.extensions().iter().flat_map(|extension| ["-addext", extension]))
            .arg("-key")
            .arg(&key)
            .arg("-out")
            .arg(files.certificate()));
        convert(&["x509", "-outform", "DER"], files.certificate(), files.certificate_der());
        files
    }

    /// The name of the files, and the label on the token.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The certificate in PEM.
    pub fn certificate(&self) -> PathBuf {
        self.file("pem")
    }

    /// The certificate in DER.
    pub fn certificate_der(&self) -> PathBuf {
        self.file("der")
    }

    /// The bytes of [`CertifiedKey::certificate_der`].
    pub fn certificate_bytes(&self) -> Vec<u8> {
        std::fs::read(self.certificate_der()).expect("the certificate")
    }

    /// The private key in PEM.
    pub fn private_key(&self) -> PathBuf {
        self.file("key.pem")
    }

    /// The private key in DER, in the form of its type: RFC 8017 for RSA, RFC 5915 for EC.
    pub fn private_key_der(&self) -> PathBuf {
        self.file("key.der")
    }

    pub(super) fn public_key_der(&self) -> PathBuf {
        self.file("pub.der")
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", self.name))
    }
}

fn openssl(arguments: &[&str]) -> Command {
    let mut command = tool("openssl");
    command.args(arguments);
    command
}
