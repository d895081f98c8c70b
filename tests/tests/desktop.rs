//! What the user sees: the consent dialog and the PIN dialog on a virtual desktop, in a real
//! pinentry's windows and in the bridge's own. Screenshots stay in `tests/artifacts`.

mod desktop {
    pub mod accessibility;
    pub mod theme;
    pub mod wayland;
}

use std::time::Duration;

use pkcs11_bridge_tests::approvals;
use pkcs11_bridge_tests::bridge::{SOFTHSM, Setup};
use pkcs11_bridge_tests::desktop::Desktop;
use pkcs11_bridge_tests::digest::{digest, from_base64};
use pkcs11_bridge_tests::openssl;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{MESSAGE, sign_data, with, without};
use pkcs11_bridge_tests::test_module::{Rule, TestModule};
use pkcs11_bridge_tests::token::{KeyType, MODULE, PIN, TestToken};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::sleep;

/// Windows on several desktops at once are too much for a small machine.
pub static TURN: Mutex<()> = Mutex::const_new(());

const NEW: &str = "https://new.example";

#[tokio::test]
async fn a_user_allows_an_origin_and_enters_the_pin() {
    let _turn = TURN.lock().await;
    let token = TestToken::new();
    let desktop = Desktop::start();
    let bridge = Setup::new().token(&token).module(SOFTHSM, MODULE).desktop(&desktop).start();
    let mut page = bridge.connect_as(NEW).await;
    let params = sign_data(&token, KeyType::Rsa2048.id(), "sha256");
    page.request("signData", without(&params, "pin")).await;

    desktop.wait_for_window();
    desktop.screenshot("desktop-1-consent");
    assert_eq!(bridge.workers(), []);
    let [allow, _] = &desktop.shown_digits()[..] else { panic!("no digits") };
    desktop.type_text(allow);
    desktop.press("Return");
    desktop.wait_for_window();
    desktop.type_secret(PIN);
    desktop.screenshot("desktop-2-pin");
    desktop.press("Return");

    assert_signed(&token, &page.reply().await.1.expect("a signature"));
    desktop.wait_for_no_window();
}

/// OpenSSL verifies the signature of the message with the RSA key.
#[track_caller]
fn assert_signed(token: &TestToken, signature: &Value) {
    let signature = from_base64(signature.as_str().unwrap());
    let certificate = token.certified_key(KeyType::Rsa2048).certificate();
    assert!(openssl::verifies(&certificate, "sha256", &digest("sha256", MESSAGE), &signature));
}

/// A user types for another window when the dialog takes the keyboard.
#[tokio::test]
async fn keys_for_another_window_do_not_approve_a_site() {
    let _turn = TURN.lock().await;
    let desktop = Desktop::start();
    let keys: [&[&str]; 8] = [
        &["Return"],
        &["space"],
        &["space", "Return"],
        &["Tab", "Return"],
        &["Tab", "space"],
        &["Right", "space"],
        &["alt+a"],
        &["y", "e", "s", "Return"],
    ];
    // After five denials, a bridge asks about no site.
    for keys in keys.chunks(4) {
        let bridge = Setup::new().desktop(&desktop).start();
        for (number, keys) in keys.iter().enumerate() {
            let origin = format!("https://site-{number}.example");
            let mut page = bridge.connect_as(&origin).await;
            page.request("hello", json!({})).await;
            desktop.wait_for_window();
            keys.iter().for_each(|key| desktop.press(key));
            if keys.contains(&"y") {
                // Wrong digits are asked for again.
                desktop.wait_for_window();
            }
            desktop.press("Escape");
            let outcome = page.reply().await.1;
            assert_error(&format!("{keys:?}"), &outcome, (401, "500"), &[&origin]);
            desktop.wait_for_no_window();
        }
        assert_eq!(approvals::origins(bridge.home()), [""; 0]);
    }
}

/// The same in the bridge's own window, without a pinentry.
#[tokio::test]
async fn a_user_allows_an_origin_and_enters_the_pin_in_the_bridges_window() {
    let _turn = TURN.lock().await;
    let token = TestToken::new();
    let desktop = Desktop::start();
    let bridge = Setup::new().token(&token).module(SOFTHSM, MODULE).own_window(&desktop).start();
    let mut page = bridge.connect_as(NEW).await;
    let params = sign_data(&token, KeyType::Rsa2048.id(), "sha256");
    let document = json!({ "name": "Contract.pdf", "size": 184_320 });
    page.request("signData", with(&without(&params, "pin"), "document", document)).await;
    desktop.wait_for_window();
    // A user types for another window when the dialog takes the keyboard.
    for key in ["Return", "space", "Tab", "Return", "Right", "space", "alt+a"] {
        desktop.press(key);
    }
    sleep(PAUSE).await;
    desktop.screenshot("desktop-3-own-consent");
    assert_eq!(bridge.dialogs().len(), 1, "a stray key decided");
    desktop.answer(|desktop| desktop.click(ALLOW, BUTTONS));

    desktop.wait_for_window();
    desktop.type_text("81726354");
    desktop.press("Return");
    sleep(PAUSE).await;
    desktop.answer(|desktop| {
        desktop.type_secret(PIN);
        desktop.screenshot("desktop-4-own-pin");
        desktop.press("Return");
    });
    assert_signed(&token, &page.reply().await.1.expect("a signature"));
    desktop.wait_for_no_window();
}

#[tokio::test]
async fn a_user_blocks_a_site_in_the_bridges_window_and_unblocks_it() {
    let _turn = TURN.lock().await;
    let desktop = Desktop::start();
    let bridge = Setup::new().own_window(&desktop).start();
    let mut page = bridge.connect_as(NEW).await;
    page.request("hello", json!({})).await;
    desktop.wait_for_window();
    desktop.answer(|desktop| desktop.click(BLOCK, BUTTONS));
    let words = ["has blocked https://new.example", "pkcs11-bridge origins unblock"];
    assert_error("a block", &page.reply().await.1, (401, "500"), &words);
    assert_error("again", &page.call("hello", json!({})).await, (401, "500"), &words);
    desktop.wait_for_no_window();
    let list = approvals::run_command(bridge.home(), &["list"]);
    assert!(list.contains("https://new.example  blocked"), "{list}");

    approvals::run_command(bridge.home(), &["unblock", NEW]);
    page.request("hello", json!({})).await;
    desktop.wait_for_window();
    desktop.answer(|desktop| desktop.click(ALLOW, BUTTONS));
    page.reply().await.1.expect("the user allowed it");
}

/// While a long batch signs, a window shows how far it is. The user stops the batch there.
#[tokio::test]
async fn a_user_stops_a_batch_in_the_bridges_window() {
    let _turn = TURN.lock().await;
    let token = TestToken::new();
    let desktop = Desktop::start();
    let module = TestModule::wrapping(&token);
    module.add(Rule::on("C_Sign").sleep(Duration::from_millis(400)));
    let setup = Setup::on_test_module(&module).own_window(&desktop);
    let bridge = setup.start();
    let mut page = bridge.connect().await;
    let params = sign_data(&token, KeyType::P256.id(), "sha256");
    // So many that a busy machine still has some to make when the user stops them.
    let hashes = vec![params["data"].clone(); 800];
    page.request("signDataBatch", with(&params, "data", json!(hashes))).await;
    let title = desktop.wait_for_window();
    assert!(title.contains("Signing"), "{title}");
    sleep(PAUSE).await;
    desktop.screenshot("desktop-5-own-progress");
    desktop.answer(|desktop| desktop.click(ALLOW, BUTTONS));
    let result = page.reply().await.1.expect("a result");
    let (signed, refused): (Vec<_>, Vec<_>) =
        result.as_array().unwrap().iter().partition(|item| item["signature"].is_string());
    assert!(!signed.is_empty() && !refused.is_empty(), "{} signed", signed.len());
    for item in refused {
        assert_eq!(item["error"]["data"]["code"], "109", "{item}");
    }
    desktop.wait_for_no_window();
}

// Where the buttons of the bridge's window are: from its left or right edge, and from its bottom.
const ALLOW: i32 = -72;
const BLOCK: i32 = 80;
const BUTTONS: i32 = 47;

/// Longer than the time for which the window ignores keys.
const PAUSE: Duration = Duration::from_secs(2);
