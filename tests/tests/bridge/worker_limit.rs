//! At most 16 workers live at a time: one that nobody needs makes room, and otherwise the caller is told.

use pkcs11_bridge_protocol::MAX_WORKERS;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::Rule;
use serde_json::json;

use super::faulty::{Faulty, origin};

const TOO_MANY: (u16, &str) = (429, "802");

async fn open(count: usize) -> (Faulty, Vec<Socket>) {
    let faulty = Faulty::for_origins((0..count).map(origin));
    let mut pages = Vec::new();
    for number in 0..count {
        pages.push(faulty.bridge.connect_as(&origin(number)).await);
    }
    (faulty, pages)
}

#[tokio::test]
async fn where_all_are_logged_in_one_more_is_refused() {
    let (faulty, mut pages) = open(MAX_WORKERS + 1).await;
    let mut one_more = pages.pop().unwrap();
    for page in &mut pages {
        page.result("signData", faulty.signing()).await;
    }
    faulty.bridge.expect_workers(MAX_WORKERS);
    for _ in 0..2 {
        let outcome = one_more.call("info", json!({})).await;
        assert_error("one more", &outcome, TOO_MANY, &["16"]);
    }
    // Nobody has lost a login.
    for page in &mut pages {
        let mut without_pin = faulty.signing();
        without_pin.as_object_mut().unwrap().remove("pin");
        page.result("signData", without_pin).await;
    }
    faulty.bridge.expect_workers(MAX_WORKERS);

    pages.pop().unwrap().close().await;
    faulty.bridge.expect_workers(MAX_WORKERS - 1);
    faulty.assert_works(&mut one_more).await;
    faulty.bridge.expect_workers(MAX_WORKERS);
}

#[tokio::test]
async fn one_that_is_idle_and_not_logged_in_makes_room() {
    let (faulty, mut pages) = open(MAX_WORKERS + 3).await;
    for (number, page) in pages.iter_mut().enumerate() {
        page.result("info", json!({})).await;
        assert!(faulty.bridge.workers().len() <= MAX_WORKERS, "page {number}");
    }
    faulty.bridge.expect_workers(MAX_WORKERS);
    // Those that made room go on as if nothing had happened.
    for page in &mut pages {
        page.result("token", faulty.slot()).await;
    }
    faulty.bridge.expect_workers(MAX_WORKERS);
}

#[tokio::test]
async fn one_that_is_at_work_or_watches_its_slots_makes_no_room() {
    let (faulty, mut pages) = open(MAX_WORKERS + 1).await;
    let mut one_more = pages.pop().unwrap();
    let (watching, working) = pages.split_at_mut(MAX_WORKERS / 2);
    for page in watching.iter_mut() {
        page.result("watchSlots", json!({})).await;
    }
    let held = faulty.module.add(Rule::on("C_GetInfo").held());
    for (number, page) in (1..).zip(working.iter_mut()) {
        page.request("info", json!({})).await;
        faulty.module.wait_until_blocked("C_GetInfo", number);
    }
    let outcome = one_more.call("slots", json!({})).await;
    assert_error("one more", &outcome, TOO_MANY, &["16"]);
    held.release();
    for page in working.iter_mut() {
        page.reply().await.1.unwrap();
    }
    faulty.assert_works(&mut one_more).await;
    faulty.bridge.expect_workers(MAX_WORKERS);
}
