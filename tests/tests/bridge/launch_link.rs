//! The launch link: it starts the bridge and does nothing else.

use std::fs;

use pkcs11_bridge_tests::processes;
use pkcs11_bridge_tests::program::{Finished, Home, Program, STOP_LIMIT};
use rustix::process::Signal;
use serde_json::Value;

/// As the desktop opens the link.
fn open(home: &Home, link: &[&str]) -> Finished {
    let mut command = home.command();
    command.args(["start", "--"]).args(link);
    Program::start(&mut command).run_to_end()
}

/// A home with a configuration for a free port.
fn home() -> Home {
    let home = Home::new();
    let folder = home.path().join("config/pkcs11-bridge");
    fs::create_dir_all(&folder).expect("a folder");
    let config = "detect_modules = false\nlisten = \"127.0.0.1:0\"\n";
    fs::write(folder.join("config.toml"), config).expect("a file");
    home
}

/// What the running bridge tells of itself.
fn running(home: &Home) -> Option<Value> {
    let status = status(home);
    Some(status["running"].clone()).filter(|running| !running.is_null())
}

fn status(home: &Home) -> Value {
    let finished = Program::start(home.command().args(["status", "--json"])).run_to_end();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    serde_json::from_str(&finished.stdout).expect("JSON")
}

#[test]
fn a_link_that_says_more_starts_nothing_and_is_not_repeated() {
    let home = home();
    for link in [
        "pkcs11-bridge://start?config=/tmp/evil.toml",
        "pkcs11-bridge://start/../evil",
        "pkcs11-bridge://evil",
        "--config=/tmp/evil.toml",
        "serve",
        "\u{1b}[31mevil",
    ] {
        let finished = open(&home, &[link]);
        assert_eq!(finished.code, Some(2), "{link}: {}", finished.stderr);
        assert!(finished.stderr.contains("the link is refused"), "{}", finished.stderr);
        assert!(!finished.stderr.contains("evil"), "{}", finished.stderr);
    }
    assert_eq!(open(&home, &["pkcs11-bridge://start", "--help"]).code, Some(2));
    assert_eq!(running(&home), None);
}

#[test]
fn the_link_starts_one_bridge_which_stays() {
    let home = home();
    let first = open(&home, &["pkcs11-bridge://start"]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let running = running(&home).expect("a bridge");
    let address = running["address"].as_str().expect("an address");
    assert!(first.stdout.contains(&format!("listens at ws://{address}.")), "{}", first.stdout);
    assert_eq!(running["started_by"], "start");
    let log = home.path().join("state/pkcs11-bridge/bridge.log");
    assert_eq!(running["log"], log.to_str().expect("UTF-8"));
    assert!(fs::read_to_string(&log).expect("a log").contains("identity key"));

    let second = open(&home, &["pkcs11-bridge://start/"]);
    assert!(second.stdout.contains("runs already"), "{}", second.stdout);
    assert_eq!(self::running(&home), Some(running.clone()));

    let pid = u32::try_from(running["process"].as_u64().expect("an id")).expect("an id");
    processes::signal(pid, Signal::TERM);
    assert!(processes::wait_until(STOP_LIMIT, || !processes::is_running(pid)));
    assert_eq!(self::running(&home), None);
    assert!(!home.path().join("state/pkcs11-bridge/bridge.json").exists());
}

#[test]
fn a_bridge_that_cannot_start_says_where_to_look() {
    let home = home();
    fs::write(home.path().join("config/pkcs11-bridge/config.toml"), "lisen = 1\n").unwrap();
    let finished = open(&home, &[]);
    assert_eq!(finished.code, Some(1));
    for words in ["did not start", "bridge.log", "in a terminal"] {
        assert!(finished.stderr.contains(words), "no `{words}` in: {}", finished.stderr);
    }
}
