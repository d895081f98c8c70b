//! What is done with every call: the rules for its function are applied, what was taken out
//! answers no more, and it is recorded.

use std::thread::sleep;
use std::time::{SystemTime, UNIX_EPOCH};

use cryptoki_sys::{CK_FUNCTION_LIST, CK_RV, CK_SESSION_HANDLE, CK_SLOT_ID, CK_ULONG, CKR_OK};
use pkcs11_bridge_test_rules::call::{self, AnsweredBy, Call, Line, User};
use pkcs11_bridge_test_rules::fault::{Fault, WrongLength};
use pkcs11_bridge_test_rules::rule::{Effect, Rule};

use crate::below::below;
use crate::counters::Counters;
use crate::folder::{folder, rules, wait_while};
use crate::sessions::slot_of;
use crate::{fault, removal, slot_events};

/// What a call is known by.
pub(crate) struct About(Call);

impl About {
    pub(crate) fn of(function: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(Call {
            at: u64::try_from(now.as_micros()).unwrap_or(u64::MAX),
            pid: std::process::id(),
            function: function.to_owned(),
            slot: None,
            session: None,
            user: None,
            pin_len: None,
            answered_by: AnsweredBy::TestModule,
            result: 0,
        })
    }

    pub(crate) fn slot(self, slot: CK_SLOT_ID) -> Self {
        Self(Call { slot: Some(slot), ..self.0 })
    }

    pub(crate) fn session(self, session: CK_SESSION_HANDLE) -> Self {
        Self(Call { session: Some(session), slot: slot_of(session), ..self.0 })
    }

    pub(crate) fn login(self, user: User, pin_len: Option<u64>) -> Self {
        Self(Call { user: Some(user), pin_len, ..self.0 })
    }
}

/// A call on its way.
pub(crate) struct Passing {
    call: Call,
    wrong_length: Option<WrongLength>,
}

impl Passing {
    /// Calls the module below.
    pub(crate) fn pass_on(&mut self, call: impl FnOnce(&CK_FUNCTION_LIST) -> CK_RV) -> CK_RV {
        self.call.answered_by = AnsweredBy::RealModule;
        call(&below())
    }

    /// A card that is played has judged a PIN.
    pub(crate) fn played(&mut self) {
        self.call.answered_by = AnsweredBy::SimulatedToken;
    }

    /// A length or count is about to be told: the rules may want another one.
    ///
    /// # Safety
    /// `len` points to one, or `result` is not `CKR_OK`.
    pub(crate) unsafe fn tell(&self, result: CK_RV, room: bool, len: *mut CK_ULONG) {
        if let (CKR_OK, Some(lie)) = (result, self.wrong_length) {
            // SAFETY: the caller's promise.
            unsafe { *len = lie.instead_of(*len, room) };
        }
    }

    /// Records that the call is made to wait, or that it does not come back.
    pub(crate) fn waits(&self) {
        record(&Line::Blocked(self.call.clone()));
    }

    fn wait(&self, rule: &Rule) {
        if rule.is_held() || !rule.pause().is_zero() {
            self.waits();
        }
        sleep(rule.pause());
        wait_while(|rules| {
            let mut same = rules.rules.iter().filter(|other| other.id() == rule.id());
            same.any(Rule::is_held)
        });
        if !rule.faults().iter().all(Fault::returns) {
            self.waits();
        }
        rule.faults().iter().for_each(fault::show);
    }

    /// The first effect of the rules that fit, but for waiting and being faulty, which they all do.
    fn effect(&self) -> Effect {
        let mut effect = Effect::Forward;
        for rule in rules().rules.iter().filter(|rule| rule.fits(&self.call)) {
            let applies =
                |window: std::ops::Range<u64>| window.contains(&Counters::next_call(rule.id()));
            if !rule.window().is_none_or(applies) {
                continue;
            }
            self.wait(rule);
            if effect == Effect::Forward {
                effect = rule.effect();
            }
        }
        effect
    }
}

/// Does `work` for a call, unless the rules refuse it or what it concerns was taken out.
pub(crate) fn wrap(about: About, work: impl FnOnce(&mut Passing) -> CK_RV) -> CK_RV {
    let mut passing = Passing { call: about.0, wrong_length: None };
    slot_events::wait_for_lock(&passing.call.function);
    let effect = passing.effect();
    let work =
        |passing: &mut Passing| removal::refusal(&passing.call).unwrap_or_else(|| work(passing));
    let result = match effect {
        Effect::Forward => work(&mut passing),
        Effect::FailBefore(ckr) => ckr,
        Effect::FailAfter(ckr) => {
            work(&mut passing);
            ckr
        }
        Effect::WrongLength(length) => {
            passing.wrong_length = Some(length);
            work(&mut passing)
        }
    };
    record(&Line::Returned(Call { result, ..passing.call }));
    result
}

fn record(line: &Line) {
    // Where the test is over there is nobody to record for.
    let _ = call::append(folder(), line);
}

/// Calls the function of that name of the module below.
macro_rules! pass_on {
    ($passing:expr, $name:ident($($argument:expr),*)) => {
        $passing.pass_on(|below| match below.$name {
            // SAFETY: the arguments are the caller's own, who promises what the standard asks for.
            Some(function) => unsafe { function($($argument),*) },
            None => cryptoki_sys::CKR_FUNCTION_NOT_SUPPORTED,
        })
    };
}
pub(crate) use pass_on;
