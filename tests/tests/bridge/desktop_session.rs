//! Logins end when the user locks the screen, and before the computer goes to sleep.

use pkcs11_bridge_tests::bridge::{Bridge, ORIGIN, Setup};
use pkcs11_bridge_tests::desktop_bus::{DesktopBus, Notice, Session};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{sign_data, without};
use pkcs11_bridge_tests::processes::wait_until;
use pkcs11_bridge_tests::program::STOP_LIMIT;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::TestModule;
use pkcs11_bridge_tests::token::{KeyType, TestToken};
use serde_json::{Value, json};
use tokio::task::block_in_place;

use super::pin_fixture::NO_PIN;

/// A bridge on a desktop, without a way to ask for a PIN.
struct Fixture {
    bridge: Bridge,
    bus: DesktopBus,
    module: TestModule,
    _token: TestToken,
    with_pin: Value,
}

impl Fixture {
    fn new() -> Self {
        let (token, bus) = (TestToken::new(), DesktopBus::start());
        let module = TestModule::wrapping(&token);
        let bridge = bus.with(Setup::on_test_module(&module)).start();
        bus.wait_for_bridge();
        let with_pin = sign_data(&token, KeyType::P256.id(), "sha256");
        Self { bridge, bus, module, _token: token, with_pin }
    }

    async fn log_in(&self, page: &mut Socket) {
        page.result("signData", self.with_pin.clone()).await;
        page.result("signData", without(&self.with_pin, "pin")).await;
    }

    async fn assert_logged_out(&self, page: &mut Socket) {
        let outcome = page.call("signData", without(&self.with_pin, "pin")).await;
        assert_error("without a login", &outcome, NO_PIN, &["`pin`"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_screen_ends_logins() {
    let fixture = Fixture::new();
    let mut page = fixture.bridge.connect().await;
    let locks: [fn(&DesktopBus); 2] =
        [|bus| bus.lock(Session::Own), |bus| bus.set_locked_hint(Session::Own, true)];
    for (lock, count) in locks.iter().zip(1..) {
        fixture.log_in(&mut page).await;
        // Neither is about a locked screen of this user.
        fixture.bus.lock(Session::Other);
        fixture.bus.set_locked_hint(Session::Other, true);
        fixture.bus.set_locked_hint(Session::Own, false);
        lock(&fixture.bus);
        fixture.module.wait_for("C_Logout", count);
        fixture.assert_logged_out(&mut page).await;
        assert_eq!(fixture.module.count("C_Logout"), count);
    }
    fixture.bridge.expect_log("the screen was locked");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_screen_of_another_user_ends_no_login() {
    let fixture = Fixture::new();
    let mut page = fixture.bridge.connect().await;
    fixture.log_in(&mut page).await;
    for _ in 0..3 {
        fixture.bus.lock(Session::Other);
        fixture.bus.set_locked_hint(Session::Other, true);
        fixture.bus.set_locked_hint(Session::Own, false);
        page.result("signData", without(&fixture.with_pin, "pin")).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    page.result("signData", without(&fixture.with_pin, "pin")).await;
    assert_eq!(fixture.module.count("C_Logout"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_computer_sleeps_only_after_the_logout() {
    let fixture = Fixture::new();
    let mut page = fixture.bridge.connect().await;
    for count in 1..=2 {
        fixture.log_in(&mut page).await;
        block_in_place(|| fixture.bus.sleep());
        assert_eq!(fixture.module.count("C_Logout"), count);
        fixture.assert_logged_out(&mut page).await;
        fixture.bus.wake_up();
        block_in_place(|| fixture.bus.wait_for_bridge());
    }
    fixture.bridge.expect_log("goes to sleep");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_counts_the_signatures_of_a_login() {
    let fixture = Fixture::new();
    let mut page = fixture.bridge.connect().await;
    fixture.log_in(&mut page).await;
    let shown = |count: &str| {
        let notices = fixture.bus.notices();
        let mut texts = notices.iter().filter_map(|notice| match notice {
            Notice::Shown { body, .. } => Some(body),
            Notice::Closed { .. } => None,
        });
        texts.next_back().is_some_and(|body| body.starts_with(count))
    };
    assert!(wait_until(STOP_LIMIT, || shown("2 signatures")), "{:?}", fixture.bus.notices());
    for _ in 0..20 {
        page.result("signData", without(&fixture.with_pin, "pin")).await;
    }
    assert!(wait_until(STOP_LIMIT, || shown("22 signatures")), "{:?}", fixture.bus.notices());
    assert_eq!(page.result("logout", json!({})).await, true);
    let closed = || fixture.bus.notices().contains(&Notice::Closed { id: 1 });
    assert!(wait_until(STOP_LIMIT, closed), "{:?}", fixture.bus.notices());

    // One notification for the login, and not one for each signature.
    let notices = fixture.bus.notices();
    assert!(notices.len() <= 12, "{notices:#?}");
    for (notice, first) in notices.iter().zip([true].into_iter().chain(std::iter::repeat(false))) {
        if let Notice::Shown { id, replaces, title, body } = notice {
            assert_eq!((*id, *replaces), (1, if first { 0 } else { 1 }), "{notices:#?}");
            assert!(title.contains(ORIGIN), "{notices:#?}");
            assert!(body.contains("CN=P-256") && body.contains("30 min"), "{notices:#?}");
        }
    }
}
