//! The bridge reports the same about modules, slots, tokens and certificates as `pkcs11-tool`.

use pkcs11_bridge_tests::bridge::{SOFTHSM, Setup};
use pkcs11_bridge_tests::digest::from_base64;
use pkcs11_bridge_tests::token::{KeyType, LABEL, MODULE, TestToken};
use serde_json::{Value, json};

/// The value that `pkcs11-tool` prints after a title.
fn printed_value<'a>(text: &'a str, title: &str) -> &'a str {
    let line = text.lines().find(|line| line.trim_start().starts_with(title));
    let line = line.unwrap_or_else(|| panic!("no `{title}` in:\n{text}")).trim_start();
    line[title.len()..].trim_start_matches([' ', ':']).trim()
}

fn slot_ids(of: &Value) -> Vec<u64> {
    let ids = of.as_array().expect("an array").iter();
    let mut ids: Vec<u64> = ids.map(|slot| slot["slot_id"].as_u64().expect("a number")).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn hello_describes_the_bridge() {
    let bridge = Setup::on(&TestToken::new()).start();
    let hello = bridge.connect().await.result("hello", json!({})).await;
    assert_eq!(hello["name"], "pkcs11-bridge");
    assert_eq!(hello["protocol"], "pkcs11-bridge.v1");
    assert_eq!(hello["version"].as_str().map(|version| version.split('.').count()), Some(3));
    let methods = [
        "hello",
        "modules",
        "info",
        "slots",
        "token",
        "certificates",
        "keys",
        "signData",
        "authenticate",
        "verifySignedData",
        "signDataBatch",
        "cancel",
        "logout",
        "watchSlots",
        "unwatchSlots",
    ];
    assert_eq!(hello["methods"], json!(methods));
    assert_eq!(hello["pin_entry"], "page-or-native");
    assert_eq!(hello.as_object().map(|hello| hello.len()), Some(5), "{hello}");
}

#[tokio::test]
async fn modules_lists_names_and_states_without_paths() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).module("absent", "/usr/lib/absent-module.so").start();
    let mut page = bridge.connect().await;

    let states = |modules: &Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        let modules = modules.as_array().expect("an array").iter();
        modules.map(|module| (text(&module["name"]), text(&module["state"]))).collect()
    };
    let pair = |name: &str, state: &str| (name.to_owned(), state.to_owned());

    let modules = page.result("modules", json!({})).await;
    assert_eq!(states(&modules), [pair(SOFTHSM, "available"), pair("absent", "missing")]);
    assert!(!modules.to_string().contains(".so"), "{modules}");
    for module in modules.as_array().unwrap() {
        assert!(module["description"].is_string() && module.as_object().unwrap().len() == 3);
    }

    page.result("info", json!({})).await;
    let modules = page.result("modules", json!({})).await;
    assert_eq!(states(&modules)[0], pair(SOFTHSM, "running"));
}

#[tokio::test]
async fn info_describes_the_module() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    let info = bridge.connect().await.result("info", json!({})).await;
    let tool = token.pkcs11_tool(["--show-info"]);
    assert_eq!(info["cryptoki_version"], printed_value(&tool, "Cryptoki version"));
    assert_eq!(info["manufacturer_id"], printed_value(&tool, "Manufacturer"));
    let library = format!(
        "{} (ver {})",
        info["library_description"].as_str().unwrap(),
        info["library_version"].as_str().unwrap()
    );
    assert_eq!(library, printed_value(&tool, "Library"));
    assert_eq!(info["flags"], 0);
    assert_eq!(info.as_object().map(|info| info.len()), Some(5), "{info}");
}

#[tokio::test]
async fn slots_lists_the_slots_of_the_module() {
    let token = TestToken::new();
    let second = token.add_token("Second token");
    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;

    let mut expected = vec![token.slot(), second, token.free_slot()];
    expected.sort_unstable();
    let all = page.result("slots", json!({})).await;
    assert_eq!(slot_ids(&all), expected);
    assert_eq!(page.result("slots", json!({ "token_present": false })).await, all);

    let with_token = page.result("slots", json!({ "token_present": true })).await;
    let tool = token.pkcs11_tool(["--list-token-slots"]);
    assert_eq!(slot_ids(&with_token).len(), tool.matches("SoftHSM slot ID").count());
    assert!(slot_ids(&with_token).contains(&token.slot()), "{with_token}");
    assert!(slot_ids(&with_token).contains(&second), "{with_token}");

    for slot in all.as_array().unwrap() {
        let id = slot["slot_id"].as_u64().unwrap();
        assert_eq!(slot["description"], format!("SoftHSM slot ID {id:#x}"));
        let present = slot["flags"].as_u64().unwrap() & 1 == 1;
        assert_eq!(present, slot_ids(&with_token).contains(&id), "{slot}");
        assert_eq!(slot["hardware_version"], "2.6");
        assert_eq!(slot["firmware_version"], "2.6");
        assert_eq!(slot.as_object().map(|slot| slot.len()), Some(5), "{slot}");
    }
}

#[tokio::test]
async fn token_reports_every_field() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;
    let token_info = page.result("token", json!({ "slot_id": token.slot() })).await;

    let tool = token.pkcs11_tool(["--list-slots"]);
    assert_eq!(token_info["slot_id"], token.slot());
    assert_eq!(token_info["label"], LABEL);
    assert_eq!(token_info["label"], printed_value(&tool, "token label"));
    assert_eq!(token_info["manufacturer_id"], printed_value(&tool, "token manufacturer"));
    assert_eq!(token_info["model"], printed_value(&tool, "token model"));
    assert_eq!(token_info["serial_number"], printed_value(&tool, "serial num"));
    assert_eq!(token_info["hardware_version"], printed_value(&tool, "hardware version"));
    assert_eq!(token_info["firmware_version"], printed_value(&tool, "firmware version"));
    let lengths = format!("{}/{}", token_info["min_pin_length"], token_info["max_pin_length"]);
    assert_eq!(lengths, printed_value(&tool, "pin min/max"));
    // RNG, login required, user PIN initialised, restore key not needed, token initialised.
    assert_eq!(token_info["flags"], 0x1 | 0x4 | 0x8 | 0x20 | 0x400);
    for unlimited in ["max_session_count", "max_rw_session_count"] {
        assert_eq!(token_info[unlimited], "unlimited");
    }
    // SoftHSM reports none of these values.
    for unknown in
        ["total_public_memory", "free_public_memory", "total_private_memory", "free_private_memory"]
    {
        assert_eq!(token_info.get(unknown), Some(&Value::Null), "{unknown}");
    }
    for known_or_not in ["session_count", "rw_session_count"] {
        let count = token_info.get(known_or_not).expect(known_or_not);
        assert!(count.is_null() || count.is_u64(), "{known_or_not}: {count}");
    }
    assert_eq!(token_info.as_object().map(|token| token.len()), Some(18), "{token_info}");
}

#[tokio::test]
async fn token_reports_one_token_or_all() {
    let token = TestToken::new();
    let second = token.add_token("Second token");
    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;

    let all = page.result("token", json!({})).await;
    let with_token = page.result("slots", json!({ "token_present": true })).await;
    assert_eq!(slot_ids(&all), slot_ids(&with_token));

    for (slot, label) in [(token.slot(), LABEL), (second, "Second token")] {
        let alone = page.result("token", json!({ "slot_id": slot })).await;
        assert_eq!(alone["label"], label);
        assert!(all.as_array().unwrap().contains(&alone), "{all}");
    }
}

#[tokio::test]
async fn a_slot_id_is_a_number_or_its_decimal_digits() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;
    let by_number = page.result("token", json!({ "slot_id": token.slot() })).await;
    let by_digits = page.result("token", json!({ "slot_id": token.slot().to_string() })).await;
    assert_eq!(by_number, by_digits);
    assert!(by_number["slot_id"].is_u64());
}

#[tokio::test]
async fn a_module_is_named_by_name_or_path_or_is_the_default() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;
    for (method, params) in [
        ("info", json!({})),
        ("slots", json!({})),
        ("token", json!({})),
        ("certificates", json!({ "slot_id": token.slot() })),
    ] {
        let by_default = page.result(method, params.clone()).await;
        for module in [SOFTHSM, MODULE] {
            let mut named = params.clone();
            named["module"] = json!(module);
            assert_eq!(page.result(method, named).await, by_default, "{method} of {module}");
        }
    }
    bridge.expect_workers(1);
}

#[tokio::test]
async fn certificates_lists_the_certificates_of_the_token() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;
    let listed = page.certificates(json!({ "slot_id": token.slot() })).await;
    let listed = listed.as_array().expect("an array");
    assert_eq!(listed.len(), KeyType::ALL.len());
    for key_type in KeyType::ALL {
        let certificate = listed.iter().find(|certificate| certificate["id"] == key_type.id());
        let certificate = certificate.unwrap_or_else(|| panic!("{key_type:?} is not listed"));
        let der = from_base64(certificate["base64"].as_str().unwrap());
        assert_eq!(der, token.certified_key(key_type).certificate_bytes(), "{key_type:?}");
        assert_eq!(der, token.certificate_by_pkcs11_tool(key_type.id()), "{key_type:?}");
        assert_eq!(certificate["label"], key_type.name());
        assert_eq!(certificate.as_object().map(|certificate| certificate.len()), Some(3));
    }
}

#[tokio::test]
async fn a_module_without_a_slot_has_empty_lists() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).module("opensc", super::modules::without_slots()).start();
    let mut page = bridge.connect().await;
    for method in ["slots", "token"] {
        assert_eq!(page.result(method, json!({ "module": "opensc" })).await, json!([]));
    }
}
