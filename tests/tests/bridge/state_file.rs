//! An unreadable state file. The bridge keeps it under another name, never overwrites
//! it, and approves no origin of it.

use std::os::unix::fs::{PermissionsExt, symlink};

use pkcs11_bridge_tests::approvals::{self, run_command};
use pkcs11_bridge_tests::bridge::{ORIGIN, Setup};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::program::Home;
use serde_json::json;

use super::consent::{NEW, NOT_APPROVED};

/// Unreadable state files, although each says that [`NEW`] is approved.
fn unreadable() -> Vec<Vec<u8>> {
    let approved = format!("\"{NEW}\":{{\"approved\":1,\"expires\":99999999999}}");
    let good = format!("{{\"version\":1,\"origins\":{{{approved}}}}}");
    vec![
        b"".to_vec(),
        b"\xff\xfe\x00garbage".to_vec(),
        good.trim_end_matches('}').into(),
        format!("{good}{good}").into(),
        good.replace("\"version\":1", "\"version\":2").into(),
        good.replace("\"version\":1,", "").into(),
        good.replace("99999999999", "\"never\"").into(),
        good.replace("99999999999", "-1").into(),
        good.replace(NEW, "https://*.example").into(),
        good.replace(NEW, "null").into(),
        // 2 MB, most of them blanks, which JSON permits.
        [good.as_bytes(), " ".repeat(2 << 20).as_bytes()].concat(),
    ]
}

#[tokio::test]
async fn an_unreadable_file_is_renamed_unchanged_and_approves_nothing() {
    for (number, content) in unreadable().into_iter().enumerate() {
        let setup = Setup::new();
        approvals::write_text(setup.home(), &content);
        let bridge = setup.start();
        let what = String::from_utf8_lossy(&content[..content.len().min(100)]).into_owned();
        let outcome = bridge.connect_as(NEW).await.call("hello", json!({})).await;
        assert_error(&what, &outcome, NOT_APPROVED, &[]);
        let aside = approvals::unreadable_files(bridge.home());
        let [aside] = &aside[..] else { panic!("{number}: {aside:?}") };
        assert_eq!(std::fs::read(aside).unwrap(), content, "{what}");
        assert!(!approvals::file(bridge.home()).exists(), "{what}");
        bridge.expect_log("was renamed");
        bridge.expect_log(&aside.display().to_string());
        // From here on there is a new file.
        run_command(bridge.home(), &["allow", ORIGIN]);
        bridge.connect().await.result("hello", json!({})).await;
        assert_eq!(approvals::origins(bridge.home()), [ORIGIN]);
        assert_eq!(std::fs::read(aside).unwrap(), content, "{what}");
    }
}

#[tokio::test]
async fn a_folder_or_dangling_link_in_its_place_is_renamed() {
    let home = Home::new();
    approvals::write_text(&home, "");
    let file = approvals::file(&home);
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    std::fs::write(file.join("inside"), "kept").unwrap();
    run_command(&home, &["list"]);
    let aside = approvals::unreadable_files(&home);
    assert_eq!(std::fs::read_to_string(aside[0].join("inside")).unwrap(), "kept");
    run_command(&home, &["allow", NEW]);
    assert_eq!(approvals::origins(&home), [NEW]);

    std::fs::remove_file(&file).unwrap();
    symlink("/nonexistent/approvals.json", &file).unwrap();
    assert!(run_command(&home, &["list"]).starts_with("No site"));
    run_command(&home, &["allow", NEW]);
    assert_eq!(approvals::origins(&home), [NEW]);
}

#[tokio::test]
async fn a_file_that_becomes_unreadable_revokes_its_approvals() {
    let pinentry = Pinentry::new();
    let setup = Setup::new().origin(ORIGIN).pinentry(&pinentry);
    approvals::write(setup.home(), &[(NEW, 1000)]);
    let bridge = setup.start();
    let mut page = bridge.connect_as(NEW).await;
    page.result("hello", json!({})).await;
    let mut of_flag = bridge.connect().await;
    approvals::write_text(bridge.home(), "{\"version\":1,");
    assert_eq!(page.close_code().await, 1008);
    of_flag.result("hello", json!({})).await;
    let aside = approvals::unreadable_files(bridge.home());
    assert_eq!(std::fs::read_to_string(&aside[0]).unwrap(), "{\"version\":1,");
    assert_eq!(pinentry.start_count(), 0);
}

#[tokio::test]
async fn the_user_can_allow_although_the_folder_is_not_writable() {
    let pinentry = Pinentry::new();
    let setup = Setup::new().pinentry(&pinentry);
    // A file in the place of the folder.
    std::fs::write(setup.home().path().join("state/pkcs11-bridge"), "").unwrap();
    let bridge = setup.start();
    pinentry.answer(Answer::allow());
    let mut page = bridge.connect_as(NEW).await;
    for _ in 0..3 {
        page.result("hello", json!({})).await;
    }
    bridge.connect_as(NEW).await.result("hello", json!({})).await;
    pinentry.assert_dialogs(1);
    bridge.expect_log("holds until the bridge stops");
    let finished = approvals::try_command(bridge.home(), &["allow", ORIGIN]);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    assert!(finished.stderr.contains("state/pkcs11-bridge"), "{}", finished.stderr);
}

#[test]
fn only_the_owner_can_read_folder_and_file() {
    let home = Home::new();
    run_command(&home, &["allow", NEW]);
    let file = approvals::file(&home);
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    // If other users could read the file, the next change of it ends that.
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    run_command(&home, &["allow", ORIGIN]);
    assert_eq!(mode(&file), 0o600);
}
