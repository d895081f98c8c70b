//! What every check works with: the token of a family, and bridges on it.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::path::Path;

use futures_util::FutureExt;
use serde_json::{Value, json};

use super::apdus::Apdus;
use super::checks::Check;
use super::family::{Key, Token};
use super::report::Verdict;
use crate::bridge::{Bridge, Setup};
use crate::digest::{base64, digest, from_base64};
use crate::openssl;
use crate::outcome::Outcome;
use crate::program::{run, tool};
use crate::secrets;
use crate::socket::Socket;

/// The name of the module in the configuration.
pub(super) const MODULE: &str = "tested";

/// A second origin that the bridge allows.
pub(super) const OTHER: &str = "https://other.example";

/// A running token.
pub(super) struct Context {
    pub(super) token: Box<dyn Token>,
    keys: Vec<Key>,
    /// What the check of APDUs has counted.
    pub(super) apdus: Vec<Apdus>,
}

/// A key as a page finds it.
pub(super) struct Found {
    pub(super) key: Key,
    slot_id: Value,
    cert_id: String,
}

impl Context {
    pub(super) fn new(token: Box<dyn Token>) -> Self {
        secrets::register(token.pin());
        let keys = token.keys();
        Self { token, keys, apdus: Vec::new() }
    }

    /// Runs a check. A panic of a fixture is a failure.
    pub(super) async fn run(&mut self, check: &Check) -> Verdict {
        match AssertUnwindSafe((check.run)(self)).catch_unwind().await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(reason)) => Verdict::Failed(reason),
            Err(panic) => Verdict::Failed(message_of(panic.as_ref())),
        }
    }

    /// The configuration of a bridge that has only this module.
    pub(super) fn setup(&self) -> Setup {
        let environment: Vec<_> = self
            .token
            .environment()
            .iter()
            .map(|(name, value)| format!("{name} = {}", json!(value.to_str().expect("UTF-8"))))
            .collect();
        let configuration = format!(
            "[[modules]]\nname = \"{MODULE}\"\npath = {}\nenv = {{ {} }}\n{}",
            json!(self.token.module()),
            environment.join(", "),
            self.token.settings(),
        );
        Setup::new().config(&configuration).origin(crate::bridge::ORIGIN).origin(OTHER)
    }

    /// Starts a bridge that has only this module.
    pub(super) fn bridge(&self) -> Bridge {
        self.setup().start()
    }

    /// The keys of the token, as a page finds them. Fails if one is missing.
    pub(super) async fn find(&self, page: &mut Socket) -> Result<Vec<Found>, String> {
        self.find_in(page, MODULE).await
    }

    /// As [`Context::find`], in a module of another name.
    pub(super) async fn find_in(
        &self,
        page: &mut Socket,
        module: &str,
    ) -> Result<Vec<Found>, String> {
        let tokens = ok("token", page.call("token", json!({ "module": module })).await)?;
        let label = self.token.label();
        let token = tokens.as_array().into_iter().flatten().find(|token| token["label"] == label);
        let slot_id =
            token.ok_or_else(|| format!("no token `{label}` in {tokens}"))?["slot_id"].clone();
        let slot = json!({ "module": module, "slot_id": slot_id });
        let listed = ok("certificates", page.call("certificates", slot).await)?;
        let listed = listed["certificates"].as_array().cloned().unwrap_or_default();
        let find = |key: &Key| {
            let der = base64(&key.der);
            let certificate = listed.iter().find(|one| one["base64"] == der);
            let certificate = certificate.ok_or_else(|| {
                format!("certificates lists {} without that of {}", listed.len(), key.name)
            })?;
            let cert_id = certificate["id"].as_str().unwrap_or_default().to_owned();
            Ok(Found { key: key.clone(), slot_id: slot_id.clone(), cert_id })
        };
        self.keys.iter().map(find).collect()
    }

    /// The first key, as a page finds it.
    pub(super) async fn find_first(&self, page: &mut Socket) -> Result<Found, String> {
        Ok(self.find(page).await?.swap_remove(0))
    }

    /// Signs once with the first key and the right PIN, and lets OpenSSL verify.
    pub(super) async fn sign(&self, page: &mut Socket) -> Result<Found, String> {
        let found = self.find_first(page).await?;
        found.assert_signs(page, Some(self.token.pin())).await?;
        Ok(found)
    }
}

impl Found {
    /// Parameters of `signData` for a message, without a PIN.
    pub(super) fn params(&self, algorithm: &str, message: &[u8]) -> Value {
        json!({
            "module": MODULE,
            "slot_id": self.slot_id,
            "cert_id": self.cert_id,
            "algorithm_reference": algorithm,
            "data": base64(&input(algorithm, message)),
        })
    }

    /// The id by which a page names the certificate.
    pub(super) fn cert_id(&self) -> &str {
        &self.cert_id
    }

    /// Signs with the first algorithm of the key.
    pub(super) async fn sign(&self, page: &mut Socket, pin: Option<&str>) -> Outcome {
        let mut params = self.params(self.key.algorithms[0], MESSAGE);
        if let Some(pin) = pin {
            params["pin"] = pin.into();
        }
        page.call("signData", params).await
    }

    /// Signs, and lets OpenSSL verify.
    pub(super) async fn assert_signs(
        &self,
        page: &mut Socket,
        pin: Option<&str>,
    ) -> Result<(), String> {
        let signature = ok("signData", self.sign(page, pin).await)?;
        self.verify(self.key.algorithms[0], MESSAGE, &signature)
    }

    /// Lets OpenSSL verify a signature over a message, with r and s side by side.
    pub(super) fn verify(
        &self,
        algorithm: &str,
        message: &[u8],
        signature: &Value,
    ) -> Result<(), String> {
        let mut signature = from_base64(signature.as_str().ok_or("no signature")?);
        if self.key.is_ecdsa {
            signature = openssl::der_of_raw_ecdsa(&signature);
        }
        let (certificate, data) = (&self.key.certificate, input(algorithm, message));
        let verified = match &self.key.verifier {
            Some(verifier) => verified_by(verifier, &self.key.der, message, &signature),
            None if data == message => openssl::verifies_message(certificate, message, &signature),
            None => openssl::verifies(certificate, algorithm, &data, &signature),
        };
        let name = &self.key.name;
        verified.then_some(()).ok_or(format!("OpenSSL rejects {algorithm} of {name}"))
    }
}

/// What a key signs for a message: its hash, or for EdDSA and ML-DSA the message itself.
fn input(algorithm: &str, message: &[u8]) -> Vec<u8> {
    match algorithm {
        "EdDSA" => message.to_vec(),
        _ if algorithm.starts_with("ML-DSA") => message.to_vec(),
        _ => digest(algorithm, message),
    }
}

fn verified_by(verifier: &Path, certificate: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a file");
        path
    };
    let files = [file("certificate", certificate), file("message", message)];
    run(tool(verifier).arg("verify").args(files).arg(file("signature", signature))).trim() == "true"
}

/// The result of a call, or its error as a reason.
pub(super) fn ok(what: &str, outcome: Outcome) -> Result<Value, String> {
    outcome.map_err(|error| {
        let (status, code) = (error.data.status, &error.data.code);
        let ckr = error.data.pkcs11.as_deref().unwrap_or_default();
        format!("{what}: {status}/{code} {ckr} {}", error.message)
    })
}

/// The text of a panic.
pub(super) fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    // Some fixtures add the whole log.
    let words = text.unwrap_or("a panic").split_whitespace().collect::<Vec<_>>();
    words.join(" ").chars().take(400).collect()
}

/// The message that most checks sign.
pub(super) const MESSAGE: &[u8] = b"a message for the conformance run";
