//! A display that accepts connections and answers nothing. The bridge asks in another way in time.

use std::net::TcpListener;

use pkcs11_bridge_tests::bridge::Setup;
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::terminal::Terminal;
use serde_json::json;

use super::consent::NEW;

/// Half of this time is for the window, and half for the other ways.
const LIMIT: &str = "dialog_seconds = 12";

struct HangingDisplay(TcpListener);

impl HangingDisplay {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        assert!(listener.local_addr().expect("an address").port() >= FIRST_PORT);
        Self(listener)
    }

    /// The name of the display, for `DISPLAY`.
    fn name(&self) -> String {
        format!("127.0.0.1:{}", self.0.local_addr().expect("an address").port() - FIRST_PORT)
    }
}

#[tokio::test]
async fn if_the_display_hangs_a_pinentry_asks() {
    let (display, pinentry) = (HangingDisplay::start(), Pinentry::new());
    let setup = Setup::new().config(LIMIT).pinentry(&pinentry);
    let bridge = setup.environment("DISPLAY", display.name()).start();
    let mut page = bridge.connect_as(NEW).await;
    pinentry.answer(Answer::allow());
    page.call("hello", json!({})).await.expect("the user allowed the site in the pinentry");
    pinentry.assert_dialogs(1);
    assert_eq!(bridge.dialogs(), [], "the process that hangs has ended");
}

#[tokio::test]
async fn if_the_display_hangs_and_there_is_no_pinentry_the_terminal_asks() {
    let (display, terminal) = (HangingDisplay::start(), Terminal::new());
    let setup = Setup::new().config(LIMIT).terminal(&terminal);
    let bridge = setup.environment("DISPLAY", display.name()).start();
    let mut page = bridge.connect_as(NEW).await;
    page.request("hello", json!({})).await;
    terminal.wait_for("Digits: ", 1);
    let [allow, _] = terminal.consent_digits();
    terminal.type_text(&format!("{allow}\n"));
    page.reply().await.1.expect("the user allowed the site in the terminal");
}

/// Display 0 of the X11 protocol over TCP.
const FIRST_PORT: u16 = 6000;
