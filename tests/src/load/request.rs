//! One request of a load run, and the verification of its answer.

use pkcs11_bridge_protocol::call::Call;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::message::Id;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::testbed::{EXTRA_MODULES, MODULES, Testbed};
use crate::token::KeyType;

pub(super) struct Request {
    pub(super) method: String,
    pub(super) params: Value,
    pub(super) expected: Expected,
    /// The index of its module in [`MODULES`].
    pub(super) module: Option<usize>,
    pub(super) purpose: Purpose,
}

/// Whether a request is a page's normal work or exceeds a limit on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Work,
    ExceedInFlight,
    ExceedWorkers,
    ExceedBatch,
}

/// The expected answer.
pub(super) enum Expected {
    Hello,
    Modules,
    Info,
    Slots,
    Token {
        slot: u64,
    },
    Tokens,
    Certificates {
        slot: u64,
    },
    Signature {
        key: KeyType,
        message: Vec<u8>,
    },
    Signatures {
        key: KeyType,
        messages: Vec<Vec<u8>>,
    },
    Verified(bool),
    AnyBool,
    /// An error with this code and a text that contains this name.
    Error(ErrorCode, String),
}

/// The outcome of the verification of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    WrongSignature,
    /// The answer belongs to another request.
    Mismatch,
}

impl Request {
    pub(super) fn new(method: &str, params: Value, expected: Expected) -> Self {
        let module = params["module"].as_str();
        let module = module.and_then(|name| MODULES.iter().position(|of| *of == name));
        Self { method: method.to_owned(), params, expected, module, purpose: Purpose::Work }
    }

    pub(super) fn with_purpose(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }

    /// The name under which the request is counted.
    pub(super) fn counted_method(&self) -> String {
        let known = Call::METHODS.contains(&self.method.as_str());
        if known { self.method.clone() } else { "unknown method".to_owned() }
    }

    pub(super) fn encode(&self, id: &Id) -> String {
        let (method, params) = (&self.method, &self.params);
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
    }

    pub(super) fn verify_result(&self, testbed: &Testbed, result: &RawValue) -> Verdict {
        if let Expected::Signature { key, message } = &self.expected {
            let Ok(signature) = serde_json::from_str(result.get()) else {
                return Verdict::Mismatch;
            };
            return self.verify_signature(testbed, *key, message, signature);
        }
        let result: Value = serde_json::from_str(result.get()).expect("JSON");
        if let Expected::Signatures { key, messages } = &self.expected {
            return self.verify_batch(testbed, *key, messages, &result);
        }
        if self.is_right(testbed, &result) { Verdict::Right } else { Verdict::Mismatch }
    }

    /// An error that names another module or method belongs to another request.
    pub(super) fn verify_error(&self, error: &ErrorObject) -> Verdict {
        let names = |name: &&str| error.message.contains(&format!("`{name}`"));
        let own = self.params["module"].as_str();
        let mut others = MODULES.iter().chain(&EXTRA_MODULES).filter(|name| Some(**name) != own);
        let right = match &self.expected {
            Expected::Error(row, name) => error.is(*row) && error.message.contains(name),
            _ => error.code != ErrorCode::UnknownMethod.rpc_code() && !others.any(names),
        };
        if right { Verdict::Right } else { Verdict::Mismatch }
    }

    fn verify_signature(
        &self,
        testbed: &Testbed,
        key: KeyType,
        message: &[u8],
        signature: &str,
    ) -> Verdict {
        if testbed.verifier.verify(key, message, signature) {
            Verdict::Right
        } else {
            Verdict::WrongSignature
        }
    }

    fn verify_batch(
        &self,
        testbed: &Testbed,
        key: KeyType,
        messages: &[Vec<u8>],
        result: &Value,
    ) -> Verdict {
        let Some(items) = result.as_array().filter(|items| items.len() == messages.len()) else {
            return Verdict::Mismatch;
        };
        for (item, message) in items.iter().zip(messages) {
            let verdict = match (item["signature"].as_str(), item.get("error")) {
                (Some(signature), None) => self.verify_signature(testbed, key, message, signature),
                (None, Some(_)) => Verdict::Right,
                _ => Verdict::Mismatch,
            };
            if verdict != Verdict::Right {
                return verdict;
            }
        }
        Verdict::Right
    }

    fn is_right(&self, testbed: &Testbed, result: &Value) -> bool {
        let slots = |of: &Value| -> Vec<u64> {
            let all = of.as_array().into_iter().flatten();
            all.filter_map(|one| one["slot_id"].as_u64()).collect()
        };
        let is_token = |token: &Value| {
            let label = token["slot_id"].as_u64().map(|slot| testbed.label_of(slot));
            label.is_some() && token["label"].as_str() == label
        };
        match &self.expected {
            Expected::Hello => result["name"] == "pkcs11-bridge" && result["methods"].is_array(),
            Expected::Modules => {
                let all = result.as_array().into_iter().flatten();
                all.map(|one| &one["name"]).eq(MODULES.iter().chain(&EXTRA_MODULES))
            }
            Expected::Info => result["manufacturer_id"] == "SoftHSM",
            Expected::Slots => slots(result).len() == ALL_SLOTS,
            Expected::Token { slot } => result["slot_id"] == *slot && is_token(result),
            // SoftHSM sometimes cannot read a token while another process writes to it. The bridge
            // leaves out that token.
            Expected::Tokens => result.as_array().is_some_and(|all| all.iter().all(is_token)),
            Expected::Certificates { slot } => {
                let list = &result["certificates"];
                let all = list.as_array().into_iter().flatten();
                let mut all: Vec<_> =
                    all.map(|one| (one["id"].as_str(), one["base64"].as_str())).collect();
                all.sort_unstable();
                let issued = testbed.verifier.certificates().iter();
                let issued = issued.map(|(key, der)| (Some(key.id()), Some(der.as_str())));
                list.is_array()
                    && all.into_iter().eq(issued.filter(|_| *slot == testbed.token.slot()))
            }
            Expected::Verified(is_right) => result == is_right,
            Expected::AnyBool => result.is_boolean(),
            Expected::Signature { .. } | Expected::Signatures { .. } | Expected::Error(..) => false,
        }
    }
}

/// The slots of both tokens, and SoftHSM's slot for a new token.
pub(super) const ALL_SLOTS: usize = 3;
