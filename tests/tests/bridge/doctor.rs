//! `pkcs11-bridge doctor` reports what a help desk needs, and every problem with what to do.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use pkcs11_bridge_tests::bridge::{SOFTHSM, Setup};
use pkcs11_bridge_tests::desktop::Desktop;
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::program::{Finished, Home, Program};
use pkcs11_bridge_tests::token::{KeyType, LABEL, MODULE, PIN, TestToken, WRONG_PIN};
use serde_json::Value;

/// Runs the command in these folders, with a configuration.
fn doctor(home: &Home, config: &str, token: Option<&TestToken>, arguments: &[&str]) -> Finished {
    doctor_with(home, config, token, None, arguments)
}

fn doctor_with(
    home: &Home,
    config: &str,
    token: Option<&TestToken>,
    pinentry: Option<&Pinentry>,
    arguments: &[&str],
) -> Finished {
    let mut command = command(home, config, arguments);
    if let Some(token) = token {
        command.env("SOFTHSM2_CONF", token.configuration());
    }
    if let Some(pinentry) = pinentry {
        command.env("PINENTRY_PROGRAM", pinentry.program());
    }
    Program::start(&mut command).run_to_end()
}

fn command(home: &Home, config: &str, arguments: &[&str]) -> Command {
    let file = home.path().join("doctor.toml");
    fs::write(&file, config).unwrap();
    let mut command = home.command();
    command.arg("doctor").arg("--config").arg(&file).args(arguments);
    command
}

fn with_module(rest: &str) -> String {
    format!("{rest}\n[[modules]]\nname = \"{SOFTHSM}\"\npath = \"{MODULE}\"\n")
}

fn json(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| {
        panic!("{error}: {} {}", finished.stdout, finished.stderr);
    })
}

/// The texts of the problems that are about something.
fn problems<'a>(report: &'a Value, about: &str) -> Vec<&'a str> {
    let problems = report["problems"].as_array().unwrap().iter();
    let of_this = problems.filter(|problem| problem["about"] == about);
    of_this.map(|problem| problem["text"].as_str().unwrap()).collect()
}

#[track_caller]
fn assert_problem(report: &Value, about: &str, words: &str) {
    let found = problems(report, about);
    assert!(found.iter().any(|text| text.contains(words)), "{about}: {:#}", report["problems"]);
}

#[test]
fn nothing_is_wrong_with_a_bridge_that_runs_and_a_token_that_works() {
    let (token, pinentry) = (TestToken::new(), Pinentry::new());
    let bridge = Setup::on(&token).start();
    let config = with_module(&format!("listen = \"{}\"", bridge.address()));
    let home = Home::new();
    let finished = doctor_with(&home, &config, Some(&token), Some(&pinentry), &["--json"]);
    let report = json(&finished);
    assert_eq!(finished.code, Some(0), "{:#}", report["problems"]);
    assert_eq!(report["problems"].as_array().unwrap().len(), 0);
    assert_eq!(report["ports"][0]["state"], "bridge");
    let module = &report["modules"][0];
    assert_eq!((&module["name"], &module["works"]), (&SOFTHSM.into(), &true.into()));
    assert!(module["library"]["library_description"].is_string());
    let token_state = &module["slots"][0]["token"];
    assert_eq!(token_state["label"], LABEL);
    assert_eq!(token_state["pin"], "set");
    let certificates = token_state["certificates"].as_array().unwrap();
    let p256 = certificates.iter().find(|found| found["id"] == KeyType::P256.id()).unwrap();
    assert_eq!(p256["key"], "an EC key on P-256");
    assert!(p256.get("signature").is_none());
    // The doctor asks nothing, and changes nothing.
    pinentry.assert_dialogs(0);
    assert!(!home.path().join("state/pkcs11-bridge").exists());

    let text = doctor_with(&home, &config, Some(&token), Some(&pinentry), &[]).stdout;
    for words in ["bridge of this user", "token “Test token”", "P-256", "No problem found."] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn serial_numbers_and_names_are_shown_on_request_only() {
    let (token, home) = (TestToken::new(), Home::new());
    let certificates = |report: &Value| {
        report["modules"][0]["slots"][0]["token"]["certificates"].as_array().unwrap().clone()
    };
    let shown = doctor(&home, &with_module(""), Some(&token), &["--json", "--personal"]);
    let report = json(&shown);
    let serial = report["modules"][0]["slots"][0]["token"]["serial_number"].as_str().unwrap();
    assert!(serial.len() > 4, "{serial}");
    let subject = certificates(&report)[0]["subject"].as_str().unwrap().to_owned();
    assert!(subject.starts_with("CN="), "{subject}");
    for arguments in [&["--json"][..], &[]] {
        let hidden = doctor(&home, &with_module(""), Some(&token), arguments);
        for secret in [serial, subject.as_str()] {
            assert!(!hidden.stdout.contains(secret), "{secret}: {}", hidden.stdout);
        }
    }
}

#[test]
fn a_signature_with_each_key_asks_for_the_pin_as_a_page_does() {
    let (token, pinentry, home) = (TestToken::new(), Pinentry::new(), Home::new());
    let listed = json(&doctor(&home, &with_module(""), Some(&token), &["--json"]));
    let listed =
        listed["modules"][0]["slots"][0]["token"]["certificates"].as_array().unwrap().len();
    for _ in 0..listed {
        pinentry.answer(Answer::pin(PIN));
    }
    let config = with_module("");
    let arguments = &["--json", "--sign"];
    let report = json(&doctor_with(&home, &config, Some(&token), Some(&pinentry), arguments));
    let certificates = report["modules"][0]["slots"][0]["token"]["certificates"].as_array();
    for certificate in certificates.unwrap() {
        let made = &certificate["signature"];
        assert_eq!(made["works"], true, "{certificate:#} {:#}", report["problems"]);
    }
    let dialogs = pinentry.assert_dialogs(listed);
    assert!(
        dialogs[0].description().contains("pkcs11-bridge://doctor"),
        "{}",
        dialogs[0].description()
    );
}

#[test]
fn a_key_without_a_certificate_is_listed_and_signs() {
    let (token, pinentry) = (TestToken::new(), Pinentry::new());
    let key = token.generate_key(KeyType::P256, "web");
    token.write_key_pair(&key, "b1");
    for _ in 0..=KeyType::ALL.len() {
        pinentry.answer(Answer::pin(PIN));
    }
    let (home, config) = (Home::new(), with_module(""));
    let arguments = &["--json", "--sign"];
    let report = json(&doctor_with(&home, &config, Some(&token), Some(&pinentry), arguments));
    let state = &report["modules"][0]["slots"][0]["token"];
    let keys = state["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1, "{state}");
    assert_eq!(keys[0]["label"], "web");
    assert_eq!(keys[0]["purpose"], "not known");
    assert_eq!(keys[0]["signature"]["works"], true, "{}", keys[0]);
    pinentry.assert_dialogs(KeyType::ALL.len() + 1);
}

#[test]
fn a_wrong_pin_at_a_signature_counts_and_is_a_problem_with_its_advice() {
    let (token, pinentry, home) = (TestToken::new(), Pinentry::new(), Home::new());
    // Then the script is empty, and the user cancels.
    pinentry.answer(Answer::pin(WRONG_PIN));
    let config = with_module("");
    let arguments = &["--json", "--sign"];
    let report = json(&doctor_with(&home, &config, Some(&token), Some(&pinentry), arguments));
    let certificate = &report["modules"][0]["slots"][0]["token"]["certificates"][0];
    assert_eq!(certificate["signature"]["works"], false);
    assert!(certificate["signature"]["problem"].as_str().is_some_and(|text| text.len() > 10));
    // The next run reads what the token says.
    let report = json(&doctor(&home, &config, Some(&token), &["--json"]));
    let slot = &report["modules"][0]["slots"][0]["slot_id"];
    assert_problem(&report, &format!("module {SOFTHSM}, slot {slot}"), "wrong PIN was entered");
}

#[test]
fn a_wrong_configuration_is_named_with_its_line_and_the_rest_is_reported() {
    let (token, home) = (TestToken::new(), Home::new());
    let finished = doctor(
        &home,
        "listen = \"127.0.0.1:0\"\npin_entri = \"native\"\n",
        Some(&token),
        &["--json", "--module", &format!("{SOFTHSM}={MODULE}")],
    );
    assert_eq!(finished.code, Some(1));
    let report = json(&finished);
    assert_problem(&report, "configuration", "pin_entri");
    assert_problem(&report, "configuration", "line 2");
    assert_eq!(report["modules"][0]["works"], true);
}

#[test]
fn a_module_that_does_not_load_is_reported_and_the_next_one_is_looked_at() {
    let (token, home) = (TestToken::new(), Home::new());
    let missing = home.path().join("missing.so");
    let text = home.path().join("text.so");
    fs::write(&text, "not a library").unwrap();
    let modules = [("missing", missing), ("text", text), (SOFTHSM, MODULE.into())];
    let modules = modules.map(|(name, path)| {
        format!("[[modules]]\nname = \"{name}\"\npath = \"{}\"\n", path.display())
    });
    let report = json(&doctor(&home, &modules.concat(), Some(&token), &["--json"]));
    assert_problem(&report, "module missing", "does not exist");
    assert_problem(&report, "module text", "cannot be loaded");
    let works = |index: usize| report["modules"][index]["works"].as_bool().unwrap();
    assert_eq!([works(0), works(1), works(2)], [false, false, true]);
}

#[test]
fn a_module_that_others_could_change_is_reported_and_not_used() {
    let home = Home::new();
    let folder = home.path().join("config/pkcs11/modules");
    fs::create_dir_all(&folder).unwrap();
    let named = folder.join("open.module");
    fs::write(&named, format!("module: {MODULE}\n")).unwrap();
    fs::set_permissions(&named, PermissionsExt::from_mode(0o666)).unwrap();
    let report = json(&doctor(&home, "", None, &["--json"]));
    // What lies above the folder may be open too.
    assert_problem(&report, "modules", &format!("{} names or is a module", named.display()));
    assert_problem(&report, "modules", "other users can write");
}

#[test]
fn damaged_and_open_files_are_problems_and_stay_as_they_are() {
    let home = Home::new();
    let folder = home.path().join("state/pkcs11-bridge");
    fs::create_dir_all(&folder).unwrap();
    let approvals = folder.join("approvals.json");
    fs::write(&approvals, "{").unwrap();
    let tries = folder.join("pin-tries.json");
    fs::write(&tries, "{}").unwrap();
    fs::set_permissions(&tries, PermissionsExt::from_mode(0o666)).unwrap();
    let key = folder.join("identity-key.p8");
    fs::write(&key, "not a key").unwrap();
    fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    let report = || json(&doctor(&home, "detect_modules = false", None, &["--json"]));
    let first = report();
    assert_problem(&first, "approvals", "no site is approved or blocked");
    assert_problem(&first, "PIN tries", "chmod go-w");
    assert_problem(&first, "key of the bridge", "other users may know the key");
    fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    assert_problem(&report(), "key of the bridge", "is not a P-256 key");
    assert_eq!(fs::read_to_string(approvals).unwrap(), "{");
    assert_eq!(fs::read_to_string(key).unwrap(), "not a key");
}

#[test]
fn what_is_missing_is_a_problem_with_its_advice() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let config = format!("listen = \"{address}\"\ndetect_modules = false\n");
    let finished = doctor(&home, &config, None, &["--json"]);
    assert_eq!(finished.code, Some(1));
    let report = json(&finished);
    assert_problem(&report, "modules", "--module NAME=PATH");
    assert_problem(&report, "questions", "install a pinentry");
    assert_problem(&report, "ports", "End the programs");
    assert_eq!(report["ports"][0]["state"], "other_program");
    let holder = report["ports"][0]["holder"].as_str().unwrap();
    assert!(holder.contains(&format!("process {}", std::process::id())), "{holder}");
    let text = doctor(&home, &config, None, &[]).stdout;
    assert!(text.contains("3 problems") && text.contains("another program of this user"), "{text}");
}

#[test]
fn the_window_works_on_a_display_that_answers_and_is_not_shown() {
    let (home, desktop) = (Home::new(), Desktop::start());
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let hangs = format!("127.0.0.1:{}", nobody.local_addr().unwrap().port() - 6000);
    for (display, works) in [(desktop.display(), true), ("nowhere:1", false), (&hangs, false)] {
        let mut command = command(&home, "detect_modules = false", &["--json"]);
        command.env("DISPLAY", display);
        let report = json(&Program::start(&mut command).run_to_end());
        let window = &report["questions"][0];
        assert_eq!(
            (&window["way"], &window["works"]),
            (&"window".into(), &works.into()),
            "{window}"
        );
    }
    desktop.wait_for_no_window();
}
