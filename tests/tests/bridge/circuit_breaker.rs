//! A module that fails repeatedly is suspended for a while, for the origin that used it
//! and for no other.

use std::time::{Duration, Instant};

use pkcs11_bridge_tests::bridge::{ORIGIN, SOFTHSM};
use pkcs11_bridge_tests::outcome::{Outcome, assert_error};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::{ActiveRule, Fault, NAME, Rule};
use serde_json::json;

use super::fault_fixture::{FAILED, FaultFixture, OVERDUE, SET_ASIDE};

const OTHER: &str = "https://other.example";
const PAUSE: Duration = Duration::from_secs(60);

fn two_origins() -> FaultFixture {
    FaultFixture::for_origins([OTHER.to_owned()])
}

fn crash(fixture: &FaultFixture, count: u64) -> ActiveRule<'_> {
    fixture.module.add(Rule::on("C_GetInfo").next(count).fault(Fault::Segfault))
}

async fn state(page: &mut Socket, module: &str) -> String {
    let modules = page.result("modules", json!({})).await;
    let all = modules.as_array().unwrap();
    let found = all.iter().find(|entry| entry["name"] == module).expect("a module of this name");
    found["state"].as_str().unwrap().to_owned()
}

/// The number of seconds until the bridge tries a suspended module again.
#[track_caller]
fn seconds(outcome: &Outcome) -> u64 {
    assert_error("suspended", outcome, SET_ASIDE, &[NAME, "is suspended", "tried again in"]);
    let message = &outcome.as_ref().unwrap_err().message;
    let (_, after) = message.split_once("tried again in ").unwrap();
    let (number, unit) = after.split_once(' ').unwrap();
    assert!(unit.starts_with("s."), "{message}");
    number.parse().unwrap()
}

#[tokio::test]
async fn three_crashes_in_a_minute_suspend_a_module_for_that_origin() {
    let fixture = two_origins();
    let (mut page, mut other) =
        (fixture.bridge.connect().await, fixture.bridge.connect_as(OTHER).await);
    let crashes = crash(&fixture, 3);
    for number in 1..=3 {
        assert_eq!(state(&mut page, NAME).await, "available", "before crash {number}");
        let outcome = page.call("info", json!({})).await;
        assert_error("a crash", &outcome, FAILED, &[NAME, "crashed (signal 11)"]);
    }
    crashes.remove();

    let starts = fixture.module.count("C_Initialize");
    let work = async {
        for (method, params) in fixture.calls() {
            let seconds = seconds(&page.call(method, params).await);
            assert!((1..=60).contains(&seconds), "{method}: {seconds}");
        }
        assert_eq!(state(&mut page, NAME).await, "set_aside");
        assert_eq!(state(&mut page, SOFTHSM).await, "running");
    };
    fixture.while_healthy_module_works(work).await;
    // Another page of the same origin gets the error, even after the first page reconnects.
    page.close().await;
    let mut page = fixture.bridge.connect().await;
    seconds(&page.call("token", fixture.slot()).await);
    assert_eq!(fixture.module.count("C_Initialize"), starts, "the worker was started");

    assert_eq!(state(&mut other, NAME).await, "available");
    fixture.assert_works(&mut other).await;
    assert_eq!(state(&mut other, NAME).await, "running");
    assert_eq!(state(&mut page, NAME).await, "set_aside");
}

#[tokio::test]
async fn hangs_garbage_and_failed_starts_also_count() {
    let fixture = FaultFixture::configured("read_deadline_seconds = 5\nhang_deadline_seconds = 5");
    let mut page = fixture.bridge.connect().await;
    fixture.assert_works(&mut page).await;
    let faults = [
        (Rule::on("C_GetInfo").fault(Fault::Hang), OVERDUE),
        (Rule::on("C_GetInfo").fault(Fault::WriteGarbage(vec![0xff; 8])), FAILED),
        (Rule::on("C_Initialize").fault(Fault::Abort), FAILED),
    ];
    for (rule, expected) in faults {
        let rule = fixture.module.add(rule.next(1));
        assert_error("a failure", &page.call("info", json!({})).await, expected, &[NAME]);
        rule.remove();
    }
    seconds(&page.call("info", json!({})).await);
}

#[tokio::test]
async fn two_crashes_and_token_errors_suspend_nothing() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    let crashes = crash(&fixture, 2);
    for _ in 0..2 {
        assert_error("a crash", &page.call("info", json!({})).await, FAILED, &[NAME]);
    }
    crashes.remove();
    let errors =
        fixture.module.add(Rule::on("C_GetTokenInfo").fail_before(cryptoki_sys::CKR_DEVICE_ERROR));
    for _ in 0..10 {
        assert_error("an error", &page.call("token", fixture.slot()).await, FAILED, &[]);
    }
    errors.remove();
    fixture.assert_works(&mut page).await;
    assert_eq!(state(&mut page, NAME).await, "running");
}

/// Calls until the module is no longer suspended. Gives the outcome of the first such call.
async fn first_after_the_pause(page: &mut Socket) -> Outcome {
    loop {
        let outcome = page.call("info", json!({})).await;
        match &outcome {
            Err(error) if error.data.code == SET_ASIDE.1 => {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            _ => return outcome,
        }
    }
}

#[tokio::test]
async fn a_failed_trial_suspends_the_module_for_longer() {
    let fixture = two_origins();
    let pages = (fixture.bridge.connect_as(ORIGIN).await, fixture.bridge.connect_as(OTHER).await);
    let (mut page, mut other) = pages;
    let start = Instant::now();
    let crashes = crash(&fixture, 6);
    for page in [&mut page, &mut other] {
        for _ in 0..3 {
            assert_error("a crash", &page.call("info", json!({})).await, FAILED, &[NAME]);
        }
        assert!(seconds(&page.call("info", json!({})).await) <= 60);
    }
    crashes.remove();

    // One of the two origins fails its trial.
    let work = async {
        let fails = crash(&fixture, 1);
        let outcome = first_after_the_pause(&mut page).await;
        assert_error("the trial", &outcome, FAILED, &[NAME, "crashed (signal 11)"]);
        fails.remove();
    };
    fixture.while_healthy_module_works(work).await;
    assert!(start.elapsed() >= PAUSE, "{:?}", start.elapsed());
    let left = seconds(&page.call("info", json!({})).await);
    assert!((90..=120).contains(&left), "{left}");
    assert_eq!(state(&mut page, NAME).await, "set_aside");

    first_after_the_pause(&mut other).await.expect("the module works again");
    fixture.assert_works(&mut other).await;
    assert_eq!(state(&mut other, NAME).await, "running");
    seconds(&page.call("info", json!({})).await);
}
