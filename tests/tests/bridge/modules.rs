//! The modules that a page can reach: those that the user allows, by name or path. A
//! module that cannot be loaded affects only the calls that name it.

use std::path::PathBuf;

use pkcs11_bridge_tests::bridge::{SOFTHSM, Setup};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{sign_data, with};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::token::{KeyType, MODULE, TestToken};
use serde_json::json;

const UNAVAILABLE: (u16, &str) = (412, "300");

/// The module of OpenSC. The bridges of tests find no daemon with smart card readers,
/// so it has no slot.
pub fn without_slots() -> String {
    library("opensc-pkcs11.so")
}

/// The path of a library in the folder of this machine's architecture.
pub fn library(name: &str) -> String {
    let folders = ["/usr/lib", "/lib"].into_iter().flat_map(|folder| {
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path())
    });
    let mut paths = folders.map(|folder| folder.join(name)).filter(|path| path.is_file());
    let path: PathBuf = paths.next().unwrap_or_else(|| panic!("{name} is not installed"));
    path.to_str().expect("a path in UTF-8").to_owned()
}

async fn assert_softhsm_works(page: &mut Socket) {
    let info = page.result("info", json!({ "module": SOFTHSM })).await;
    assert_eq!(info["manufacturer_id"], "SoftHSM");
}

#[tokio::test]
async fn an_unconfigured_module_is_refused_before_it_is_opened() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;
    let sign_data = sign_data(&token, KeyType::P256.id(), "sha256");
    let relative = MODULE.trim_start_matches('/');
    for module in [
        "nothing",
        "",
        "SoftHSM",
        "/etc/passwd",
        "/dev/zero",
        &without_slots(),
        "../libsofthsm2.so",
        "libsofthsm2.so",
        relative,
        &format!("{MODULE}\0"),
        &format!("{MODULE}/"),
        &MODULE.replace("/softhsm/", "/softhsm/../softhsm/"),
        &MODULE.replace("/usr", "//usr"),
        &"x".repeat(100_000),
    ] {
        for (method, params) in [("info", json!({})), ("signData", sign_data.clone())] {
            let outcome = page.call(method, with(&params, "module", module)).await;
            assert_error(&format!("{method} of {module:.80}"), &outcome, UNAVAILABLE, &["module"]);
            let error = outcome.unwrap_err().message;
            assert!(error.len() < 1000 && !error.contains("/libsofthsm2.so"), "{error}");
        }
    }
    bridge.expect_workers(0);
    assert_softhsm_works(&mut page).await;
}

#[tokio::test]
async fn a_module_that_cannot_be_loaded_affects_no_other() {
    let token = TestToken::new();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let broken = [
        ("missing", "/usr/lib/missing-module.so".to_owned()),
        ("text", file("text.so", b"this is no library\n")),
        ("empty", file("empty.so", b"")),
        ("folder", folder.path().to_str().unwrap().to_owned()),
        ("libm", library("libm.so.6")),
    ];
    let setup = Setup::on(&token);
    let bridge = broken.iter().fold(setup, |setup, (name, path)| setup.module(name, path)).start();
    let mut page = bridge.connect().await;
    for (name, path) in &broken {
        for _ in 0..2 {
            let outcome = page.call("slots", json!({ "module": name })).await;
            assert_error(name, &outcome, UNAVAILABLE, &["module"]);
            let error = outcome.unwrap_err().message;
            let folder = PathBuf::from(path);
            let folder = folder.parent().unwrap().to_str().unwrap();
            assert!(!error.contains(folder), "the error contains a path: {error}");
        }
        assert_softhsm_works(&mut page).await;
    }
    bridge.expect_workers(1);
}

#[tokio::test]
async fn a_module_that_crashes_at_its_load_affects_no_other() {
    let token = TestToken::new();
    let folder = tempfile::tempdir().unwrap();
    let half = folder.path().join("half.so");
    let softhsm = std::fs::read(MODULE).unwrap();
    std::fs::write(&half, &softhsm[..softhsm.len() / 2]).unwrap();
    let bridge = Setup::on(&token).module("half", half.to_str().unwrap()).start();
    let mut page = bridge.connect().await;
    for _ in 0..2 {
        // The system's loader rejects half a library or crashes on it.
        let outcome = page.call("slots", json!({ "module": "half" })).await;
        let expected = match &outcome {
            Err(error) if error.data.status == 412 => UNAVAILABLE,
            _ => (500, "900"),
        };
        assert_error("half a library", &outcome, expected, &["module"]);
        assert_softhsm_works(&mut page).await;
    }
    bridge.expect_workers(1);
}

#[tokio::test]
async fn the_first_module_is_the_default() {
    let token = TestToken::new();
    let bridge = Setup::new()
        .token(&token)
        .origin(pkcs11_bridge_tests::bridge::ORIGIN)
        .module("opensc", without_slots())
        .module(SOFTHSM, MODULE)
        .start();
    let mut page = bridge.connect().await;
    let default = page.result("info", json!({})).await;
    assert_eq!(default, page.result("info", json!({ "module": "opensc" })).await);
    assert_ne!(default, page.result("info", json!({ "module": SOFTHSM })).await);
}

#[tokio::test]
async fn a_bridge_without_modules_reports_it() {
    let origin = pkcs11_bridge_tests::bridge::ORIGIN;
    let bridge = Setup::new().origin(origin).start();
    let mut page = bridge.connect().await;
    assert_eq!(page.result("modules", json!({})).await, json!([]));
    let outcome = page.call("slots", json!({})).await;
    assert_error("no module", &outcome, UNAVAILABLE, &["no PKCS#11 module", "--module"]);
    bridge.expect_workers(0);
}
