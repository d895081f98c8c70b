//! What each test of this folder stands on: a bridge alone, with a well-behaved page. They run one at a time, so
//! that the page waits for the bridge and not for another test.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pkcs11_bridge_tests::bridge::{Bridge, ORIGIN, Setup};
use pkcs11_bridge_tests::parallel_page::ParallelPage;
use pkcs11_bridge_tests::raw_connection::RawConnection;
use pkcs11_bridge_tests::token::TestToken;

pub struct Testbed {
    parallel_page: Option<ParallelPage>,
    pub bridge: Bridge,
    token: TestToken,
    _alone: MutexGuard<'static, ()>,
}

impl Testbed {
    /// With a page of the approved origin.
    pub fn open() -> Self {
        Self::of(ORIGIN)
    }

    /// With a page of another origin, which is approved too.
    pub fn of(origin: &str) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let token = TestToken::new();
        let bridge = Setup::on(&token).origin(origin).start();
        let parallel_page = Some(ParallelPage::start(&bridge, &token, origin));
        Self { parallel_page, bridge, token, _alone: alone }
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

    /// Panics where the page had to wait, or where the bridge took too much.
    #[track_caller]
    pub fn expect_served(mut self) {
        self.parallel_page.take().expect("it is asked once").expect_served();
    }
}
