//! `pkcs11-bridge origins` lists, allows and revokes origins, with or without a running bridge.

use std::time::Duration;

use futures_util::future::join_all;
use pkcs11_bridge_tests::approvals::{self, run_command, try_command};
use pkcs11_bridge_tests::bridge::{ORIGIN, Setup};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::program::Home;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::consent::{COMMAND, NEW, NOT_APPROVED, open};

const OTHER: &str = "http://localhost:8080";

#[test]
fn an_allowed_origin_is_listed_until_it_is_revoked() {
    let home = Home::new();
    assert!(run_command(&home, &["list"]).starts_with("No site may use tokens"));
    let output = run_command(&home, &["allow", NEW]);
    assert!(output.contains(NEW) && output.contains("30 days"), "{output}");
    assert!(run_command(&home, &["allow", OTHER, "--days", "1"]).ends_with("1 day."));
    let list = run_command(&home, &["list"]);
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(
        lines,
        [format!("{OTHER}  for another 1 day"), format!("{NEW}  for another 30 days")]
    );

    // A second `allow` changes how long the approval holds.
    run_command(&home, &["allow", NEW, "--days", "365"]);
    assert!(run_command(&home, &["list"]).contains(&format!("{NEW}  for another 365 days")));
    let output = run_command(&home, &["revoke", NEW]);
    assert!(output.contains(NEW) && output.contains("may not use tokens"), "{output}");
    assert_eq!(run_command(&home, &["list"]), format!("{OTHER}  for another 1 day"));
    assert_eq!(approvals::origins(&home), [OTHER]);
}

#[test]
fn a_blocked_origin_is_listed_until_it_is_unblocked() {
    let home = Home::new();
    run_command(&home, &["allow", NEW]);
    assert!(run_command(&home, &["block", NEW]).contains("blocked"));
    assert_eq!(run_command(&home, &["list"]).lines().next(), Some("https://new.example  blocked"));
    run_command(&home, &["unblock", NEW]);
    assert!(run_command(&home, &["list"]).starts_with("No site may use tokens"));
    let finished = try_command(&home, &["unblock", NEW]);
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("is not blocked"), "{}", finished.stderr);
    // An approval ends a block.
    run_command(&home, &["block", NEW]);
    run_command(&home, &["allow", NEW]);
    assert_eq!(run_command(&home, &["list"]), "https://new.example  for another 30 days");
}

#[tokio::test]
async fn a_block_closes_the_connections_of_a_site() {
    let (_pinentry, bridge) = open("");
    run_command(bridge.home(), &["allow", NEW]);
    let mut page = bridge.connect_as(NEW).await;
    page.result("hello", json!({})).await;
    run_command(bridge.home(), &["block", NEW]);
    assert_eq!(page.close_code().await, 1008);
}

#[test]
fn the_command_accepts_other_forms_of_an_origin() {
    let home = Home::new();
    run_command(&home, &["allow", "HTTPS://New.Example:443/"]);
    assert_eq!(approvals::origins(&home), [NEW]);
    run_command(&home, &["revoke", "https://NEW.example/"]);
    assert_eq!(approvals::origins(&home), [""; 0]);
}

#[test]
fn invalid_origins_and_days_are_wrong_usage() {
    let home = Home::new();
    for what in
        ["new.example", "https://new.example/login", "*", "null", "", "file:///x", "https://*"]
    {
        for deed in ["allow", "revoke"] {
            let finished = try_command(&home, &[deed, what]);
            assert_eq!(finished.code, Some(2), "{deed} {what}: {}", finished.stderr);
            assert_eq!(finished.stdout, "");
        }
    }
    for days in ["0", "3651", "-1", "ten", ""] {
        let finished = try_command(&home, &["allow", NEW, "--days", days]);
        assert_eq!(finished.code, Some(2), "{days} days: {}", finished.stderr);
    }
    for arguments in [&[][..], &["allow"], &["revoke"], &["list", NEW], &["forget", NEW]] {
        assert_eq!(try_command(&home, arguments).code, Some(2), "{arguments:?}");
    }
    assert!(!approvals::file(&home).exists());
}

#[test]
fn revoking_an_unapproved_origin_fails() {
    let home = Home::new();
    approvals::write(&home, &[(OTHER, 1000), (NEW, -1)]);
    for origin in [NEW, "https://new.example:8443"] {
        let finished = try_command(&home, &["revoke", origin]);
        assert_eq!(finished.code, Some(1), "{}", finished.stdout);
        assert!(
            finished.stderr.contains(&format!("{origin} is not approved")),
            "{}",
            finished.stderr
        );
    }
    assert_eq!(run_command(&home, &["list"]).lines().count(), 1);
}

#[tokio::test]
async fn origins_of_the_configuration_cannot_be_revoked() {
    let setup =
        Setup::new().config_in_home(&format!("allow_origins = [\"{NEW}\"]\napproval_days = 5"));
    approvals::write(setup.home(), &[(NEW, 1000)]);
    let bridge = setup.start();
    let home = bridge.home();
    assert!(run_command(home, &["allow", OTHER]).contains("5 days"));
    let list = run_command(home, &["list"]);
    let lines: Vec<_> = list.lines().collect();
    let always = format!("{NEW}  always, by the configuration file");
    assert_eq!(lines, [always.as_str(), &format!("{OTHER}  for another 5 days")]);

    let mut page = bridge.connect_as(NEW).await;
    page.result("hello", json!({})).await;
    for _ in 0..2 {
        let finished = try_command(home, &["revoke", NEW]);
        assert_eq!(finished.code, Some(1), "{}", finished.stdout);
        for words in [NEW, "configuration", "allow_origins"] {
            assert!(finished.stderr.contains(words), "no `{words}` in {}", finished.stderr);
        }
    }
    assert_eq!(
        approvals::origins(home),
        [OTHER],
        "what the user had approved is gone all the same"
    );
    page.result("hello", json!({})).await;
}

#[tokio::test]
async fn allow_takes_effect_at_once_on_a_running_bridge() {
    let (pinentry, bridge) = open("");
    let mut page = bridge.connect_as(NEW).await;
    let other = "https://denied.example";
    pinentry.answer(Answer::deny());
    let mut denied = bridge.connect_as(other).await;
    assert!(denied.call("hello", json!({})).await.is_err());

    for (page, origin) in [(&mut page, NEW), (&mut denied, other)] {
        run_command(bridge.home(), &["allow", origin]);
        page.result("hello", json!({})).await;
    }
    pinentry.assert_dialogs(1);
}

#[tokio::test]
async fn the_command_in_the_pages_error_approves_it() {
    let bridge = Setup::new().start();
    let mut page = bridge.connect_as(NEW).await;
    let outcome = page.call("hello", json!({})).await;
    assert_error("no dialog", &outcome, NOT_APPROVED, &[COMMAND]);
    let message = outcome.unwrap_err().message;
    let (_, told) = message.split_once("run pkcs11-bridge origins ").unwrap();
    run_command(bridge.home(), &told.split(' ').collect::<Vec<_>>());
    page.result("hello", json!({})).await;
}

#[tokio::test]
async fn two_bridges_and_ten_commands_at_once_lose_nothing() {
    let home = Home::new();
    let file = approvals::file(&home).display().to_string();
    let pinentry = Pinentry::new();
    let start = || {
        let setup = Setup::new().argument("--state-file").argument(&file);
        setup.pinentry(&pinentry).start()
    };
    let bridges = [start(), start()];
    let site = |number: usize| format!("https://site-{number}.example");
    let home = std::sync::Arc::new(home);
    let commands = (0..10).map(|number| {
        let home = std::sync::Arc::clone(&home);
        spawn_blocking(move || run_command(&home, &["allow", &site(number)]))
    });
    let dialogs = bridges.iter().enumerate().map(async |(number, bridge)| {
        pinentry.answer(Answer::allow());
        let mut page = bridge.connect_as(&site(10 + number)).await;
        page.result("hello", json!({})).await;
    });
    let (commands, _) = tokio::join!(join_all(commands), join_all(dialogs));
    commands.into_iter().for_each(|output| drop(output.expect("a command")));

    let mut all: Vec<_> = (0..12).map(site).collect();
    all.sort();
    assert_eq!(approvals::origins(&home), all);
    for bridge in &bridges {
        for origin in &all {
            bridge.connect_as(origin).await.result("hello", json!({})).await;
        }
        assert!(bridge.connect_as(ORIGIN).await.call("hello", json!({})).await.is_err());
    }
    // Each origin is asked about once and denied, which shows that both bridges know all approvals.
    assert_eq!(pinentry.dialogs().len(), 4);
}

#[tokio::test]
async fn a_bridge_follows_external_changes_of_the_state_file() {
    let bridge = Setup::new().start();
    let mut page = bridge.connect_as(NEW).await;
    assert!(page.call("hello", json!({})).await.is_err());
    approvals::write(bridge.home(), &[(NEW, 1000)]);
    let mut approved = false;
    for _ in 0..200 {
        approved = page.call("hello", json!({})).await.is_ok();
        if approved {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(approved, "{}", bridge.log());
    std::fs::remove_file(approvals::file(bridge.home())).unwrap();
    assert_eq!(page.close_code().await, 1008);
    bridge.expect_log("revoked");
}
