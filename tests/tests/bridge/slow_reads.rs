//! Reads that take longer than a page waits: the read goes on, and a later call gets its result.

use std::time::{Duration, Instant};

use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::processes::{is_running, wait_until};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::{Fault, NAME, Rule};
use serde_json::{Value, json};

use super::fault_fixture::{FaultFixture, OVERDUE, origin};

const SETTING: &str = "read_deadline_seconds";

/// Repeats a call until it succeeds. Returns the result and the number of calls that were too
/// early.
async fn result_in_the_end(
    page: &mut Socket,
    method: &'static str,
    params: Value,
) -> (Value, usize) {
    let mut too_early = 0;
    loop {
        match page.call(method, params.clone()).await {
            Ok(result) => return (result, too_early),
            outcome => assert_error(method, &outcome, OVERDUE, &[NAME, method, "2 s", SETTING]),
        }
        too_early += 1;
        assert!(too_early < 10, "{method} never succeeds");
    }
}

#[tokio::test]
async fn a_later_call_gets_the_result_of_a_slow_read() {
    let fixture = FaultFixture::configured("read_deadline_seconds = 2");
    let mut page = fixture.bridge.connect().await;
    fixture.assert_works(&mut page).await;
    let worker = fixture.module.calls_of("C_GetInfo").last().unwrap().pid;
    for (function, method) in [("C_GetTokenInfo", "token"), ("C_FindObjectsInit", "certificates")] {
        let before = fixture.module.count(function);
        let rule = fixture.module.add(Rule::on(function).sleep(Duration::from_secs(7)));
        let work = result_in_the_end(&mut page, method, fixture.slot());
        let ((result, too_early), _) = fixture.while_healthy_module_works(work).await;
        assert!(!result.is_null() && (2..=4).contains(&too_early), "{too_early}: {result}");
        rule.remove();
        assert_eq!(fixture.module.count(function) - before, 1, "{function} was called again");
    }
    fixture.assert_works(&mut page).await;
    let pids = fixture.module.calls_of("C_GetInfo");
    assert!(pids.iter().all(|call| call.pid == worker), "the worker was replaced");
}

#[tokio::test]
async fn a_result_that_came_after_its_call_waits_for_the_next() {
    let fixture = FaultFixture::configured("read_deadline_seconds = 2");
    let mut page = fixture.bridge.connect().await;
    let rule = fixture.module.add(Rule::on("C_GetInfo").sleep(Duration::from_secs(4)));
    let outcome = page.call("info", json!({})).await;
    assert_error("info", &outcome, OVERDUE, &[NAME, "info", "2 s", SETTING]);
    // Other calls go on meanwhile.
    page.result("token", fixture.slot()).await;
    fixture.module.wait_for("C_GetInfo", 1);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let start = Instant::now();
    page.result("info", json!({})).await;
    assert!(start.elapsed() < Duration::from_secs(2), "it was read again");
    assert_eq!(fixture.module.blocked("C_GetInfo"), 1);
    rule.remove();
}

#[tokio::test]
async fn a_module_that_starts_slowly_is_there_for_a_later_call() {
    let fixture = FaultFixture::configured("read_deadline_seconds = 2");
    let rule = fixture.module.add(Rule::on("C_Initialize").sleep(Duration::from_secs(7)));
    let mut page = fixture.bridge.connect().await;
    let mut too_early = 0;
    while let outcome @ Err(_) = page.call("token", fixture.slot()).await {
        assert_error("the start", &outcome, OVERDUE, &[NAME, "2 s", SETTING]);
        too_early += 1;
        assert!(too_early < 10, "it never starts");
    }
    assert!((2..=4).contains(&too_early), "{too_early}");
    assert_eq!(fixture.module.count("C_Initialize"), 1);
    rule.remove();
}

#[tokio::test]
async fn a_read_that_never_ends_ends_its_own_worker_alone() {
    let other = origin(0);
    let lines = "read_deadline_seconds = 2\nhang_deadline_seconds = 6";
    let fixture = FaultFixture::set_up(lines, [other.clone()]);
    let mut page = fixture.bridge.connect().await;
    fixture.assert_works(&mut page).await;
    let worker = fixture.module.calls_of("C_GetInfo").last().unwrap().pid;
    let rule = fixture.module.add(Rule::on("C_GetInfo").next(1).fault(Fault::Hang));
    let start = Instant::now();
    let outcome = page.call("info", json!({})).await;
    assert_error("info", &outcome, OVERDUE, &[NAME, "info", "2 s", SETTING]);
    let mut elsewhere = fixture.bridge.connect_as(&other).await;
    while start.elapsed() < Duration::from_secs(4) {
        // The same worker goes on with other calls.
        page.result("token", fixture.slot()).await;
        fixture.assert_works(&mut elsewhere).await;
    }
    assert!(is_running(worker), "it was ended at the first deadline");
    assert!(wait_until(Duration::from_secs(20), || !is_running(worker)), "it goes on");
    assert!(start.elapsed() >= Duration::from_secs(6));
    rule.remove();
    fixture.assert_works(&mut page).await;
    fixture.assert_works(&mut elsewhere).await;
}
