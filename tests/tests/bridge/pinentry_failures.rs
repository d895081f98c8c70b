//! A pinentry that crashes, hangs, writes nonsense, or is missing. The page gets an
//! error that says what to do, the bridge continues, and no process stays.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use pkcs11_bridge_tests::bridge::{Bridge, Setup};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::processes::wait_until;
use pkcs11_bridge_tests::program::STOP_LIMIT;
use serde_json::json;

use super::consent::{COMMAND, NEW, NOT_APPROVED, open};

const CANNOT_ASK: [&str; 3] = ["cannot ask", "no working pinentry program", COMMAND];

/// Asserts that no process of the pinentry, and no dialog process of the bridge, is left.
#[track_caller]
fn assert_no_process(what: &str, bridge: &Bridge, pinentry: &Pinentry) {
    let ended = || pinentry.processes().is_empty() && bridge.dialogs().is_empty();
    let ended = wait_until(STOP_LIMIT, ended);
    assert!(ended, "{what}: {:?} {:?}", pinentry.processes(), bridge.dialogs());
}

#[tokio::test]
async fn without_a_pinentry_the_error_names_the_command_that_approves() {
    for (program, what) in [
        (None, "no program"),
        (Some("/"), "a folder"),
        (Some("/etc/passwd"), "no executable"),
        (Some("/bin/false"), "no pinentry"),
        (Some("no-such-pinentry"), "a name that is not in PATH"),
    ] {
        let mut setup = Setup::new();
        if let Some(program) = program {
            setup = setup.environment("PINENTRY_PROGRAM", program);
        }
        let bridge = setup.start();
        let mut page = bridge.connect_as(NEW).await;
        for _ in 0..2 {
            let outcome = page.call("slots", json!({})).await;
            assert_error(what, &outcome, NOT_APPROVED, &CANNOT_ASK);
        }
        bridge.expect_log("the bridge cannot ask the user");
    }
}

#[tokio::test]
async fn a_custom_state_file_is_in_the_log_and_not_in_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("approvals.json").display().to_string();
    let bridge = Setup::new().argument("--state-file").argument(&file).start();
    let outcome = bridge.connect_as(NEW).await.call("slots", json!({})).await;
    let words = ["pkcs11-bridge origins allow https://new.example --state-file FILE", "log"];
    assert_error("a page", &outcome, NOT_APPROVED, &words);
    assert!(!outcome.unwrap_err().message.contains(&file));
    bridge.expect_log(&format!("pkcs11-bridge origins allow {NEW} --state-file {file}"));
}

#[tokio::test]
async fn a_failing_pinentry_is_reported_and_the_next_call_asks_again() {
    let (pinentry, bridge) = open("");
    let failures = [
        ("it ends at its start", Answer::exit().at_start()),
        ("it is killed at its start", Answer::killed().at_start()),
        ("it does not start", Answer::error(83_886_081, "General error").at_start()),
        ("a wrong greeting", Answer::write("WELCOME\n").at_start()),
        ("a binary greeting", Answer::binary().at_start()),
        ("it ends at the question", Answer::exit()),
        ("it is killed at the question", Answer::killed()),
        ("it has no display", Answer::no_display()),
        ("it fails", Answer::error(83_886_081, "General error <Pinentry>")),
        ("binary", Answer::binary()),
        ("no UTF-8", Answer::invalid_utf8()),
        ("an unknown word", Answer::write("MAYBE\n")),
    ];
    for (number, (what, answer)) in failures.into_iter().enumerate() {
        let mut page = bridge.connect_as(&format!("https://site-{number}.example")).await;
        pinentry.answer(answer);
        for _ in 0..2 {
            let outcome = page.call("hello", json!({})).await;
            assert_error(what, &outcome, NOT_APPROVED, &CANNOT_ASK[..2]);
        }
        assert_no_process(what, &bridge, &pinentry);
    }
    // A moment later the bridge tries again.
    let mut page = bridge.connect_as("https://site-0.example").await;
    pinentry.answer(Answer::allow());
    let start = Instant::now();
    while page.call("hello", json!({})).await.is_err() {
        assert!(start.elapsed() < STOP_LIMIT);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A bridge whose pinentry hangs in one of several ways.
struct HangingPinentry {
    what: &'static str,
    pinentry: Pinentry,
    bridge: Bridge,
}

impl HangingPinentry {
    fn start((what, answer): (&'static str, Answer)) -> Self {
        let (pinentry, bridge) = open("dialog_seconds = 3");
        pinentry.answer(answer);
        Self { what, pinentry, bridge }
    }

    /// Makes a call that needs consent, which nobody can give. Asserts that the bridge
    /// keeps working.
    async fn assert_survives(&self) {
        let memory = self.peak_memory();
        let mut page = self.bridge.connect_as(NEW).await;
        let start = Instant::now();
        page.request_many("hello", &json!({}), 5).await;
        for _ in 0..5 {
            let words = ["no answer within 3 s"];
            assert_error(self.what, &page.reply().await.1, NOT_APPROVED, &words);
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{}: {:?}", self.what, start.elapsed());
        self.bridge.connect().await.result("hello", json!({})).await;
        assert_eq!(self.pinentry.start_count(), 1, "{}", self.what);
        let more = self.peak_memory() - memory;
        assert!(more < 8 << 10, "{}: the bridge took {more} kB more", self.what);
        // The dialog has ended, and the bridge asks about the next origin.
        self.pinentry.answer(Answer::allow());
        let mut next = self.bridge.connect_as("https://next.example").await;
        let outcome = next.call("hello", json!({})).await;
        assert!(outcome.is_ok(), "{}: the next dialog: {outcome:?}", self.what);
    }

    /// The peak memory of the bridge, in kB.
    fn peak_memory(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.bridge.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

#[tokio::test]
async fn a_hanging_pinentry_is_killed_at_the_time_limit() {
    let all = [
        ("a hang at its start", Answer::hang().at_start()),
        ("a hang at the question", Answer::hang()),
        ("a hang in the middle of a line", Answer::write_and_hang("O")),
        ("an endless line", Answer::endless_line()),
        ("an endless greeting", Answer::endless_line().at_start()),
        ("endless comments", Answer::endless_comments()),
    ]
    .map(HangingPinentry::start);
    join_all(all.iter().map(HangingPinentry::assert_survives)).await;
    for HangingPinentry { what, pinentry, bridge } in &all {
        assert_no_process(what, bridge, pinentry);
    }
}

/// The library that talks to the pinentry waits for its end, so the answer may come too late.
#[tokio::test]
async fn a_pinentry_that_answers_and_hangs_is_killed() {
    join_all([Answer::allow(), Answer::deny()].map(async |answer| {
        let (pinentry, bridge) = open("dialog_seconds = 1");
        pinentry.answer(answer.lingering());
        let start = Instant::now();
        let outcome = bridge.connect_as(NEW).await.call("hello", json!({})).await;
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        assert_no_process("it lingers", &bridge, &pinentry);
        if pinentry.assert_dialogs(1)[0].answer() == "deny" {
            assert_error("a denial", &outcome, NOT_APPROVED, &[]);
        }
    }))
    .await;
}
