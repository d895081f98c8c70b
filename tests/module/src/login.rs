//! Logins: counted tries, PINs from a pinpad, and PINs for single signatures.

use std::thread::sleep;

use cryptoki_sys::{
    CK_RV, CK_SESSION_HANDLE, CK_ULONG, CK_USER_TYPE, CK_UTF8CHAR, CKR_ARGUMENTS_BAD, CKR_OK,
    CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKU_CONTEXT_SPECIFIC, CKU_SO, CKU_USER,
};
use pkcs11_bridge_test_rules::call::User;
use pkcs11_bridge_test_rules::simulated_token::{Entry, Pinpad, SimulatedToken};

use crate::always_authenticate;
use crate::counters::{Counters, one_login_at_a_time};
use crate::folder::wait_while;
use crate::sessions::card_of;
use crate::wrap::{About, Passing, pass_on, wrap};

pub(crate) unsafe extern "C" fn C_Login(
    session: CK_SESSION_HANDLE,
    user_type: CK_USER_TYPE,
    pin: *mut CK_UTF8CHAR,
    pin_len: CK_ULONG,
) -> CK_RV {
    let user = match user_type {
        CKU_SO => User::SecurityOfficer,
        CKU_USER => User::User,
        CKU_CONTEXT_SPECIFIC => User::ContextSpecific,
        other => User::Other(other),
    };
    let about = About::of("C_Login").session(session);
    let about = about.login(user, (!pin.is_null()).then_some(pin_len));
    wrap(about, |passing| match card_of(session) {
        Some(card) if matches!(user, User::User | User::ContextSpecific) => {
            let login = Login { session, user_type, pin, pin_len };
            login.into_card(passing, &card)
        }
        _ => pass_on!(passing, C_Login(session, user_type, pin, pin_len)),
    })
}

/// What the caller gave, or a person has typed into the reader.
struct Login {
    session: CK_SESSION_HANDLE,
    user_type: CK_USER_TYPE,
    pin: *mut CK_UTF8CHAR,
    pin_len: CK_ULONG,
}

impl Login {
    fn into_card(self, passing: &mut Passing, card: &SimulatedToken) -> CK_RV {
        let Some(tries) = card.tries else { return self.with_pin(passing, card) };
        if Counters::wrong_pins(card.id()) >= tries {
            return CKR_PIN_LOCKED;
        }
        let _other_logins_wait = one_login_at_a_time();
        // Another may have used up the last one meanwhile.
        if Counters::wrong_pins(card.id()) >= tries {
            return CKR_PIN_LOCKED;
        }
        let result = self.with_pin(passing, card);
        match result {
            CKR_OK => Counters::right_pin(card.id()),
            CKR_PIN_INCORRECT => Counters::wrong_pin(card.id()),
            _ => {}
        }
        result
    }

    fn with_pin(self, passing: &mut Passing, card: &SimulatedToken) -> CK_RV {
        let Some(pinpad) = &card.pinpad else { return self.judge(passing, card) };
        // PKCS#11 3.2, section 5.6.8: the reader takes the PIN, and nobody else.
        if !self.pin.is_null() {
            return CKR_ARGUMENTS_BAD;
        }
        match ask_at(pinpad, passing) {
            Entry::Pin(typed) => {
                let mut typed = typed.clone().into_bytes();
                let pin_len = typed.len() as CK_ULONG;
                let pin = typed.as_mut_ptr();
                Self { pin, pin_len, ..self }.judge(passing, card)
            }
            Entry::Fail(ckr) => *ckr,
        }
    }

    fn judge(self, passing: &mut Passing, card: &SimulatedToken) -> CK_RV {
        let Self { session, user_type, pin, pin_len } = self;
        match &card.always_authenticate {
            Some(right) if user_type == CKU_CONTEXT_SPECIFIC => {
                if pin.is_null() {
                    return CKR_ARGUMENTS_BAD;
                }
                // SAFETY: the caller of `C_Login` promises that so many bytes stand there.
                let pin = unsafe { std::slice::from_raw_parts(pin, pin_len as usize) };
                always_authenticate::judge(passing, session, pin == right.as_bytes())
            }
            _ => pass_on!(passing, C_Login(session, user_type, pin, pin_len)),
        }
    }
}

/// What a person does at the pinpad.
fn ask_at<'a>(pinpad: &'a Pinpad, passing: &Passing) -> &'a Entry {
    passing.waits();
    sleep(pinpad.delay());
    wait_while(|rules| {
        let pinpads = rules.simulated_tokens.values().filter_map(|card| card.pinpad.as_ref());
        pinpads.filter(|other| other.id() == pinpad.id()).any(Pinpad::is_held)
    });
    pinpad.entry(Counters::next_entry(pinpad.id()))
}
