//! Modules that crash, exit or are slow: the error that callers get, calls to other
//! modules, and the next call, which works.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use pkcs11_bridge_tests::outcome::{Outcome, assert_error};
use pkcs11_bridge_tests::processes::{is_running, wait_until};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::{Fault, NAME, Rule};
use serde_json::json;

use super::fault_fixture::{FAILED, FaultFixture, origin};

/// Faults that end the process of a module, and the error that the callers get.
const FATAL_FAULTS: [(Fault, &str); 4] = [
    (Fault::Segfault, "crashed (signal 11)"),
    (Fault::Abort, "crashed (signal 6)"),
    (Fault::Exit(7), "exit status 7"),
    (Fault::Exit(0), "exit status 0"),
];

/// Takes a reply to each of the requests. Asserts that no request has a second reply.
async fn replies(page: &mut Socket, mut open: HashSet<u64>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    while !open.is_empty() {
        let (id, outcome) = page.reply().await;
        assert!(open.remove(&id.as_u64().unwrap()), "a second reply to {id}");
        outcomes.push(outcome);
    }
    outcomes
}

#[tokio::test]
async fn after_a_module_ends_its_process_the_next_call_works() {
    let places = ["C_Initialize", "C_GetInfo", "C_GetTokenInfo", "C_FindObjectsInit", "C_Sign"];
    let fixture = FaultFixture::for_origins((0..places.len() * FATAL_FAULTS.len()).map(origin));
    let mut number = 0;
    for (fault, words) in FATAL_FAULTS {
        for (place, call) in places.into_iter().zip([0, 0, 2, 3, 4]) {
            let what = format!("{fault:?} in {place}");
            let mut page = fixture.bridge.connect_as(&origin(number)).await;
            let (method, params) = fixture.calls()[call].clone();
            let rule = fixture.module.add(Rule::on(place).next(1).fault(fault.clone()));
            let (outcome, _) =
                fixture.while_healthy_module_works(page.call(method, params.clone())).await;
            assert_error(&what, &outcome, FAILED, &[NAME, words]);
            rule.remove();
            fixture.assert_works(&mut page).await;
            page.close().await;
            number += 1;
        }
    }
    fixture.bridge.expect_workers(0);
}

#[tokio::test]
async fn a_crash_fails_each_call_in_flight_once() {
    let fixture = FaultFixture::for_origins((0..FATAL_FAULTS.len()).map(origin));
    for (number, (fault, words)) in FATAL_FAULTS.into_iter().enumerate() {
        let mut page = fixture.bridge.connect_as(&origin(number)).await;
        fixture.assert_works(&mut page).await;
        let waiting = fixture.module.add(Rule::on("C_SignInit").held());
        let before = 3 * number;
        let open = page.request_many("signData", &fixture.signing(), 3).await;
        fixture.module.wait_until_blocked("C_SignInit", before + 3);
        let crash = fixture.module.add(Rule::on("C_GetInfo").next(1).fault(fault.clone()));
        let work = async {
            let (method, params) = fixture.calls()[0].clone();
            let id = page.request(method, params).await;
            let open = open.into_iter().chain([id]).collect();
            for outcome in replies(&mut page, open).await {
                assert_error(&format!("{fault:?}"), &outcome, FAILED, &[NAME, words]);
            }
        };
        fixture.while_healthy_module_works(work).await;
        waiting.remove();
        crash.remove();
        fixture.assert_works(&mut page).await;
        page.close().await;
    }
}

#[tokio::test]
async fn a_module_that_does_not_finalize_is_killed() {
    let fixture = FaultFixture::new();
    for fault in [Fault::Segfault, Fault::Hang, Fault::Spin] {
        let mut page = fixture.bridge.connect().await;
        fixture.assert_works(&mut page).await;
        let rule = fixture.module.add(Rule::on("C_Finalize").next(1).fault(fault));
        let pids: Vec<_> = fixture.bridge.workers().iter().map(|worker| worker.pid).collect();
        page.close().await;
        fixture.bridge.expect_workers(0);
        let ended = || !pids.iter().any(|pid| is_running(*pid));
        assert!(wait_until(Duration::from_secs(20), ended), "{pids:?}");
        rule.remove();
    }
}

#[tokio::test]
async fn a_module_may_initialise_slowly() {
    let fixture = FaultFixture::new();
    let pause = Duration::from_secs(3);
    fixture.module.add(Rule::on("C_Initialize").sleep(pause));
    let mut page = fixture.bridge.connect().await;
    let mut second = fixture.bridge.connect().await;
    let work = async {
        let start = Instant::now();
        let (first, second) =
            tokio::join!(page.call("token", fixture.slot()), second.call("slots", json!({})));
        assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
        assert!(start.elapsed() >= pause);
        start
    };
    let (_, served) = fixture.while_healthy_module_works(work).await;
    assert!(served > 2, "{served}");
    assert_eq!(fixture.module.count("C_Initialize"), 1);
    fixture.assert_works(&mut page).await;
}
