//! One site under many names. It can neither keep the user busy nor keep an approved
//! site from its dialogs.

use pkcs11_bridge_tests::approvals::run_command;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::pinentry::{Answer, Kind};
use pkcs11_bridge_tests::token::PIN;
use serde_json::json;

use super::consent::{NOT_APPROVED, open};
use super::pin_dialog::DialogFixture;

fn site(number: usize) -> String {
    format!("https://site-{number}.example")
}

#[tokio::test]
async fn after_several_denials_no_other_site_is_asked_about() {
    let (pinentry, bridge) = open("");
    for number in 0..5 {
        pinentry.answer(Answer::deny());
        let outcome = bridge.connect_as(&site(number)).await.call("hello", json!({})).await;
        assert_error("a denial", &outcome, NOT_APPROVED, &["not asked again for 10 min"]);
    }
    for number in 5..8 {
        let mut page = bridge.connect_as(&site(number)).await;
        let outcome = page.call("hello", json!({})).await;
        let command = format!("pkcs11-bridge origins allow {}", site(number));
        assert_error("one too many", &outcome, NOT_APPROVED, &["10 min", &command]);
        run_command(bridge.home(), &["allow", &site(number)]);
        page.result("hello", json!({})).await;
    }
    pinentry.assert_dialogs(5);
}

#[tokio::test]
async fn an_approval_in_between_keeps_the_dialogs_coming() {
    let (pinentry, bridge) = open("");
    for (number, answer) in (0..9).map(|number| (number, [Answer::deny(), Answer::allow()])) {
        let [deny, allow] = answer;
        pinentry.answer(if number == 4 { allow } else { deny });
        let outcome = bridge.connect_as(&site(number)).await.call("hello", json!({})).await;
        assert_eq!(outcome.is_ok(), number == 4, "{number}");
    }
    pinentry.assert_dialogs(9);
}

#[tokio::test]
async fn an_approved_site_gets_its_pin_dialog_despite_many_pending_questions() {
    let fixture = DialogFixture::new("");
    let first = fixture.pinentry.answer(Answer::deny().held());
    let mut strangers = Vec::new();
    for number in 0..12 {
        let mut stranger = fixture.bridge.connect_as(&site(number)).await;
        stranger.request("hello", json!({})).await;
        if number == 0 {
            first.opened();
        }
        strangers.push(stranger);
    }
    // These sites were refused at once.
    for stranger in &mut strangers[3..] {
        assert_error("no room", &stranger.reply().await.1, NOT_APPROVED, &["other questions"]);
    }
    let mut page = fixture.bridge.connect().await;
    page.result("slots", json!({})).await;
    // The PIN dialog takes the screen from the dialog about a stranger, which comes back later.
    for answer in [Answer::pin(PIN), Answer::deny(), Answer::deny(), Answer::deny()] {
        fixture.pinentry.answer(answer);
    }
    page.result("signData", fixture.without_pin.clone()).await;
    let dialogs = fixture.pinentry.wait_for_dialogs(5);
    let kinds: Vec<_> = dialogs.iter().map(|dialog| dialog.kind).collect();
    let consent = [Kind::Consent; 3];
    assert_eq!(kinds, [&[Kind::Consent, Kind::Pin], &consent[..]].concat());
    assert_eq!(dialogs[0].answer(), "", "it was closed");
    for stranger in &mut strangers[..3] {
        assert_error("a denial", &stranger.reply().await.1, NOT_APPROVED, &["not asked again"]);
    }
    assert_eq!(fixture.pinentry.max_open_dialogs(), 1);
}
