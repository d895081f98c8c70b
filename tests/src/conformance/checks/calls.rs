//! Checks of what the module can do: detection, methods, algorithms, a batch.

use std::collections::BTreeSet;

use pkcs11_bridge_protocol::call::Call;
use serde_json::{Value, json};

use crate::bridge::{ORIGIN, Setup};
use crate::conformance::context::{Context, MESSAGE, MODULE, ok};
use crate::conformance::report::Verdict;
use crate::digest::base64;
use crate::outcome::Outcome;
use crate::pinentry::{Answer, Pinentry};
use crate::socket::Socket;

/// A bridge without configured modules finds this one, and the token in it.
pub(super) async fn found_by_itself(context: &mut Context) -> Result<Verdict, String> {
    let Some(name) = context.token.detected_as() else { return Ok(Verdict::NotApplicable) };
    let setup = Setup::new().config(context.token.detection()).origin(ORIGIN);
    let environment = context.token.environment().into_iter();
    let bridge =
        environment.fold(setup, |setup, (name, value)| setup.environment(name, value)).start();
    let mut page = bridge.connect().await;
    let modules = ok("modules", page.call("modules", json!({})).await)?;
    let listed = modules.as_array().into_iter().flatten().any(|module| module["name"] == name);
    if !listed {
        return Err(format!("modules does not list `{name}`: {modules}"));
    }
    context.find_in(&mut page, name).await?;
    Ok(Verdict::Passed)
}

/// Calls of one page that remembers which methods it has called.
struct Methods {
    page: Socket,
    called: BTreeSet<&'static str>,
}

impl Methods {
    async fn call(&mut self, method: &'static str, params: Value) -> Outcome {
        self.called.insert(method);
        self.page.call(method, params).await
    }

    async fn expect(
        &mut self,
        method: &'static str,
        params: Value,
        result: Value,
    ) -> Result<(), String> {
        let actual = ok(method, self.call(method, params).await)?;
        let fits = if result.is_null() { !actual.is_null() } else { actual == result };
        fits.then_some(()).ok_or_else(|| format!("{method}: expected {result}, got {actual}"))
    }
}

/// Each method of the API has a result.
pub(super) async fn every_method(context: &mut Context) -> Result<Verdict, String> {
    let pinentry = Pinentry::new();
    let bridge = context.setup().pinentry(&pinentry).start();
    let mut page = bridge.connect().await;
    let found = context.find_first(&mut page).await?;
    let mut page = Methods { page, called: BTreeSet::new() };
    let (any, module) = (Value::Null, json!({ "module": MODULE }));
    let algorithm = found.key.algorithms[0];
    let mut sign = found.params(algorithm, MESSAGE);
    let slot = json!({ "module": MODULE, "slot_id": sign["slot_id"] });
    for method in ["hello", "modules"] {
        page.expect(method, json!({}), any.clone()).await?;
    }
    for (method, params) in [
        ("info", &module),
        ("slots", &module),
        ("token", &module),
        ("token", &slot),
        ("certificates", &slot),
        ("keys", &slot),
    ] {
        page.expect(method, params.clone(), any.clone()).await?;
    }
    page.expect("watchSlots", module.clone(), true.into()).await?;

    pinentry.answer(Answer::pin(context.token.pin()));
    let mut authenticate = slot.clone();
    authenticate["cert_id"] = sign["cert_id"].clone();
    authenticate["challenge"] = base64(&[7; 32]).into();
    page.expect("authenticate", authenticate, any.clone()).await?;

    sign["pin"] = context.token.pin().into();
    let signature = ok("signData", page.call("signData", sign.clone()).await)?;
    found.verify(algorithm, MESSAGE, &signature)?;
    let mut verify = found.params(algorithm, MESSAGE);
    verify["signature"] = signature.clone();
    page.expect("verifySignedData", verify, true.into()).await?;
    let mut verify = found.params(algorithm, b"another message");
    verify["signature"] = signature;
    page.expect("verifySignedData", verify, false.into()).await?;
    sign["data"] = json!([sign["data"]]);
    page.expect("signDataBatch", sign, any).await?;
    page.expect("cancel", json!({ "id": 1 }), false.into()).await?;
    page.expect("logout", module.clone(), true.into()).await?;
    page.expect("unwatchSlots", module, true.into()).await?;

    let missed: Vec<_> =
        Call::METHODS.iter().filter(|method| !page.called.contains(*method)).collect();
    if missed.is_empty() { Ok(Verdict::Passed) } else { Err(format!("not called: {missed:?}")) }
}

/// Each key signs with each of its algorithms, and OpenSSL verifies. ECDSA signatures come in both
/// forms.
pub(super) async fn every_algorithm(context: &mut Context) -> Result<Verdict, String> {
    let bridge = context.bridge();
    let mut page = bridge.connect().await;
    let (mut tried, mut failures) = (0, Vec::new());
    for found in context.find(&mut page).await? {
        for algorithm in &found.key.algorithms {
            tried += 1;
            let mut params = found.params(algorithm, MESSAGE);
            params["pin"] = context.token.pin().into();
            let outcome = page.call("signData", params).await;
            let what = format!("{algorithm} with {}", found.key.name);
            let signed = ok(&what, outcome);
            let verified =
                signed.and_then(|signature| found.verify(algorithm, MESSAGE, &signature));
            failures.extend(verified.err());
        }
    }
    match &failures[..] {
        [] => Ok(Verdict::Passed),
        [first, ..] => Err(format!("{} of {tried} failed: {first}", failures.len())),
    }
}

/// One PIN signs fifty different hashes.
pub(super) async fn batch(context: &mut Context) -> Result<Verdict, String> {
    let bridge = context.bridge();
    let mut page = bridge.connect().await;
    let found = context.find_first(&mut page).await?;
    let algorithm = found.key.algorithms[0];
    let messages: Vec<_> = (0..50).map(|number| format!("message {number} of a batch")).collect();
    let data = messages.iter().map(|text| found.params(algorithm, text.as_bytes())["data"].clone());
    let mut params = found.params(algorithm, MESSAGE);
    params["data"] = data.collect();
    params["pin"] = context.token.pin().into();
    let items = ok("signDataBatch", page.call("signDataBatch", params).await)?;
    for (number, message) in messages.iter().enumerate() {
        let item = &items[number];
        let problem = |reason: String| format!("item {number}: {reason}");
        if !item["error"].is_null() {
            return Err(problem(item["error"].to_string()));
        }
        found.verify(algorithm, message.as_bytes(), &item["signature"]).map_err(problem)?;
    }
    Ok(Verdict::Passed)
}
