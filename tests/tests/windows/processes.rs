//! Processes of the bridge: none outlives it, and it stops in order.

use pkcs11_bridge_tests::test_module::{Fault, Rule, TestModule};
use pkcs11_bridge_tests::token::KeyType;
use pkcs11_bridge_tests::wine::bridge::Setup;
use pkcs11_bridge_tests::wine::software_token::{TestSoftwareToken, sign_data};
use serde_json::json;

#[tokio::test]
async fn a_killed_bridge_leaves_no_worker_even_if_its_module_hangs() {
    let token = TestSoftwareToken::new();
    let module = TestModule::wrapping_software(&token);
    let mut bridge = Setup::on_test_module(&module, "").start();
    let mut page = bridge.connect().await;
    page.result("slots", json!({})).await;
    module.add(Rule::on("C_GetInfo").fault(Fault::Hang));
    page.request("info", json!({})).await;
    module.wait_until_blocked("C_GetInfo", 1);
    assert_eq!(bridge.workers().len(), 1);
    bridge.kill();
    bridge.wait_for_no_worker();
}

#[tokio::test]
async fn a_bridge_stops_in_order() {
    let token = TestSoftwareToken::new();
    let mut bridge = Setup::on(&token).alone().start();
    let mut page = bridge.connect().await;
    page.result("signData", sign_data(KeyType::P256, "sha256")).await;
    let finished = bridge.stop();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(finished.stderr.contains("stopping"), "{}", finished.stderr);
    bridge.wait_for_no_worker();
}
