//! Every value that a PKCS#11 function can return: the error that the caller gets. When the
//! module works again, so does the next call.

use cryptoki_sys::{CKR_BUFFER_TOO_SMALL, CKR_CRYPTOKI_NOT_INITIALIZED};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::rv::{self, Rv};
use pkcs11_bridge_tests::outcome::{Outcome, assert_ckr, assert_error};
use pkcs11_bridge_tests::test_module::Rule;

use super::fault_fixture::FaultFixture;

/// Asserts the reply to a call whose PKCS#11 function returned a value once.
fn assert_reported(what: &str, outcome: &Outcome, value: u64) {
    let code = Rv(value).entry().map_or(ErrorCode::Internal, |entry| entry.code);
    assert_error(what, outcome, (code.status(), code.code()), &[]);
    assert_ckr(what, outcome, &Rv(value).name());
}

/// All values of the standard, one vendor-defined value, and one undefined value.
fn values() -> Vec<u64> {
    let standard = rv::TABLE.iter().map(|entry| entry.rv.0);
    standard.chain([0x8000_0102, 0x7fff_1234]).collect()
}

#[tokio::test]
async fn each_return_value_of_a_read_is_reported() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    let work = async {
        for value in values() {
            let rule = Rule::on("C_GetTokenInfo").fail_before(value);
            let is_lost = value == CKR_CRYPTOKI_NOT_INITIALIZED;
            let rule = fixture.module.add(if is_lost { rule.next(1) } else { rule });
            let outcome = page.call("token", fixture.slot()).await;
            rule.remove();
            if !is_lost {
                assert_reported("token", &outcome, value);
            }
            page.result("token", fixture.slot()).await;
        }
        fixture.assert_works(&mut page).await;
    };
    fixture.while_healthy_module_works(work).await;
}

/// After these values the call is repeated: with fresh state, with a larger buffer, to see whether
/// the error lasts, or in a fresh worker.
const RETRIED: [u64; 17] = [
    cryptoki_sys::CKR_CANT_LOCK,
    cryptoki_sys::CKR_DEVICE_ERROR,
    cryptoki_sys::CKR_FUNCTION_FAILED,
    cryptoki_sys::CKR_GENERAL_ERROR,
    cryptoki_sys::CKR_HOST_MEMORY,
    cryptoki_sys::CKR_DEVICE_REMOVED,
    cryptoki_sys::CKR_KEY_HANDLE_INVALID,
    cryptoki_sys::CKR_OBJECT_HANDLE_INVALID,
    cryptoki_sys::CKR_OPERATION_ACTIVE,
    cryptoki_sys::CKR_SESSION_CLOSED,
    cryptoki_sys::CKR_SESSION_HANDLE_INVALID,
    cryptoki_sys::CKR_SLOT_ID_INVALID,
    cryptoki_sys::CKR_TOKEN_NOT_PRESENT,
    cryptoki_sys::CKR_TOKEN_NOT_RECOGNIZED,
    cryptoki_sys::CKR_USER_NOT_LOGGED_IN,
    CKR_BUFFER_TOO_SMALL,
    CKR_CRYPTOKI_NOT_INITIALIZED,
];

#[tokio::test]
async fn each_return_value_of_a_signature_is_reported() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    let work = async {
        for value in values() {
            let rule = fixture.module.add(Rule::on("C_Sign").next(1).fail_before(value));
            let outcome = page.call("signData", fixture.signing()).await;
            rule.remove();
            // A value of the vendor can mean anything.
            if RETRIED.contains(&value) || Rv(value).entry().is_none() {
                assert!(outcome.is_ok(), "{value:#x}: {outcome:?}");
            } else {
                assert_reported("signData", &outcome, value);
            }
            page.result("signData", fixture.signing()).await;
        }
    };
    fixture.while_healthy_module_works(work).await;
}
