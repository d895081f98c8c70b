//! State files that no bridge of this user wrote: links out of the folder, files that other users
//! can write, files whose reading blocks, held locks, and approvals from another time.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use pkcs11_bridge_tests::approvals::{self, now, run_command, try_command};
use pkcs11_bridge_tests::bridge::Setup;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::program::{self, Home};
use serde_json::json;

use super::consent::{NEW, NOT_APPROVED};

/// The text of a state file that approves [`NEW`] from and until some seconds from now.
fn approval(from: i64, until: i64) -> String {
    let now = i64::try_from(now()).unwrap();
    let record = json!({ "approved": now + from, "expires": now + until });
    json!({ "version": 1, "origins": { NEW: record } }).to_string()
}

async fn assert_not_approved(what: &str, setup: Setup) {
    program::binary();
    let started = Instant::now();
    let bridge = setup.start();
    assert!(started.elapsed() < Duration::from_secs(20), "{what} delays the start");
    let outcome = bridge.connect_as(NEW).await.call("hello", json!({})).await;
    assert_error(what, &outcome, NOT_APPROVED, &[]);
}

fn replace(file: &Path, make: impl FnOnce(&Path)) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let _ = fs::remove_file(file);
    make(file);
}

#[tokio::test]
async fn a_link_out_of_the_folder_is_not_followed() {
    let setup = Setup::new();
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside.json");
    fs::write(&outside, approval(-1, 1000)).unwrap();
    let file = approvals::file(setup.home());
    replace(&file, |file| symlink(&outside, file).unwrap());
    assert_not_approved("a link", setup).await;
    assert!(fs::read_to_string(&outside).unwrap().contains(NEW));
}

#[tokio::test]
async fn a_file_that_blocks_its_reader_does_not_block_the_start() {
    let setup = Setup::new();
    replace(&approvals::file(setup.home()), |file| {
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, file, mode).unwrap();
    });
    assert_not_approved("a FIFO", setup).await;
}

#[tokio::test]
async fn a_file_or_folder_that_others_can_write_approves_nothing() {
    let shared = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    for mode in [0o620, 0o602] {
        let setup = Setup::new();
        approvals::write(setup.home(), &[(NEW, 1000)]);
        shared(&approvals::file(setup.home()), mode);
        assert_not_approved("a file that others can write", setup).await;
    }
    let home = Home::new();
    approvals::write(&home, &[(NEW, 1000)]);
    let file = approvals::file(&home);
    shared(file.parent().unwrap(), 0o777);
    let finished = try_command(&home, &["list"]);
    assert_eq!(finished.code, Some(1), "{}", finished.stdout);
    assert!(finished.stderr.contains("chmod go-w"), "{}", finished.stderr);
}

#[tokio::test]
async fn the_start_waits_for_a_held_lock_and_then_reports_it() {
    let setup = Setup::new();
    approvals::write_text(setup.home(), "unreadable");
    let lock = approvals::file(setup.home()).with_extension("json.lock");
    let held = File::create(lock).unwrap();
    held.lock().unwrap();
    let started = Instant::now();
    let finished = try_command(setup.home(), &["allow", NEW]);
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("has held the lock"), "{}", finished.stderr);
    let waited = started.elapsed();
    assert!((5..20).contains(&waited.as_secs()), "{waited:?}");

    let bridge = setup.start();
    bridge.expect_log("has held the lock");
    bridge.expect_log("approvals.json.lock for 5 s");
    drop(held);
    run_command(bridge.home(), &["allow", NEW]);
    bridge.connect_as(NEW).await.result("hello", json!({})).await;
}

#[tokio::test]
async fn an_approval_is_not_valid_before_it_was_given() {
    let setup = Setup::new();
    approvals::write_text(setup.home(), approval(1000, 2000));
    assert!(run_command(setup.home(), &["list"]).contains("not now"));
    let bridge = setup.start();
    let outcome = bridge.connect_as(NEW).await.call("hello", json!({})).await;
    assert_error("an approval of the future", &outcome, NOT_APPROVED, &[]);
    // The clock may have been wrong for a while, so the approval is kept.
    assert_eq!(approvals::origins(bridge.home()), [NEW]);
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_lengthen_an_approval() {
    let setup = Setup::new();
    approvals::write(setup.home(), &[(NEW, 1000)]);
    let mut bridge = setup.start();
    bridge.connect_as(NEW).await.result("hello", json!({})).await;
    let mut content = approvals::read(bridge.home());
    let seen = content["origins"][NEW]["seen"].as_u64().unwrap();
    assert!(now() - seen < 60, "{content}");
    bridge.stop();
    // As after a start at a later time than now.
    content["origins"][NEW]["seen"] = json!(now() + 2000);
    approvals::write_text(bridge.home(), content.to_string());
    bridge.start_on_same_port();
    let outcome = bridge.connect_as(NEW).await.call("hello", json!({})).await;
    assert_error("the clock was set back", &outcome, NOT_APPROVED, &[]);
}
