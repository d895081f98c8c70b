//! A card in a reader, a module, a user with a pinentry, and a bridge.

use std::io::Write;

use pkcs11_bridge_tests::bridge::{Bridge, Setup};
use pkcs11_bridge_tests::card_reader::{CardModule, CardReader, CommandKind, Keys};
use pkcs11_bridge_tests::digest::{base64, digest, from_base64};
use pkcs11_bridge_tests::openssl;
use pkcs11_bridge_tests::outcome::Outcome;
use pkcs11_bridge_tests::params::{MESSAGE, with};
use pkcs11_bridge_tests::pinentry::Pinentry;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::token::{KeyType, template_key};
use serde_json::{Value, json};

/// The status and code for a wrong PIN.
pub const WRONG: (u16, &str) = (412, "106");

/// The bridge ends first.
pub struct CardFixture {
    pub bridge: Bridge,
    pub pinentry: Pinentry,
    pub reader: CardReader,
    pub module: CardModule,
    slot: Value,
}

/// What a page needs to know of a key.
#[derive(Clone)]
pub struct PageKey {
    pub key_type: KeyType,
    pub params: Value,
}

impl CardFixture {
    /// Returns `None` on a machine that cannot have a virtual reader, and says why on standard
    /// error, which the test runner does not hide.
    pub async fn start(module: CardModule, keys: &Keys) -> Option<Self> {
        let reader = match CardReader::start(keys) {
            Ok(reader) => reader,
            Err(missing) => {
                let line = format!("cards: a test is skipped: {missing}\n");
                std::io::stderr().write_all(line.as_bytes()).expect("standard error");
                return None;
            }
        };
        let pinentry = Pinentry::new();
        let bridge = Setup::pinentry(reader.setup(module), &pinentry).start();
        let tokens = bridge.connect().await.result("token", json!({})).await;
        let slot = tokens[0]["slot_id"].clone();
        Some(Self { bridge, pinentry, reader, module, slot })
    }

    /// A key of the card, as a page finds it.
    pub async fn key(&self, page: &mut Socket, key_type: KeyType) -> PageKey {
        let listed = page.certificates(json!({ "slot_id": self.slot })).await;
        let der = base64(&template_key(key_type).certificate_bytes());
        let mut listed = listed.as_array().expect("certificates").iter();
        let certificate = listed.find(|certificate| certificate["base64"] == der);
        let cert_id = &certificate.expect("the certificate of the key")["id"];
        let params = json!({ "slot_id": self.slot, "cert_id": cert_id });
        PageKey { key_type, params }
    }

    /// How many PINs the card got.
    pub fn pins(&self) -> usize {
        self.reader.card().counts().of(CommandKind::VerifyPin)
    }

    /// Asserts how many PINs the card got, and how many tries it has left.
    #[track_caller]
    pub fn assert_pins(&self, what: &str, pins: usize, tries_left: u8) {
        let (module, counts) = (self.module, self.reader.card().counts());
        assert_eq!(self.pins(), pins, "{module:?}, {what}, PINs that the card got: {counts}");
        assert_eq!(self.reader.card().tries_left(), tries_left, "{module:?}, {what}, tries left");
    }
}

impl PageKey {
    /// Signs the hash of the message.
    pub async fn sign(&self, page: &mut Socket, algorithm: &str, pin: Option<&str>) -> Outcome {
        let params = with(&self.params, "algorithm_reference", algorithm);
        let mut params = with(&params, "data", base64(&digest(algorithm, MESSAGE)));
        if let Some(pin) = pin {
            params["pin"] = pin.into();
        }
        page.call("signData", params).await
    }

    /// Signs, and lets OpenSSL verify.
    #[track_caller]
    pub fn assert_signed(&self, what: &str, algorithm: &str, outcome: &Outcome) {
        let signature = outcome.as_ref().unwrap_or_else(|error| panic!("{what}: {error:?}"));
        self.assert_signature(what, algorithm, &digest(algorithm, MESSAGE), signature);
    }

    /// Asserts that OpenSSL accepts a signature over a hash.
    #[track_caller]
    pub fn assert_signature(&self, what: &str, algorithm: &str, hash: &[u8], signature: &Value) {
        let mut signature = from_base64(signature.as_str().expect("base64"));
        if !self.key_type.is_rsa() {
            signature = openssl::der_of_raw_ecdsa(&signature);
        }
        let certificate = template_key(self.key_type).certificate();
        assert!(openssl::verifies(&certificate, algorithm, hash, &signature), "{what}");
    }
}
