//! Approvals that another process changes while the bridge runs.

use pkcs11_bridge_tests::wine::bridge::Setup;
use pkcs11_bridge_tests::wine::software_token::TestSoftwareToken;
use serde_json::json;

const NEW: &str = "https://new.example";

#[tokio::test]
async fn approvals_are_granted_listed_and_revoked() {
    let token = TestSoftwareToken::new();
    let bridge = Setup::new(&token.configuration()).start();
    bridge.run(&["origins", "allow", NEW]);
    assert!(bridge.run(&["origins", "list"]).stdout.contains(NEW));
    let mut page = bridge.connect_as(NEW).await;
    page.result("slots", json!({})).await;
    bridge.run(&["origins", "revoke", NEW]);
    assert!(!bridge.run(&["origins", "list"]).stdout.contains(NEW));
    bridge.wait_for_no_worker();
}
