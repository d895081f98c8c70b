//! A bad slot or object affects no other slot or object, and a token may have many objects.

use cryptoki_sys::{
    CKR_DEVICE_ERROR, CKR_FUNCTION_FAILED, CKR_GENERAL_ERROR, CKR_OBJECT_HANDLE_INVALID,
};
use pkcs11_bridge_tests::digest::from_base64;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::with;
use pkcs11_bridge_tests::test_module::{MissingSlot, Rule};
use pkcs11_bridge_tests::token::{KeyType, LABEL};
use serde_json::{Value, json};

use super::fault_fixture::{FAILED, FaultFixture, NO_SLOT};

/// The `id` of a simulated certificate.
fn id(number: u32) -> String {
    format!("{:08x}", 0xf000_0000 | number)
}

fn find<'a>(certificates: &'a Value, id: &str) -> Option<&'a Value> {
    certificates.as_array().expect("an array").iter().find(|certificate| certificate["id"] == id)
}

fn ids(of: &Value) -> Vec<u64> {
    of.as_array().expect("an array").iter().map(|one| one["slot_id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_certificate_that_is_not_der_affects_no_other() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    let right = page.certificates(fixture.slot()).await;
    let whole = fixture.token.certified_key(KeyType::P256).certificate_bytes();
    let values =
        [b"no DER at all".to_vec(), whole[..100].to_vec(), vec![0x30; 5000], vec![0x30, 0x80]];
    let count = values.len() as u32;
    for value in &values {
        fixture.module.simulate_certificates(1, value, None);
    }
    let work = async {
        let listed = page.certificates(fixture.slot()).await;
        for certificate in right.as_array().unwrap() {
            assert!(listed.as_array().unwrap().contains(certificate), "{certificate}");
        }
        for (number, value) in (0..count).zip(&values) {
            // The bridge may list the certificate as it is, list a readable part of it,
            // or leave it out.
            if let Some(certificate) = find(&listed, &id(number)) {
                assert!(value.starts_with(&from_base64(certificate["base64"].as_str().unwrap())));
            }
            let params = with(&fixture.signing(), "cert_id", id(number));
            let outcome = page.call("signData", params).await;
            let error = outcome.as_ref().unwrap_err();
            assert!(["404", "900"].contains(&error.data.code.as_str()), "{error:?}");
            assert!(error.message.contains("certificate"), "{error:?}");
        }
        fixture.assert_works(&mut page).await;
    };
    fixture.while_healthy_module_works(work).await;
}

#[tokio::test]
async fn a_certificate_of_2_mb_is_listed() {
    let fixture = FaultFixture::new();
    // `SEQUENCE`, a length in three bytes, and this amount of arbitrary content.
    let long = [&[0x30, 0x83, 0x20, 0, 0][..], &vec![0x5a; 2 << 20]].concat();
    fixture.module.simulate_certificates(1, &long, None);
    let mut page = fixture.bridge.connect().await;
    let work = async {
        let listed = page.certificates(fixture.slot()).await;
        let certificate = find(&listed, &id(0)).expect("it is listed");
        assert!(from_base64(certificate["base64"].as_str().unwrap()) == long);
        assert!(find(&listed, KeyType::P256.id()).is_some());
        fixture.assert_works(&mut page).await;
    };
    fixture.while_healthy_module_works(work).await;
}

#[tokio::test]
async fn a_certificate_above_the_frame_limit_affects_no_other() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    let right = page.certificates(fixture.slot()).await;
    let long = [&[0x30, 0x84, 3, 0, 0, 0][..], &vec![0x5a; 48 << 20]].concat();
    fixture.module.simulate_certificates(1, &long, None);
    let work = async {
        let listed = page.certificates(fixture.slot()).await;
        assert!(listed == right, "{} certificates", listed.as_array().unwrap().len());
        fixture.assert_works(&mut page).await;
    };
    fixture.while_healthy_module_works(work).await;
}

#[tokio::test]
async fn ten_thousand_certificates_are_listed() {
    let fixture = FaultFixture::new();
    let der = fixture.token.certified_key(KeyType::P384).certificate_bytes();
    let count = 10_000;
    fixture.module.simulate_certificates(count, &der, None);
    let mut page = fixture.bridge.connect().await;
    let work = async {
        let listed = page.certificates(fixture.slot()).await;
        let listed = listed.as_array().unwrap();
        assert_eq!(listed.len(), count as usize + KeyType::ALL.len());
        let last = find_last(listed, &id(count - 1));
        assert_eq!(from_base64(last["base64"].as_str().unwrap()), der);
        // The bridge finds a key among them.
        page.result("signData", fixture.signing()).await;
    };
    let (_, served) = fixture.while_healthy_module_works(work).await;
    assert!(served > 2, "{served}");
}

fn find_last<'a>(listed: &'a [Value], id: &str) -> &'a Value {
    listed.iter().rfind(|certificate| certificate["id"] == id).expect("it is listed")
}

#[tokio::test]
async fn an_unreadable_certificate_affects_no_other() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    let right = page.certificates(fixture.slot()).await;
    let der = fixture.token.certified_key(KeyType::P384).certificate_bytes();
    let values = [
        CKR_DEVICE_ERROR,
        CKR_GENERAL_ERROR,
        CKR_FUNCTION_FAILED,
        CKR_OBJECT_HANDLE_INVALID,
        0x8000_0102,
    ];
    for value in values {
        fixture.module.simulate_certificates(1, &der, Some(value));
    }
    fixture.module.simulate_certificates(1, &der, None);
    let work = async {
        let listed = page.certificates(fixture.slot()).await;
        for certificate in right.as_array().unwrap() {
            assert!(listed.as_array().unwrap().contains(certificate), "{certificate}");
        }
        assert!(find(&listed, &id(values.len() as u32)).is_some(), "{listed}");
        let params = with(&fixture.signing(), "cert_id", id(0));
        assert_error("unreadable", &page.call("signData", params).await, (412, "404"), &[]);
        fixture.assert_works(&mut page).await;
    };
    fixture.while_healthy_module_works(work).await;
}

#[tokio::test]
async fn an_unreadable_slot_affects_no_other() {
    let fixture = FaultFixture::new();
    let second = fixture.token.add_token("Second token");
    let mut page = fixture.bridge.connect().await;
    assert_eq!(page.result("token", json!({})).await.as_array().unwrap().len(), 3);
    for value in [CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, 0x8000_0102] {
        for function in ["C_GetTokenInfo", "C_GetSlotInfo"] {
            let rule = fixture.module.add(Rule::on(function).slot(second).fail_before(value));
            let method = if function == "C_GetTokenInfo" { "token" } else { "slots" };
            let listed = ids(&page.result(method, json!({})).await);
            assert!(
                listed.contains(&fixture.token.slot()) && !listed.contains(&second),
                "{listed:?}"
            );
            if function == "C_GetTokenInfo" {
                let outcome = page.call("token", json!({ "slot_id": second })).await;
                assert_error("the bad slot", &outcome, FAILED, &[]);
            }
            fixture.assert_works(&mut page).await;
            rule.remove();
        }
    }
    let listed = page.result("token", json!({ "slot_id": second })).await;
    assert_eq!(listed["label"], "Second token");
}

#[tokio::test]
async fn a_slot_that_vanishes_between_calls_is_reported() {
    let fixture = FaultFixture::new();
    let second = fixture.token.add_token("Second token");
    let mut page = fixture.bridge.connect().await;
    let work = async {
        for missing_slot in [MissingSlot::Unlisted, MissingSlot::StillListed] {
            fixture.assert_works(&mut page).await;
            fixture.module.simulate(|token| token.missing_slot = Some(missing_slot));
            for method in ["slots", "token"] {
                let listed = ids(&page.result(method, json!({})).await);
                assert!(listed.contains(&second), "{listed:?}");
                assert!(!listed.contains(&fixture.token.slot()), "{listed:?}");
            }
            for (method, params) in fixture.calls().into_iter().skip(2) {
                let what = format!("{method} after {missing_slot:?}");
                let outcome = page.call(method, params).await;
                assert_error(&what, &outcome, NO_SLOT, &["slot"]);
            }
            let others = page.certificates(json!({ "slot_id": second })).await;
            assert_eq!(others, json!([]));
            fixture.module.simulate(|token| token.missing_slot = None);
            let listed = page.result("token", fixture.slot()).await;
            assert_eq!(listed["label"], LABEL);
            page.result("signData", fixture.signing()).await;
        }
    };
    fixture.while_healthy_module_works(work).await;
}

/// The slot list contains the slot, but the slot vanishes before the bridge reads it.
#[tokio::test]
async fn a_slot_that_vanishes_during_a_call_is_left_out() {
    let fixture = FaultFixture::new();
    let second = fixture.token.add_token("Second token");
    let mut page = fixture.bridge.connect().await;
    fixture.assert_works(&mut page).await;
    for (number, (method, function)) in
        (1..).zip([("slots", "C_GetSlotInfo"), ("token", "C_GetTokenInfo")])
    {
        let held = fixture.module.add(Rule::on(function).slot(fixture.token.slot()).next(1).held());
        page.request(method, json!({})).await;
        fixture.module.wait_until_blocked(function, 1);
        fixture.module.simulate(|token| token.missing_slot = Some(MissingSlot::Unlisted));
        held.remove();
        let listed = ids(&page.reply().await.1.unwrap());
        assert!(listed.contains(&second), "{listed:?} {number}");
        assert!(!listed.contains(&fixture.token.slot()), "{listed:?}");
        fixture.module.simulate(|token| token.missing_slot = None);
    }
    fixture.assert_works(&mut page).await;
}
