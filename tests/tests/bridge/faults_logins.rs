//! A module that fails over a PIN: the PIN goes to the token once, because nobody knows whether the token has
//! counted it, and the next call works.

use std::time::Duration;

use cryptoki_sys::{
    CKR_CRYPTOKI_NOT_INITIALIZED, CKR_DEVICE_REMOVED, CKR_GENERAL_ERROR, CKR_SESSION_HANDLE_INVALID,
};
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::processes::wait_until;
use pkcs11_bridge_tests::refusal::{Outcome, assert_refused};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::{Fault, NAME, Rule};
use pkcs11_bridge_tests::token::PIN;

use super::desk::{Desk, NO_TOKEN};
use super::faulty::{FAILED, OVERDUE};

/// Who gives the PIN.
const GIVERS: [Giver; 2] = [Giver::Page, Giver::User];

#[derive(Clone, Copy, Debug)]
enum Giver {
    Page,
    User,
}

impl Giver {
    async fn sign(self, desk: &Desk, page: &mut Socket) -> Outcome {
        match self {
            Self::Page => desk.sign_with(page, PIN).await,
            Self::User => {
                desk.pinentry.answer(Answer::pin(PIN));
                desk.sign(page).await
            }
        }
    }
}

#[tokio::test]
async fn one_that_crashes_or_hangs_over_it_gets_it_once() {
    for giver in GIVERS {
        for (fault, row, words) in [
            (Fault::Segfault, FAILED, "crashed (signal 11)"),
            (Fault::Exit(3), FAILED, "exit status 3"),
            (Fault::Hang, OVERDUE, "6 s"),
        ] {
            let what = format!("{fault:?}, PIN of {giver:?}");
            let desk = Desk::configured("sign_deadline_seconds = 6");
            let mut page = desk.bridge.connect().await;
            let rule = desk.module.add(Rule::on("C_Login").shows(fault));
            let outcome = giver.sign(&desk, &mut page).await;
            assert_refused(&what, &outcome, row, &[NAME, words]);
            let again = || desk.module.waiting("C_Login") > 1;
            assert!(!wait_until(Duration::from_secs(1), again), "{what}: it was sent again");
            assert_eq!(desk.module.waiting("C_Login"), 1, "{what}");
            rule.remove();
            desk.assert_signed(&what, &giver.sign(&desk, &mut page).await);
            desk.module.assert_logins(1);
        }
    }
}

#[tokio::test]
async fn one_that_loses_its_state_over_it_gets_it_once() {
    for giver in GIVERS {
        for (ckr, row) in [
            (CKR_CRYPTOKI_NOT_INITIALIZED, FAILED),
            (CKR_GENERAL_ERROR, FAILED),
            (CKR_DEVICE_REMOVED, NO_TOKEN),
            (CKR_SESSION_HANDLE_INVALID, (412, "401")),
        ] {
            let what = format!("{ckr:#x}, PIN of {giver:?}");
            let desk = Desk::new();
            let mut page = desk.bridge.connect().await;
            let rule = desk.module.add(Rule::on("C_Login").fail(ckr));
            assert_refused(&what, &giver.sign(&desk, &mut page).await, row, &[]);
            desk.module.assert_logins(1);
            rule.remove();
            desk.assert_signed(&what, &giver.sign(&desk, &mut page).await);
        }
    }
}
