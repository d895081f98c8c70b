//! A batch with a key that needs the PIN for each signature. The dialog says so in
//! advance and asks for each signature, even if the page sent a PIN.

use pkcs11_bridge_tests::outcome::{Outcome, assert_error};
use pkcs11_bridge_tests::params::with;
use pkcs11_bridge_tests::pinentry::{Answer, Dialog};
use pkcs11_bridge_tests::token::{PIN, WRONG_PIN};
use serde_json::Value;

use super::always_authenticate::{Case, KEY_ID, assert_order};
use super::pin_fixture::{
    CANCELLED, RIGHT_FOR_ONE, RIGHT_LOGIN, WRONG_FOR_ONE, assert_signature, hash_of, item_of,
};

/// A batch of three hashes.
fn batch(case: &Case) -> Value {
    with(&case.fixture.batch(3), "cert_id", KEY_ID)
}

fn answer(case: &Case, answers: impl IntoIterator<Item = Answer>) {
    for answer in answers {
        case.fixture.pinentry.answer(answer);
    }
}

#[track_caller]
fn assert_signed(case: &Case, result: &Value, at: usize) {
    let item = item_of(result, at).unwrap_or_else(|error| panic!("{at}: {error:?}"));
    let number = at.try_into().expect("a small number");
    assert_signature(&format!("the item {at}"), &case.issued, &hash_of(number), &item);
}

/// Asserts that each dialog says which of the three signatures it is for.
#[track_caller]
fn assert_numbered(dialogs: &[Dialog]) {
    for (number, dialog) in (1..).zip(dialogs) {
        let description = dialog.description();
        assert!(description.contains("The PIN is for this signature only"), "{description}");
        assert!(description.contains(&format!("{number} of 3")), "{description}");
    }
}

#[track_caller]
fn assert_cancelled(outcome: &Outcome) {
    assert_error("the rest", outcome, CANCELLED, &["cancelled"]);
}

#[tokio::test]
async fn each_signature_has_a_dialog_and_the_first_announces_all() {
    let case = Case::new();
    let Case { fixture, .. } = &case;
    let mut page = fixture.bridge.connect().await;
    case.assert_signed("the login", &page.call("signData", case.with_pin()).await);
    answer(&case, (0..3).map(|_| Answer::pin(PIN)));
    let result = page.result("signDataBatch", batch(&case)).await;
    (0..3).for_each(|at| assert_signed(&case, &result, at));
    let dialogs = fixture.pinentry.assert_dialogs(3);
    assert_numbered(&dialogs);
    assert_eq!(fixture.pinentry.max_open_dialogs(), 1);
    assert_eq!(fixture.login_results()[0], RIGHT_LOGIN);
    assert_eq!(fixture.login_results()[1..], [RIGHT_FOR_ONE; 4]);
}

#[tokio::test]
async fn before_a_login_the_dialog_announces_all_signatures() {
    let case = Case::new();
    let Case { fixture, .. } = &case;
    let mut page = fixture.bridge.connect().await;
    answer(&case, (0..4).map(|_| Answer::pin(PIN)));
    let result = page.result("signDataBatch", batch(&case)).await;
    (0..3).for_each(|at| assert_signed(&case, &result, at));
    let dialogs = fixture.pinentry.assert_dialogs(4);
    let first = dialogs[0].description();
    assert!(first.contains("3 SHA-256 hashes"), "{first}");
    assert_numbered(&dialogs[1..]);
    assert_order(fixture, 3);
}

#[tokio::test]
async fn cancelling_one_dialog_cancels_the_rest() {
    let case = Case::new();
    let Case { fixture, .. } = &case;
    let mut page = fixture.bridge.connect().await;
    case.assert_signed("the login", &page.call("signData", case.with_pin()).await);
    for (seen, params) in [(0, batch(&case)), (2, with(&batch(&case), "pin", PIN))] {
        answer(&case, [Answer::pin(PIN), Answer::cancel()]);
        let result = page.result("signDataBatch", params).await;
        assert_signed(&case, &result, 0);
        for at in [1, 2] {
            assert_cancelled(&item_of(&result, at));
        }
        assert_eq!(result.as_array().map(Vec::len), Some(3), "{result}");
        let dialogs = fixture.pinentry.assert_dialogs(seen + 2);
        assert_numbered(&dialogs[seen..]);
    }
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN, RIGHT_FOR_ONE, RIGHT_FOR_ONE, RIGHT_FOR_ONE]);
    assert_eq!(fixture.module.count("C_Sign"), 3);
}

#[tokio::test]
async fn after_a_wrong_pin_the_dialog_asks_again_and_the_batch_continues() {
    let case = Case::new();
    let Case { fixture, .. } = &case;
    let mut page = fixture.bridge.connect().await;
    answer(&case, [PIN, WRONG_PIN, PIN, PIN].map(Answer::pin));
    let result = page.result("signDataBatch", with(&batch(&case), "pin", PIN)).await;
    (0..3).for_each(|at| assert_signed(&case, &result, at));
    let dialogs = fixture.pinentry.assert_dialogs(4);
    assert!(dialogs[2].problem().expect("an error").contains("PIN was wrong"), "{dialogs:#?}");
    let expected = [RIGHT_LOGIN, RIGHT_FOR_ONE, WRONG_FOR_ONE, RIGHT_FOR_ONE, RIGHT_FOR_ONE];
    assert_eq!(fixture.login_results(), expected);
}

#[tokio::test]
async fn without_a_dialog_the_batch_signs_nothing() {
    let case = Case::without_pinentry();
    let mut page = case.fixture.bridge.connect().await;
    let result = page.result("signDataBatch", with(&batch(&case), "pin", PIN)).await;
    for at in 0..3 {
        let words = ["cannot ask the user", "pinentry"];
        assert_error("one of three", &item_of(&result, at), (500, "900"), &words);
    }
    assert_eq!(case.fixture.module.count("C_SignInit"), 0);
    assert_eq!(case.fixture.login_results(), [RIGHT_LOGIN]);
}
