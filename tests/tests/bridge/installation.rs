//! `install` and `uninstall` with the real systemd, and on a computer without it.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use pkcs11_bridge_tests::bridge::ORIGIN;
use pkcs11_bridge_tests::handshake::Handshake;
use pkcs11_bridge_tests::ports;
use pkcs11_bridge_tests::processes::{self, wait_until};
use pkcs11_bridge_tests::program::{Finished, Home, Program, STOP_LIMIT, binary, tool};
use pkcs11_bridge_tests::service_manager::ServiceManager;
use serde_json::{Value, json};

use super::passed_sockets::free_port;

/// Every file and folder below a folder, with the content or the target of links.
fn listing(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(folder).expect("below").display().to_string();
            let content = if path.is_symlink() {
                format!("-> {}", fs::read_link(&path).expect("a link").display())
            } else if path.is_dir() {
                folders.push(path);
                "folder".to_owned()
            } else {
                String::from_utf8_lossy(&fs::read(&path).expect("a file")).into_owned()
            };
            found.insert(name, content);
        }
    }
    found
}

fn configure(home: &Home, text: &str) {
    let folder = home.path().join("config/pkcs11-bridge");
    fs::create_dir_all(&folder).expect("a folder");
    let text = format!("detect_modules = false\nallow_origins = [{ORIGIN:?}]\n{text}");
    fs::write(folder.join("config.toml"), text).expect("a file");
}

fn run(home: &Home, arguments: &[&str]) -> Finished {
    Program::start(home.command().args(arguments)).run_to_end()
}

#[track_caller]
fn run_well(home: &Home, arguments: &[&str]) -> String {
    let finished = run(home, arguments);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    finished.stdout
}

/// Without the files that a bridge makes when it runs.
fn without_state(mut listing: BTreeMap<String, String>) -> BTreeMap<String, String> {
    listing.retain(|name, _| !name.starts_with("state/pkcs11-bridge") && name != "state");
    listing
}

#[track_caller]
fn assert_valid(mut checker: Command) {
    let Ok(output) = checker.output() else {
        eprintln!("skipped: {:?} is not installed", checker.get_program());
        return;
    };
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.trim().is_empty(), "{checker:?}: {said}");
}

#[test]
fn without_systemd_the_desktop_starts_the_bridge() {
    let home = Home::new();
    configure(&home, "listen = \"127.0.0.1:0\"\n");
    let before = listing(home.path());
    let said = run_well(&home, &["install"]);
    let [autostart, link] = ["config/autostart", "data/applications"]
        .map(|folder| home.path().join(folder).join("pkcs11-bridge.desktop"));
    for words in [autostart.to_str().unwrap(), link.to_str().unwrap(), "listens at ws://127.0.0.1:"]
    {
        assert!(said.contains(words), "no `{words}` in: {said}");
    }
    for file in [&autostart, &link] {
        let mut checker = tool("desktop-file-validate");
        checker.arg(file);
        assert_valid(checker);
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(&format!("Exec=\"{}\" start", binary().display())), "{text}");
    }
    assert!(fs::read_to_string(&link).unwrap().contains("start -- %u\nMimeType="));

    let installed = without_state(listing(home.path()));
    let again = run_well(&home, &["install"]);
    assert!(again.lines().count() == 1 && again.contains("runs already"), "{again}");
    assert_eq!(without_state(listing(home.path())), installed);
    let status: Value = serde_json::from_str(&run_well(&home, &["status", "--json"])).unwrap();
    assert_eq!(status["setup"]["starts_by"], "the desktop, at log-in");
    assert_eq!(status["setup"]["has_launch_link"], true);
    assert_eq!(status["origins"], json!([{ "origin": ORIGIN, "state": "configured" }]));
    let pid = u32::try_from(status["running"]["process"].as_u64().unwrap()).unwrap();

    let said = run_well(&home, &["uninstall"]);
    for words in ["Removed", "Ended the bridge", "approvals and settings stay in", "config.toml"] {
        assert!(said.contains(words), "no `{words}` in: {said}");
    }
    assert!(wait_until(STOP_LIMIT, || !processes::is_running(pid)));
    assert_eq!(without_state(listing(home.path())), without_state(before));
    let said = run_well(&home, &["uninstall"]);
    assert!(said.starts_with("Nothing was installed"), "{said}");
}

#[test]
fn files_of_others_are_neither_replaced_nor_removed() {
    let home = Home::new();
    configure(&home, "listen = \"127.0.0.1:0\"\n");
    let folder = home.path().join("config/autostart");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("pkcs11-bridge.desktop");
    fs::write(&file, "[Desktop Entry]\n").unwrap();
    let finished = run(&home, &["install"]);
    assert_eq!(finished.code, Some(1));
    for words in [file.to_str().unwrap(), "was not written by", "move it away"] {
        assert!(finished.stderr.contains(words), "no `{words}` in: {}", finished.stderr);
    }
    run_well(&home, &["uninstall"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "[Desktop Entry]\n");
}

#[test]
fn organisations_take_pins_on_the_desktop_only() {
    let home = Home::new();
    configure(&home, "listen = \"127.0.0.1:0\"\n");
    let said = run_well(&home, &["install", "--organisation"]);
    assert!(said.contains("Set pin_entry = \"native\""), "{said}");
    let doctor = run(&home, &["doctor", "--json"]).stdout;
    let doctor: Value = serde_json::from_str(&doctor).unwrap();
    assert_eq!(doctor["configuration"]["settings"]["pin_entry"], "native");
    run_well(&home, &["uninstall"]);
    let config = home.path().join("config/pkcs11-bridge/config.toml");
    assert!(fs::read_to_string(config).unwrap().starts_with("pin_entry = \"native\"\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_starts_the_bridge_at_each_connection_after_it_was_idle() {
    let home = Home::new();
    let port = free_port();
    configure(&home, &format!("listen = \"127.0.0.1:{port}\"\n"));
    let before = listing(home.path());
    let Some(manager) = ServiceManager::start(home) else { return };
    let said = manager.run(binary(), &["install"]);
    assert!(said.contains("starts the bridge when a page connects"), "{said}");
    let [service, socket] = ["service", "socket"]
        .map(|kind| manager.config(&format!("systemd/user/pkcs11-bridge.{kind}")));
    for unit in [&service, &socket] {
        let arguments = ["verify", "--user", unit.to_str().unwrap()];
        assert_valid(manager.command(Path::new("systemd-analyze"), &arguments));
    }
    let text = fs::read_to_string(&socket).unwrap();
    assert!(text.contains(&format!("ListenStream=127.0.0.1:{port}\n")), "{text}");
    assert_eq!(text.matches("ListenStream=").count(), 1, "{text}");

    // As an administrator changes a unit.
    let drop_in = manager.config("systemd/user/pkcs11-bridge.service.d/idle.conf");
    fs::create_dir_all(drop_in.parent().unwrap()).unwrap();
    let exec = format!(
        "[Service]\nExecStart=\nExecStart={} serve --end-when-idle 1\n",
        binary().display()
    );
    fs::write(&drop_in, exec).unwrap();
    assert!(manager.succeeds("systemctl", &["--user", "daemon-reload"]));

    let status = || -> Value {
        serde_json::from_str(&manager.run(binary(), &["status", "--json"])).unwrap()
    };
    assert_eq!(status()["running"], Value::Null);
    assert_eq!(status()["setup"]["is_listening"], true);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut last = 0;
    for _ in 0..2 {
        let handshake = Handshake::of(address).origin(Some(ORIGIN));
        let mut page = handshake.open().await.expect("a connection");
        page.result("modules", json!({})).await;
        let pid = manager.expect_bridge(binary());
        assert_ne!(pid, last);
        assert_eq!(status()["running"]["started_by"], "systemd_socket");
        assert_eq!(status()["running"]["process"], pid);
        last = pid;
        drop(page);
        manager.expect_no_bridge(binary());
    }

    // A bridge that chooses its port would be a second one for pages.
    configure(manager.home(), "");
    let mut second = manager.command(binary(), &["serve"]);
    let second = Program::start(&mut second).run_to_end();
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(second.stderr.contains("systemd listens"), "{}", second.stderr);
    configure(manager.home(), &format!("listen = \"127.0.0.1:{port}\"\n"));

    let installed = without_state(listing(manager.home().path()));
    let again = manager.run(binary(), &["install"]);
    assert_eq!(again.lines().count(), 1, "{again}");
    assert_eq!(without_state(listing(manager.home().path())), installed);
    fs::remove_dir_all(drop_in.parent().unwrap()).unwrap();
    manager.run(binary(), &["uninstall"]);
    assert_eq!(without_state(listing(manager.home().path())), without_state(before));
    assert!(TcpListener::bind(address).is_ok(), "systemd still listens");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_another_program_holds_makes_systemd_start_the_bridge_on_the_next() {
    let _nobody_else = ports::reserve_default_range();
    let free = ports::free_in_default_range();
    let ([first, second, ..], true) = (&free[..], free.first() == Some(&24911)) else {
        eprintln!("skipped: other programs use the ports of the bridge");
        return;
    };
    let home = Home::new();
    configure(&home, "");
    let Some(manager) = ServiceManager::start(home) else { return };
    let _other = TcpListener::bind((Ipv4Addr::LOCALHOST, *first)).expect("a port");
    let said = manager.run(binary(), &["install"]);
    assert!(said.contains(&format!("listens at ws://127.0.0.1:{second}")), "{said}");
    let status = manager.run(binary(), &["status"]);
    for words in ["Started by: systemd.", "journalctl --user", "Starts by itself: systemd"] {
        assert!(status.contains(words), "no `{words}` in: {status}");
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, *second));
    let handshake = Handshake::of(address).origin(Some(ORIGIN));
    let mut page = handshake.open().await.expect("a connection");
    page.result("modules", json!({})).await;
    // As the entry of the desktop does at log-in.
    assert!(manager.run(binary(), &["start"]).contains("runs already"));
    drop(page);
    manager.run(binary(), &["uninstall"]);
    manager.expect_no_bridge(binary());
}
