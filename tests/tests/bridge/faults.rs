//! Modules that crash, write to pipes that are not theirs, or do other things to their process: what their
//! callers get, that other modules are served, and that the next call works.

use std::collections::HashSet;
use std::time::Duration;

use cryptoki_sys::{CKR_BUFFER_TOO_SMALL, CKR_CRYPTOKI_NOT_INITIALIZED};
use pkcs11_bridge_protocol::ckr;
use pkcs11_bridge_protocol::failure::Row;
use pkcs11_bridge_tests::processes::{is_running, wait_until};
use pkcs11_bridge_tests::refusal::{Outcome, assert_ckr, assert_refused};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::{CRASH_REPORT, Fault, NAME, Rule};
use serde_json::{Value, json};

use super::faulty::{FAILED, Faulty, OVERDUE};

/// What a module can do that ends its process, and how its callers are told.
const ENDS: [(Fault, &str); 4] = [
    (Fault::Segfault, "crashed (signal 11)"),
    (Fault::Abort, "crashed (signal 6)"),
    (Fault::Exit(7), "exit status 7"),
    (Fault::Exit(0), "exit status 0"),
];

fn origin(number: usize) -> String {
    format!("https://page-{number}.example")
}

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
            let rule = faulty.module.add(Rule::on(place).next(1).shows(fault.clone()));
            let (outcome, _) = faulty.beside_healthy(page.call(method, params.clone())).await;
            assert_refused(&what, &outcome, FAILED, &[NAME, words]);
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
        faulty.module.wait_until_waiting("C_SignInit", before + 3);
        let crash = faulty.module.add(Rule::on("C_GetInfo").next(1).shows(fault.clone()));
        let work = async {
            let (method, params) = faulty.calls()[0].clone();
            let id = page.request(method, params).await;
            let open = open.into_iter().chain([id]).collect();
            for outcome in replies(&mut page, open).await {
                assert_refused(&format!("{fault:?}"), &outcome, FAILED, &[NAME, words]);
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
        let rule = faulty.module.add(Rule::on("C_Finalize").next(1).shows(fault));
        let pids: Vec<_> = faulty.bridge.workers().iter().map(|worker| worker.pid).collect();
        page.close().await;
        faulty.bridge.expect_workers(0);
        let ended = || !pids.iter().any(|pid| is_running(*pid));
        assert!(wait_until(Duration::from_secs(20), ended), "{pids:?}");
        rule.remove();
    }
}

/// What a call is answered with whose function returned that value once.
fn assert_is_told(what: &str, outcome: &Outcome, value: u64) {
    let row = ckr::find(value).map_or(Row::Internal, |entry| entry.row);
    assert_refused(what, outcome, (row.status(), row.code()), &[]);
    let hexadecimal = format!("{value:#x}");
    assert_ckr(what, outcome, ckr::find(value).map_or(hexadecimal.as_str(), |entry| entry.name));
}

/// All values of the standard, one of a vendor's and one that nobody has defined.
fn values() -> Vec<u64> {
    let standard = ckr::TABLE.iter().map(|entry| entry.value);
    standard.chain([0x8000_0102, 0x7fff_1234]).collect()
}

#[tokio::test]
async fn each_return_value_of_reading_is_told_and_the_next_call_works() {
    let faulty = Faulty::new();
    let mut page = faulty.bridge.connect().await;
    let work = async {
        for value in values() {
            let rule = faulty.module.add(Rule::on("C_GetTokenInfo").next(1).refuse(value));
            let outcome = page.call("token", faulty.slot()).await;
            rule.remove();
            if value != CKR_CRYPTOKI_NOT_INITIALIZED {
                assert_is_told("token", &outcome, value);
            }
            page.result("token", faulty.slot()).await;
        }
        faulty.assert_works(&mut page).await;
    };
    faulty.beside_healthy(work).await;
}

/// After which everything is read anew and the same call is made once more, or once more with more room.
const TRIED_AGAIN: [u64; 11] = [
    cryptoki_sys::CKR_DEVICE_REMOVED,
    cryptoki_sys::CKR_KEY_HANDLE_INVALID,
    cryptoki_sys::CKR_OBJECT_HANDLE_INVALID,
    cryptoki_sys::CKR_OPERATION_ACTIVE,
    cryptoki_sys::CKR_SESSION_CLOSED,
    cryptoki_sys::CKR_SESSION_HANDLE_INVALID,
    cryptoki_sys::CKR_TOKEN_NOT_PRESENT,
    cryptoki_sys::CKR_TOKEN_NOT_RECOGNIZED,
    cryptoki_sys::CKR_USER_NOT_LOGGED_IN,
    CKR_BUFFER_TOO_SMALL,
    CKR_CRYPTOKI_NOT_INITIALIZED,
];

#[tokio::test]
async fn each_return_value_of_signing_is_told_and_the_next_call_works() {
    let faulty = Faulty::new();
    let mut page = faulty.bridge.connect().await;
    let work = async {
        for value in values() {
            let rule = faulty.module.add(Rule::on("C_Sign").next(1).refuse(value));
            let outcome = page.call("signData", faulty.signing()).await;
            rule.remove();
            if TRIED_AGAIN.contains(&value) {
                assert!(outcome.is_ok(), "{value:#x}: {outcome:?}");
            } else {
                assert_is_told("signData", &outcome, value);
            }
            page.result("signData", faulty.signing()).await;
        }
    };
    faulty.beside_healthy(work).await;
}

#[tokio::test]
async fn rubbish_in_the_pipe_fails_what_is_in_flight_and_is_never_an_answer() {
    let forged = br#"{"Report":{"id":1000000,"outcome":{"Done":"forged"}}}"#;
    let forged = [&(forged.len() as u32).to_le_bytes()[..], forged].concat();
    let lines = "read_deadline_seconds = 3\nsign_deadline_seconds = 3";
    let faulty = Faulty::set_up(lines, (0..6).map(origin));
    for (number, (what, rubbish, rows)) in [
        ("text", b"reader 0: card inserted\n".to_vec(), &[FAILED][..]),
        ("a frame of another", vec![2, 0, 0, 0, b'{', b'}'], &[FAILED]),
        ("an empty frame", vec![0; 4], &[FAILED]),
        ("a length of 4 GiB", vec![0xff; 4], &[FAILED]),
        // What follows is taken for a part of it.
        ("half a frame", vec![0, 0, 16, 0, b'x'], &[FAILED, OVERDUE]),
        ("a report of no call", forged, &[]),
    ]
    .into_iter()
    .enumerate()
    {
        let mut page = faulty.bridge.connect_as(&origin(number)).await;
        faulty.assert_works(&mut page).await;
        let rule = Rule::on("C_GetInfo").next(1).shows(Fault::WriteRubbish(rubbish));
        let rule = faulty.module.add(rule);
        let (outcome, _) = faulty.beside_healthy(page.call("info", json!({}))).await;
        match &outcome {
            Ok(info) => {
                assert!(rows.is_empty(), "{what}: {info}");
                assert_eq!(info["manufacturer_id"], "SoftHSM", "{what}");
            }
            Err(error) => {
                let row = (error.data.status, error.data.code.as_str());
                assert!(rows.contains(&row), "{what}: {error:?}");
                assert_refused(what, &outcome, row, &[NAME]);
            }
        }
        rule.remove();
        faulty.assert_works(&mut page).await;
        page.close().await;
    }
}

#[tokio::test]
async fn what_a_module_prints_goes_to_the_log() {
    let faulty = Faulty::new();
    let mut page = faulty.bridge.connect().await;
    let printed = Fault::WriteRubbish(b"reader 0: card inserted\n".to_vec());
    // While the worker has not taken its pipes for itself, there is none to write to.
    faulty.module.add(Rule::on("C_Initialize").next(1).shows(printed));
    let _ = page.call("info", json!({})).await;
    faulty.bridge.expect_log("reader 0: card inserted");
}

#[tokio::test]
async fn threads_signals_folder_and_locale_make_no_difference() {
    let faulty = Faulty::new();
    let changes = [Fault::StartThreads(8), Fault::ChangeFolderAndLocale, Fault::HandleSignals];
    let rule = changes.into_iter().fold(Rule::on("C_Initialize"), Rule::shows);
    faulty.module.add(rule);
    let mut page = faulty.bridge.connect().await;
    let work = async {
        faulty.assert_works(&mut page).await;
        let before = std::fs::read_link(format!("/proc/{}/cwd", faulty.bridge.pid())).unwrap();
        assert_ne!(before, faulty.module.folder().canonicalize().unwrap());

        // A crash is told as one.
        for (fault, words) in &ENDS[..2] {
            let crash = Rule::on("C_GetInfo").next(1).shows(fault.clone());
            let crash = faulty.module.add(crash);
            let outcome = page.call("info", json!({})).await;
            assert_refused("a crash", &outcome, FAILED, &[NAME, words]);
            crash.remove();
            faulty.assert_works(&mut page).await;
        }
        page
    };
    let (page, _) = faulty.beside_healthy(work).await;
    faulty.bridge.expect_log(CRASH_REPORT);
    // It ends when it is told to.
    page.close().await;
    faulty.bridge.expect_workers(0);
    assert!(faulty.module.count("C_Finalize") > 0);
}

#[tokio::test]
async fn a_module_that_is_slow_to_initialise_is_waited_for() {
    let faulty = Faulty::new();
    let pause = Duration::from_secs(3);
    faulty.module.add(Rule::on("C_Initialize").sleep(pause));
    let mut page = faulty.bridge.connect().await;
    let mut second = faulty.bridge.connect().await;
    let work = async {
        let start = std::time::Instant::now();
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

fn resident(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("proc(5)");
    line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
}

#[tokio::test]
async fn a_leak_is_the_workers_own_and_ends_with_it() {
    let faulty = Faulty::new();
    let mut page = faulty.bridge.connect().await;
    faulty.assert_works(&mut page).await;
    let before = resident(faulty.bridge.pid());
    let worker = faulty.module.calls_of("C_GetInfo")[0].pid;
    faulty.module.add(Rule::on("C_GetInfo").shows(Fault::Leak(10 << 20)));
    let work = async {
        for _ in 0..20 {
            page.result("info", json!({})).await;
        }
    };
    faulty.beside_healthy(work).await;
    assert!(resident(worker) > 200 << 10, "{} KiB", resident(worker));
    let grown = resident(faulty.bridge.pid()).saturating_sub(before);
    assert!(grown < 20 << 10, "the bridge grew by {grown} KiB");
    faulty.assert_works(&mut page).await;

    // Not all of the computer's memory, either.
    faulty.module.add(Rule::on("C_GetInfo").shows(Fault::Leak(200 << 20)));
    let mut outcomes = Vec::new();
    while !outcomes.last().is_some_and(Outcome::is_err) {
        assert!(outcomes.len() < 10, "the worker has more than 2 GB");
        outcomes.push(page.call("info", json!({})).await);
    }
    assert_refused("out of memory", &outcomes[outcomes.len() - 1], FAILED, &[NAME]);
    page.result("info", json!({})).await;
    page.close().await;
    faulty.bridge.expect_workers(0);
    let _: Value = faulty.bridge.connect().await.result("info", json!({})).await;
}
