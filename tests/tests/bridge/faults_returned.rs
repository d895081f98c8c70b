//! Every value that a function can return: what the caller gets, and that the next call works.

use cryptoki_sys::{CKR_BUFFER_TOO_SMALL, CKR_CRYPTOKI_NOT_INITIALIZED};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::rv::{self, Rv};
use pkcs11_bridge_tests::outcome::{Outcome, assert_ckr, assert_error};
use pkcs11_bridge_tests::test_module::Rule;

use super::faulty::Faulty;

/// What a call is answered with whose function returned that value once.
fn assert_is_told(what: &str, outcome: &Outcome, value: u64) {
    let code = Rv(value).entry().map_or(ErrorCode::Internal, |entry| entry.code);
    assert_error(what, outcome, (code.status(), code.code()), &[]);
    assert_ckr(what, outcome, &Rv(value).name());
}

/// All values of the standard, one of a vendor's and one that nobody has defined.
fn values() -> Vec<u64> {
    let standard = rv::TABLE.iter().map(|entry| entry.rv.0);
    standard.chain([0x8000_0102, 0x7fff_1234]).collect()
}

#[tokio::test]
async fn each_return_value_of_reading_is_told_and_the_next_call_works() {
    let faulty = Faulty::new();
    let mut page = faulty.bridge.connect().await;
    let work = async {
        for value in values() {
            let rule = faulty.module.add(Rule::on("C_GetTokenInfo").next(1).fail_before(value));
            let outcome = page.call("token", faulty.slot()).await;
            rule.remove();
            if value != CKR_CRYPTOKI_NOT_INITIALIZED {
                assert_is_told("token", &outcome, value);
            }
            page.result("token", faulty.slot()).await;
        }
        faulty.assert_works(&mut page).await;
    };
    faulty.beside_healthy(work).await;
}

/// After which everything is read anew and the same call is made once more, or once more with more room.
const TRIED_AGAIN: [u64; 11] = [
    cryptoki_sys::CKR_DEVICE_REMOVED,
    cryptoki_sys::CKR_KEY_HANDLE_INVALID,
    cryptoki_sys::CKR_OBJECT_HANDLE_INVALID,
    cryptoki_sys::CKR_OPERATION_ACTIVE,
    cryptoki_sys::CKR_SESSION_CLOSED,
    cryptoki_sys::CKR_SESSION_HANDLE_INVALID,
    cryptoki_sys::CKR_TOKEN_NOT_PRESENT,
    cryptoki_sys::CKR_TOKEN_NOT_RECOGNIZED,
    cryptoki_sys::CKR_USER_NOT_LOGGED_IN,
    CKR_BUFFER_TOO_SMALL,
    CKR_CRYPTOKI_NOT_INITIALIZED,
];

#[tokio::test]
async fn each_return_value_of_signing_is_told_and_the_next_call_works() {
    let faulty = Faulty::new();
    let mut page = faulty.bridge.connect().await;
    let work = async {
        for value in values() {
            let rule = faulty.module.add(Rule::on("C_Sign").next(1).fail_before(value));
            let outcome = page.call("signData", faulty.signing()).await;
            rule.remove();
            if TRIED_AGAIN.contains(&value) {
                assert!(outcome.is_ok(), "{value:#x}: {outcome:?}");
            } else {
                assert_is_told("signData", &outcome, value);
            }
            page.result("signData", faulty.signing()).await;
        }
    };
    faulty.beside_healthy(work).await;
}
