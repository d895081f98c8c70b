//! `authenticate`: what the page gets, and what the key has signed.

use js_sys::Array;
use pkcs11_bridge_client::AbstractPkcs11;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::bridge_control::*;

const NONE: JsValue = JsValue::UNDEFINED;

/// 16 bytes in base64.
const CHALLENGE: &str = "AAECAwQFBgcICQoLDA0ODw==";

/// The argument of `authenticate` for a key.
async fn authentication_request(pkcs11: &AbstractPkcs11, key: &str) -> JsValue {
    let request = evaluate(&format!("({{ cert_id: '{key}', challenge: '{CHALLENGE}' }})"));
    set(&request, "slot_id", slot(pkcs11).await);
    request
}

/// The base64 of the hash of what the key signs for this page.
async fn signed_hash(hash: &str) -> String {
    let hash_of_message = evaluate(&format!(
        "(async () => {{
            const challenge = Uint8Array.from(atob('{CHALLENGE}'), (c) => c.charCodeAt(0));
            const origin = new TextEncoder().encode(self.origin);
            const parts = ['pkcs11-bridge authenticate v1\\0', Uint8Array.of(0, origin.length),
                origin, Uint8Array.of(0, challenge.length), challenge];
            const message = await new Blob(parts).arrayBuffer();
            const digest = new Uint8Array(await crypto.subtle.digest('{hash}', message));
            return btoa(String.fromCharCode(...digest));
        }})()"
    ));
    resolved(hash_of_message.unchecked_into()).await.as_string().expect("base64")
}

#[wasm_bindgen_test]
async fn each_key_signs_the_challenge_for_this_page() {
    let pkcs11 = pkcs11().await;
    let slot = slot(&pkcs11).await;
    let certificates = resolved(pkcs11.certificates(slot, NONE, NONE)).await;
    let certificates: Array = at(&certificates, "data").unchecked_into();
    for (key, algorithm, hash) in [
        ("01", "PS256", "SHA-256"),
        ("03", "ES256", "SHA-256"),
        ("04", "ES384", "SHA-384"),
        ("05", "ES512", "SHA-512"),
    ] {
        // `authenticate` takes no PIN of a page. This login opens the certificate.
        let login = sign_request(&pkcs11, key).await;
        resolved(pkcs11.sign_data(&login, NONE)).await;
        let request = authentication_request(&pkcs11, key).await;
        let response = resolved(pkcs11.authenticate(&request, NONE)).await;
        assert_eq!(text(&response, "data.format"), "pkcs11-bridge authenticate v1");
        assert_eq!(text(&response, "data.algorithm"), algorithm);
        let certificate = certificates.find(&mut |each, _, _| text(&each, "id") == key);
        assert_eq!(text(&response, "data.certificate"), text(&certificate, "base64"));

        let signature = text(&response, "data.signature");
        let question = verify_request(&pkcs11, key, &signature).await;
        set(&question, "algorithm_reference", algorithm);
        set(&question, "data", signed_hash(hash).await);
        let answer = resolved(pkcs11.verify_signed_data(&question, NONE)).await;
        assert_eq!(at(&answer, "data"), JsValue::TRUE, "{key}");
    }
}

#[wasm_bindgen_test]
async fn a_callback_gets_the_response_too() {
    let pkcs11 = pkcs11().await;
    resolved(pkcs11.sign_data(&sign_request(&pkcs11, "03").await, NONE)).await;
    let (callback, calls) = recorder();
    let request = authentication_request(&pkcs11, "03").await;
    resolved(pkcs11.authenticate(&request, callback)).await;
    assert_eq!(calls.length(), 1);
    assert_eq!(text(&calls.get(0), "1.data.algorithm"), "ES256");
}

#[wasm_bindgen_test]
async fn bad_arguments_are_named() {
    let pkcs11 = pkcs11().await;
    for (field, value, named) in [
        ("challenge", "AAEC".into(), "`challenge`"),
        ("challenge", "no base64".into(), "`challenge`"),
        ("challenge", NONE, "`challenge`"),
        ("cert_id", NONE, "`cert_id`"),
        ("slot_id", JsValue::NULL, "`slot_id`"),
        ("pin", pin().into(), "`pin`"),
        ("module", "softhsm".into(), "`module`"),
    ] {
        let request = authentication_request(&pkcs11, "03").await;
        set(&request, field, value);
        assert_error(&rejected(pkcs11.authenticate(&request, NONE)).await, 400, "801", named);
    }
    assert_error(&rejected(pkcs11.authenticate(&NONE, NONE)).await, 400, "801", "`request`");
}
