//! The WebSocket client in Node, which does without the npm package.

use pkcs11_bridge_tests::digest::{base64, from_base64};
use pkcs11_bridge_tests::program::{run, tool};
use pkcs11_bridge_tests::token::KeyType;
use serde_json::Value;

use super::testbed::{Copied, Testbed};

#[test]
fn the_node_client_signs_a_file() {
    let testbed = Testbed::start();
    let client = Copied::installed("node-websocket");
    let file = client.folder().join("contract.txt");
    std::fs::write(&file, "a contract").unwrap();

    let address = format!("ws://127.0.0.1:{}", testbed.port());
    let mut command = tool("node");
    command.arg("sign.js").arg(&file).arg(address).current_dir(client.folder());
    let printed: Value = serde_json::from_str(&run(&mut command)).unwrap();

    let certificate = from_base64(printed["certificate"].as_str().unwrap());
    let has_certificate = |key_type: &KeyType| {
        testbed.token.certified_key(*key_type).certificate_bytes() == certificate
    };
    let key_type = KeyType::ALL.into_iter().find(has_certificate);
    let label = key_type.unwrap_or_else(|| panic!("{} is unknown", base64(&certificate))).name();
    testbed.assert_signed(label, b"a contract", printed["signature"].as_str().unwrap());
    testbed.pinentry.assert_dialogs(2);
}
