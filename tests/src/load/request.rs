//! One request of a load run, with what tells its own answer from that of any other request.

use pkcs11_bridge_protocol::call::Call;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::message::Id;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::testbed::{MODULES, ONE_TOO_MANY, Testbed};
use crate::token::KeyType;

pub(super) struct Request {
    pub(super) method: String,
    pub(super) params: Value,
    pub(super) expected: Expected,
    /// Which of [`MODULES`] it is about.
    pub(super) module: Option<usize>,
    pub(super) aim: Aim,
}

/// Whether it is a page's own or is meant to run into a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    Work,
    OneTooManyInFlight,
    OneTooManyWorkers,
    TooLongBatch,
}

/// What the answer has to be, as far as the request is answered with a result.
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
    Verdict(bool),
    Either,
    /// An error of that row with the name that was asked for.
    Refusal(ErrorCode, String),
}

/// What an answer turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    WrongSignature,
    /// It belongs to another request.
    Anothers,
}

impl Request {
    pub(super) fn new(method: &str, params: Value, expected: Expected) -> Self {
        let module = params["module"].as_str();
        let module = module.and_then(|name| MODULES.iter().position(|of| *of == name));
        Self { method: method.to_owned(), params, expected, module, aim: Aim::Work }
    }

    pub(super) fn aiming_at(self, aim: Aim) -> Self {
        Self { aim, ..self }
    }

    /// The name of the method, where there is one of that name.
    pub(super) fn counted_as(&self) -> String {
        let known = Call::METHODS.contains(&self.method.as_str());
        if known { self.method.clone() } else { "no such method".to_owned() }
    }

    pub(super) fn encode(&self, id: &Id) -> String {
        let (method, params) = (&self.method, &self.params);
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
    }

    pub(super) fn verify_result(&self, testbed: &Testbed, result: &RawValue) -> Verdict {
        if let Expected::Signature { key, message } = &self.expected {
            let Ok(signature) = serde_json::from_str(result.get()) else {
                return Verdict::Anothers;
            };
            return self.verify_signature(testbed, *key, message, signature);
        }
        let result: Value = serde_json::from_str(result.get()).expect("it was decoded before");
        if let Expected::Signatures { key, messages } = &self.expected {
            return self.verify_batch(testbed, *key, messages, &result);
        }
        if self.is_right(testbed, &result) { Verdict::Right } else { Verdict::Anothers }
    }

    /// An error that names another module or method than the request is that of another request.
    pub(super) fn verify_error(&self, error: &ErrorObject) -> Verdict {
        let names = |name: &&str| error.message.contains(&format!("`{name}`"));
        let own = self.params["module"].as_str();
        let mut others = MODULES.iter().chain(&ONE_TOO_MANY).filter(|name| Some(**name) != own);
        let right = match &self.expected {
            Expected::Refusal(row, name) => error.is(*row) && error.message.contains(name),
            _ => error.code != ErrorCode::UnknownMethod.rpc_code() && !others.any(names),
        };
        if right { Verdict::Right } else { Verdict::Anothers }
    }

    fn verify_signature(
        &self,
        testbed: &Testbed,
        key: KeyType,
        message: &[u8],
        signature: &str,
    ) -> Verdict {
        if testbed.verifier.accepts(key, message, signature) {
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
            return Verdict::Anothers;
        };
        for (item, message) in items.iter().zip(messages) {
            let verdict = match (item["signature"].as_str(), item.get("error")) {
                (Some(signature), None) => self.verify_signature(testbed, key, message, signature),
                (None, Some(_)) => Verdict::Right,
                _ => Verdict::Anothers,
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
                all.map(|one| &one["name"]).eq(MODULES.iter().chain(&ONE_TOO_MANY))
            }
            Expected::Info => result["manufacturer_id"] == "SoftHSM",
            Expected::Slots => slots(result).len() == ALL_SLOTS,
            Expected::Token { slot } => result["slot_id"] == *slot && is_token(result),
            // One that cannot be read is left out, which happens to SoftHSM's while another process writes.
            Expected::Tokens => result.as_array().is_some_and(|all| all.iter().all(is_token)),
            Expected::Certificates { slot } => {
                let all = result.as_array().into_iter().flatten();
                let mut all: Vec<_> =
                    all.map(|one| (one["id"].as_str(), one["base64"].as_str())).collect();
                all.sort_unstable();
                let issued = testbed.verifier.certificates().iter();
                let issued = issued.map(|(key, der)| (Some(key.id()), Some(der.as_str())));
                result.is_array()
                    && all.into_iter().eq(issued.filter(|_| *slot == testbed.token.slot()))
            }
            Expected::Verdict(is_right) => result == is_right,
            Expected::Either => result.is_boolean(),
            Expected::Signature { .. } | Expected::Signatures { .. } | Expected::Refusal(..) => {
                false
            }
        }
    }
}

/// Those of both tokens, and the one that SoftHSM keeps for the next.
pub(super) const ALL_SLOTS: usize = 3;
