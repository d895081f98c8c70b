//! What a hostile module cannot do with the rights of the user: change the bridge's own files, look
//! into other programs, or let another program look into its worker.

use std::fs;
use std::path::Path;

use pkcs11_bridge_tests::approvals::{self, run_command};
use pkcs11_bridge_tests::bridge::{Bridge, ORIGIN, Setup};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::sign_data;
use pkcs11_bridge_tests::program::binary;
use pkcs11_bridge_tests::test_module::{Fault, Rule, TestModule};
use pkcs11_bridge_tests::token::{KeyType, TestToken};
use serde_json::json;

use super::consent::{NEW, NOT_APPROVED};

/// The set-up of a bridge on the test module, with more lines for the module in its configuration.
fn set_up(module: &TestModule, lines: &str) -> Setup {
    let configuration = format!("{}\n{lines}\n", module.configuration());
    Setup::on_test_module(module).config(&configuration)
}

fn replacing(path: &Path, content: &str) -> Fault {
    Fault::ReplaceFile { path: path.to_owned(), content: content.into() }
}

#[tokio::test]
async fn a_module_cannot_write_the_bridges_own_files() {
    let token = TestToken::new();
    let module = TestModule::wrapping(&token);
    // The module destroys the program if nothing stops it, so it gets a copy.
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("pkcs11-bridge");
    fs::copy(binary(), &program).unwrap();
    let bridge = set_up(&module, "").binary(program.clone()).start();
    run_command(bridge.home(), &["allow", ORIGIN]);
    let state = approvals::file(bridge.home());
    let record = json!({ "approved": 0, "expires": 99_999_999_999_u64 });
    let forged = json!({ "version": 1, "origins": { NEW: record } }).to_string();
    let config = bridge.home().path().join("config.toml");
    let default_config = bridge.home().path().join("config/pkcs11-bridge/config.toml");
    let own_files = || [&state, &config, &program].map(|path| fs::read(path).unwrap());
    let before = own_files();
    let faults = [
        replacing(&state, &forged),
        replacing(&state.with_file_name("approvals.json.new"), &forged),
        replacing(&config, "listen = \"\""),
        replacing(&default_config, "listen = \"\""),
        replacing(&program, "#!/bin/sh"),
        // A module may write its own files.
        replacing(&bridge.home().temporary().join("cache"), "of the module"),
    ];
    let rule = faults.into_iter().fold(Rule::on("C_GetInfo").next(1), Rule::fault);
    module.add(rule);
    let mut page = bridge.connect().await;
    page.result("info", json!({})).await;
    assert!(own_files() == before, "the module has changed a file of the bridge");
    assert!(!default_config.exists());
    let cache = fs::read_to_string(bridge.home().temporary().join("cache")).unwrap();
    assert_eq!(cache, "of the module");
    page.result("signData", sign_data(&token, KeyType::P256.id(), "sha256")).await;
    let outcome = bridge.connect_as(NEW).await.call("hello", json!({})).await;
    assert_error("a forged approval", &outcome, NOT_APPROVED, &[]);
}

/// The value of a line in a worker's `/proc/PID/status`.
fn status(bridge: &Bridge, name: &str) -> String {
    let [worker] = &bridge.workers()[..] else { panic!("{:?}", bridge.workers()) };
    let status = fs::read_to_string(format!("/proc/{}/status", worker.pid)).unwrap();
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_module_gets_no_rights_and_cannot_trace() {
    let token = TestToken::new();
    let module = TestModule::wrapping(&token);
    let bridge = set_up(&module, "").start();
    module.add(Rule::on("C_Initialize").fault(Fault::BeTraced));
    let mut page = bridge.connect().await;
    page.result("signData", sign_data(&token, KeyType::P256.id(), "sha256")).await;
    assert_eq!(status(&bridge, "NoNewPrivs"), "1");
    assert_eq!(status(&bridge, "Seccomp"), "2");
    assert_eq!(status(&bridge, "TracerPid"), "0");
}

#[tokio::test]
async fn a_traced_worker_takes_no_pin() {
    let token = TestToken::new();
    let module = TestModule::wrapping(&token);
    let bridge = set_up(&module, "seccomp = false").start();
    module.add(Rule::on("C_Initialize").fault(Fault::BeTraced));
    let mut page = bridge.connect().await;
    page.result("info", json!({})).await;
    assert_eq!(status(&bridge, "TracerPid"), bridge.pid().to_string());
    let outcome = page.call("signData", sign_data(&token, KeyType::P256.id(), "sha256")).await;
    assert_error("a tracer", &outcome, (500, "900"), &["traces", &bridge.pid().to_string()]);
    assert_eq!(module.count("C_Login"), 0);
}

#[tokio::test]
async fn an_administrator_can_switch_each_confinement_off() {
    for (lines, writes, new_rights, seccomp) in [
        ("", false, "1", "2"),
        ("landlock = false", true, "1", "2"),
        ("seccomp = false", false, "1", "0"),
        ("landlock = false\nseccomp = false", true, "0", "0"),
    ] {
        let token = TestToken::new();
        let module = TestModule::wrapping(&token);
        let bridge = set_up(&module, lines).start();
        let file = approvals::file(bridge.home()).with_file_name("of-the-module");
        module.add(Rule::on("C_GetInfo").fault(replacing(&file, "written")));
        let mut page = bridge.connect().await;
        page.result("info", json!({})).await;
        let written = fs::read_to_string(file).ok();
        assert_eq!(written.as_deref(), writes.then_some("written"), "{lines}");
        assert_eq!(status(&bridge, "NoNewPrivs"), new_rights, "{lines}");
        assert_eq!(status(&bridge, "Seccomp"), seccomp, "{lines}");
    }
}
