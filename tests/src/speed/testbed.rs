//! What most of it stands on: one token, and everybody who is connected to it.

use super::direct::Direct;
use super::echo::Echo;
use super::p11_kit::{P11KitServer, client_module};
use super::page::Page;
use crate::bridge::{Bridge, ORIGIN, Setup};
use crate::token::{MODULE, TestToken};

pub(super) struct Testbed {
    pub(super) page: Page,
    pub(super) echo_page: Page,
    pub(super) direct: Direct,
    pub(super) p11_kit: Direct,
    pub(super) bridge: Bridge,
    pub(super) echo: Echo,
    _p11_kit_server: P11KitServer,
    pub(super) token: TestToken,
}

impl Testbed {
    pub(super) async fn new() -> Self {
        let token = TestToken::new();
        let softhsm = [("SOFTHSM2_CONF", token.configuration())];
        let direct = Direct::start(MODULE, &softhsm);
        let p11_kit_server = P11KitServer::start(&token);
        let p11_kit = Direct::start(client_module(), &p11_kit_server.environment());
        let bridge = start_bridge(&token);
        let mut page = Page::open(bridge.address(), ORIGIN).await;
        page.log_in(token.slot()).await;
        let echo = Echo::start();
        let echo_page = Page::open(echo.address(), ORIGIN).await;
        Self {
            page,
            echo_page,
            direct,
            p11_kit,
            bridge,
            echo,
            _p11_kit_server: p11_kit_server,
            token,
        }
    }
}

/// A bridge as users start it, with little to log.
pub(super) fn start_bridge(token: &TestToken) -> Bridge {
    setup(token).start()
}

pub(super) fn setup(token: &TestToken) -> Setup {
    Setup::on(token).environment("PKCS11_BRIDGE_LOG", "info")
}
