//! The configuration of administrators, which a user cannot override.

use pkcs11_bridge_tests::administrators::{Administrators, FILE};
use pkcs11_bridge_tests::bridge::{ORIGIN, Setup};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::program::{Finished, Home, Program};
use serde_json::{Value, json};

use super::consent::NOT_APPROVED;

const FORBIDDEN: &str = "https://forbidden.example";
const OTHER: &str = "https://other.example";

fn run(administrators: &Administrators, home: &Home, arguments: &[&str]) -> Finished {
    let mut command = home.command();
    Program::start(&mut administrators.command(command.args(arguments))).run_to_end()
}

fn json_of(administrators: &Administrators, home: &Home, arguments: &[&str]) -> Value {
    let finished = run(administrators, home, arguments);
    serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{}", finished.stderr))
}

#[tokio::test]
async fn locked_keys_hold_and_the_user_is_told() {
    let text = format!(
        "locked = [\"pin_entry\", \"allow_origins\"]\npin_entry = \"native\"\n\
         allow_origins = [{ORIGIN:?}]\ndialog_seconds = 7\n"
    );
    let Some(administrators) = Administrators::new(&text) else { return };
    let setup = Setup::new().config_in_home(&format!(
        "detect_modules = false\ndialog_seconds = 9\npin_entry = \"page-or-native\"\n\
         allow_origins = [{OTHER:?}]\n"
    ));
    let config = setup.home().path().join("config/pkcs11-bridge/config.toml");
    let bridge = setup.origin("https://flag.example").administrators(&administrators).start();
    let hello = bridge.connect().await.result("hello", json!({})).await;
    assert_eq!(hello["pin_entry"], "native");
    for origin in [OTHER, "https://flag.example"] {
        let mut page = bridge.connect_as(origin).await;
        let outcome = page.call("hello", json!({ "ask_user": false })).await;
        assert_error(origin, &outcome, NOT_APPROVED, &["not approved"]);
    }
    let unused = [
        format!("{}, line 3: pin_entry is not used", config.display()),
        format!("{}, line 4: allow_origins is not used", config.display()),
        "the command line: allow_origins is not used".to_owned(),
    ];
    let log = bridge.log();
    for words in unused.iter().map(String::as_str).chain([FILE]) {
        assert!(log.contains(words), "no `{words}` in: {log}");
    }
    let status = run(&administrators, bridge.home(), &["status"]).stdout;
    let doctor = json_of(&administrators, bridge.home(), &["doctor", "--json"]);
    let problems = doctor["problems"].to_string();
    for words in &unused[..2] {
        assert!(status.contains(words), "no `{words}` in: {status}");
        assert!(problems.contains(words), "no `{words}` in: {problems}");
    }
    let configuration = &doctor["configuration"];
    assert_eq!(configuration["administrators"], json!([FILE]));
    assert_eq!(configuration["locked"], json!(["allow_origins", "pin_entry"]));
    // What is not locked is the user's.
    assert_eq!(configuration["settings"]["dialog_seconds"], 9);
    assert_eq!(configuration["settings"]["allow_origins"], json!([ORIGIN]));
}

#[tokio::test]
async fn no_decision_of_the_user_counts_for_a_forbidden_site() {
    let forbid_one = format!("block_origins = [{FORBIDDEN:?}]\n");
    let Some(administrators) = Administrators::new(&forbid_one) else { return };
    let setup = Setup::new().config_in_home("detect_modules = false\n");
    let allow = ["origins", "allow", FORBIDDEN];
    // Before the administrator forbade it.
    let mut before = setup.home().command();
    assert_eq!(Program::start(before.args(allow)).run_to_end().code, Some(0));
    let finished = run(&administrators, setup.home(), &allow);
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("the configuration forbids"), "{}", finished.stderr);
    let list = run(&administrators, setup.home(), &["origins", "list"]).stdout;
    assert!(
        list.contains(&format!("{FORBIDDEN}  not used: the configuration forbids it")),
        "{list}"
    );

    let setup = setup.origin(FORBIDDEN).origin(ORIGIN).administrators(&administrators);
    let mut bridge = setup.start();
    let mut page = bridge.connect_as(FORBIDDEN).await;
    for params in [json!({}), json!({ "ask_user": false })] {
        let outcome = page.call("hello", params).await;
        let words = ["forbids https://forbidden.example", "administrator"];
        assert_error(FORBIDDEN, &outcome, NOT_APPROVED, &words);
    }
    bridge.connect().await.result("hello", json!({})).await;
    bridge.stop();

    administrators.write(&format!(
        "only_configured_origins = true\nallow_origins = [{ORIGIN:?}]\n\
         locked = [\"only_configured_origins\", \"allow_origins\"]\n"
    ));
    bridge.start_on_same_port();
    bridge.connect().await.result("hello", json!({})).await;
    for origin in [FORBIDDEN, OTHER] {
        let outcome = bridge.connect_as(origin).await.call("hello", json!({})).await;
        assert_error(origin, &outcome, NOT_APPROVED, &["forbids", "administrator"]);
    }
    let status = json_of(&administrators, bridge.home(), &["status", "--json"]);
    let forbidden = json!({ "origin": FORBIDDEN, "state": "forbidden" });
    assert!(status["origins"].as_array().unwrap().contains(&forbidden), "{status}");
}

#[test]
fn the_environment_does_not_replace_a_locked_program() {
    const SYSTEMS: &str = "/usr/bin/true";
    let text = format!("locked = [\"pinentry_program\"]\npinentry_program = {SYSTEMS:?}\n");
    let Some(administrators) = Administrators::new(&text) else { return };
    // The environment of its commands names the only pinentry, which does not exist.
    let home = Home::new();
    let programs = || {
        let doctor = json_of(&administrators, &home, &["doctor", "--json"]);
        let ways = doctor["questions"].as_array().expect("ways").clone();
        let pinentry = ways.into_iter().find(|way| way["way"] == "pinentry").expect("a way");
        pinentry["text"].as_str().expect("a text").to_owned()
    };
    let locked = programs();
    assert!(locked.starts_with(SYSTEMS), "{locked}");
    administrators.write(&format!("pinentry_program = {SYSTEMS:?}\n"));
    assert!(!programs().contains(SYSTEMS));
}

#[test]
fn a_file_that_others_could_have_written_stops_the_start() {
    let Some(administrators) = Administrators::new("pin_entry = \"native\"\n") else { return };
    for (folder, file, owner, problem) in [
        (0o777, 0o644, 0, "other users can write /etc/pkcs11-bridge"),
        (0o755, 0o666, 0, "other users can write /etc/pkcs11-bridge/config.toml"),
        (0o755, 0o644, 65534, "/etc/pkcs11-bridge/config.toml belongs to another user"),
    ] {
        administrators.set(folder, file, owner);
        let finished = Setup::new().administrators(&administrators).run_to_end();
        assert_eq!(finished.code, Some(2), "{}", finished.stderr);
        for words in [problem, FILE, "only root may"] {
            assert!(finished.stderr.contains(words), "no `{words}` in: {}", finished.stderr);
        }
    }
    administrators.set(0o755, 0o644, 0);
    drop(Setup::new().administrators(&administrators).start());
}

#[test]
fn a_mistake_is_told_with_file_line_and_key() {
    let Some(administrators) = Administrators::new("") else { return };
    for (user, administrator, place) in [
        ("\napproval_days = 0\n", "", "config.toml, line 2: approval_days is 0"),
        ("", "\n\nlogin_seconds = 0\n", "/etc/pkcs11-bridge/config.toml, line 3: login_seconds"),
        ("", "locked = [\"pin_entri\"]\n", "pin_entri"),
        ("locked = [\"pin_entry\"]\n", "", "config.toml, line 1: locked is for"),
    ] {
        administrators.write(administrator);
        let setup = Setup::new().config(user).administrators(&administrators);
        let finished = setup.run_to_end();
        assert_eq!(finished.code, Some(2), "{}", finished.stderr);
        assert!(finished.stderr.contains(place), "no `{place}` in: {}", finished.stderr);
    }
}
