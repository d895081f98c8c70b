//! Modules that crash, hang, write to standard output, or end their process. Each harms one call.

use pkcs11_bridge_tests::test_module::{Fault, Rule, TestModule};
use pkcs11_bridge_tests::token::KeyType;
use pkcs11_bridge_tests::wine::bridge::Setup;
use pkcs11_bridge_tests::wine::software_token::{TestSoftwareToken, sign_data};
use serde_json::json;

#[tokio::test]
async fn a_module_that_ends_its_process_harms_one_call() {
    let token = TestSoftwareToken::new();
    let module = TestModule::wrapping_software(&token);
    let bridge = Setup::on_test_module(&module, "").start();
    let mut page = bridge.connect().await;
    // A third fault would suspend the module.
    for fault in [Fault::Segfault, Fault::Abort] {
        page.result("slots", json!({})).await;
        let rule = module.add(Rule::on("C_GetInfo").fault(fault.clone()));
        let outcome = page.call("info", json!({})).await;
        let error = outcome.expect_err("the worker ended");
        assert!(error.message.contains("ended its process"), "{fault:?}: {}", error.message);
        rule.remove();
    }
    page.result("signData", sign_data(KeyType::P256, "sha256")).await;
}

#[tokio::test]
async fn a_module_that_hangs_is_ended() {
    let token = TestSoftwareToken::new();
    let module = TestModule::wrapping_software(&token);
    let bridge = Setup::on_test_module(&module, "hang_deadline_seconds = 5").start();
    let mut page = bridge.connect().await;
    page.result("slots", json!({})).await;
    let [worker] = &bridge.workers()[..] else { panic!("{:?}", bridge.workers()) };
    let rule = module.add(Rule::on("C_GetInfo").fault(Fault::Hang));
    page.call("info", json!({})).await.expect_err("a deadline");
    rule.remove();
    page.result("info", json!({})).await;
    let workers = bridge.workers();
    assert!(workers.iter().all(|other| other.pid != worker.pid), "{workers:?}");
}

#[tokio::test]
async fn what_a_module_prints_does_not_reach_the_bridge() {
    let token = TestSoftwareToken::new();
    let module = TestModule::wrapping_software(&token);
    let bridge = Setup::on_test_module(&module, "").start();
    let mut page = bridge.connect().await;
    module.add(Rule::on("C_GetInfo").fault(Fault::Print(b"the module says hello\n".to_vec())));
    page.result("info", json!({})).await;
    assert!(bridge.log().contains("the module says hello"), "{}", bridge.log());
}
