//! The configuration file: its settings, what overrides it, and how the bridge reports mistakes.

use pkcs11_bridge_tests::bridge::{ORIGIN, SOFTHSM, Setup};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::token::{MODULE, TestToken};
use serde_json::{Value, json};

use super::modules::without_slots;

/// A file with two modules and two origins. The second module is the default.
fn config(token: &TestToken) -> String {
    format!(
        r#"
allow_origins = ["{ORIGIN}", "https://second.example"]
default_module = "{SOFTHSM}"

[[modules]]
name = "opensc"
path = "{}"
description = "Smart cards"

[[modules]]
name = "{SOFTHSM}"
path = "{MODULE}"
env = {{ SOFTHSM2_CONF = "{}" }}
"#,
        without_slots(),
        token.configuration().display()
    )
}

fn names(modules: &Value) -> Vec<&str> {
    modules.as_array().unwrap().iter().map(|module| module["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn modules_and_origins_come_from_the_file() {
    let token = TestToken::new();
    let bridge = Setup::new().config(&config(&token)).start();
    for origin in [ORIGIN, "https://second.example"] {
        let mut page = bridge.connect_as(origin).await;
        let modules = page.result("modules", json!({})).await;
        assert_eq!(names(&modules), [SOFTHSM, "opensc"]);
        assert_eq!(modules[1]["description"], "Smart cards");
        let all = page.result("slots", json!({})).await;
        assert!(all.to_string().contains(&token.slot().to_string()), "{all}");
    }
    let outcome = bridge.connect_as("https://third.example").await.call("slots", json!({})).await;
    assert_error("another origin", &outcome, (401, "500"), &["https://third.example"]);
}

#[tokio::test]
async fn the_file_in_the_configuration_folder_is_read_by_default() {
    let token = TestToken::new();
    let bridge = Setup::new().config_in_home(&config(&token)).start();
    let modules = bridge.connect().await.result("modules", json!({})).await;
    assert_eq!(names(&modules), [SOFTHSM, "opensc"]);
}

#[tokio::test]
async fn flags_override_the_file() {
    let token = TestToken::new();
    let file = config(&token).replace(MODULE, "/usr/lib/missing-module.so");
    let setup = Setup::new().config(&file).token(&token);
    let bridge = setup.module(SOFTHSM, MODULE).origin("https://third.example").start();
    for origin in [ORIGIN, "https://third.example"] {
        let mut page = bridge.connect_as(origin).await;
        assert_eq!(page.result("info", json!({})).await["manufacturer_id"], "SoftHSM");
    }
}

#[tokio::test]
async fn the_file_sets_the_address_and_the_flag_overrides_it() {
    let address = "127.0.0.1:0";
    let bridge = Setup::new().config(&format!("listen = \"{address}\"\n")).listen(None).start();
    assert!(!pkcs11_bridge_protocol::PORTS.contains(&bridge.address().port()));
    let bridge = Setup::new().config("listen = \"127.0.0.1:1\"\n").start();
    assert_ne!(bridge.address().port(), 1);
}

#[test]
fn a_mistake_in_the_file_is_reported_with_its_line() {
    for (text, line, words) in [
        ("\n\nalow_origins = []\n", "line 3", "alow_origins"),
        ("listen = \"127.0.0.1:0\"\n[log]\nlevel = 1\n", "line 2", "log"),
        ("[[modules]]\nname = \"a\"\npath = \"/a\"\npin = \"1234\"\n", "line 4", "pin"),
        ("[[modules]]\nname = \"a\"\n", "line 1", "path"),
        ("allow_origins = \"https://app.example\"\n", "line 1", "allow_origins"),
        ("allow_origins = [\"app.example\"]\n", "line 1", "app.example"),
        ("listen = 24911\n", "line 1", "listen"),
        ("detect_modules = true\ndetect_modules = true\n", "line 2", "detect_modules"),
        ("this is no TOML\n", "line 1", "config.toml"),
    ] {
        let finished = Setup::new().config(text).run_to_end();
        assert_eq!(finished.code, Some(2), "{text}: {}", finished.stderr);
        for words in [line, words, "config.toml"] {
            assert!(finished.stderr.contains(words), "no `{words}` in: {}", finished.stderr);
        }
    }
}

#[test]
fn inconsistent_settings_are_reported() {
    for (text, words) in [
        ("default_module = \"nothing\"\n", "nothing"),
        ("listen = \"0.0.0.0:0\"\n", "0.0.0.0"),
        (
            "[[modules]]\nname = \"a\"\npath = \"/a\"\n[[modules]]\nname = \"a\"\npath = \"/b\"\n",
            "`a`",
        ),
    ] {
        let finished = Setup::new().config(text).listen(None).run_to_end();
        assert_eq!(finished.code, Some(2), "{text}: {}", finished.stderr);
        assert!(finished.stderr.contains(words), "no `{words}` in: {}", finished.stderr);
    }
}

#[test]
fn a_missing_configuration_file_is_reported() {
    let setup = Setup::new();
    std::fs::remove_file(setup.config_file()).unwrap();
    let path = setup.config_file().display().to_string();
    let finished = setup.run_to_end();
    assert_eq!(finished.code, Some(2), "{}", finished.stderr);
    assert!(finished.stderr.contains(&path), "{}", finished.stderr);
}
