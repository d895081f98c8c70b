//! Modules that a program has to load with care: those of p11-kit return a new function list each
//! time, some need arguments, and some look as if they had functions of another library.

use std::path::Path;

use pkcs11_bridge_tests::bridge::{ORIGIN, Setup};
use pkcs11_bridge_tests::compiled_module::CompiledModule;
use pkcs11_bridge_tests::digest::{digest, from_base64};
use pkcs11_bridge_tests::openssl;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{MESSAGE, sign_data, with};
use pkcs11_bridge_tests::program::{run, tool};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::token::{KeyType, LABEL, PIN, TestToken};
use serde_json::{Value, json};

use super::modules::library;

/// Signs with the P-256 key of the token, and asserts that OpenSSL accepts the signature. The
/// module may give the token another slot and the certificate another id.
async fn assert_signs(page: &mut Socket, token: &TestToken, label: &str, pin: &str) {
    let tokens = page.result("token", json!({})).await;
    let found = |list: &Value, name: &str, value: &str| {
        let found = list.as_array().expect("an array").iter().find(|item| item[name] == value);
        found.unwrap_or_else(|| panic!("no {name} {value:?} in {list}")).clone()
    };
    let slot = found(&tokens, "label", label)["slot_id"].clone();
    let certificates = page.certificates(json!({ "slot_id": slot })).await;
    let cert_id = found(&certificates, "label", KeyType::P256.name())["id"].clone();
    let params = sign_data(token, KeyType::P256.id(), "sha256");
    let params = with(&with(&with(&params, "slot_id", slot), "cert_id", cert_id), "pin", pin);
    let signature = page.result("signData", with(&params, "signature_format", "der")).await;
    let signature = from_base64(signature.as_str().expect("base64"));
    let certificate = token.certified_key(KeyType::P256).certificate();
    let hash = digest("sha256", MESSAGE);
    assert!(openssl::verifies(&certificate, "sha256", &hash, &signature));
}

/// A bridge on one module, with more lines of its `[[modules]]` table.
fn setup(path: &Path, settings: &str) -> Setup {
    let module = json!(path.to_str().expect("a path in UTF-8"));
    let config = format!("[[modules]]\nname = \"module\"\npath = {module}\n{settings}");
    Setup::new().config(&config).origin(ORIGIN)
}

#[tokio::test]
async fn a_module_behind_p11_kit_signs() {
    let (token, folder) = (TestToken::new(), tempfile::tempdir().unwrap());
    let write = |name: &str, text: &str| {
        let file = folder.path().join("pkcs11").join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    write("pkcs11.conf", "user-config: only\n");
    let softhsm = pkcs11_bridge_tests::token::MODULE;
    write("modules/softhsm.module", &format!("module: {softhsm}\n"));
    let settings = format!("env = {{ XDG_CONFIG_HOME = {} }}\n", json!(folder.path()));
    let module = library("p11-kit-proxy.so");
    let bridge = setup(Path::new(&module), &settings).token(&token).start();
    assert_signs(&mut bridge.connect().await, &token, LABEL, PIN).await;
}

async fn assert_forwarding_signs(fault: &str) {
    let (token, module) = (TestToken::new(), CompiledModule::forwarding(&[fault]));
    let bridge = setup(&module.path(), "").token(&token).start();
    assert_signs(&mut bridge.connect().await, &token, LABEL, PIN).await;
}

#[tokio::test]
async fn a_module_with_a_new_function_list_each_time_signs() {
    assert_forwarding_signs("NEW_LIST").await;
}

#[tokio::test]
async fn a_module_whose_interfaces_fail_signs() {
    assert_forwarding_signs("INTERFACE_FAILS").await;
}

#[tokio::test]
async fn a_module_with_a_dependency_that_looks_like_a_module_signs() {
    assert_forwarding_signs("DEPENDS").await;
}

#[tokio::test]
async fn a_library_without_functions_of_its_own_is_refused() {
    let module = CompiledModule::without_functions();
    let bridge = setup(&module.path(), "").start();
    let mut page = bridge.connect().await;
    let outcome = page.call("slots", json!({})).await;
    assert_error("another file's functions", &outcome, (412, "300"), &["another library"]);
    bridge.expect_log("libdependency.so");
}

#[tokio::test]
async fn nss_gets_its_database_by_init_args() {
    let (token, folder) = (TestToken::new(), tempfile::tempdir().unwrap());
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("pin"), PIN).unwrap();
    let database = format!("sql:{}", folder.path().display());
    let nss = |program: &str| {
        let mut command = tool(program);
        command.env("HOME", folder.path()).env("XDG_CONFIG_HOME", folder.path());
        command.arg("-d").arg(&database);
        command
    };
    std::fs::create_dir(file("pkcs11")).unwrap();
    std::fs::write(file("pkcs11/pkcs11.conf"), "user-config: only\n").unwrap();
    run(nss("certutil").args(["-N", "-f"]).arg(file("pin")));
    let key = token.certified_key(KeyType::P256);
    let mut export = tool("openssl");
    export.args(["pkcs12", "-export", "-passout", "pass:", "-name", KeyType::P256.name()]);
    export.arg("-inkey").arg(key.private_key()).arg("-in").arg(key.certificate());
    run(export.arg("-out").arg(file("key.p12")));
    run(nss("pk12util").args(["-W", "", "-i"]).arg(file("key.p12")).arg("-k").arg(file("pin")));

    let module = library("libsoftokn3.so");
    let init_args = format!("init_args = \"configdir='{database}'\"\n");
    let bridge = setup(Path::new(&module), &init_args).start();
    let mut page = bridge.connect().await;
    assert_signs(&mut page, &token, "NSS Certificate DB", PIN).await;

    // NSS refuses to start without a text.
    let bridge = setup(Path::new(&module), "").start();
    let outcome = bridge.connect().await.call("slots", json!({})).await;
    assert_error("no init_args", &outcome, (412, "300"), &["CKR_ARGUMENTS_BAD", "init_args"]);
}
