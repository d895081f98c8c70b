//! The result of each method.

use js_sys::{Array, Promise, Uint8Array};
use pkcs11_bridge_client::ModuleConfig;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::bridge_control::*;

const NONE: JsValue = JsValue::UNDEFINED;

#[wasm_bindgen_test]
async fn hello_and_modules() {
    let client = connect().await;
    let hello = resolved(client.hello(NONE)).await;
    assert_eq!(at(&hello, "success"), JsValue::TRUE);
    assert_eq!(text(&hello, "data.name"), "pkcs11-bridge");
    assert_eq!(text(&hello, "data.protocol"), "pkcs11-bridge.v1");
    let methods: Array = at(&hello, "data.methods").unchecked_into();
    assert!(methods.includes(&"signData".into(), 0));
    assert_eq!(text(&hello, "data.pin_entry"), "page-or-native");
    let modules = resolved(client.modules(NONE)).await;
    assert!(!text(&modules, "data.0.name").is_empty());
    assert!(["available", "running"].contains(&text(&modules, "data.0.state").as_str()));
}

#[wasm_bindgen_test]
async fn info() {
    let info = resolved(pkcs11().await.info(NONE)).await;
    assert_eq!(at(&info, "success"), JsValue::TRUE);
    assert_eq!(text(&info, "data.manufacturer_id"), "SoftHSM");
    assert!(text(&info, "data.cryptoki_version").contains('.'));
    assert_eq!(at(&info, "data.flags"), 0.0);
}

#[wasm_bindgen_test]
async fn slots_with_and_without_a_token() {
    let pkcs11 = pkcs11().await;
    let all: Array = at(&resolved(pkcs11.slots(NONE)).await, "data").unchecked_into();
    let present = resolved(pkcs11.slots_with_token_present(NONE)).await;
    let present: Array = at(&present, "data").unchecked_into();
    assert!(present.length() >= 1 && present.length() <= all.length());
    for slot in present {
        assert_eq!(at(&slot, "flags").as_f64().unwrap() as u64 & 1, 1);
        assert!(at(&slot, "slot_id").as_f64().is_some());
        assert!(text(&slot, "hardware_version").contains('.'));
    }
}

#[wasm_bindgen_test]
async fn one_token_and_all_tokens() {
    let pkcs11 = pkcs11().await;
    let slot = slot(&pkcs11).await;
    let digits = JsValue::from(slot.as_f64().unwrap().to_string());
    let big = JsValue::from(js_sys::BigInt::from(slot.as_f64().unwrap() as u64));
    for id in [slot.clone(), digits, big] {
        let token = resolved(pkcs11.token(id, NONE)).await;
        assert_eq!(at(&token, "data.slot_id"), slot);
        assert!(!text(&token, "data.label").is_empty());
        // SoftHSM has no session limit, and does not report its memory.
        assert_eq!(at(&token, "data.max_session_count"), JsValue::from("unlimited"));
        assert_eq!(at(&token, "data.total_public_memory"), JsValue::NULL);
    }
    for absent in [JsValue::UNDEFINED, JsValue::NULL] {
        let tokens: Array =
            at(&resolved(pkcs11.token(absent, NONE)).await, "data").unchecked_into();
        assert!(tokens.some(&mut |token| at(&token, "slot_id") == slot));
    }
}

#[wasm_bindgen_test]
async fn certificates_are_not_parsed_by_default() {
    let pkcs11 = pkcs11().await;
    let slot = slot(&pkcs11).await;
    for options in ["undefined", "null", "({})", "({ parseCerts: false })"] {
        let certificates = pkcs11.certificates(slot.clone(), evaluate(options), NONE);
        let certificates = resolved(certificates).await;
        for certificate in at(&certificates, "data").unchecked_into::<Array>() {
            assert!(text(&certificate, "base64").starts_with("MII"));
            assert!(at(&certificate, "parsed").is_undefined());
        }
    }
}

#[wasm_bindgen_test]
async fn parsed_certificates() {
    let pkcs11 = pkcs11().await;
    let slot = slot(&pkcs11).await;
    let options = evaluate("({ parseCerts: true })");
    let certificates = resolved(pkcs11.certificates(slot, options, NONE)).await;
    let certificates: Array = at(&certificates, "data").unchecked_into();
    for (id, key_type, key_size, curve) in KEYS {
        let certificate = certificates.find(&mut |each, _, _| text(&each, "id") == id);
        let parsed = at(&certificate, "parsed");
        assert_eq!(text(&parsed, "key_type"), key_type);
        assert_eq!(at(&parsed, "key_size"), key_size);
        assert_eq!(at(&parsed, "curve"), curve.map_or(JsValue::NULL, JsValue::from));
        assert!(text(&parsed, "subject").contains("CN="));
        let (not_before, not_after) = (text(&parsed, "not_before"), text(&parsed, "not_after"));
        assert!(not_before.ends_with('Z') && not_before < not_after);
        let digest = sha256(&text(&certificate, "base64")).await;
        assert_eq!(text(&parsed, "fingerprint_sha256"), digest);
        assert!(at(&certificate, "parse_error").is_undefined());
    }
}

#[wasm_bindgen_test]
async fn every_key_signs_and_verifies() {
    let pkcs11 = pkcs11().await;
    for (id, key_type, ..) in KEYS {
        let formats = if key_type == "EC" { ["raw", "der"].as_slice() } else { &["raw"] };
        for format in formats {
            let request = sign_request(&pkcs11, id).await;
            set(&request, "signature_format", *format);
            let signature = resolved(pkcs11.sign_data(&request, NONE)).await;
            let signature = text(&signature, "data");
            let question = verify_request(&pkcs11, id, &signature).await;
            set(&question, "signature_format", *format);
            let answer = resolved(pkcs11.verify_signed_data(&question, NONE)).await;
            assert_eq!(at(&answer, "data"), JsValue::TRUE, "{id} {format}");
            set(&question, "data", format!("A{}", &HASH[1..]));
            let answer = resolved(pkcs11.verify_signed_data(&question, NONE)).await;
            assert_eq!(at(&answer, "data"), JsValue::FALSE, "{id} {format}");
            assert_eq!(at(&answer, "success"), JsValue::TRUE);
        }
    }
}

#[wasm_bindgen_test]
async fn the_right_pin_works_after_one_that_is_too_short() {
    let pkcs11 = pkcs11().await;
    let request = sign_request(&pkcs11, "03").await;
    // A wrong one would be counted. Then no other test of this token could send a PIN.
    set(&request, "pin", "987");
    let error = rejected(pkcs11.sign_data(&request, NONE)).await;
    assert_error(&error, 412, "106", "");
    assert_eq!(error.pkcs11().as_deref(), Some("CKR_PIN_LEN_RANGE"));
    assert!(!error.description().contains("987"), "{}", error.description());
    set(&request, "pin", pin());
    resolved(pkcs11.sign_data(&request, NONE)).await;
}

#[wasm_bindgen_test]
async fn failures_are_real_errors() {
    let pkcs11 = pkcs11().await;
    let error = rejected(pkcs11.token(999_999.into(), NONE)).await;
    assert_error(&error, 412, "1", "");
    let error = JsValue::from(error);
    assert!(error.is_instance_of::<js_sys::Error>());
    assert_eq!(text(&error, "name"), "RestException");
    assert_eq!(text(&error, "message"), text(&error, "description"));
    assert!(text(&error, "stack").contains("RestException"));
    assert_eq!(at(&error, "code"), "1");
}

#[wasm_bindgen_test]
async fn modules_by_name_and_by_path() {
    let client = connect().await;
    let name = at(&resolved(client.modules(NONE)).await, "data.0.name");
    resolved(client.pkcs11(name).unwrap().info(NONE)).await;
    let error = rejected(client.pkcs11("nosuch".into()).unwrap().info(NONE)).await;
    assert_error(&error, 412, "300", "");
    assert_error(&client.pkcs11(7.into()).err().unwrap(), 400, "801", "`moduleName`");

    for (linux, works) in [(MODULE, true), ("/nowhere/module.so", false), ("", true)] {
        let options = evaluate(&format!("({{ ports: [{0}, {0}] }})", port()));
        set(&options, "moduleConfig", ModuleConfig::new(Some(linux), Some("/m"), Some("C:\\m")));
        let client = pkcs11_bridge_client::connect(options, None).await.unwrap();
        let info = settled(default_module(&client).info(NONE)).await;
        assert_eq!(info.is_ok(), works, "{linux}");
    }
}

#[wasm_bindgen_test]
async fn more_calls_than_the_bridge_allows_in_flight_wait() {
    let pkcs11 = pkcs11().await;
    let request = sign_request(&pkcs11, "03").await;
    resolved(pkcs11.sign_data(&request, NONE)).await;
    let calls: Vec<Promise> = (0..200)
        .map(|i| if i % 2 == 0 { pkcs11.sign_data(&request, NONE) } else { pkcs11.info(NONE) })
        .collect();
    for call in calls {
        resolved(call).await;
    }
}

/// The lower-case hex of the SHA-256 of base64-encoded bytes.
async fn sha256(base64: &str) -> String {
    let digest = evaluate(&format!(
        "crypto.subtle.digest('SHA-256', Uint8Array.from(atob('{base64}'), (c) => c.charCodeAt(0)))"
    ));
    let digest = resolved(digest.unchecked_into()).await;
    Uint8Array::new(&digest).to_vec().iter().map(|byte| format!("{byte:02x}")).collect()
}
