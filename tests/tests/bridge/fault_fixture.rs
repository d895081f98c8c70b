//! The fixture for tests of faulty modules: a bridge whose default module is the test
//! module. SoftHSM's own module is beside it and must work whatever the test module does.

use std::cell::Cell;
use std::time::Duration;

use pkcs11_bridge_tests::bridge::{Bridge, SOFTHSM, Setup};
use pkcs11_bridge_tests::params::{sign_data, with};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::TestModule;
use pkcs11_bridge_tests::token::{KeyType, MODULE, TestToken};
use serde_json::{Value, json};
use tokio::time::timeout;

// Status and code of errors, as the documentation lists them.
pub const FAILED: (u16, &str) = (500, "900");
pub const OVERDUE: (u16, &str) = (408, "900");
pub const SET_ASIDE: (u16, &str) = (412, "300");
pub const NO_SLOT: (u16, &str) = (412, "1");

/// One of many origins, for [`FaultFixture::for_origins`].
pub fn origin(number: usize) -> String {
    format!("https://page-{number}.example")
}

/// All parts of the fixture. The bridge ends first.
pub struct FaultFixture {
    pub bridge: Bridge,
    pub module: TestModule,
    pub token: TestToken,
    healthy: TestToken,
}

impl FaultFixture {
    /// A fixture with the bridge's default limits.
    pub fn new() -> Self {
        Self::set_up("", [])
    }

    /// A fixture with more lines in the bridge's configuration.
    pub fn configured(lines: &str) -> Self {
        Self::set_up(lines, [])
    }

    /// A fixture that allows more origins. Three failures suspend the module for one origin only.
    pub fn for_origins(origins: impl IntoIterator<Item = String>) -> Self {
        Self::set_up("", origins)
    }

    /// A fixture with both.
    pub fn set_up(lines: &str, origins: impl IntoIterator<Item = String>) -> Self {
        let (token, healthy) = (TestToken::new(), TestToken::new());
        let module = TestModule::wrapping(&token);
        let softhsm = format!(
            "[[modules]]\nname = \"{SOFTHSM}\"\npath = {}\nenv = {{ SOFTHSM2_CONF = {} }}\n",
            json!(MODULE),
            json!(healthy.configuration().to_str().expect("a path in UTF-8")),
        );
        let configuration = format!("{lines}\n{}\n{softhsm}", module.configuration());
        let setup = Setup::on_test_module(&module).config(&configuration);
        let setup = origins.into_iter().fold(setup, |setup, origin| setup.origin(&origin));
        Self { bridge: setup.start(), module, token, healthy }
    }

    /// Parameters of `signData` with the PIN.
    pub fn signing(&self) -> Value {
        sign_data(&self.token, KeyType::P256.id(), "sha256")
    }

    /// Parameters of a method that names only the slot.
    pub fn slot(&self) -> Value {
        json!({ "slot_id": self.token.slot() })
    }

    /// One call of each kind that reaches a module.
    pub fn calls(&self) -> [(&'static str, Value); 5] {
        [
            ("info", json!({})),
            ("slots", json!({})),
            ("token", self.slot()),
            ("certificates", self.slot()),
            ("signData", self.signing()),
        ]
    }

    /// Makes one call of each kind. Asserts that each succeeds.
    pub async fn assert_works(&self, page: &mut Socket) {
        for (method, params) in self.calls() {
            page.result(method, params).await;
        }
    }

    /// Runs `work` while another page of the same origin reads and signs with the
    /// healthy module, call after call. Asserts that each of these calls succeeds soon.
    /// Gives the result and the number of calls.
    pub async fn while_healthy_module_works<T>(&self, work: impl Future<Output = T>) -> (T, usize) {
        let mut page = self.bridge.connect().await;
        let signing =
            with(&sign_data(&self.healthy, KeyType::P256.id(), "sha256"), "module", SOFTHSM);
        page.result("signData", signing.clone()).await;
        let done = Cell::new(false);
        let work = async {
            let result = work.await;
            done.set(true);
            result
        };
        let others = async {
            let mut count = 0;
            while !done.get() || count == 0 {
                for (method, params) in
                    [("slots", json!({ "module": SOFTHSM })), ("signData", signing.clone())]
                {
                    let answer = timeout(HEALTHY_LIMIT, page.result(method, params)).await;
                    answer.unwrap_or_else(|_| panic!("{method} of the healthy module waits"));
                    count += 1;
                }
            }
            count
        };
        let result = tokio::join!(work, others);
        page.close().await;
        result
    }
}

/// The longest time that a healthy module may take on a busy machine. It is shorter
/// than the delays of a faulty module, so a wait for the faulty module fails the test.
const HEALTHY_LIMIT: Duration = Duration::from_secs(20);
