//! The fixture for tests of PINs and logins: a token behind the test module, which counts
//! logins and simulates tokens; a user with a pinentry; and a bridge that allows two origins.

use cryptoki_sys::{CKR_OK, CKR_PIN_INCORRECT};
use pkcs11_bridge_tests::bridge::{Bridge, Setup};
use pkcs11_bridge_tests::desktop::Desktop;
use pkcs11_bridge_tests::digest::{base64, digest, from_base64};
use pkcs11_bridge_tests::openssl;
use pkcs11_bridge_tests::outcome::{Outcome, assert_error};
use pkcs11_bridge_tests::params::{MESSAGE, sign_data, with, without};
use pkcs11_bridge_tests::pinentry::Pinentry;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::{TestModule, User};
use pkcs11_bridge_tests::token::{CertifiedKey, KeyType, TestToken};
use serde_json::{Value, json};

/// A second origin that the bridge allows.
pub const OTHER: &str = "https://other.example";

// Status and code of errors, as the documentation lists them.
pub const NO_PIN: (u16, &str) = (400, "801");
pub const LAST_TRY: (u16, &str) = (412, "104");
pub const LOCKED: (u16, &str) = (412, "105");
pub const WRONG: (u16, &str) = (412, "106");
pub const CANCELLED: (u16, &str) = (412, "109");
pub const NO_TOKEN: (u16, &str) = (412, "101");
pub const LOGIN_ENDED: (u16, &str) = (412, "401");

// Results of `C_Login`, as [`PinFixture::login_results`] gives them.
pub const RIGHT_LOGIN: (User, u64) = (User::User, CKR_OK);
pub const WRONG_LOGIN: (User, u64) = (User::User, CKR_PIN_INCORRECT);
pub const RIGHT_FOR_ONE: (User, u64) = (User::ContextSpecific, CKR_OK);
pub const WRONG_FOR_ONE: (User, u64) = (User::ContextSpecific, CKR_PIN_INCORRECT);

/// All parts of the fixture. The bridge ends first.
pub struct PinFixture {
    pub bridge: Bridge,
    pub pinentry: Pinentry,
    pub module: TestModule,
    pub token: TestToken,
}

impl PinFixture {
    /// A fixture with a copy of the template token.
    pub fn new() -> Self {
        Self::on(TestToken::new())
    }

    /// A fixture with a token that has more objects.
    pub fn on(token: TestToken) -> Self {
        Self::set_up(token, "", Setup::pinentry)
    }

    /// A fixture with more lines in the bridge's configuration.
    pub fn configured(lines: &str) -> Self {
        Self::set_up(TestToken::new(), lines, Setup::pinentry)
    }

    /// A fixture with both.
    pub fn configured_on(token: TestToken, lines: &str) -> Self {
        Self::set_up(token, lines, Setup::pinentry)
    }

    /// A fixture without a way to ask the user.
    pub fn without_pinentry(token: TestToken) -> Self {
        Self::set_up(token, "", |setup, _| setup)
    }

    /// A fixture with a real pinentry.
    pub fn with_windows_on(desktop: &Desktop) -> Self {
        Self::set_up(TestToken::new(), "", |setup, _| setup.desktop(desktop))
    }

    fn set_up(
        token: TestToken,
        lines: &str,
        asking: impl FnOnce(Setup, &Pinentry) -> Setup,
    ) -> Self {
        let (module, pinentry) = (TestModule::wrapping(&token), Pinentry::new());
        let configuration = format!("{lines}\n{}", module.configuration());
        let setup = Setup::on_test_module(&module).config(&configuration).origin(OTHER);
        let bridge = asking(setup, &pinentry).start();
        Self { bridge, pinentry, module, token }
    }

    /// Parameters of `signData` with the right PIN.
    pub fn with_pin(&self) -> Value {
        sign_data(&self.token, KeyType::P256.id(), "sha256")
    }

    /// Parameters of `signData` without a PIN.
    pub fn without_pin(&self) -> Value {
        without(&self.with_pin(), "pin")
    }

    /// Parameters of `signDataBatch` without a PIN, for this number of different hashes.
    pub fn batch(&self, count: u8) -> Value {
        let hashes: Vec<_> = (0..count).map(|number| base64(&hash_of(number))).collect();
        with(&self.without_pin(), "data", json!(hashes))
    }

    /// Signs with a PIN from the page.
    pub async fn sign_with(&self, page: &mut Socket, pin: &str) -> Outcome {
        page.call("signData", with(&self.with_pin(), "pin", pin)).await
    }

    /// Signs without a PIN from the page.
    pub async fn sign(&self, page: &mut Socket) -> Outcome {
        page.call("signData", self.without_pin()).await
    }

    /// The logins that reached the token, and their results.
    pub fn login_results(&self) -> Vec<(User, u64)> {
        let logins = self.module.logins();
        logins.iter().map(|call| (call.user.expect("a login has one"), call.result)).collect()
    }

    /// The number of calls of a function that a process has made.
    pub fn count_by(&self, pid: u32, function: &str) -> usize {
        self.module.calls_of(function).iter().filter(|call| call.pid == pid).count()
    }

    /// The worker that logged in last.
    pub fn last_logged_in_worker(&self) -> u32 {
        self.module.logins().last().expect("a login").pid
    }

    /// Asserts that a call gave a signature of the message of `signData`, verified by OpenSSL.
    #[track_caller]
    pub fn assert_signed(&self, what: &str, outcome: &Outcome) {
        let issued = self.token.certified_key(KeyType::P256);
        let signature = outcome.as_ref().unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert_signature(what, &issued, &digest("sha256", MESSAGE), signature);
    }
}

/// A wrong PIN, a different one for each number.
pub fn wrong_pin(number: u32) -> String {
    format!("4417{number:04}")
}

/// The hash at a position of [`PinFixture::batch`].
pub fn hash_of(number: u8) -> Vec<u8> {
    digest("sha256", &[number])
}

/// Asserts that a signature from a call is valid for a key and a hash, verified by OpenSSL.
#[track_caller]
pub fn assert_signature(what: &str, issued: &CertifiedKey, hash: &[u8], signature: &Value) {
    let mut signature = from_base64(signature.as_str().expect("base64"));
    if !issued.name().starts_with("RSA") {
        signature = openssl::der_of_raw_ecdsa(&signature);
    }
    assert!(openssl::verifies(&issued.certificate(), "sha256", hash, &signature), "{what}");
}

/// The signature of an item of a batch, or its error.
pub fn item_of(result: &Value, at: usize) -> Outcome {
    let item = &result[at];
    match item.get("error") {
        None => Ok(item["signature"].clone()),
        Some(error) => Err(serde_json::from_value(error.clone()).expect("an error")),
    }
}

/// Takes this number of replies. Asserts that each is an error with this status and code.
pub async fn assert_all_fail(
    page: &mut Socket,
    count: usize,
    expected: (u16, &str),
    words: &[&str],
) {
    for _ in 0..count {
        assert_error("one of many", &page.reply().await.1, expected, words);
    }
}

/// Takes this number of replies. Asserts that each is a success.
pub async fn assert_all_succeed(page: &mut Socket, count: usize) {
    for _ in 0..count {
        page.reply().await.1.expect("one of many");
    }
}
