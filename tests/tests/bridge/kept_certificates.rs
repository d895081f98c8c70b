//! The bridge keeps the certificates that an origin has listed, for as long as the token stays. A
//! call of `C_GetAttributeValue` is what reads a certificate from a card.

use std::time::Duration;

use pkcs11_bridge_tests::processes;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::Rule;
use pkcs11_bridge_tests::token::{KeyType, Usage};
use rustix::process::Signal;
use serde_json::Value;

use super::fault_fixture::{FaultFixture, origin};

/// The certificates, and the number of calls that read them.
async fn list(fixture: &FaultFixture, page: &mut Socket) -> (Value, usize) {
    let before = fixture.module.count("C_GetAttributeValue");
    let certificates = page.certificates(fixture.slot()).await;
    (certificates, fixture.module.count("C_GetAttributeValue") - before)
}

#[tokio::test]
async fn the_next_list_of_an_origin_reads_no_certificate() {
    let other = origin(0);
    let fixture = FaultFixture::for_origins([other.clone()]);
    let mut page = fixture.bridge.connect().await;
    let (first, reads) = list(&fixture, &mut page).await;
    assert!(reads > 0 && !first.as_array().unwrap().is_empty(), "{reads}: {first}");
    // Only now the worker asks which token it is, because that costs time too.
    assert_eq!(list(&fixture, &mut page).await, (first.clone(), reads), "the second time");
    assert_eq!(list(&fixture, &mut page).await, (first.clone(), 0), "the same worker");

    for worker in fixture.bridge.workers() {
        processes::signal(worker.pid, Signal::KILL);
    }
    fixture.bridge.expect_workers(0);
    assert_eq!(list(&fixture, &mut page).await, (first.clone(), 0), "a fresh worker");
    page.result("signData", fixture.signing()).await;
    assert_eq!(list(&fixture, &mut page).await, (first.clone(), 0), "after a login");

    page.close().await;
    fixture.bridge.expect_workers(0);
    let mut again = fixture.bridge.connect().await;
    assert_eq!(list(&fixture, &mut again).await, (first.clone(), 0), "a new connection");

    let mut elsewhere = fixture.bridge.connect_as(&other).await;
    let (of_other, reads_of_other) = list(&fixture, &mut elsewhere).await;
    assert_eq!((of_other, reads_of_other), (first, reads), "another origin reads itself");
}

#[tokio::test]
async fn a_slow_list_is_kept_from_the_first_time() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    let slow = Rule::on("C_FindObjectsInit").next(1).sleep(Duration::from_secs(5));
    fixture.module.add(slow);
    let (first, reads) = list(&fixture, &mut page).await;
    assert!(reads > 0, "{first}");
    assert_eq!(list(&fixture, &mut page).await, (first, 0));
}

#[tokio::test]
async fn another_token_or_another_certificate_is_read() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    list(&fixture, &mut page).await;
    let (first, reads) = list(&fixture, &mut page).await;

    fixture.module.remove_token();
    page.call("certificates", fixture.slot()).await.unwrap_err();
    fixture.module.insert_token();
    assert_eq!(list(&fixture, &mut page).await, (first.clone(), reads), "it was out");

    fixture.module.simulate(|token| token.serial = Some(*b"another card    "));
    assert_eq!(list(&fixture, &mut page).await, (first.clone(), reads), "another serial number");
    assert_eq!(list(&fixture, &mut page).await, (first.clone(), 0), "the same again");

    fixture.token.add_key(Usage::Signing, KeyType::P256, "a further key", "77");
    let (more, _) = list(&fixture, &mut page).await;
    assert_eq!(more.as_array().unwrap().len(), first.as_array().unwrap().len() + 1, "{more}");

    fixture.module.simulate(|token| token.serial = Some([b' '; 16]));
    for _ in 0..2 {
        assert!(list(&fixture, &mut page).await.1 > 0, "without a serial number");
    }
}
