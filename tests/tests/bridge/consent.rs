//! The dialog that asks whether an origin may use tokens: when it opens, what each
//! answer does, and how long the bridge remembers the answer.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use pkcs11_bridge_tests::approvals::{self, run_command};
use pkcs11_bridge_tests::bridge::{Bridge, ORIGIN, Setup};
use pkcs11_bridge_tests::handshake::Handshake;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::pinentry::{Answer, Kind, Pinentry};
use pkcs11_bridge_tests::token::TestToken;
use serde_json::json;

/// An origin that the user has not decided about.
pub const NEW: &str = "https://new.example";

pub const NOT_APPROVED: (u16, &str) = (401, "500");

/// The command that approves [`NEW`], as the page gets it in an error.
pub const COMMAND: &str = "run pkcs11-bridge origins allow https://new.example";

/// A bridge that already allows [`ORIGIN`], and a user who can be asked about other origins.
pub fn open(config: &str) -> (Pinentry, Bridge) {
    let pinentry = Pinentry::new();
    let bridge = Setup::new().origin(ORIGIN).pinentry(&pinentry).config(config).start();
    (pinentry, bridge)
}

#[tokio::test]
async fn the_first_call_asks_and_allow_executes_it() {
    let token = TestToken::new();
    let pinentry = Pinentry::new();
    let bridge = Setup::on(&token).pinentry(&pinentry).start();
    let mut page = bridge.connect_as(NEW).await;
    assert_eq!(pinentry.start_count(), 0, "a connection alone asks nothing");

    let held = pinentry.answer(Answer::allow().held());
    page.request("slots", json!({})).await;
    let dialog = held.opened();
    assert_eq!(bridge.workers(), [], "nothing of a module is touched before the answer");
    assert_eq!(dialog.kind, Kind::Consent);
    assert_eq!(dialog.buttons(), [Some("Allow"), None, Some("Deny")]);
    assert_eq!(dialog.timeout(), Some(MINUTE));
    assert!(dialog.title().is_some_and(|title| title.contains("pkcs11-bridge")), "{dialog:?}");
    assert_eq!(dialog.row("Site"), NEW);
    assert!(dialog.description().contains("30 days"), "{dialog:?}");

    held.release();
    let slots = page.reply().await.1.expect("the slots");
    assert!(slots.to_string().contains(&token.slot().to_string()), "{slots}");
    pinentry.assert_dialogs(1);
}

#[tokio::test]
async fn an_approval_outlives_the_bridge() {
    let (pinentry, mut bridge) = open("approval_days = 3");
    let mut page = bridge.connect_as(NEW).await;
    pinentry.answer(Answer::allow());
    page.result("hello", json!({})).await;
    page.result("hello", json!({})).await;
    bridge.connect_as(NEW).await.result("hello", json!({})).await;
    assert!(pinentry.assert_dialogs(1)[0].description().contains("3 days"));

    let file = approvals::file(bridge.home());
    let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "{}", file.display());
    let content = approvals::read(bridge.home());
    assert_eq!(content["version"], 1);
    let seconds = |name: &str| content["origins"][NEW][name].as_u64().expect("a time");
    assert_eq!(seconds("expires") - seconds("approved"), 3 * 24 * 60 * 60);
    assert!(approvals::now() - seconds("approved") < 60, "{content}");
    assert_eq!(approvals::origins(bridge.home()), [NEW], "those of the command line are not");

    bridge.stop();
    bridge.start_on_same_port();
    bridge.connect_as(NEW).await.result("hello", json!({})).await;
    pinentry.assert_dialogs(1);
    // The same host with another port is another origin.
    let outcome =
        bridge.connect_as("https://new.example:8443").await.call("hello", json!({})).await;
    assert_error("another port", &outcome, NOT_APPROVED, &["https://new.example:8443"]);
    pinentry.assert_dialogs(2);
}

#[tokio::test]
async fn a_denial_is_reported_and_not_asked_again() {
    for (what, answer) in [("deny", Answer::deny()), ("a closed window", Answer::cancel())] {
        let (pinentry, bridge) = open("");
        let mut page = bridge.connect_as(NEW).await;
        pinentry.answer(answer);
        let words = ["not approved", "not asked again for 10 min", COMMAND];
        assert_error(what, &page.call("hello", json!({})).await, NOT_APPROVED, &words);
        for _ in 0..3 {
            assert_error(what, &page.call("slots", json!({})).await, NOT_APPROVED, &words);
        }
        let mut second = bridge.connect_as(NEW).await;
        assert_error(what, &second.call("hello", json!({})).await, NOT_APPROVED, &words);
        pinentry.assert_dialogs(1);
        assert_eq!(approvals::origins(bridge.home()), [""; 0]);
        // The bridge still asks about other origins.
        pinentry.answer(Answer::allow());
        bridge.connect_as("https://other.example").await.result("hello", json!({})).await;
        pinentry.assert_dialogs(2);
        bridge.connect().await.result("hello", json!({})).await;
    }
}

#[tokio::test]
async fn a_blocked_site_is_never_asked_about_until_the_user_unblocks_it() {
    let (pinentry, mut bridge) = open("");
    let mut page = bridge.connect_as(NEW).await;
    pinentry.answer(Answer::block());
    let words = ["has blocked https://new.example", "pkcs11-bridge origins unblock"];
    assert_error("a block", &page.call("hello", json!({})).await, NOT_APPROVED, &words);
    bridge.stop();
    bridge.start_on_same_port();
    let mut page = bridge.connect_as(NEW).await;
    assert_error("a restart", &page.call("slots", json!({})).await, NOT_APPROVED, &words);
    pinentry.assert_dialogs(1);

    run_command(bridge.home(), &["unblock", NEW]);
    pinentry.answer(Answer::allow());
    page.result("hello", json!({})).await;
    pinentry.assert_dialogs(2);
}

/// A user types for another window when the dialog takes the keyboard.
#[tokio::test]
async fn stray_text_does_not_approve_a_site() {
    let (pinentry, bridge) = open("");
    for text in ["", "yes", "0000", "hello world"] {
        let digits = pinentry.answer(Answer::typed(text));
        if !text.is_empty() {
            pinentry.answer(Answer::deny());
        }
        let origin = format!("https://{}.example", text.len());
        let mut page = bridge.connect_as(&origin).await;
        let outcome = page.call("hello", json!({})).await;
        assert_error(text, &outcome, NOT_APPROVED, &["not asked again"]);
        digits.answered();
    }
    assert_eq!(approvals::origins(bridge.home()), [""; 0]);
}

#[tokio::test]
async fn an_unanswered_question_times_out_and_pauses_the_next() {
    for answer in [Answer::allow().held(), Answer::time_out()] {
        let (pinentry, bridge) = open("dialog_seconds = 1");
        let mut page = bridge.connect_as(NEW).await;
        pinentry.answer(answer);
        let outcome = page.call("hello", json!({})).await;
        let words = ["no answer within 1 s", "behind other windows", "try again"];
        assert_error("no answer", &outcome, NOT_APPROVED, &words);
        let outcome = page.call("hello", json!({})).await;
        let words = ["not asked again for 1 min", COMMAND];
        assert_error("a second call", &outcome, NOT_APPROVED, &words);
        let dialog = &pinentry.assert_dialogs(1)[0];
        assert_eq!(dialog.timeout(), Some(Duration::from_secs(1)));
        assert_eq!(approvals::origins(bridge.home()), [""; 0]);
        pinentry.expect_no_process();
    }
}

#[tokio::test]
async fn an_expired_approval_is_asked_for_again() {
    let pinentry = Pinentry::new();
    let setup = Setup::new().pinentry(&pinentry);
    let brief = "https://brief.example";
    approvals::write(setup.home(), &[(NEW, -1), (brief, 3), (ORIGIN, 1000)]);
    let bridge = setup.start();
    bridge.connect().await.result("hello", json!({})).await;
    let mut page = bridge.connect_as(brief).await;
    page.result("hello", json!({})).await;
    pinentry.assert_dialogs(0);

    pinentry.answer(Answer::allow());
    bridge.connect_as(NEW).await.result("hello", json!({})).await;
    pinentry.assert_dialogs(1);
    // The approval also expires for an open connection.
    let mut outcome = Ok(json!(null));
    for _ in 0..100 {
        outcome = page.call("hello", json!({})).await;
        if outcome.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_error("an approval that ran out", &outcome, NOT_APPROVED, &[brief]);
    pinentry.assert_dialogs(2);
}

#[tokio::test]
async fn opaque_origins_are_never_asked_about() {
    let (pinentry, bridge) = open("");
    let mut page = bridge.connect_as("null").await;
    for method in ["hello", "slots"] {
        let outcome = page.call(method, json!({})).await;
        assert_error("null", &outcome, NOT_APPROVED, &["no origin"]);
    }
    for malformed in ["", "https://new.example/", "HTTPS://new.example", "new.example", "https://"]
    {
        let handshake = Handshake::of(bridge.address()).origin(Some(malformed));
        assert_eq!(handshake.open().await.err().map(|status| status.as_u16()), Some(403));
    }
    assert_eq!(pinentry.start_count(), 0);
}

#[tokio::test]
async fn if_the_configured_pinentry_fails_the_others_are_tried() {
    let (failing, other) = (Pinentry::new(), Pinentry::new());
    let config = format!("pinentry_program = \"{}\"", failing.program().display());
    // Both are links to one program, which the bridge would try once.
    let folder = tempfile::tempdir().unwrap();
    let (script, program) = (folder.path().join("pinentry"), other.program());
    std::fs::write(&script, format!("#!/bin/sh\nexec {}\n", program.display())).unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o700)).unwrap();
    let setup = Setup::new().config(&config).environment("PINENTRY_PROGRAM", "");
    let bridge = setup.environment("PATH", folder.path()).start();
    failing.answer(Answer::no_display());
    other.answer(Answer::allow());
    bridge.connect_as(NEW).await.result("hello", json!({})).await;
    failing.assert_dialogs(1);
    other.assert_dialogs(1);
    // A pinentry that works is not passed over.
    failing.answer(Answer::deny());
    let mut page = bridge.connect_as("https://other.example").await;
    assert!(page.call("hello", json!({})).await.is_err());
    other.assert_dialogs(1);
}

#[tokio::test]
async fn the_configuration_says_which_ways_to_ask() {
    let pinentry = Pinentry::new();
    for ways in ["[]", "[\"window\", \"terminal\"]"] {
        let bridge = Setup::new().config(&format!("dialogs = {ways}")).pinentry(&pinentry).start();
        let outcome = bridge.connect_as(NEW).await.call("hello", json!({})).await;
        assert_error(ways, &outcome, NOT_APPROVED, &["cannot ask", COMMAND]);
    }
    pinentry.assert_dialogs(0);
    let finished = Setup::new().config("dialogs = [\"letter\"]").run_to_end();
    assert_eq!(finished.code, Some(2), "{}", finished.stderr);
    assert!(finished.stderr.contains("letter"), "{}", finished.stderr);
}

#[tokio::test]
async fn the_environments_pinentry_overrides_the_configuration() {
    let (of_file, of_environment) = (Pinentry::new(), Pinentry::new());
    let config = format!("pinentry_program = \"{}\"", of_file.program().display());
    for (environment, asked, other) in [
        (of_environment.program(), &of_environment, &of_file),
        ("".into(), &of_file, &of_environment),
    ] {
        let setup = Setup::new().config(&config).environment("PINENTRY_PROGRAM", environment);
        let bridge = setup.start();
        let (before, starts) = (asked.dialogs().len(), other.start_count());
        asked.answer(Answer::allow());
        bridge.connect_as(NEW).await.result("hello", json!({})).await;
        asked.assert_dialogs(before + 1);
        assert_eq!(other.start_count(), starts);
    }
}

const MINUTE: Duration = Duration::from_secs(60);
