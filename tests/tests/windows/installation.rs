//! `install` and `uninstall`, the launch link and the group policy, in the registry of Wine.

use pkcs11_bridge_tests::ports;
use pkcs11_bridge_tests::program::{Finished, Program};
use pkcs11_bridge_tests::wine::bridge::{Setup, alone};
use pkcs11_bridge_tests::wine::{command, command_of};
use serde_json::Value;

const RUN: &str = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run";
const LINK: &str = r"HKCU\Software\Classes\pkcs11-bridge";
const POLICY: &str = r"HKLM\Software\Policies\pkcs11-bridge";

fn bridge(arguments: &[&str]) -> Finished {
    Program::start(command("pkcs11-bridge.exe").args(arguments)).run_to_end()
}

#[track_caller]
fn bridge_well(arguments: &[&str]) -> String {
    let finished = bridge(arguments);
    assert_eq!(finished.code, Some(0), "{arguments:?}: {}", finished.stderr);
    finished.stdout
}

fn registry(arguments: &[&str]) -> Finished {
    Program::start(command_of("reg").args(arguments)).run_to_end()
}

#[test]
fn windows_starts_the_bridge_at_log_on_and_by_the_link() {
    // The removal stops all bridges of the user, and so does another test.
    let _turn = alone();
    let _nobody_else = ports::reserve_default_range();
    let said = bridge_well(&["install"]);
    for words in [r"CurrentVersion\Run", r"Software\Classes\pkcs11-bridge", "listens at ws://127.0"]
    {
        assert!(said.contains(words), "no `{words}` in: {said}");
    }
    let run = registry(&["query", RUN, "/v", "pkcs11-bridge"]).stdout;
    assert!(run.contains("pkcs11-bridge.exe\" start"), "{run}");
    let link = registry(&["query", &format!(r"{LINK}\shell\open\command"), "/ve"]).stdout;
    assert!(link.contains("pkcs11-bridge.exe\" start -- \"%1\""), "{link}");
    let again = bridge_well(&["install"]);
    assert!(again.lines().count() == 1 && again.contains("runs already"), "{again}");

    let status: Value = serde_json::from_str(&bridge_well(&["status", "--json"])).expect("JSON");
    assert_eq!(status["running"]["started_by"], "start");
    assert_eq!(status["setup"]["starts_by"], "Windows, at log-on");
    let refused = bridge(&["start", "--", "pkcs11-bridge://start?x"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(bridge_well(&["start", "--", "pkcs11-bridge://start/"]).contains("runs already"));

    let said = bridge_well(&["uninstall"]);
    assert!(said.contains("Removed") && said.contains("Ended the bridge"), "{said}");
    assert_ne!(registry(&["query", RUN, "/v", "pkcs11-bridge"]).code, Some(0));
    assert_ne!(registry(&["query", LINK]).code, Some(0));
    let status: Value = serde_json::from_str(&bridge_well(&["status", "--json"])).expect("JSON");
    assert_eq!(status["running"], Value::Null);
    assert!(bridge_well(&["uninstall"]).starts_with("Nothing was installed"));
}

#[test]
fn the_group_policy_is_locked() {
    let bridge = Setup::new("approval_days = 5\n").start();
    // Nothing that other tests depend on.
    let add = |arguments: &[&str]| {
        assert_eq!(registry(&[&["add", POLICY], arguments, &["/f"]].concat()).code, Some(0));
    };
    add(&["/v", "approval_days", "/t", "REG_DWORD", "/d", "7"]);
    let blocked = format!(r"{POLICY}\block_origins");
    let site = "https://forbidden.example";
    assert_eq!(registry(&["add", &blocked, "/v", "1", "/d", site, "/f"]).code, Some(0));
    let doctor = Program::start(&mut bridge.command(&["doctor", "--json"])).run_to_end();
    let status = bridge.run(&["status"]).stdout;
    assert_eq!(registry(&["delete", POLICY, "/f"]).code, Some(0));
    let doctor: Value = serde_json::from_str(&doctor.stdout).expect("JSON");
    let settings = &doctor["configuration"]["settings"];
    assert_eq!(settings["approval_days"], 7, "{settings}");
    assert_eq!(settings["block_origins"][0], site);
    assert!(status.contains("line 2: approval_days is not used"), "{status}");
    assert!(status.contains(r"HKEY_LOCAL_MACHINE\Software\Policies\pkcs11-bridge"), "{status}");
}
