//! What each test of this folder stands on: a bridge alone, with a well-behaved page. They run one at a time, so
//! that the page waits for the bridge and not for another test.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pkcs11_bridge_tests::bridge::{Bridge, ORIGIN, Setup};
use pkcs11_bridge_tests::bystander::Bystander;
use pkcs11_bridge_tests::raw::RawPeer;
use pkcs11_bridge_tests::token::TestToken;

pub struct Ground {
    bystander: Option<Bystander>,
    pub bridge: Bridge,
    _token: TestToken,
    _alone: MutexGuard<'static, ()>,
}

impl Ground {
    pub fn open() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let token = TestToken::new();
        let bridge = Setup::on(&token).start();
        let bystander = Some(Bystander::beside(&bridge, &token));
        Self { bystander, bridge, _token: token, _alone: alone }
    }

    pub fn address(&self) -> SocketAddr {
        self.bridge.address()
    }

    /// An open WebSocket of the approved origin.
    pub fn peer(&self) -> RawPeer {
        RawPeer::open(self.address(), ORIGIN)
    }

    /// Panics where the page had to wait, or where the bridge took too much.
    #[track_caller]
    pub fn expect_served(mut self) {
        self.bystander.take().expect("it is asked once").expect_served();
    }
}
