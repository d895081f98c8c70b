//! The pages that reach a module: those of an approved origin, compared as a whole.

use axum::http::StatusCode;
use pkcs11_bridge_tests::bridge::{Bridge, ORIGIN, Setup};
use pkcs11_bridge_tests::digest::base64;
use pkcs11_bridge_tests::handshake::Handshake;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{sign_data, verify_signed_data};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::token::{KeyType, TestToken};
use serde_json::{Value, json};

const NOT_APPROVED: (u16, &str) = (401, "500");

/// What keeps a page from the modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Barrier {
    /// The page gets a connection, and each call fails with 401/500.
    EachCall,
    /// The handshake fails with 403.
    Handshake,
    /// One of the two. No browser sends such an origin.
    Either,
}

async fn open_as(bridge: &Bridge, origin: &str) -> Result<Socket, StatusCode> {
    Handshake::of(bridge.address()).origin(Some(origin)).open().await
}

/// Every method, with parameters that succeed for an approved page.
fn every_call(token: &TestToken) -> Vec<(&'static str, Value)> {
    let sign_data = sign_data(token, KeyType::P256.id(), "sha256");
    let verify = verify_signed_data(&sign_data, &json!(""));
    // The page is logged in by then.
    let authenticate = json!({
        "slot_id": token.slot(),
        "cert_id": KeyType::P256.id(),
        "challenge": base64(&[7; 32]),
    });
    vec![
        ("hello", json!({})),
        ("modules", json!({})),
        ("info", json!({})),
        ("slots", json!({})),
        ("token", json!({})),
        ("certificates", json!({ "slot_id": token.slot() })),
        ("signData", sign_data),
        ("authenticate", authenticate),
        ("verifySignedData", verify),
    ]
}

#[tokio::test]
async fn an_unapproved_origin_reaches_no_module() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    let mut stranger = bridge.connect_as("https://stranger.example").await;
    for (method, params) in every_call(&token) {
        let outcome = stranger.call(method, params).await;
        assert_error(method, &outcome, NOT_APPROVED, &["https://stranger.example", "approve"]);
    }
    assert_eq!(bridge.workers(), [], "a worker was started for a stranger");

    let mut page = bridge.connect().await;
    for (method, params) in every_call(&token) {
        page.result(method, params).await;
    }
    // The page does not reach a module that another origin has started, either.
    for (method, params) in every_call(&token) {
        assert_error(method, &stranger.call(method, params).await, NOT_APPROVED, &[]);
    }
    bridge.expect_workers(1);
}

#[tokio::test]
async fn a_lookalike_of_an_approved_origin_is_refused() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).origin("http://localhost:8080").start();
    for (origin, barrier) in [
        // Another scheme or port.
        ("http://app.example", Barrier::EachCall),
        ("https://app.example:8443", Barrier::EachCall),
        ("http://app.example:443", Barrier::EachCall),
        ("http://localhost", Barrier::EachCall),
        ("http://localhost:8081", Barrier::EachCall),
        ("http://localhost:80800", Barrier::Either),
        ("https://localhost:8080", Barrier::EachCall),
        ("http://127.0.0.1:8080", Barrier::EachCall),
        ("http://[::1]:8080", Barrier::EachCall),
        // More characters behind or before the origin, or fewer.
        ("https://app.example.evil.test", Barrier::EachCall),
        ("https://app.example-evil.test", Barrier::EachCall),
        ("https://app.examples", Barrier::EachCall),
        ("https://app.exampl", Barrier::EachCall),
        ("https://evil-app.example", Barrier::EachCall),
        ("https://sub.app.example", Barrier::EachCall),
        ("https://example", Barrier::EachCall),
        ("https://app-example", Barrier::EachCall),
        ("https://appxexample", Barrier::EachCall),
        ("https://evil.test", Barrier::EachCall),
        // Lookalike letters, as a browser sends them.
        ("https://xn--pp-7lc.example", Barrier::Either),
        ("https://app.xn--exampl-hof", Barrier::Either),
        // No origin of its own.
        ("null", Barrier::EachCall),
        // Forms that no browser sends.
        ("https://app.example.", Barrier::Either),
        ("https://app.example:443", Barrier::Either),
        ("https://app.example/", Barrier::Either),
        ("https://app.example/path", Barrier::Either),
        ("https://app.example?", Barrier::Either),
        ("https://app.example#", Barrier::Either),
        ("https://app.example@evil.test", Barrier::Either),
        ("https://evil.test/https://app.example", Barrier::Either),
        ("https://app.example https://evil.test", Barrier::Either),
        ("https://app.example, https://evil.test", Barrier::Either),
        ("https://app.example\\@evil.test", Barrier::Either),
        ("https://app.example%2eevil.test", Barrier::Either),
        ("https:app.example", Barrier::Either),
        ("//app.example", Barrier::Either),
        ("app.example", Barrier::Either),
        ("*", Barrier::Either),
        // Upper case.
        ("HTTPS://APP.EXAMPLE", Barrier::Handshake),
        ("https://APP.example", Barrier::Handshake),
        ("https://app.Example", Barrier::Handshake),
        ("Https://app.example", Barrier::Handshake),
        ("NULL", Barrier::Handshake),
        // Nothing.
        ("", Barrier::Handshake),
    ] {
        let found = match open_as(&bridge, origin).await {
            Err(status) => {
                assert_eq!(status, StatusCode::FORBIDDEN, "{origin}");
                Barrier::Handshake
            }
            Ok(mut page) => {
                let outcome = page.call("slots", json!({})).await;
                assert_error(origin, &outcome, NOT_APPROVED, &["approve"]);
                Barrier::EachCall
            }
        };
        assert!(barrier == found || barrier == Barrier::Either, "{origin} is stopped at {found:?}");
    }
    assert_eq!(bridge.workers(), [], "a worker was started for a look-alike");
    for origin in [ORIGIN, "http://localhost:8080"] {
        open_as(&bridge, origin).await.unwrap().result("slots", json!({})).await;
    }
}

#[tokio::test]
async fn the_user_may_write_an_origin_in_other_forms() {
    let token = TestToken::new();
    let bridge = Setup::on(&token)
        .origin("HTTPS://Second.Example/")
        .origin("https://third.example:443")
        .start();
    for origin in ["https://second.example", "https://third.example"] {
        bridge.connect_as(origin).await.result("slots", json!({})).await;
    }
}

#[tokio::test]
async fn without_allowed_origins_no_page_is_allowed() {
    let token = TestToken::new();
    let bridge = Setup::new().token(&token).start();
    for origin in [ORIGIN, "null", "http://localhost", "http://127.0.0.1"] {
        let outcome = bridge.connect_as(origin).await.call("slots", json!({})).await;
        assert_error(origin, &outcome, NOT_APPROVED, &["approve"]);
    }
    assert_eq!(bridge.workers(), []);
}
