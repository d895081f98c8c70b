//! The modules that the bridge finds by itself.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use pkcs11_bridge_tests::bridge::{ORIGIN, SOFTHSM, Setup};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::program::{run, tool};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::token::{MODULE, PIN, TestToken};
use serde_json::json;

use super::modules::library;

async fn names(page: &mut Socket) -> Vec<String> {
    let modules = page.result("modules", json!({})).await;
    let name = |module: &serde_json::Value| module["name"].as_str().expect("a name").to_owned();
    modules.as_array().expect("an array").iter().map(name).collect()
}

#[tokio::test]
async fn a_file_of_p11_kit_that_others_can_write_is_not_used() {
    let setup = Setup::new().config("detect_modules = true\n").origin(ORIGIN);
    let folder = setup.home().path().join("config/pkcs11/modules");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("stray.module");
    fs::write(&file, format!("module: {}\n", library("libm.so.6"))).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    let bridge = setup.start();
    let names = names(&mut bridge.connect().await).await;
    assert!(names.iter().any(|name| name == SOFTHSM), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("stray")), "{names:?}");
    // p11-kit's own modules show no tokens of their own.
    assert!(!names.iter().any(|name| name.contains("p11-kit")), "{names:?}");
    bridge.expect_log("stray.module");
}

#[tokio::test]
async fn the_databases_of_browsers_are_tokens_only_on_request() {
    for (setting, is_listed) in [("false", false), ("true", true)] {
        let config = format!("detect_modules = true\ndetect_nss_databases = {setting}\n");
        let setup = Setup::new().config(&config).origin(ORIGIN);
        let home = setup.home().path().to_owned();
        let database = home.join(".pki/nssdb");
        fs::create_dir_all(&database).unwrap();
        let pin = tempfile::NamedTempFile::new().unwrap();
        fs::write(pin.path(), PIN).unwrap();
        let conf = home.join("config/pkcs11");
        fs::create_dir_all(&conf).unwrap();
        fs::write(conf.join("pkcs11.conf"), "user-config: only\n").unwrap();
        let mut certutil = tool("certutil");
        certutil.env("HOME", &home).env("XDG_CONFIG_HOME", home.join("config"));
        certutil.args(["-N", "-f"]).arg(pin.path());
        run(certutil.arg("-d").arg(format!("sql:{}", database.display())));

        let bridge = setup.start();
        let mut page = bridge.connect().await;
        let names = names(&mut page).await;
        assert_eq!(names.iter().any(|name| name == "nss-chrome"), is_listed, "{names:?}");
        if is_listed {
            let tokens = page.result("token", json!({ "module": "nss-chrome" })).await;
            assert!(tokens.to_string().contains("NSS Certificate DB"), "{tokens}");
        }
    }
}

#[tokio::test]
async fn a_link_to_an_allowed_file_is_the_allowed_file() {
    let (token, folder) = (TestToken::new(), tempfile::tempdir().unwrap());
    let (link, other) = (folder.path().join("card.so"), folder.path().join("other.so"));
    symlink(MODULE, &link).unwrap();
    symlink(library("libm.so.6"), &other).unwrap();
    let link = link.to_str().unwrap();
    let bridge = Setup::new().token(&token).module("card", link).origin(ORIGIN).start();
    let mut page = bridge.connect().await;
    for module in [link, MODULE] {
        let info = page.result("info", json!({ "module": module })).await;
        assert_eq!(info["manufacturer_id"], "SoftHSM");
    }
    let outcome = page.call("info", json!({ "module": other })).await;
    assert_error("a link to another file", &outcome, (412, "300"), &["does not allow"]);
    bridge.expect_workers(1);
}

#[tokio::test]
async fn a_module_whose_start_failed_is_not_ready() {
    // NSS needs arguments to start, as other modules need a device.
    let bridge = Setup::new().module("nss", library("libsoftokn3.so")).origin(ORIGIN).start();
    let mut page = bridge.connect().await;
    let state = |modules: serde_json::Value| modules[0]["state"].clone();
    assert_eq!(state(page.result("modules", json!({})).await), "available");
    for _ in 0..4 {
        let outcome = page.call("slots", json!({})).await;
        assert_error("no arguments", &outcome, (412, "300"), &["CKR_ARGUMENTS_BAD"]);
        assert_eq!(state(page.result("modules", json!({})).await), "not_ready");
    }
}
