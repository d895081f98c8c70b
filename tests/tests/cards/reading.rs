//! What the bridge reads of a card.

use pkcs11_bridge_tests::card_reader::{CardModule, CardReader, RSA_FIRST};
use serde_json::json;

#[tokio::test]
async fn the_module_finds_the_card() {
    let Some(mut reader) = CardReader::start(RSA_FIRST) else { return };
    for module in CardModule::ALL {
        let bridge = reader.setup(module).start();
        let mut page = bridge.connect().await;
        println!("{:#}", page.result("info", json!({})).await);
        println!("{:#}", page.result("slots", json!({})).await);
        let tokens = page.result("token", json!({})).await;
        println!("{tokens:#}");
        let slot = &tokens[0]["slot_id"];
        println!("{:#}", page.result("certificates", json!({"slot_id": slot})).await);
        println!("{}", reader.card().counts());
    }
    reader.remove();
    reader.insert();
    reader.restart_daemon();
}
