//! Fields of a token that real modules fill in their own way. None of them hides a token.

use cryptoki_sys::CKF_CLOCK_ON_TOKEN;
use pkcs11_bridge_tests::bridge::{Bridge, Setup};
use pkcs11_bridge_tests::params::sign_data;
use pkcs11_bridge_tests::test_module::{SimulatedToken, TestModule};
use pkcs11_bridge_tests::token::{KeyType, TestToken};
use serde_json::{Value, json};

/// A bridge on the test module, and what `token` says of a token with these changes.
async fn token_with(change: impl FnOnce(&mut SimulatedToken)) -> (TestToken, Bridge, Value) {
    let token = TestToken::new();
    let module = TestModule::wrapping(&token);
    module.simulate(change);
    let bridge = Setup::on_test_module(&module).start();
    let mut page = bridge.connect().await;
    let info = page.result("token", json!({ "slot_id": token.slot() })).await;
    page.result("signData", sign_data(&token, KeyType::P256.id(), "sha256")).await;
    (token, bridge, info)
}

#[tokio::test]
async fn a_time_in_another_form_does_not_matter() {
    // openCryptoki writes the time of the day only. Others say that there is a clock, and leave the
    // time blank.
    for time in [*b"11:25:17        ", *b"                ", [0; 16], [0xff; 16]] {
        let (_token, _bridge, info) = token_with(|token| {
            token.set_flags = CKF_CLOCK_ON_TOKEN;
            token.utc_time = Some(time);
        })
        .await;
        assert_eq!(info["flags"].as_u64().map(|flags| flags & CKF_CLOCK_ON_TOKEN), Some(0x40));
    }
}

#[tokio::test]
async fn padding_and_other_encodings_do_not_show() {
    for (label, shown) in [
        (b"Alice\0\0\0".to_vec(), "Alice"),
        (b"Jos\xe9 Garc\xeda   ".to_vec(), "José García"),
        ("Ærø".as_bytes().to_vec(), "Ærø"),
    ] {
        let fill = if label.contains(&0) { 0 } else { b' ' };
        let label: Vec<u8> = label.into_iter().chain(std::iter::repeat(fill)).take(32).collect();
        let (_token, _bridge, info) = token_with(|token| {
            token.label = Some(label);
            token.serial = Some(*b"1234\0\0\0\0\0\0\0\0\0\0\0\0");
        })
        .await;
        assert_eq!(info["label"], shown);
        assert_eq!(info["serial_number"], "1234");
    }
}

#[tokio::test]
async fn large_numbers_keep_their_digits() {
    let (_token, _bridge, info) = token_with(|token| {
        token.public_memory = Some((1 << 53) + 1);
        token.max_sessions = Some(u64::MAX - 1);
    })
    .await;
    assert_eq!(info["total_public_memory"], "9007199254740993");
    assert_eq!(info["max_session_count"], "18446744073709551614");
    let (_token, _bridge, info) = token_with(|token| {
        token.public_memory = Some(u64::MAX);
        token.max_sessions = Some(0);
        token.max_pin_len = Some(u64::MAX);
    })
    .await;
    assert_eq!(info["total_public_memory"], Value::Null);
    assert_eq!(info["max_session_count"], "unlimited");
    assert_eq!(info["max_pin_length"], Value::Null);
}
