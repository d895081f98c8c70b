//! The API as the guide documents it, in a real browser and from the packed npm
//! package. The page in the folder `guide` tries it section by section.

use pkcs11_bridge_tests::bridge::{SOFTHSM, Setup};
use pkcs11_bridge_tests::browser::Browser;
use pkcs11_bridge_tests::digest::{base64, digest, from_base64};
use pkcs11_bridge_tests::package::PackedPackage;
use pkcs11_bridge_tests::site::Site;
use pkcs11_bridge_tests::token::{
    CertifiedKey, KeyType, LABEL, MODULE, PIN, TestToken, WRONG_PIN, key_id,
};
use pkcs11_bridge_tests::{openssl, workspace};
use serde_json::{Map, Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn every_section_of_the_guide_works() {
    let token = TestToken::new();
    let key = token.generate_key(KeyType::P256, "web");
    token.write_key_pair(&key, "b1");
    let package = PackedPackage::new();
    let site = Site::reserve().await;
    let bridge = Setup::new().token(&token).module(SOFTHSM, MODULE).origin(&site.origin()).start();
    let site = site
        .folder("/", &workspace().join("tests/guide"))
        .folder("/pkg/", &package.folder())
        .json("/prepared.json", &prepared(&token, &key, bridge.address().port()))
        .serve();

    let browser = Browser::start().await;
    browser.open(&site.url("/")).await;
    let outcomes = browser.wait_for("window.outcomes").await;
    browser.screenshot("guide").await;

    let failing: Vec<String> = outcomes
        .as_array()
        .expect("a list of sections")
        .iter()
        .filter(|outcome| !outcome["error"].is_null())
        .map(|outcome| format!("{}: {}", outcome["title"], outcome["error"]))
        .collect();
    assert!(failing.is_empty(), "failing sections:\n{}", failing.join("\n"));
    assert_eq!(outcomes.as_array().map(Vec::len), Some(14), "{outcomes}");
    assert_eq!(browser.problems().await, json!([]));
    assert_signatures_verify(&token, &browser.value_of("window.signed").await);
    let signature = browser.value_of("window.signedByKey").await;
    let signature = from_base64(signature.as_str().expect("base64"));
    let signature = openssl::der_of_raw_ecdsa(&signature);
    let hash = digest("sha256", b"a contract");
    assert!(openssl::verifies(&key.certificate(), "sha256", &hash, &signature));
}

#[test]
fn the_package_contains_exactly_the_needed_files() {
    let package = PackedPackage::new();
    let mut files = package.files();
    for file in &mut files {
        // The name of the snippets' folder contains a hash.
        if let Some((_, name)) = file.split_once("/js/") {
            *file = format!("dist/snippets/…/js/{name}");
        }
    }
    assert_eq!(
        files,
        [
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "README.md",
            "dist/classes.js",
            "dist/pkcs11_bridge_client.js",
            "dist/pkcs11_bridge_client_bg.wasm",
            "dist/pkcs11_bridge_verifier.js",
            "dist/pkcs11_bridge_verifier_bg.wasm",
            "dist/snippets/…/js/bridge_key.js",
            "dist/snippets/…/js/bridge_proof.js",
            "dist/snippets/…/js/bridge_search.js",
            "dist/snippets/…/js/listeners.js",
            "dist/snippets/…/js/module_config.js",
            "dist/snippets/…/js/next_task.js",
            "dist/snippets/…/js/rest_exception.js",
            "dist/snippets/…/js/signature_checks.js",
            "index.d.ts",
            "index.js",
            "package.json",
            "server/bytes.js",
            "server/certificate.js",
            "server/chain.js",
            "server/der.js",
            "server/errors.js",
            "server/index.d.ts",
            "server/index.js",
            "server/message.js",
            "server/name.js",
            "server/signatures.js",
            "verifier.js",
        ]
    );
}

/// What the page needs to know.
fn prepared(token: &TestToken, key: &CertifiedKey, port: u16) -> Value {
    let info = openssl::public_key(&key.certificate());
    let mut labels = KeyType::ALL.map(KeyType::name);
    labels.sort_unstable();
    let fingerprints: Map<String, Value> = KeyType::ALL
        .map(|key_type| {
            let hash = digest("sha256", &token.certified_key(key_type).certificate_bytes());
            (key_type.name().to_owned(), json!(const_hex::encode(hash)))
        })
        .into_iter()
        .collect();
    json!({
        "ports": [port, port],
        "module": MODULE,
        "slot": token.slot(),
        "label": LABEL,
        "labels": labels,
        "fingerprints": fingerprints,
        "key": { "id": key_id(&info), "label": key.name(), "public_key": base64(&info) },
        "pin": PIN,
        "wrong_pin": WRONG_PIN,
    })
}

/// Lets OpenSSL verify every signature of the page.
fn assert_signatures_verify(token: &TestToken, signed: &Value) {
    let signed = signed.as_array().expect("a list");
    assert_eq!(signed.len(), 5 * 4);
    for one in signed {
        let label = one["label"].as_str().unwrap();
        let key_type = KeyType::ALL.into_iter().find(|key_type| key_type.name() == label).unwrap();
        let algorithm = one["algorithm_reference"].as_str().unwrap();
        let hash = digest(algorithm, b"a contract");
        assert_eq!(from_base64(one["data"].as_str().unwrap()), hash, "{algorithm}");
        let mut signature = from_base64(one["signature"].as_str().unwrap());
        if !key_type.is_rsa() {
            signature = openssl::der_of_raw_ecdsa(&signature);
        }
        let certificate = token.certified_key(key_type).certificate();
        let verified = openssl::verifies(&certificate, algorithm, &hash, &signature);
        assert!(verified, "{label} {algorithm}");
    }
}
