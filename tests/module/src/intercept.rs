//! What this module does with every call: it applies the rules, fails calls on removed tokens, and
//! records the call.

use std::thread::sleep;
use std::time::{SystemTime, UNIX_EPOCH};

use cryptoki_sys::{CK_FUNCTION_LIST, CK_RV, CK_SESSION_HANDLE, CK_SLOT_ID, CK_ULONG, CKR_OK};
use pkcs11_bridge_test_rules::call::{self, AnsweredBy, Call, Line, User};
use pkcs11_bridge_test_rules::fault::{Fault, WrongLength};
use pkcs11_bridge_test_rules::rule::{Effect, Rule};

use crate::counters::Counters;
use crate::folder::{folder, rules, wait_while};
use crate::sessions::slot_of;
use crate::wrapped_module::wrapped_module;
use crate::{fault, removal, slot_events};

/// What identifies a call.
pub(crate) struct CallInfo(Call);

impl CallInfo {
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

    pub(crate) fn login(self, user: User, pin_len: Option<CK_ULONG>) -> Self {
        Self(Call { user: Some(user), pin_len, ..self.0 })
    }
}

/// A call in progress.
pub(crate) struct InterceptedCall {
    record: Call,
    wrong_length: Option<WrongLength>,
}

impl InterceptedCall {
    /// Calls the wrapped module.
    pub(crate) fn forward(&mut self, call: impl FnOnce(&CK_FUNCTION_LIST) -> CK_RV) -> CK_RV {
        self.record.answered_by = AnsweredBy::RealModule;
        call(&wrapped_module())
    }

    /// Marks the call as answered by a simulated token, which has checked a PIN.
    pub(crate) fn mark_simulated(&mut self) {
        self.record.answered_by = AnsweredBy::SimulatedToken;
    }

    /// Replaces a length or count if a rule says so.
    ///
    /// # Safety
    /// `len` is valid for reads and writes, or `result` is not `CKR_OK`.
    pub(crate) unsafe fn apply_wrong_length(
        &self,
        result: CK_RV,
        has_buffer: bool,
        len: *mut CK_ULONG,
    ) {
        if let (CKR_OK, Some(wrong)) = (result, self.wrong_length) {
            // SAFETY: the result is `CKR_OK`, so that `len` is valid.
            unsafe { *len = wrong.instead_of(*len, has_buffer) };
        }
    }

    /// Records that the call waits or never returns.
    pub(crate) fn record_blocked(&self) {
        record(&Line::Blocked(self.record.clone()));
    }

    fn delay_and_fail(&self, rule: &Rule) {
        if rule.is_held() || !rule.pause().is_zero() {
            self.record_blocked();
        }
        sleep(rule.pause());
        wait_while(|rules| {
            let mut same = rules.rules.iter().filter(|other| other.id() == rule.id());
            same.any(Rule::is_held)
        });
        if !rule.faults().iter().all(Fault::returns) {
            self.record_blocked();
        }
        rule.faults().iter().for_each(fault::cause);
    }

    /// Applies the delays and faults of all matching rules, and returns the effect of the first one
    /// that has an effect.
    fn effect(&self) -> Effect {
        let mut effect = Effect::Forward;
        for rule in rules().rules.iter().filter(|rule| rule.matches(&self.record)) {
            let applies =
                |window: std::ops::Range<u64>| window.contains(&Counters::next_call(rule.id()));
            if !rule.window().is_none_or(applies) {
                continue;
            }
            self.delay_and_fail(rule);
            if effect == Effect::Forward {
                effect = rule.effect();
            }
        }
        effect
    }
}

/// Runs `work` for a call, unless a rule or a removed token makes the call fail.
pub(crate) fn intercept(info: CallInfo, work: impl FnOnce(&mut InterceptedCall) -> CK_RV) -> CK_RV {
    let mut call = InterceptedCall { record: info.0, wrong_length: None };
    slot_events::wait_for_lock(&call.record.function);
    let effect = call.effect();
    let work =
        |call: &mut InterceptedCall| removal::error(&call.record).unwrap_or_else(|| work(call));
    let result = match effect {
        Effect::Forward => work(&mut call),
        Effect::FailBefore(ckr) => ckr,
        Effect::FailAfter(ckr) => {
            work(&mut call);
            ckr
        }
        Effect::WrongLength(length) => {
            call.wrong_length = Some(length);
            work(&mut call)
        }
    };
    record(&Line::Returned(Call { result, ..call.record }));
    result
}

fn record(line: &Line) {
    // After the end of the test the folder is gone, and the record is not needed.
    let _ = call::append(folder(), line);
}

/// Calls the wrapped module's function of this name.
macro_rules! forward {
    ($call:expr, $name:ident($($argument:expr),*)) => {
        $call.forward(|module| match module.$name {
            // SAFETY: the arguments are those of this module's caller, who follows PKCS#11.
            Some(function) => unsafe { function($($argument),*) },
            None => cryptoki_sys::CKR_FUNCTION_NOT_SUPPORTED,
        })
    };
}
pub(crate) use forward;
