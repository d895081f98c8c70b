//! A page that gives up a call while its PIN is on the way to the token gains no try by that, and no
//! time: the token judges the PIN all the same.

use std::time::Duration;

use pkcs11_bridge_tests::bridge::ORIGIN;
use pkcs11_bridge_tests::refusal::assert_refused;
use pkcs11_bridge_tests::request::with;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::{Added, Rule};
use serde_json::json;
use tokio::time::sleep;

use super::desk::{Desk, LAST_TRY, OTHER, WRONG, WRONG_LOGIN, wrong_pin};

/// How a page gives up.
#[derive(Clone, Copy, Debug)]
enum By {
    Leaving,
    Cancelling,
}

const WAYS: [By; 2] = [By::Leaving, By::Cancelling];

/// A desk with a token that takes its time over a wrong PIN, whose page has given it up.
async fn given_up(desk: &Desk, by: By) -> (Added<'_>, Option<Socket>) {
    let mut page = desk.bridge.connect().await;
    let held = desk.module.add(Rule::on("C_Login").held());
    let params = with(&desk.batch(3), "pin", wrong_pin(1));
    let id = page.request("signDataBatch", params).await;
    desk.module.wait_until_waiting("C_Login", 1);
    match by {
        By::Leaving => {
            page.close().await;
            (held, None)
        }
        By::Cancelling => {
            page.request("cancel", json!({ "id": id })).await;
            (held, Some(page))
        }
    }
}

#[tokio::test]
async fn the_next_wrong_pin_of_the_origin_has_to_wait_all_the_same() {
    for by in WAYS {
        let desk = Desk::new();
        let mut staying = desk.bridge.connect().await;
        let (held, _page) = given_up(&desk, by).await;
        staying.request("signData", with(&desk.with_pin(), "pin", wrong_pin(2))).await;
        sleep(MOMENT).await;
        held.release();
        assert_refused("the next one", &staying.reply().await.1, WRONG, &["Wrong PIN"]);
        assert_eq!(desk.judged(), [WRONG_LOGIN; 2], "{by:?}");
        let logins = desk.module.logins();
        let pause = Duration::from_micros(logins[1].at - logins[0].at);
        assert!(pause >= Duration::from_secs(1), "{by:?}: {pause:?}");
    }
}

#[tokio::test]
async fn the_last_try_is_not_used_up_by_the_next_one() {
    for by in WAYS {
        for origin in [ORIGIN, OTHER] {
            let desk = Desk::new();
            desk.module.play(|card| card.tries = Some(2));
            let _staying = desk.bridge.connect().await;
            let mut next = desk.bridge.connect_as(origin).await;
            let (held, _page) = given_up(&desk, by).await;
            next.request("signData", with(&desk.with_pin(), "pin", wrong_pin(2))).await;
            sleep(MOMENT).await;
            held.release();
            let what = format!("{by:?} {origin}");
            assert_refused(&what, &next.reply().await.1, LAST_TRY, &["desktop"]);
            assert_eq!(desk.judged(), [WRONG_LOGIN], "{what}");
        }
    }
}

/// Long enough for the bridge to do something with the next call.
const MOMENT: Duration = Duration::from_millis(300);
