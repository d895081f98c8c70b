//! A module that fails during a login. The PIN goes to the token once, because the
//! token may have counted it. The next call works.

use std::time::Duration;

use cryptoki_sys::{
    CKR_CRYPTOKI_NOT_INITIALIZED, CKR_DEVICE_REMOVED, CKR_GENERAL_ERROR, CKR_SESSION_HANDLE_INVALID,
};
use pkcs11_bridge_tests::outcome::{Outcome, assert_error};
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::processes::wait_until;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::{Fault, NAME, Rule};
use pkcs11_bridge_tests::token::PIN;

use super::fault_fixture::{FAILED, OVERDUE};
use super::pin_fixture::{NO_TOKEN, PinFixture};

/// Who enters the PIN.
const PIN_SOURCES: [PinSource; 2] = [PinSource::Page, PinSource::User];

#[derive(Clone, Copy, Debug)]
enum PinSource {
    Page,
    User,
}

impl PinSource {
    async fn sign(self, fixture: &PinFixture, page: &mut Socket) -> Outcome {
        match self {
            Self::Page => fixture.sign_with(page, PIN).await,
            Self::User => {
                fixture.pinentry.answer(Answer::pin(PIN));
                fixture.sign(page).await
            }
        }
    }
}

#[tokio::test]
async fn a_module_that_crashes_or_hangs_in_a_login_gets_the_pin_once() {
    for source in PIN_SOURCES {
        for (fault, expected, words) in [
            (Fault::Segfault, FAILED, "crashed (signal 11)"),
            (Fault::Exit(3), FAILED, "exit status 3"),
            (Fault::Hang, OVERDUE, "6 s"),
        ] {
            let what = format!("{fault:?}, PIN of {source:?}");
            let fixture = PinFixture::configured("sign_deadline_seconds = 6");
            let mut page = fixture.bridge.connect().await;
            let rule = fixture.module.add(Rule::on("C_Login").fault(fault));
            let outcome = source.sign(&fixture, &mut page).await;
            assert_error(&what, &outcome, expected, &[NAME, words]);
            let again = || fixture.module.blocked("C_Login") > 1;
            assert!(!wait_until(Duration::from_secs(1), again), "{what}: it was sent again");
            assert_eq!(fixture.module.blocked("C_Login"), 1, "{what}");
            rule.remove();
            fixture.assert_signed(&what, &source.sign(&fixture, &mut page).await);
            fixture.module.assert_logins(1);
        }
    }
}

#[tokio::test]
async fn a_module_that_loses_its_state_in_a_login_gets_the_pin_once() {
    for source in PIN_SOURCES {
        for (ckr, expected) in [
            (CKR_CRYPTOKI_NOT_INITIALIZED, FAILED),
            (CKR_GENERAL_ERROR, FAILED),
            (CKR_DEVICE_REMOVED, NO_TOKEN),
            (CKR_SESSION_HANDLE_INVALID, (412, "401")),
        ] {
            let what = format!("{ckr:#x}, PIN of {source:?}");
            let fixture = PinFixture::new();
            let mut page = fixture.bridge.connect().await;
            let rule = fixture.module.add(Rule::on("C_Login").fail_after(ckr));
            assert_error(&what, &source.sign(&fixture, &mut page).await, expected, &[]);
            fixture.module.assert_logins(1);
            rule.remove();
            fixture.assert_signed(&what, &source.sign(&fixture, &mut page).await);
        }
    }
}
