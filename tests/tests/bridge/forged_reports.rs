//! A hostile module that writes its own reports into the pipe to the bridge, before its worker
//! does. The page gets no signature that the bridge has not checked.

use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{sign_data, verify_signed_data};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::{Fault, Rule};
use pkcs11_bridge_tests::token::KeyType;
use serde_json::{Value, json};

use super::fault_fixture::{FAILED, FaultFixture};

/// Reports of the same result for the tasks with the first ids. Only the report for the task in
/// flight counts.
fn reports(result: &Value) -> Fault {
    let frames = (1..50).flat_map(|id| {
        let outcome = json!({ "Done": result });
        let response = json!({ "id": id, "outcome": outcome, "pin": "NotSent" });
        let report = json!({ "Response": response }).to_string().into_bytes();
        let len = u32::try_from(report.len()).unwrap();
        [&len.to_le_bytes()[..], &report].concat()
    });
    Fault::WriteGarbage(frames.collect())
}

/// 64 bytes that are no signature.
fn no_signature() -> Value {
    json!("Wlpa".repeat(21) + "Wg==")
}

/// Asserts that the page gets a signature in the end. Reports for later tasks may still be in the
/// pipe, and fail them.
async fn assert_signs_again(page: &mut Socket, signing: &Value) {
    for _ in 0..50 {
        if page.call("signData", signing.clone()).await.is_ok() {
            return;
        }
    }
    panic!("the page gets no signature any more");
}

#[tokio::test]
async fn a_signature_that_the_module_reports_itself_is_checked() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    let signing = fixture.signing();
    let (right, other) = (page.result("signData", signing.clone()).await, {
        let signing = sign_data(&fixture.token, KeyType::P384.id(), "sha384");
        page.result("signData", signing).await
    });
    // Also the signature of another key, and what is no signature at all.
    let (wrong, malformed) = ("does not match", "cannot check the signature");
    for (forged, words) in [
        (no_signature(), wrong),
        (other, wrong),
        (json!(""), wrong),
        (json!(7), malformed),
        (json!([right]), malformed),
    ] {
        let rule = fixture.module.add(Rule::on("C_SignInit").next(1).fault(reports(&forged)));
        let outcome = page.call("signData", signing.clone()).await;
        assert_error("a forged signature", &outcome, FAILED, &[words]);
        rule.remove();
        assert_signs_again(&mut page, &signing).await;
    }
    let mut batch = signing;
    batch["data"] = json!([batch["data"], batch["data"]]);
    let forged = reports(&no_signature());
    fixture.module.add(Rule::on("C_SignInit").next(1).fault(forged));
    let items = page.result("signDataBatch", batch).await;
    let wrong = items.as_array().unwrap().iter().filter(|item| item.get("error").is_some());
    assert!(wrong.count() >= 1, "{items}");
}

#[tokio::test]
async fn a_module_cannot_take_another_certificate_than_the_page_was_shown() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    let signing = fixture.signing();
    let listed = page.certificates(fixture.slot()).await;
    let wanted = signing["cert_id"].as_str().unwrap();
    let other = listed.as_array().unwrap().iter().find(|known| known["id"] != wanted).unwrap();
    // The worker asks for the session before it reads a certificate.
    let forged = reports(&other["base64"]);
    let rule = fixture.module.add(Rule::on("C_GetSessionInfo").next(1).fault(forged));
    let outcome = page.call("signData", signing.clone()).await;
    assert_error("another certificate", &outcome, (412, "404"), &["another certificate"]);
    rule.remove();
    assert_signs_again(&mut page, &signing).await;
}

#[tokio::test]
async fn the_module_does_not_say_whether_a_signature_is_right() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    let wrong = no_signature();
    let verifying = verify_signed_data(&fixture.signing(), &wrong);
    assert_eq!(page.result("verifySignedData", verifying.clone()).await, false);
    let forged = reports(&json!(true));
    fixture.module.add(Rule::on("C_GetSessionInfo").next(1).fault(forged));
    let outcome = page.call("verifySignedData", verifying).await;
    assert_error("a forged answer", &outcome, FAILED, &["cannot check"]);
}
