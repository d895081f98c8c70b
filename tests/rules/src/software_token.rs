//! The folder of the token in software: its PIN, and its keys with their certificates.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The environment variable that names the folder to the module.
pub const FOLDER: &str = "PKCS11_BRIDGE_TEST_SOFTWARE_TOKEN";

/// The token.
#[derive(Clone, Serialize, Deserialize)]
pub struct SoftwareToken {
    /// Its label.
    pub label: String,
    /// Its PIN. The module refuses it after three wrong ones.
    pub pin: String,
    /// Its keys, in the order of their objects.
    pub keys: Vec<Key>,
}

/// A key and its certificate.
#[derive(Clone, Serialize, Deserialize)]
pub struct Key {
    /// `CKA_ID` in hexadecimal digits.
    pub id: String,
    /// `CKA_LABEL`.
    pub label: String,
    /// The kind of the key.
    pub kind: Kind,
    /// The file with the private key, in PKCS#8 and DER.
    pub key: PathBuf,
    /// The file with the certificate, in DER.
    pub certificate: PathBuf,
}

/// The kind of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// RSA, for PKCS#1 and PSS.
    Rsa,
    /// The curve P-256 of FIPS 186.
    P256,
}

impl SoftwareToken {
    /// Writes the token's file.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::write(file(folder), serde_json::to_vec(self)?)
    }

    /// Reads the token's file.
    pub fn read(folder: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(file(folder))?)?)
    }
}

/// The file in which all processes count wrong PINs, one byte for each.
pub fn wrong_pins(folder: &Path) -> PathBuf {
    folder.join("wrong-pins")
}

fn file(folder: &Path) -> PathBuf {
    folder.join("token.json")
}
