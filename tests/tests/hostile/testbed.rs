//! The testbed of each hostile test: a bridge of its own, and a well-behaved page that calls it in
//! parallel.

use std::net::SocketAddr;

use pkcs11_bridge_tests::bridge::{Bridge, ORIGIN, Setup};
use pkcs11_bridge_tests::parallel_page::ParallelPage;
use pkcs11_bridge_tests::raw_connection::RawConnection;
use pkcs11_bridge_tests::token::TestToken;

pub struct Testbed {
    parallel_page: Option<ParallelPage>,
    pub bridge: Bridge,
    token: TestToken,
}

impl Testbed {
    /// The page has the approved origin.
    pub fn open() -> Self {
        Self::of(ORIGIN)
    }

    /// The page has another approved origin.
    pub fn of(origin: &str) -> Self {
        let token = TestToken::new();
        let bridge = Setup::on(&token).origin(origin).start();
        let parallel_page = Some(ParallelPage::start(&bridge, &token, origin));
        Self { parallel_page, bridge, token }
    }

    pub fn address(&self) -> SocketAddr {
        self.bridge.address()
    }

    pub fn token(&self) -> &TestToken {
        &self.token
    }

    /// An open WebSocket of the approved origin.
    pub fn peer(&self) -> RawConnection {
        RawConnection::open(self.address(), ORIGIN)
    }

    /// Panics if the page had to wait, or if the bridge used too much memory or too many files.
    #[track_caller]
    pub fn expect_served(mut self) {
        self.parallel_page.take().expect("the page runs").expect_served();
    }
}
