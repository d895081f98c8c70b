//! Logins: the count of tries, PINs from a pinpad, and PINs for single signatures.

use std::thread::sleep;

use cryptoki_sys::{
    CK_RV, CK_SESSION_HANDLE, CK_ULONG, CK_USER_TYPE, CK_UTF8CHAR, CKR_ARGUMENTS_BAD, CKR_OK,
    CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKU_CONTEXT_SPECIFIC, CKU_SO, CKU_USER,
};
use pkcs11_bridge_test_rules::call::User;
use pkcs11_bridge_test_rules::simulated_token::{Entry, Pinpad, SimulatedToken};

use crate::always_authenticate;
use crate::counters::{Counters, lock_logins};
use crate::folder::wait_while;
use crate::intercept::{CallInfo, InterceptedCall, forward, intercept};
use crate::sessions::simulated_token_of;

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
    let info = CallInfo::of("C_Login").session(session);
    let info = info.login(user, (!pin.is_null()).then_some(pin_len));
    intercept(info, |call| match simulated_token_of(session) {
        Some(token) if matches!(user, User::User | User::ContextSpecific) => {
            let login = Login { session, user_type, pin, pin_len };
            login.count_tries(call, &token)
        }
        _ => forward!(call, C_Login(session, user_type, pin, pin_len)),
    })
}

/// A login with the PIN of the caller, or of the user at the pinpad.
struct Login {
    session: CK_SESSION_HANDLE,
    user_type: CK_USER_TYPE,
    pin: *mut CK_UTF8CHAR,
    pin_len: CK_ULONG,
}

impl Login {
    fn count_tries(self, call: &mut InterceptedCall, token: &SimulatedToken) -> CK_RV {
        let Some(tries) = token.tries else { return self.obtain_pin(call, token) };
        if Counters::wrong_pins(token.id()) >= tries {
            return CKR_PIN_LOCKED;
        }
        let _other_logins_wait = lock_logins();
        // Another login may have used the last try meanwhile.
        if Counters::wrong_pins(token.id()) >= tries {
            return CKR_PIN_LOCKED;
        }
        let result = self.obtain_pin(call, token);
        match result {
            CKR_OK => Counters::right_pin(token.id()),
            CKR_PIN_INCORRECT => Counters::wrong_pin(token.id()),
            _ => {}
        }
        result
    }

    fn obtain_pin(self, call: &mut InterceptedCall, token: &SimulatedToken) -> CK_RV {
        let Some(pinpad) = &token.pinpad else { return self.verify_pin(call, token) };
        // PKCS#11 3.2, section 5.6.8: with a pinpad the caller passes no PIN.
        if !self.pin.is_null() {
            return CKR_ARGUMENTS_BAD;
        }
        match enter_at(pinpad, call) {
            Entry::Pin(typed) => {
                let mut typed = typed.clone().into_bytes();
                let pin_len = typed.len() as CK_ULONG;
                let pin = typed.as_mut_ptr();
                Self { pin, pin_len, ..self }.verify_pin(call, token)
            }
            Entry::Fail(ckr) => *ckr,
        }
    }

    fn verify_pin(self, call: &mut InterceptedCall, token: &SimulatedToken) -> CK_RV {
        let Self { session, user_type, pin, pin_len } = self;
        match &token.always_authenticate {
            Some(right) if user_type == CKU_CONTEXT_SPECIFIC => {
                if pin.is_null() {
                    return CKR_ARGUMENTS_BAD;
                }
                // SAFETY: the caller of `C_Login` passes `pin_len` bytes.
                let pin = unsafe { std::slice::from_raw_parts(pin, pin_len as usize) };
                always_authenticate::verify_pin(call, session, pin == right.as_bytes())
            }
            _ => forward!(call, C_Login(session, user_type, pin, pin_len)),
        }
    }
}

/// Waits for the user at the pinpad and returns what the user does.
fn enter_at<'a>(pinpad: &'a Pinpad, call: &InterceptedCall) -> &'a Entry {
    call.record_blocked();
    sleep(pinpad.delay());
    wait_while(|rules| {
        let pinpads = rules.simulated_tokens.values().filter_map(|token| token.pinpad.as_ref());
        pinpads.filter(|other| other.id() == pinpad.id()).any(Pinpad::is_held)
    });
    pinpad.entry(Counters::next_entry(pinpad.id()))
}
