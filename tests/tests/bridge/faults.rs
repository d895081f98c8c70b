//! Modules that crash, exit or are slow: what their callers get, that other modules are served, and that the
//! next call works.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use pkcs11_bridge_tests::outcome::{Outcome, assert_error};
use pkcs11_bridge_tests::processes::{is_running, wait_until};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::{Fault, NAME, Rule};
use serde_json::json;

use super::faulty::{FAILED, Faulty, origin};

/// What a module can do that ends its process, and how its callers are told.
const ENDS: [(Fault, &str); 4] = [
    (Fault::Segfault, "crashed (signal 11)"),
    (Fault::Abort, "crashed (signal 6)"),
    (Fault::Exit(7), "exit status 7"),
    (Fault::Exit(0), "exit status 0"),
];

/// Takes a reply to each of the requests, and asserts that it is the only one.
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
async fn a_module_that_ends_its_process_fails_the_call_and_the_next_one_works() {
    let places = ["C_Initialize", "C_GetInfo", "C_GetTokenInfo", "C_FindObjectsInit", "C_Sign"];
    let faulty = Faulty::for_origins((0..places.len() * ENDS.len()).map(origin));
    let mut number = 0;
    for (fault, words) in ENDS {
        for (place, call) in places.into_iter().zip([0, 0, 2, 3, 4]) {
            let what = format!("{fault:?} in {place}");
            let mut page = faulty.bridge.connect_as(&origin(number)).await;
            let (method, params) = faulty.calls()[call].clone();
            let rule = faulty.module.add(Rule::on(place).next(1).fault(fault.clone()));
            let (outcome, _) = faulty.beside_healthy(page.call(method, params.clone())).await;
            assert_error(&what, &outcome, FAILED, &[NAME, words]);
            rule.remove();
            faulty.assert_works(&mut page).await;
            page.close().await;
            number += 1;
        }
    }
    faulty.bridge.expect_workers(0);
}

#[tokio::test]
async fn all_calls_that_are_in_flight_on_it_fail_once_each() {
    let faulty = Faulty::for_origins((0..ENDS.len()).map(origin));
    for (number, (fault, words)) in ENDS.into_iter().enumerate() {
        let mut page = faulty.bridge.connect_as(&origin(number)).await;
        faulty.assert_works(&mut page).await;
        let waiting = faulty.module.add(Rule::on("C_SignInit").held());
        let before = 3 * number;
        let open = page.request_many("signData", &faulty.signing(), 3).await;
        faulty.module.wait_until_blocked("C_SignInit", before + 3);
        let crash = faulty.module.add(Rule::on("C_GetInfo").next(1).fault(fault.clone()));
        let work = async {
            let (method, params) = faulty.calls()[0].clone();
            let id = page.request(method, params).await;
            let open = open.into_iter().chain([id]).collect();
            for outcome in replies(&mut page, open).await {
                assert_error(&format!("{fault:?}"), &outcome, FAILED, &[NAME, words]);
            }
        };
        faulty.beside_healthy(work).await;
        waiting.remove();
        crash.remove();
        faulty.assert_works(&mut page).await;
        page.close().await;
    }
}

#[tokio::test]
async fn a_module_that_does_not_let_go_is_ended() {
    let faulty = Faulty::new();
    for fault in [Fault::Segfault, Fault::Hang, Fault::Spin] {
        let mut page = faulty.bridge.connect().await;
        faulty.assert_works(&mut page).await;
        let rule = faulty.module.add(Rule::on("C_Finalize").next(1).fault(fault));
        let pids: Vec<_> = faulty.bridge.workers().iter().map(|worker| worker.pid).collect();
        page.close().await;
        faulty.bridge.expect_workers(0);
        let ended = || !pids.iter().any(|pid| is_running(*pid));
        assert!(wait_until(Duration::from_secs(20), ended), "{pids:?}");
        rule.remove();
    }
}

#[tokio::test]
async fn a_module_that_is_slow_to_initialise_is_waited_for() {
    let faulty = Faulty::new();
    let pause = Duration::from_secs(3);
    faulty.module.add(Rule::on("C_Initialize").sleep(pause));
    let mut page = faulty.bridge.connect().await;
    let mut second = faulty.bridge.connect().await;
    let work = async {
        let start = Instant::now();
        let (first, second) =
            tokio::join!(page.call("token", faulty.slot()), second.call("slots", json!({})));
        assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
        assert!(start.elapsed() >= pause);
        start
    };
    let (_, served) = faulty.beside_healthy(work).await;
    assert!(served > 2, "{served}");
    assert_eq!(faulty.module.count("C_Initialize"), 1);
    faulty.assert_works(&mut page).await;
}
