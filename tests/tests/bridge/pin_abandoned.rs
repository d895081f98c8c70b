//! A page that leaves a call while its PIN is on the way to the token. The page gains
//! no try and no time, because the token judges the PIN anyway.

use std::time::Duration;

use pkcs11_bridge_tests::bridge::ORIGIN;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::with;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::{ActiveRule, Rule};
use serde_json::json;
use tokio::time::sleep;

use super::pin_counts::TRY_FLAGS;
use super::pin_fixture::{LAST_TRY, OTHER, PinFixture, WRONG, WRONG_LOGIN, wrong_pin};

/// How a page leaves its call.
#[derive(Clone, Copy, Debug)]
enum Departure {
    Leaving,
    Cancelling,
}

const DEPARTURES: [Departure; 2] = [Departure::Leaving, Departure::Cancelling];

/// A fixture with a token that takes long to check a wrong PIN. The page has left that call.
async fn abandon_call(fixture: &PinFixture, by: Departure) -> (ActiveRule<'_>, Option<Socket>) {
    let mut page = fixture.bridge.connect().await;
    let held = fixture.module.add(Rule::on("C_Login").held());
    let params = with(&fixture.batch(3), "pin", wrong_pin(1));
    let id = page.request("signDataBatch", params).await;
    fixture.module.wait_until_blocked("C_Login", 1);
    match by {
        Departure::Leaving => {
            page.close().await;
            (held, None)
        }
        Departure::Cancelling => {
            page.request("cancel", json!({ "id": id })).await;
            (held, Some(page))
        }
    }
}

#[tokio::test]
async fn an_abandoned_wrong_pin_delays_the_next_one() {
    for by in DEPARTURES {
        let fixture = PinFixture::new();
        fixture.module.simulate(|token| token.clear_flags = TRY_FLAGS);
        let mut staying = fixture.bridge.connect().await;
        let (held, _page) = abandon_call(&fixture, by).await;
        staying.request("signData", with(&fixture.with_pin(), "pin", wrong_pin(2))).await;
        sleep(MOMENT).await;
        held.release();
        assert_error("the next one", &staying.reply().await.1, WRONG, &["Wrong PIN"]);
        assert_eq!(fixture.login_results(), [WRONG_LOGIN; 2], "{by:?}");
        let logins = fixture.module.logins();
        let pause = Duration::from_micros(logins[1].at - logins[0].at);
        assert!(pause >= Duration::from_secs(1), "{by:?}: {pause:?}");
    }
}

#[tokio::test]
async fn after_an_abandoned_wrong_pin_the_last_try_is_kept() {
    for by in DEPARTURES {
        for origin in [ORIGIN, OTHER] {
            let fixture = PinFixture::new();
            fixture.module.simulate(|token| token.tries = Some(2));
            let _staying = fixture.bridge.connect().await;
            let mut next = fixture.bridge.connect_as(origin).await;
            let (held, _page) = abandon_call(&fixture, by).await;
            next.request("signData", with(&fixture.with_pin(), "pin", wrong_pin(2))).await;
            sleep(MOMENT).await;
            held.release();
            let what = format!("{by:?} {origin}");
            assert_error(&what, &next.reply().await.1, LAST_TRY, &["desktop"]);
            assert_eq!(fixture.login_results(), [WRONG_LOGIN], "{what}");
        }
    }
}

/// The bridge has enough time to start the next call.
const MOMENT: Duration = Duration::from_millis(300);
