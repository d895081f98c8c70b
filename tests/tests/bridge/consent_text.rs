//! What the dialog shows of an origin: all that distinguishes it from another origin,
//! and nothing that deceives the user or breaks the dialog.

use pkcs11_bridge_tests::approvals;
use pkcs11_bridge_tests::handshake::Handshake;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::pinentry::{Answer, Dialog};
use serde_json::json;

use super::consent::{NEW, NOT_APPROVED, open};

/// The dialog about an origin, which the user denies.
async fn dialog_about(origin: &str) -> Dialog {
    let (pinentry, bridge) = open("");
    pinentry.answer(Answer::deny());
    let outcome = bridge.connect_as(origin).await.call("hello", json!({})).await;
    assert_error("a page", &outcome, NOT_APPROVED, &[]);
    pinentry.assert_dialogs(1).remove(0)
}

/// The line that shows the origin.
pub fn shown(dialog: &Dialog) -> String {
    dialog.row("Site")
}

#[tokio::test]
async fn an_origin_is_shown_whole_on_a_line_of_its_own() {
    let (pinentry, bridge) = open("");
    for origin in [
        NEW,
        "http://localhost:8080",
        "http://[::1]:3000",
        "http://192.168.1.10",
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        "https://a-very-long-name.of-a-department.of-an-organisation.of-some-country.example:65535",
    ] {
        pinentry.answer(Answer::allow());
        bridge.connect_as(origin).await.result("hello", json!({})).await;
        let dialog = pinentry.dialogs().pop().expect("a dialog");
        assert_eq!(shown(&dialog), origin);
        assert!(!dialog.description().contains("xn--"), "{dialog:?}");
    }
    pinentry.assert_dialogs(6);
}

#[tokio::test]
async fn lookalike_letters_are_shown_as_punycode_with_a_hint() {
    // The first letter is Cyrillic.
    let dialog = dialog_about("https://xn--pple-43d.com").await;
    assert_eq!(shown(&dialog), "https://xn--pple-43d.com");
    let text = dialog.description();
    assert!(text.contains("may look like other letters"), "{text}");
    assert!(!shown(&dialog).contains('а'), "the letter itself is shown: {text}");
}

#[tokio::test]
async fn both_ends_of_an_origin_of_4_kb_are_shown() {
    let origin = format!("https://bank.example.{}evil.test:8443", "a.".repeat(2048));
    let dialog = dialog_about(&origin).await;
    let shown = shown(&dialog);
    assert!(shown.starts_with("https://bank.example.a.a."), "{shown}");
    assert!(shown.ends_with(".a.evil.test:8443") && shown.contains('…'), "{shown}");
    assert!(dialog.description().contains("To allow it, type"), "{dialog:?}");
}

/// URLs allow more characters in a host than computers' names have. Such a character could
/// deceive the user in a dialog. In a line that the user copies, it could act as a command.
#[tokio::test]
async fn an_origin_with_unusual_characters_is_not_asked_about() {
    let (pinentry, bridge) = open("");
    let piece = "%3Cb%3E%0A%25%e2%80%ae";
    for origin in [
        format!("chrome-extension://start{}end", piece.repeat(200)),
        "https://bank.example,ok=yes.evil.test".to_owned(),
        "https://$(id).evil.test".to_owned(),
        "https://a;reboot;.evil.test".to_owned(),
    ] {
        let handshake = Handshake::of(bridge.address()).origin(Some(&origin));
        let refused = handshake.open().await.err().map(|status| status.as_u16());
        assert_eq!(refused, Some(403), "{origin}");
    }
    pinentry.assert_dialogs(0);
}

#[tokio::test]
async fn an_origin_of_4_kb_can_be_allowed_and_is_remembered() {
    let (pinentry, mut bridge) = open("");
    let origin = format!("https://{}example", "long.".repeat(800));
    pinentry.answer(Answer::allow());
    bridge.connect_as(&origin).await.result("hello", json!({})).await;
    assert_eq!(approvals::origins(bridge.home()), [origin.as_str()]);
    bridge.stop();
    bridge.start_on_same_port();
    bridge.connect_as(&origin).await.result("hello", json!({})).await;
    // An origin that differs only behind the shown part is another origin.
    let other = format!("https://{}example", "long.".repeat(799));
    assert!(bridge.connect_as(&other).await.call("hello", json!({})).await.is_err());
    pinentry.assert_dialogs(2);
}
