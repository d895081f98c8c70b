//! Parallel calls, pages that leave, and keys that always authenticate, while a user enters
//! the PIN at the reader. Each login has one entry, and the user is told about each entry.

use std::time::Duration;

use cryptoki_sys::CKR_FUNCTION_CANCELED;
use pkcs11_bridge_tests::bridge::ORIGIN;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::with;
use pkcs11_bridge_tests::pinentry::{Answer, Dialog};
use pkcs11_bridge_tests::processes::wait_until;
use pkcs11_bridge_tests::program::STOP_LIMIT;
use pkcs11_bridge_tests::test_module::{Entry, Pinpad};
use pkcs11_bridge_tests::token::{KeyType, PIN};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::always_authenticate::{KEY_ID, assert_order, token_with_key};
use super::pin_fixture::{
    CANCELLED, OTHER, PinFixture, RIGHT_FOR_ONE, RIGHT_LOGIN, assert_all_fail, assert_all_succeed,
    assert_signature, hash_of, item_of,
};
use super::pinpad::{assert_message_closed, enter, page_with_call, set_pinpad};

#[tokio::test]
async fn parallel_calls_need_one_entry() {
    let fixture = PinFixture::new();
    set_pinpad(&fixture, Pinpad::typing(PIN).held());
    let (mut page, message) = page_with_call(&fixture, ORIGIN, &fixture.without_pin()).await;
    let mut second = fixture.bridge.connect().await;
    page.request_many("signData", &fixture.with_pin(), 10).await;
    second.request_many("signData", &fixture.without_pin(), 10).await;
    fixture.module.release_pinpad();
    assert_all_succeed(&mut page, 11).await;
    assert_all_succeed(&mut second, 10).await;
    assert_message_closed(&fixture, &message);
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN]);
    fixture.pinentry.assert_dialogs(1);
}

#[tokio::test]
async fn a_cancelled_entry_cancels_all_calls_that_wait_for_it() {
    let fixture = PinFixture::new();
    set_pinpad(&fixture, Pinpad::with_entries([Entry::Fail(CKR_FUNCTION_CANCELED)]).held());
    let (mut page, message) = page_with_call(&fixture, ORIGIN, &fixture.without_pin()).await;
    page.request_many("signData", &fixture.without_pin(), 10).await;
    page.result("modules", json!({})).await;
    fixture.module.release_pinpad();
    assert_all_fail(&mut page, 11, CANCELLED, &["cancelled"]).await;
    assert_message_closed(&fixture, &message);
    assert_eq!(fixture.module.count("C_Login"), 1);
    fixture.pinentry.assert_dialogs(1);
}

#[tokio::test]
async fn while_the_reader_waits_the_origin_can_still_read() {
    let fixture = PinFixture::new();
    set_pinpad(&fixture, Pinpad::typing(PIN).held());
    let (mut page, _) = page_with_call(&fixture, ORIGIN, &fixture.without_pin()).await;
    page.request_many("signData", &fixture.without_pin(), 20).await;
    let mut second = fixture.bridge.connect().await;
    let reading = async {
        second.result("slots", json!({})).await;
        second.certificates(json!({ "slot_id": fixture.token.slot() })).await;
    };
    let read = timeout(Duration::from_secs(5), reading).await;
    fixture.module.release_pinpad();
    assert_all_succeed(&mut page, 21).await;
    read.expect("reading does not wait for the user");
}

#[tokio::test]
async fn when_a_page_leaves_its_message_and_entry_end() {
    let fixture = PinFixture::new();
    set_pinpad(&fixture, Pinpad::typing(PIN).held());
    let (page, message) = page_with_call(&fixture, ORIGIN, &fixture.without_pin()).await;
    let worker = fixture.bridge.workers();
    page.close().await;
    assert_message_closed(&fixture, &message);
    fixture.bridge.expect_workers(0);

    // The next entry belongs to the page that asks now.
    let (mut page, _) = page_with_call(&fixture, ORIGIN, &fixture.without_pin()).await;
    fixture.module.release_pinpad();
    fixture.assert_signed("after it", &page.reply().await.1);
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN]);
    assert_ne!(fixture.last_logged_in_worker(), worker[0].pid);
}

/// Another page of the same origin stays, so the reader still waits for the PIN. The
/// message stays as long as the reader waits.
#[tokio::test]
async fn the_message_stays_as_long_as_the_reader_waits() {
    let fixture = PinFixture::new();
    set_pinpad(&fixture, Pinpad::typing(PIN).held());
    let mut staying = fixture.bridge.connect().await;
    let (page, _) = page_with_call(&fixture, ORIGIN, &fixture.without_pin()).await;
    page.close().await;
    fixture.pinentry.answer(Answer::acknowledge().held());
    sleep(Duration::from_millis(300)).await;
    staying.request("signData", fixture.without_pin()).await;
    let is_told = || fixture.pinentry.dialogs().iter().any(Dialog::is_open);
    assert!(wait_until(STOP_LIMIT, is_told), "{:#?}", fixture.pinentry.dialogs());
    fixture.module.release_pinpad();
    fixture.assert_signed("the page that has stayed", &staying.reply().await.1);
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN]);
}

#[tokio::test]
async fn keys_that_always_authenticate_need_an_entry_for_each_signature() {
    let (token, issued) = token_with_key(KeyType::P256);
    let fixture = PinFixture::on(token);
    set_pinpad(&fixture, Pinpad::typing(PIN).held());
    let mut page = fixture.bridge.connect().await;
    let messages: Vec<_> =
        (0..6).map(|_| fixture.pinentry.answer(Answer::acknowledge().held())).collect();
    let enter = |number: usize| enter(&fixture, messages[number], Pinpad::typing(PIN));

    page.request("signData", fixture.without_pin()).await;
    enter(0);
    fixture.assert_signed("another key", &page.reply().await.1);
    // The other certificate needs a login of its own, and then the PIN for the signature.
    let params = with(&fixture.without_pin(), "cert_id", KEY_ID);
    set_pinpad(&fixture, Pinpad::typing(PIN));
    page.result("signData", params.clone()).await;
    set_pinpad(&fixture, Pinpad::typing(PIN).held());
    page.request("signData", params).await;
    let message = enter(2);
    assert!(message.description().contains("for this signature only"), "{message:#?}");
    page.reply().await.1.expect("a signature");
    page.request("signDataBatch", with(&fixture.batch(3), "cert_id", KEY_ID)).await;
    for number in 3..=5 {
        let message = enter(number);
        assert!(message.description().contains("keypad"), "{message:#?}");
        assert!(message.description().contains("for this signature only"), "{message:#?}");
        assert!(message.description().contains(&format!("{} of 3", number - 2)), "{message:#?}");
    }
    let result = page.reply().await.1.expect("a batch");
    for number in 0..3 {
        let item = item_of(&result, number.into()).expect("a signature");
        assert_signature("one of three", &issued, &hash_of(number), &item);
    }
    assert_order(&fixture, 5);
    fixture.pinentry.assert_dialogs(6);
    fixture.assert_signed("another key again", &fixture.sign(&mut page).await);
    assert_eq!(fixture.login_results(), [&[RIGHT_LOGIN; 2][..], &[RIGHT_FOR_ONE; 5]].concat());
    let logins = fixture.module.calls_of("C_Login");
    assert!(logins.iter().all(|login| login.pin_len.is_none()), "{logins:#?}");
}

#[tokio::test]
async fn a_cancelled_entry_ends_the_batch() {
    let fixture = PinFixture::new();
    let entries =
        [Entry::Pin(PIN.into()), Entry::Pin(PIN.into()), Entry::Fail(CKR_FUNCTION_CANCELED)];
    fixture.module.simulate(|token| {
        token.always_authenticate = Some(PIN.to_owned());
        token.pinpad = Some(Pinpad::with_entries(entries));
    });
    let mut page = fixture.bridge.connect_as(OTHER).await;
    let result = page.result("signDataBatch", fixture.batch(3)).await;
    let issued = fixture.token.certified_key(KeyType::P256);
    let first = item_of(&result, 0).expect("a signature");
    assert_signature("the first", &issued, &hash_of(0), &first);
    for at in [1, 2] {
        assert_error("the rest", &item_of(&result, at), CANCELLED, &["cancelled"]);
    }
    assert_eq!(fixture.module.count("C_Login"), 3);
    assert_eq!(fixture.module.count("C_Sign"), 1);
}
