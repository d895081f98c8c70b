//! `pkcs11-bridge demo --no-open` from the outside: its output, its pages, and the
//! files that it leaves.

use std::time::Duration;

use pkcs11_bridge_tests::demo::Demo;
use pkcs11_bridge_tests::digest::from_base64;
use pkcs11_bridge_tests::handshake::Handshake;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::MESSAGE;
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::processes::{self, is_running};
use pkcs11_bridge_tests::program::Program;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::{digest, http, openssl};
use serde_json::{Value, json};

/// A connection as the demo's own page opens it.
async fn connect(demo: &Demo) -> Socket {
    connect_as(demo, demo.url()).await
}

async fn connect_as(demo: &Demo, origin: &str) -> Socket {
    let bridge = http::get(&format!("{}/bridge.json", demo.url())).await.json();
    let port = bridge["ports"][0].as_u64().expect("a port");
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    Handshake::of(address).origin(Some(origin)).open().await.unwrap()
}

/// A demo, and a user who allows its page.
fn allowed() -> (Pinentry, Demo) {
    let pinentry = Pinentry::new();
    pinentry.answer(Answer::allow());
    let demo = Demo::with_pinentry(&pinentry);
    (pinentry, demo)
}

#[tokio::test]
async fn the_page_and_the_package_are_served() {
    let demo = Demo::start();
    assert!(
        demo.url().starts_with("http://127.0.0.1:") || demo.url().starts_with("http://localhost:")
    );
    assert!(demo.pin().len() >= 4, "{}", demo.pin());
    for (path, kind) in
        [("/", "text/html"), ("/pkg/index.js", "javascript"), ("/bridge.json", "application/json")]
    {
        let answer = http::get(&format!("{}{path}", demo.url())).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.content_type.contains(kind), "{path}: {}", answer.content_type);
        assert!(!answer.body.is_empty(), "{path}");
    }
    for path in ["/nothing", "/../Cargo.toml", "/%2e%2e/Cargo.toml", "/pkg/../../Cargo.toml"] {
        assert_eq!(http::get(&format!("{}{path}", demo.url())).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_token_has_four_keys_that_sign_and_one_for_log_ins() {
    let (_pinentry, demo) = allowed();
    let mut page = connect(&demo).await;
    let slots = page.result("slots", json!({ "token_present": true })).await;
    let (mut signed, mut others) = (Vec::new(), Vec::new());
    for slot in slots.as_array().unwrap() {
        let params = json!({ "slot_id": slot["slot_id"] });
        // SoftHSM's free slot has no initialised token.
        let Ok(certificates) = page.call("certificates", params).await else { continue };
        for certificate in certificates["certificates"].as_array().unwrap() {
            let signs = sign_with(&mut page, &demo, slot, certificate).await;
            let list = if signs { &mut signed } else { &mut others };
            list.push(certificate["label"].clone());
        }
    }
    assert_eq!(signed.len(), 4, "{signed:?}");
    assert_eq!(others, ["Hedy Demo (log-in only)"]);
}

/// Signs with a certificate's key. Says whether the key signs data.
async fn sign_with(page: &mut Socket, demo: &Demo, slot: &Value, certificate: &Value) -> bool {
    let hash = digest::digest("sha256", MESSAGE);
    let params = json!({
        "slot_id": slot["slot_id"],
        "cert_id": certificate["id"],
        "algorithm_reference": "sha256",
        "data": digest::base64(&hash),
        "pin": demo.pin(),
        "signature_format": "der",
    });
    let outcome = page.call("signData", params).await;
    let Ok(signature) = outcome else {
        assert_error("a key for log-ins", &outcome, (412, "406"), &["only for authentication"]);
        return false;
    };
    let folder = tempfile::tempdir().unwrap();
    let der = folder.path().join("certificate.der");
    std::fs::write(&der, from_base64(certificate["base64"].as_str().unwrap())).unwrap();
    let signature = from_base64(signature.as_str().unwrap());
    assert!(openssl::verifies(&der, "sha256", &hash, &signature), "{certificate}");
    let (subject, issuer) = openssl::names(&der);
    assert_ne!(subject, issuer, "a certificate that no CA has issued");
    true
}

#[tokio::test]
async fn the_demo_serves_the_pages_that_its_user_allows() {
    let (pinentry, demo) = allowed();
    connect(&demo).await.result("slots", json!({})).await;
    let other = "http://127.0.0.1:1";
    pinentry.answer(Answer::deny());
    let outcome = connect_as(&demo, other).await.call("slots", json!({})).await;
    assert_error("another page", &outcome, (401, "500"), &["approved"]);
    for (dialog, origin) in pinentry.assert_dialogs(2).iter().zip([demo.url(), other]) {
        assert_eq!(dialog.row("Site"), origin);
    }
}

#[tokio::test]
async fn without_a_dialog_the_log_names_the_command_that_allows_the_page() {
    let demo = Demo::start();
    let outcome = connect(&demo).await.call("slots", json!({})).await;
    let words = [demo.url(), "pkcs11-bridge origins allow", "log"];
    assert_error("the demo's page", &outcome, (401, "500"), &words);

    let logged = || demo.log().contains("command=");
    assert!(processes::wait_until(Duration::from_secs(10), logged), "{}", demo.log());
    let log = demo.log();
    let (_, command) = log.split_once("command=\"pkcs11-bridge ").expect("the command");
    let (command, _) = command.split_once('"').expect("its end");
    let mut allow = demo.home().command();
    let finished = Program::start(allow.args(command.split(' '))).run_to_end();
    assert_eq!(finished.code, Some(0), "{command}: {}", finished.stderr);
    connect(&demo).await.result("slots", json!({})).await;
}

#[tokio::test]
async fn ctrl_c_removes_everything() {
    let (_pinentry, demo) = allowed();
    let mut page = connect(&demo).await;
    page.result("slots", json!({})).await;
    let processes = demo.processes();
    assert!(!processes.is_empty());
    assert_ne!(std::fs::read_dir(demo.temporary()).unwrap().count(), 0);
    let url = demo.url().to_owned();

    let (finished, home) = demo.interrupt();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let left: Vec<_> =
        std::fs::read_dir(home.temporary()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?} is left");
    for process in processes {
        let ended = processes::wait_until(Duration::from_secs(10), || !is_running(process.pid));
        assert!(ended, "{process:?} is left");
    }
    assert!(http::try_get(&url).await.is_none(), "the page is still served");
    for folder in ["config", "data", "state", "cache"] {
        let left = std::fs::read_dir(home.path().join(folder)).unwrap().count();
        assert_eq!(left, 0, "something is left in {folder}");
    }
}
