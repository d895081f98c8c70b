//! The requests of the pages: all methods, most often those that real pages call most.

use pkcs11_bridge_protocol::MAX_BATCH;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::message::Id;
use serde_json::{Value, json};

use super::request::{Expected, Purpose, Request};
use super::testbed::{EXTRA_MODULES, KEYS, MODULES, Testbed};
use super::verifier::ALGORITHM;
use crate::digest::{base64, digest};
use crate::secrets;
use crate::token::{KeyType, PIN};

/// Generates the requests of one page.
pub(super) struct Workload {
    page: usize,
    origin: usize,
    asked: u64,
    random: fastrand::Rng,
}

impl Workload {
    pub(super) fn new(page: usize, origin: usize) -> Self {
        let random = fastrand::Rng::with_seed(page as u64);
        Self { page, origin, asked: 0, random }
    }

    /// The next request. `batch` is the id of a batch that it may cancel.
    pub(super) fn next(&mut self, testbed: &Testbed, batch: Option<&Id>) -> Request {
        let Some(module) = self.module(testbed) else { return self.bridge_request() };
        let with = |params: Value| with_module(params, module);
        let slot = testbed.token.slot();
        let any_slot = if self.random.bool() { slot } else { testbed.second_slot };
        match self.random.u32(..100) {
            0..10 => self.bridge_request(),
            10..16 => Request::new("info", with(json!({})), Expected::Info),
            16..24 => {
                let token_present = self.random.bool();
                let params = with(json!({ "token_present": token_present }));
                Request::new("slots", params, Expected::Slots)
            }
            24..32 => {
                let expected = Expected::Token { slot: any_slot };
                Request::new("token", with(json!({ "slot_id": any_slot })), expected)
            }
            32..36 => Request::new("token", with(json!({})), Expected::Tokens),
            36..42 => {
                let expected = Expected::Certificates { slot: any_slot };
                Request::new("certificates", with(json!({ "slot_id": any_slot })), expected)
            }
            42..62 => self.sign(testbed, module, KeyType::P256),
            62..74 => self.sign(testbed, module, KeyType::Rsa2048),
            74..86 => self.verify(testbed, module),
            86..90 => {
                let length = self.random.usize(2..=16);
                self.sign_batch(testbed, module, length)
            }
            90..93 => {
                let id = batch.cloned().unwrap_or(Id::Number(0));
                Request::new("cancel", json!({ "id": id }), Expected::AnyBool)
            }
            93..96 => Request::new("watchSlots", with(json!({})), Expected::AnyBool),
            96..98 => Request::new("unwatchSlots", with(json!({})), Expected::AnyBool),
            98 if self.random.u32(..10) == 0 => {
                Request::new("logout", with(json!({})), Expected::AnyBool)
            }
            _ => self.unknown_method(),
        }
    }

    /// A slow request, to exceed the limit of requests in flight.
    pub(super) fn request_over_in_flight_limit(&mut self, testbed: &Testbed) -> Request {
        self.sign(testbed, 0, KeyType::Rsa2048).with_purpose(Purpose::ExceedInFlight)
    }

    pub(super) fn batch_over_limit(&mut self, testbed: &Testbed) -> Request {
        self.sign_batch(testbed, 0, MAX_BATCH + 1).with_purpose(Purpose::ExceedBatch)
    }

    pub(super) fn requests_over_worker_limit() -> impl Iterator<Item = Request> {
        EXTRA_MODULES.into_iter().map(|name| {
            let request = Request::new("info", json!({ "module": name }), Expected::Info);
            request.with_purpose(Purpose::ExceedWorkers)
        })
    }

    fn module(&mut self, testbed: &Testbed) -> Option<usize> {
        // One module gets most of the requests.
        let module = usize::from(self.random.u32(..4) == 0);
        let usable = |module: &usize| testbed.is_usable(self.origin, *module);
        [module, 1 - module].into_iter().find(usable)
    }

    /// A request that the bridge answers without a worker.
    fn bridge_request(&mut self) -> Request {
        if self.random.bool() {
            Request::new("hello", json!({}), Expected::Hello)
        } else {
            Request::new("modules", json!({}), Expected::Modules)
        }
    }

    fn sign(&mut self, testbed: &Testbed, module: usize, key: KeyType) -> Request {
        let message = self.message();
        let data = json!(hash_of(&message));
        let params = self.signing_params(testbed, module, key, data);
        Request::new("signData", params, Expected::Signature { key, message })
    }

    fn sign_batch(&mut self, testbed: &Testbed, module: usize, length: usize) -> Request {
        let key = self.key();
        let messages: Vec<_> = (0..length).map(|_| self.message()).collect();
        let data: Vec<_> = messages.iter().map(|message| hash_of(message)).collect();
        let params = self.signing_params(testbed, module, key, json!(data));
        Request::new("signDataBatch", params, Expected::Signatures { key, messages })
    }

    /// Contains the PIN if the origin is not logged in.
    fn signing_params(&self, testbed: &Testbed, module: usize, key: KeyType, data: Value) -> Value {
        let mut params = json!({
            "slot_id": testbed.token.slot(),
            "cert_id": key.id(),
            "algorithm_reference": ALGORITHM,
            "data": data,
        });
        if !testbed.is_logged_in(self.origin, module) {
            params["pin"] = json!(PIN);
        }
        with_module(params, module)
    }

    fn verify(&mut self, testbed: &Testbed, module: usize) -> Request {
        let known = testbed.known_signatures();
        let one = &known[self.random.usize(..known.len())];
        let other = &known[self.random.usize(..known.len())];
        let params = json!({
            "slot_id": testbed.token.slot(),
            "cert_id": one.key.id(),
            "algorithm_reference": ALGORITHM,
            "data": one.hash,
            "signature": if self.random.bool() { &one.signature } else { &other.signature },
            "signature_format": "der",
        });
        let is_right = params["signature"] == one.signature.as_str();
        Request::new("verifySignedData", with_module(params, module), Expected::Verified(is_right))
    }

    /// A method that does not exist. The error must name it.
    fn unknown_method(&mut self) -> Request {
        let name = format!("sign{}-{}", self.page, self.asked);
        self.asked += 1;
        let named = format!("`{name}`");
        Request::new(&name, json!({}), Expected::Error(ErrorCode::UnknownMethod, named))
    }

    fn key(&mut self) -> KeyType {
        KEYS[self.random.usize(..KEYS.len())]
    }

    /// A message that no other request signs.
    fn message(&mut self) -> Vec<u8> {
        self.asked += 1;
        let message = format!("message {} of page {}", self.asked, self.page).into_bytes();
        if self.asked <= MAX_REGISTERED {
            secrets::register_data(digest(ALGORITHM, &message));
        }
        message
    }
}

fn with_module(mut params: Value, module: usize) -> Value {
    params["module"] = json!(MODULES[module]);
    params
}

fn hash_of(message: &[u8]) -> String {
    base64(&digest(ALGORITHM, message))
}

/// How many of a page's hashes the run looks for in what the bridge writes. All would
/// take too long.
const MAX_REGISTERED: u64 = 20;
