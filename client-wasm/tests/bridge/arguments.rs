//! Bad arguments. The client sends nothing; the error names the argument, but not its value.

use js_sys::Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::bridge_control::*;

const NONE: JsValue = JsValue::UNDEFINED;

/// Stands for a PIN or another value that errors must not repeat.
const SECRET: &str = "86420975";

#[wasm_bindgen_test]
async fn bad_arguments_of_sign_data() {
    let client = connect().await;
    let pkcs11 = default_module(&client);
    let sent = traffic(&client);
    let good = "slot_id: 1, cert_id: '01', algorithm_reference: 'sha256', data: 'AQI='";
    for (argument, problem) in [
        ("undefined".to_owned(), "`data` has to be an object"),
        ("null".to_owned(), "`data` has to be an object"),
        (format!("'{SECRET}'"), "`data` has to be an object"),
        (format!("['{SECRET}']"), "`data` has to be an object"),
        ("({})".to_owned(), "missing field `slot_id`"),
        (good.replace("data: 'AQI='", ""), "`data` is missing. Pass the hash"),
        (format!("{good}, message: 'AQI='"), "`data` cannot be passed together with `message`"),
        (good.replace("slot_id: 1", "slot_id: undefined"), "`slot_id` has to be a slot id"),
        (good.replace("slot_id: 1", "slot_id: -1"), "`slot_id` has to be a slot id"),
        (good.replace("slot_id: 1", "slot_id: 1.5"), "`slot_id` has to be a slot id"),
        (good.replace("slot_id: 1", "slot_id: NaN"), "`slot_id` has to be a slot id"),
        (good.replace("slot_id: 1", "slot_id: 2n ** 64n"), "`slot_id` is out of range"),
        (good.replace("slot_id: 1", &format!("slot_id: 'x{SECRET}'")), "`slot_id` has to be"),
        (good.replace("'01'", SECRET), "`cert_id` has to be a string"),
        (good.replace("sha256", SECRET), "`algorithm_reference` is not a known algorithm"),
        (good.replace("'sha256'", "256"), "`algorithm_reference` has to be the name"),
        (good.replace("AQI=", &format!("{SECRET}-")), "`data` is not standard base64"),
        (good.replace("'AQI='", "new Uint8Array(32)"), "`data` has to be standard base64"),
        (format!("{good}, pin: {SECRET}"), "`pin` has to be a string"),
        (format!("{good}, pin: ['{SECRET}']"), "`pin` has to be a string"),
        (format!("{good}, Pin: '{SECRET}'"), "unknown field `Pin`; expected one of `module`"),
        (format!("{good}, '\\n': '{SECRET}'"), "unknown field `\\n`"),
        (format!("{good}, signature_format: '{SECRET}'"), "`signature_format` has to be `raw` or"),
        (format!("{good}, document: '{SECRET}'"), "`document` has to be an object"),
        (format!("{good}, document: {{}}"), "`document` has no field `name`"),
        (
            format!("{good}, document: {{ name: {SECRET} }}"),
            "`document` has a field `name` that has to be a string",
        ),
        (
            format!("{good}, document: {{ name: 'a', size: -1 }}"),
            "`document` has a field `size` that has to be a whole number",
        ),
        (
            format!("{good}, document: {{ name: 'a', hash: '{SECRET}' }}"),
            "`document` has an unknown field `hash`; expected `name` or `size`",
        ),
        (format!("{good}, module: 'softhsm'"), "`module` is not an argument"),
        (format!("{good}, get pin() {{ throw 1; }}"), "has a field that cannot be read"),
    ] {
        let argument =
            if argument.contains(':') { format!("({{ {argument} }})") } else { argument };
        let error = rejected(pkcs11.sign_data(&evaluate(&argument), NONE)).await;
        assert_error(&error, 400, "801", problem);
        assert!(!error.description().contains(SECRET), "{}", error.description());
    }
    assert_eq!(sent.length(), 0, "nothing was sent");
}

#[wasm_bindgen_test]
async fn bad_arguments_of_verify_signed_data() {
    let pkcs11 = pkcs11().await;
    let good = "slot_id: 1, cert_id: '01', algorithm_reference: 'sha256', data: 'AQI='";
    for (argument, problem) in [
        (format!("({{ {good} }})"), "missing field `signature`"),
        (format!("({{ {good}, signature: '?' }})"), "`signature` is not standard base64"),
        (format!("({{ {good}, signature: 'AQ==', pin: '{SECRET}' }})"), "unknown field `pin`"),
    ] {
        let error = rejected(pkcs11.verify_signed_data(&evaluate(&argument), NONE)).await;
        assert_error(&error, 400, "801", problem);
        assert!(!error.description().contains(SECRET), "{}", error.description());
    }
}

#[wasm_bindgen_test]
async fn bad_arguments_of_sign_data_batch() {
    let client = connect().await;
    let pkcs11 = default_module(&client);
    let sent = traffic(&client);
    let good = "slot_id: 1, cert_id: '01', algorithm_reference: 'sha256', data: ['AQI=']";
    for (argument, options, problem) in [
        ("undefined".to_owned(), NONE, "`data` has to be an object"),
        (good.replace(", data: ['AQI=']", ""), NONE, "missing field `data`"),
        (
            good.replace("['AQI=']", "'AQI='"),
            NONE,
            "`data` has to be an array of 1 to 1000 strings",
        ),
        (good.replace("['AQI=']", "7"), NONE, "`data` has to be an array of 1 to 1000 strings"),
        (good.replace("'AQI='", "'AQI=', undefined"), NONE, "`data` has to be standard base64"),
        (good.replace("AQI=", &format!("{SECRET}-")), NONE, "`data` is not standard base64"),
        (format!("{good}, pin: {SECRET}"), NONE, "`pin` has to be a string"),
        (format!("{good}, Pin: '{SECRET}'"), NONE, "unknown field `Pin`; expected one of"),
        (format!("{good}, documents: 7"), NONE, "`documents` has to be an array of 1 to 1000"),
        (format!("{good}, documents: [7]"), NONE, "`documents` has to be an object"),
        (format!("{good}, module: 'softhsm'"), NONE, "`module` is not an argument"),
        (good.to_owned(), 7.into(), "`options` has to be an object"),
        (good.to_owned(), evaluate("[]"), "`options` has to be an object"),
        (
            good.to_owned(),
            evaluate("({ onprogress() {} })"),
            "unknown field `onprogress`; expected `onProgress` or `signal`",
        ),
        (good.to_owned(), evaluate("({ onProgress: 7 })"), "`onProgress` has to be a function"),
        (good.to_owned(), evaluate("({ signal: 7 })"), "`signal` has to be an AbortSignal"),
        (
            good.to_owned(),
            evaluate("({ signal: new AbortController() })"),
            "`signal` has to be an AbortSignal",
        ),
        // The client checks the arguments before the signal.
        (good.to_owned(), evaluate("({ signal: AbortSignal.abort(), x: 1 })"), "unknown field"),
    ] {
        let argument =
            if argument.contains(':') { format!("({{ {argument} }})") } else { argument };
        let batch = pkcs11.sign_data_batch(&evaluate(&argument), options, NONE);
        let error = rejected(batch).await;
        assert_error(&error, 400, "801", problem);
        assert!(!error.description().contains(SECRET), "{}", error.description());
    }
    assert_eq!(sent.length(), 0, "nothing was sent");

    for count in [0, 1001] {
        let argument = good.replace("['AQI=']", &format!("Array({count}).fill('AQI=')"));
        let argument = evaluate(&format!("({{ {argument} }})"));
        let error = rejected(pkcs11.sign_data_batch(&argument, NONE, NONE)).await;
        assert_error(&error, 400, "801", "`data`");
    }
}

#[wasm_bindgen_test]
async fn bad_arguments_of_token_certificates_and_logout() {
    let pkcs11 = pkcs11().await;
    for slot in ["-1", "1.5", "'one'", "({})", "[]", "true"] {
        let error = rejected(pkcs11.token(evaluate(slot), NONE)).await;
        assert_error(&error, 400, "801", "`slotId` has to be a slot id");
        let error = rejected(pkcs11.certificates(evaluate(slot), NONE, NONE)).await;
        assert_error(&error, 400, "801", "`slotId` has to be a slot id");
        let error = rejected(pkcs11.logout(evaluate(slot), NONE)).await;
        assert_error(&error, 400, "801", "`slotId` has to be a slot id");
    }
    let error = rejected(pkcs11.token(evaluate("2n ** 64n"), NONE)).await;
    assert_error(&error, 400, "801", "`slotId` is out of range");
    let error = rejected(pkcs11.certificates(NONE, NONE, NONE)).await;
    assert_error(&error, 400, "801", "`slotId` has to be a slot id");
    for (options, problem) in [
        ("7", "`options` has to be an object"),
        ("({ parseCerts: 'yes' })", "`parseCerts` has to be a boolean"),
        ("({ parse_certs: true })", "unknown field `parse_certs`"),
    ] {
        let error = rejected(pkcs11.certificates(1.into(), evaluate(options), NONE)).await;
        assert_error(&error, 400, "801", problem);
    }
}

#[wasm_bindgen_test]
async fn bad_options_of_connect() {
    for (options, problem) in [
        ("7", "`options` has to be an object"),
        ("({ port: 1 })", "unknown field `port`"),
        ("({ ports: 24911 })", "`ports` has to be an array"),
        ("({ ports: ['24911', 24915] })", "`ports` has to be a whole number"),
        ("({ ports: [24911] })", "`ports` has to be the first and the last"),
        ("({ ports: [24911, 24912, 24913] })", "`ports` has to be the first and the last"),
        ("({ ports: [24915, 24911] })", "`ports` has to be the first and the last"),
        ("({ ports: [0, 1] })", "`ports` has to be the first and the last"),
        ("({ ports: [1, 65535] })", "of at most 32 ports"),
        ("({ ports: [1, 65536] })", "`ports` has to be a whole number"),
        ("({ timeout: 0 })", "`timeout` has to be a number of milliseconds from 1"),
        ("({ timeout: 2 ** 31 })", "`timeout` has to be a number of milliseconds from 1"),
        ("({ timeout: '60' })", "`timeout` has to be a whole number"),
        ("({ timeout: Infinity })", "`timeout` has to be a whole number"),
        ("({ moduleConfig: 'path' })", "`moduleConfig` has to be an object"),
        ("({ moduleConfig: { linux: 1 } })", "`linux` has to be a string"),
        ("({ moduleConfig: { windows: '' } })", "unknown field `windows`"),
    ] {
        let error = pkcs11_bridge_client::connect(evaluate(options), None).await.err().unwrap();
        assert_error(&error, 400, "801", problem);
    }
}

#[wasm_bindgen_test]
async fn a_request_longer_than_a_frame_is_refused() {
    let pkcs11 = pkcs11().await;
    let request = sign_request(&pkcs11, "01").await;
    set(&request, "data", evaluate("'A'.repeat(1 << 20)"));
    let error = rejected(pkcs11.sign_data(&request, NONE)).await;
    assert_error(&error, 400, "801", "`data` makes a request of 10487");
    resolved(pkcs11.info(NONE)).await;
}

fn traffic(client: &pkcs11_bridge_client::Client) -> Array {
    let (listener, events) = recorder();
    client.add_event_listener(&"traffic".into(), &listener, &NONE).unwrap();
    events
}
