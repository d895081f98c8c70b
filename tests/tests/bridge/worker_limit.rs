//! At most 16 workers run at a time. An unneeded worker ends to make room, or one of an origin that
//! has many. If all are needed, the call fails.

use std::time::Duration;

use pkcs11_bridge_protocol::{MAX_WORKERS, WORKER_SHARE};
use pkcs11_bridge_tests::bridge::{ORIGIN, Setup};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{sign_data, with, without};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::Rule;
use pkcs11_bridge_tests::token::{KeyType, MODULE, TestToken};
use serde_json::json;

use super::fault_fixture::{FaultFixture, origin};

const TOO_MANY: (u16, &str) = (429, "802");

async fn open(count: usize) -> (FaultFixture, Vec<Socket>) {
    let fixture = FaultFixture::for_origins((0..count).map(origin));
    let mut pages = Vec::new();
    for number in 0..count {
        pages.push(fixture.bridge.connect_as(&origin(number)).await);
    }
    (fixture, pages)
}

#[tokio::test]
async fn one_more_worker_is_refused_if_all_are_logged_in() {
    let (fixture, mut pages) = open(MAX_WORKERS + 1).await;
    let mut one_more = pages.pop().unwrap();
    for page in &mut pages {
        page.result("signData", fixture.signing()).await;
    }
    fixture.bridge.expect_workers(MAX_WORKERS);
    for _ in 0..2 {
        let outcome = one_more.call("info", json!({})).await;
        assert_error("one more", &outcome, TOO_MANY, &["16"]);
    }
    // No origin has lost its login.
    for page in &mut pages {
        let mut without_pin = fixture.signing();
        without_pin.as_object_mut().unwrap().remove("pin");
        page.result("signData", without_pin).await;
    }
    fixture.bridge.expect_workers(MAX_WORKERS);

    pages.pop().unwrap().close().await;
    fixture.bridge.expect_workers(MAX_WORKERS - 1);
    fixture.assert_works(&mut one_more).await;
    fixture.bridge.expect_workers(MAX_WORKERS);
}

#[tokio::test]
async fn an_idle_worker_without_a_login_makes_room() {
    let (fixture, mut pages) = open(MAX_WORKERS + 3).await;
    for (number, page) in pages.iter_mut().enumerate() {
        page.result("info", json!({})).await;
        assert!(fixture.bridge.workers().len() <= MAX_WORKERS, "page {number}");
    }
    fixture.bridge.expect_workers(MAX_WORKERS);
    // The origins whose workers ended continue without noticing.
    for page in &mut pages {
        page.result("token", fixture.slot()).await;
    }
    fixture.bridge.expect_workers(MAX_WORKERS);
}

#[tokio::test]
async fn a_busy_worker_makes_no_room() {
    let (fixture, mut pages) = open(MAX_WORKERS + 1).await;
    let mut one_more = pages.pop().unwrap();
    let held = fixture.module.add(Rule::on("C_GetInfo").held());
    for (number, page) in (1..).zip(&mut pages) {
        page.request("info", json!({})).await;
        fixture.module.wait_until_blocked("C_GetInfo", number);
    }
    let outcome = one_more.call("slots", json!({})).await;
    assert_error("one more", &outcome, TOO_MANY, &["16"]);
    held.release();
    for page in &mut pages {
        page.reply().await.1.unwrap();
    }
    fixture.assert_works(&mut one_more).await;
    fixture.bridge.expect_workers(MAX_WORKERS);
}

#[tokio::test]
async fn watching_slots_holds_no_worker() {
    let (fixture, mut pages) = open(MAX_WORKERS + 2).await;
    let mut others = pages.split_off(MAX_WORKERS);
    for page in &mut pages {
        page.result("watchSlots", json!({})).await;
    }
    fixture.bridge.expect_workers(MAX_WORKERS);
    for page in &mut others {
        page.result("signData", fixture.signing()).await;
    }
    // The pages whose workers ended do not take the places back, and still watch.
    tokio::time::sleep(Duration::from_secs(3)).await;
    for page in &mut others {
        let mut without_pin = fixture.signing();
        without_pin.as_object_mut().unwrap().remove("pin");
        page.result("signData", without_pin).await;
    }
    for page in &mut pages {
        assert_eq!(page.result("unwatchSlots", json!({})).await, true);
    }
}

#[tokio::test]
async fn an_origin_gives_way_until_it_has_its_share() {
    let token = TestToken::new();
    let softhsm = token.configuration();
    let module = |number: usize| {
        format!(
            "[[modules]]\nname = \"m{number}\"\npath = {}\nenv = {{ SOFTHSM2_CONF = {} }}\n",
            json!(MODULE),
            json!(softhsm.to_str().unwrap())
        )
    };
    let modules: String = (0..MAX_WORKERS).map(module).collect();
    let others = MAX_WORKERS - WORKER_SHARE;
    let setup = Setup::new().token(&token).origin(ORIGIN).config(&modules);
    let bridge = (0..=others).fold(setup, |setup, number| setup.origin(&origin(number))).start();
    let signing = sign_data(&token, KeyType::P256.id(), "sha256");
    let mut greedy = bridge.connect().await;
    for number in 0..MAX_WORKERS {
        greedy.result("signData", with(&signing, "module", format!("m{number}"))).await;
    }
    bridge.expect_workers(MAX_WORKERS);
    let mut pages = Vec::new();
    for number in 0..others {
        let mut page = bridge.connect_as(&origin(number)).await;
        page.result("signData", signing.clone()).await;
        pages.push(page);
    }
    // The origin keeps its share, with the logins that it used last.
    let mut one_more = bridge.connect_as(&origin(others)).await;
    assert_error("one more", &one_more.call("info", json!({})).await, TOO_MANY, &["16"]);
    for number in others..MAX_WORKERS {
        let signing = with(&without(&signing, "pin"), "module", format!("m{number}"));
        greedy.result("signData", signing).await;
    }
    bridge.expect_workers(MAX_WORKERS);
}
