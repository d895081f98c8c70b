//! A user takes the token out and inserts it again. The next call works, whatever the
//! module returns for old handles. `token_removed` tests that the login has ended.

use cryptoki_sys::{
    CKR_CRYPTOKI_NOT_INITIALIZED, CKR_DEVICE_REMOVED, CKR_OBJECT_HANDLE_INVALID,
    CKR_SESSION_HANDLE_INVALID, CKR_TOKEN_NOT_PRESENT, CKR_USER_NOT_LOGGED_IN,
};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{verify_signed_data, with};
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::Rule;
use pkcs11_bridge_tests::token::PIN;
use serde_json::{Value, json};

use super::pin_fixture::{NO_TOKEN, PinFixture, RIGHT_LOGIN, item_of};

const RETURN_VALUES: [(&str, u64); 6] = [
    ("CKR_DEVICE_REMOVED", CKR_DEVICE_REMOVED),
    ("CKR_TOKEN_NOT_PRESENT", CKR_TOKEN_NOT_PRESENT),
    ("CKR_SESSION_HANDLE_INVALID", CKR_SESSION_HANDLE_INVALID),
    ("CKR_OBJECT_HANDLE_INVALID", CKR_OBJECT_HANDLE_INVALID),
    ("CKR_USER_NOT_LOGGED_IN", CKR_USER_NOT_LOGGED_IN),
    ("CKR_CRYPTOKI_NOT_INITIALIZED", CKR_CRYPTOKI_NOT_INITIALIZED),
];

async fn calls(fixture: &PinFixture, page: &mut Socket) -> Vec<(&'static str, Value)> {
    let slot = json!({ "slot_id": fixture.token.slot() });
    let signature = fixture.sign_with(page, PIN).await.expect("a signature");
    vec![
        ("info", json!({})),
        ("slots", json!({ "token_present": true })),
        ("token", slot.clone()),
        ("token", json!({})),
        ("certificates", slot),
        ("signData", fixture.with_pin()),
        ("verifySignedData", verify_signed_data(&fixture.with_pin(), &signature)),
        ("signDataBatch", with(&fixture.batch(3), "pin", PIN)),
        ("logout", json!({})),
    ]
}

fn assert_answered(what: &str, method: &str, before: &Value, after: &Value) {
    match method {
        "signData" => assert!(after.is_string(), "{what}: {after}"),
        "signDataBatch" => assert!((0..3).all(|at| item_of(after, at).is_ok()), "{what}: {after}"),
        // `login_required` depends on whether the login has ended.
        "certificates" => assert_eq!(before["certificates"], after["certificates"], "{what}"),
        // The login ended when the token was removed.
        "logout" => assert!(after.is_boolean(), "{what}: {after}"),
        _ => assert_eq!(before, after, "{what}"),
    }
}

#[tokio::test]
async fn the_first_call_after_reinsertion_works() {
    let fixture = PinFixture::new();
    let mut page = fixture.bridge.connect().await;
    for (method, params) in calls(&fixture, &mut page).await {
        fixture.assert_signed("a login", &fixture.sign_with(&mut page, PIN).await);
        let before = page.result(method, params.clone()).await;
        fixture.sign_with(&mut page, PIN).await.expect("a login");
        fixture.module.remove_token();
        fixture.module.insert_token();
        let after = page.result(method, params).await;
        assert_answered(method, method, &before, &after);
        fixture.assert_signed(method, &fixture.sign_with(&mut page, PIN).await);
    }
    fixture.pinentry.assert_dialogs(0);
}

#[tokio::test]
async fn after_reinsertion_the_user_is_asked_once() {
    let fixture = PinFixture::new();
    let mut page = fixture.bridge.connect().await;
    fixture.assert_signed("a login", &fixture.sign_with(&mut page, PIN).await);
    for number in 1..=3 {
        fixture.module.remove_token();
        fixture.module.insert_token();
        fixture.pinentry.answer(Answer::pin(PIN));
        fixture.assert_signed("put back", &fixture.sign(&mut page).await);
        fixture.assert_signed("again", &fixture.sign(&mut page).await);
        fixture.pinentry.assert_dialogs(number);
    }
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN; 4]);
}

#[tokio::test]
async fn a_missing_token_is_reported_and_works_after_reinsertion() {
    let fixture = PinFixture::new();
    let mut page = fixture.bridge.connect().await;
    let all = calls(&fixture, &mut page).await;
    let slot = fixture.token.slot();
    for _ in 0..2 {
        fixture.sign_with(&mut page, PIN).await.expect("a login");
        fixture.module.remove_token();
        for (method, params) in all.iter().filter(|(_, params)| params.get("slot_id").is_some()) {
            let outcome = page.call(method, params.clone()).await;
            assert_error(method, &outcome, NO_TOKEN, &["token"]);
        }
        let of_slot = |slots: &Value| {
            slots.as_array().unwrap().iter().find(|one| one["slot_id"] == slot).cloned()
        };
        for (method, params) in [("slots", json!({ "token_present": true })), ("token", json!({}))]
        {
            assert_eq!(of_slot(&page.result(method, params).await), None, "{method}");
        }
        let empty_slot =
            of_slot(&page.result("slots", json!({})).await).expect("the slot is there");
        assert_eq!(empty_slot["flags"].as_u64().unwrap() & 1, 0, "{empty_slot}");
        page.result("info", json!({})).await;
        fixture.module.insert_token();
        for (method, params) in &all {
            page.result(method, params.clone()).await;
        }
    }
    fixture.pinentry.assert_dialogs(0);
}

#[tokio::test]
async fn calls_during_the_removal_are_answered_once_each() {
    for back in [true, false] {
        let fixture = PinFixture::new();
        let mut page = fixture.bridge.connect().await;
        fixture.sign_with(&mut page, PIN).await.expect("a login");
        let held = fixture.module.add(Rule::on("C_Sign").held());
        let mut open = page.request_many("signData", &fixture.with_pin(), 4).await;
        fixture.module.wait_until_blocked("C_Sign", 4);
        fixture.module.remove_token();
        if back {
            fixture.module.insert_token();
        }
        held.remove();
        while !open.is_empty() {
            let (id, outcome) = page.reply().await;
            assert!(open.remove(&id.as_u64().unwrap()), "a second reply to {id}");
            if back {
                fixture.assert_signed("put back", &outcome);
            } else {
                assert_error("pulled", &outcome, NO_TOKEN, &["token"]);
            }
        }
        if !back {
            fixture.module.insert_token();
        }
        fixture.assert_signed("afterwards", &fixture.sign_with(&mut page, PIN).await);
    }
}

/// Whatever value a function returns for the removed token, the call succeeds.
#[tokio::test]
async fn each_return_value_for_a_removed_token_is_handled() {
    let fixture = PinFixture::new();
    let mut page = fixture.bridge.connect().await;
    let all = calls(&fixture, &mut page).await;
    let call = |name: &str| all.iter().find(|(method, _)| *method == name).cloned().unwrap();
    for (method, functions) in [
        ("signData", &["C_SignInit", "C_Sign"][..]),
        ("certificates", &["C_FindObjectsInit", "C_FindObjects"]),
        ("verifySignedData", &["C_GetSessionInfo"]),
    ] {
        let (method, params) = call(method);
        for function in functions {
            for (name, ckr) in RETURN_VALUES {
                let what = format!("{name} of {function}");
                fixture.sign_with(&mut page, PIN).await.expect("a login");
                let before = page.result(method, params.clone()).await;
                let rule = fixture.module.add(Rule::on(function).next(1).fail_before(ckr));
                let outcome = page.call(method, params.clone()).await;
                let recorded = fixture.module.calls_of(function);
                assert!(
                    recorded.iter().any(|call| call.result == ckr),
                    "{what}: no call returned it"
                );
                rule.remove();
                let after = outcome.unwrap_or_else(|error| panic!("{what}: {error:?}"));
                assert_answered(&what, method, &before, &after);
                fixture.assert_signed(&what, &fixture.sign_with(&mut page, PIN).await);
            }
        }
    }
    fixture.pinentry.assert_dialogs(0);
}

/// An error of the slot itself is reported. When it is over, the next call works.
#[tokio::test]
async fn an_error_of_the_slot_is_reported() {
    let fixture = PinFixture::new();
    let mut page = fixture.bridge.connect().await;
    let slot = json!({ "slot_id": fixture.token.slot() });
    for (name, ckr) in RETURN_VALUES {
        let rule = Rule::on("C_GetTokenInfo").fail_before(ckr);
        let is_lost = ckr == CKR_CRYPTOKI_NOT_INITIALIZED;
        let rule = fixture.module.add(if is_lost { rule.next(1) } else { rule });
        let outcome = page.call("token", slot.clone()).await;
        rule.remove();
        match &outcome {
            Ok(_) => assert_eq!(ckr, CKR_CRYPTOKI_NOT_INITIALIZED, "{name}"),
            Err(error) => assert_eq!(error.data.pkcs11.as_deref(), Some(name)),
        }
        page.result("token", slot.clone()).await;
        fixture.assert_signed(name, &fixture.sign_with(&mut page, PIN).await);
    }
}

#[tokio::test]
async fn a_module_that_keeps_losing_its_state_is_reported() {
    let fixture = PinFixture::new();
    let mut page = fixture.bridge.connect().await;
    let rule = Rule::on("C_GetTokenInfo").fail_before(CKR_CRYPTOKI_NOT_INITIALIZED);
    let rule = fixture.module.add(rule);
    let outcome = page.call("token", json!({ "slot_id": fixture.token.slot() })).await;
    assert_error("lost", &outcome, (500, "900"), &["state"]);
    assert!(fixture.module.count("C_Initialize") <= 4, "{}", fixture.module.count("C_Initialize"));
    rule.remove();
    fixture.assert_signed("again", &fixture.sign_with(&mut page, PIN).await);
}
