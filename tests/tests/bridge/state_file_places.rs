//! The place of the state file, changes of its folder while the bridge runs, and the
//! cost of watching it.

use std::fs;
use std::time::Duration;

use pkcs11_bridge_tests::approvals::{self, run_command};
use pkcs11_bridge_tests::bridge::{Bridge, Setup};
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::program::{Home, Program};
use serde_json::json;

use super::consent::NEW;

const OTHER: &str = "https://other.example";

#[test]
fn a_state_file_in_the_current_folder_keeps_approvals() {
    let home = Home::new();
    for name in ["approvals.json", "approvals.lock", "no-ending", ".hidden", "två ord.json"] {
        let run = |arguments: &[&str]| {
            let mut command = home.command();
            command.current_dir(home.temporary()).args(["origins", "--state-file", name]);
            let finished = Program::start(command.args(arguments)).run_to_end();
            assert_eq!(finished.code, Some(0), "{name} {arguments:?}: {}", finished.stderr);
            finished.stdout
        };
        run(&["allow", NEW]);
        run(&["allow", OTHER]);
        assert_eq!(run(&["list"]).lines().count(), 2, "{name}");
        run(&["revoke", NEW]);
        assert!(run(&["list"]).starts_with(OTHER), "{name}");
        let content = fs::read_to_string(home.temporary().join(name)).unwrap();
        assert!(content.contains(OTHER) && !content.contains(NEW), "{name}: {content}");
    }
    let names = fs::read_dir(home.temporary()).unwrap().map(|entry| entry.unwrap().file_name());
    let aside = names.filter(|name| name.to_string_lossy().contains("unreadable")).count();
    assert_eq!(aside, 0, "a module was suspended");
}

#[tokio::test]
async fn an_approval_in_the_current_folder_can_be_revoked() {
    let pinentry = Pinentry::new();
    let folder = tempfile::tempdir().unwrap();
    let (home, file) = (Home::new(), folder.path().join("mine.json"));
    let mut command = home.command();
    command.current_dir(folder.path()).env("PINENTRY_PROGRAM", pinentry.program());
    command.args(["serve", "--listen", "127.0.0.1:0", "--state-file", "mine.json"]);
    let mut program = Program::start(&mut command);
    let address = program.expect_line("listening on ws://").parse().unwrap();
    let handshake = pkcs11_bridge_tests::handshake::Handshake::of(address).origin(Some(NEW));
    let mut page = handshake.open().await.unwrap();
    pinentry.answer(Answer::allow());
    page.result("hello", json!({})).await;
    run_command(&home, &["revoke", NEW, "--state-file", file.to_str().unwrap()]);
    assert_eq!(page.close_code().await, 1008);
}

#[test]
fn a_link_in_the_place_of_the_lock_file_is_not_followed() {
    let home = Home::new();
    run_command(&home, &["allow", NEW]);
    let folder = approvals::file(&home).parent().unwrap().to_owned();
    let precious = home.path().join("precious");
    fs::write(&precious, "kept").unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path != approvals::file(&home) {
            fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink(&precious, &path).unwrap();
        }
    }
    run_command(&home, &["allow", OTHER]);
    assert_eq!(fs::read_to_string(precious).unwrap(), "kept");
    assert_eq!(approvals::origins(&home), [NEW, OTHER]);
}

#[tokio::test]
async fn a_removed_folder_is_watched_again_when_it_returns() {
    let setup = Setup::new();
    approvals::write(setup.home(), &[(NEW, 1000)]);
    let bridge = setup.start();
    for _ in 0..2 {
        let mut page = bridge.connect_as(NEW).await;
        page.result("hello", json!({})).await;
        fs::remove_dir_all(approvals::file(bridge.home()).parent().unwrap()).unwrap();
        assert_eq!(page.close_code().await, 1008);

        let mut page = bridge.connect_as(NEW).await;
        run_command(bridge.home(), &["allow", NEW]);
        page.result("hello", json!({})).await;
        run_command(bridge.home(), &["revoke", NEW]);
        assert_eq!(page.close_code().await, 1008);
        run_command(bridge.home(), &["allow", NEW]);
    }
}

/// The processor time that a bridge has used.
fn processor_time(bridge: &Bridge) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", bridge.pid())).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    // utime and stime (proc(5)), in hundredths of a second on every Linux.
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

#[tokio::test]
async fn watching_an_unchanged_file_costs_nothing() {
    let bridge = Setup::new().start();
    run_command(bridge.home(), &["allow", NEW]);
    bridge.connect_as(NEW).await.result("hello", json!({})).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = processor_time(&bridge);
    tokio::time::sleep(Duration::from_millis(1000)).await;
    let used = processor_time(&bridge) - before;
    assert!(used < Duration::from_millis(100), "{used:?} in a second of silence");
}
