//! The token: its keys, its PIN, and the count of wrong PINs.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::OnceLock;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RsaKeyPair};
use cryptoki_sys::{CK_RV, CKR_OK, CKR_PIN_INCORRECT, CKR_PIN_LOCKED};
use pkcs11_bridge_test_rules::software_token::{FOLDER, Kind, SoftwareToken, wrong_pins};

/// The token with its keys.
pub(crate) struct Token {
    folder: PathBuf,
    pub(crate) label: String,
    pin: String,
    pub(crate) keys: Vec<Key>,
}

/// A key and its certificate.
pub(crate) struct Key {
    pub(crate) id: Vec<u8>,
    pub(crate) label: String,
    pub(crate) certificate: Vec<u8>,
    pub(crate) pair: KeyPair,
}

pub(crate) enum KeyPair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
}

/// The token, which is read once.
pub(crate) fn token() -> &'static Token {
    static TOKEN: OnceLock<Token> = OnceLock::new();
    TOKEN.get_or_init(read)
}

fn read() -> Token {
    let folder = std::env::var_os(FOLDER).map(PathBuf::from);
    let folder = folder.expect("the environment names the folder");
    let SoftwareToken { label, pin, keys } = SoftwareToken::read(&folder).expect("a token");
    let keys = keys.into_iter().map(|key| {
        let pkcs8 = fs::read(folder.join(&key.key)).expect("a key");
        Key {
            id: const_hex::decode(&key.id).expect("an id"),
            label: key.label,
            certificate: fs::read(folder.join(&key.certificate)).expect("a certificate"),
            pair: match key.kind {
                Kind::Rsa => KeyPair::Rsa(RsaKeyPair::from_pkcs8(&pkcs8).expect("an RSA key")),
                Kind::P256 => KeyPair::P256(
                    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8)
                        .expect("a key on P-256"),
                ),
            },
        }
    });
    Token { label, pin, keys: keys.collect(), folder }
}

impl Token {
    /// The wrong PINs since the last right one.
    pub(crate) fn wrong_pins(&self) -> u64 {
        fs::metadata(wrong_pins(&self.folder)).map_or(0, |file| file.len())
    }

    /// Checks a PIN, as `C_Login` does.
    pub(crate) fn check_pin(&self, pin: &[u8]) -> CK_RV {
        let count = wrong_pins(&self.folder);
        if self.wrong_pins() >= TRIES {
            CKR_PIN_LOCKED
        } else if pin == self.pin.as_bytes() {
            let _ = fs::remove_file(count);
            CKR_OK
        } else {
            let file = File::options().append(true).create(true).open(count);
            file.and_then(|mut file| file.write_all(&[1])).expect("a file");
            CKR_PIN_INCORRECT
        }
    }
}

/// The wrong PINs that lock the token.
pub(crate) const TRIES: u64 = 3;
