//! Rules for single functions. A rule can delay a call, cause faults, make the call fail, and
//! change its result.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Ulong;

use crate::call::{Call, User};
use crate::fault::{Fault, WrongLength};
use crate::new_id;

/// What the module does with calls of one function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rule {
    id: u64,
    function: String,
    user: Option<User>,
    slot: Option<Ulong>,
    /// The only process to which the rule applies; `None` for all.
    process: Option<u32>,
    /// The number of calls before the rule applies.
    skip: u64,
    /// The number of calls to which the rule applies; `None` for all.
    times: Option<u64>,
    /// The delay before the call, in milliseconds.
    sleep: u64,
    /// Whether the call waits until the test releases or removes the rule.
    held: bool,
    /// The faults after the delay.
    faults: Vec<Fault>,
    /// The effect on the call itself.
    effect: Effect,
}

/// The effect of a rule on a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// The wrapped module answers it.
    Forward,
    /// It returns this `CKR_*` without reaching the wrapped module.
    FailBefore(Ulong),
    /// The wrapped module answers it, and then it returns this `CKR_*`.
    FailAfter(Ulong),
    /// The wrapped module answers it, and then it returns a wrong length or count.
    WrongLength(WrongLength),
}

impl Rule {
    /// A rule without effect for all calls of a function, such as `C_Sign`.
    pub fn on(function: &str) -> Self {
        Self {
            id: new_id(),
            function: function.to_owned(),
            user: None,
            slot: None,
            process: None,
            skip: 0,
            times: None,
            sleep: 0,
            held: false,
            faults: Vec::new(),
            effect: Effect::Forward,
        }
    }

    /// A rule without effect for all calls of `C_Login` with this user type.
    pub fn on_login(user: User) -> Self {
        Self { user: Some(user), ..Self::on("C_Login") }
    }

    /// Limits the rule to calls on a slot or on its sessions.
    pub fn slot(self, slot: Ulong) -> Self {
        Self { slot: Some(slot), ..self }
    }

    /// Limits the rule to calls in one process. A module that broke for good stays broken there.
    pub fn in_process(self, pid: u32) -> Self {
        Self { process: Some(pid), ..self }
    }

    /// Limits the rule to the `n`th matching call from now on, from 1.
    pub fn nth(self, n: u64) -> Self {
        Self { skip: n.checked_sub(1).expect("calls are counted from 1"), times: Some(1), ..self }
    }

    /// Limits the rule to the next `n` matching calls.
    pub fn next(self, n: u64) -> Self {
        Self { times: Some(n), ..self }
    }

    /// Delays the call.
    pub fn sleep(self, time: Duration) -> Self {
        Self { sleep: time.as_millis().try_into().expect("a short time"), ..self }
    }

    /// Makes the call wait until the test releases the rule.
    pub fn held(self) -> Self {
        Self { held: true, ..self }
    }

    /// Adds a fault. The call continues after a fault that returns.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Returns a `CKR_*` without calling the wrapped module.
    pub fn fail_before(self, ckr: Ulong) -> Self {
        Self { effect: Effect::FailBefore(ckr), ..self }
    }

    /// Calls the wrapped module, and then returns a `CKR_*`.
    pub fn fail_after(self, ckr: Ulong) -> Self {
        Self { effect: Effect::FailAfter(ckr), ..self }
    }

    /// Calls the wrapped module, and then returns a wrong length or count.
    pub fn wrong_length(self, length: WrongLength) -> Self {
        Self { effect: Effect::WrongLength(length), ..self }
    }

    /// The id under which the module counts matching calls.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether the rule matches a call.
    pub fn matches(&self, call: &Call) -> bool {
        self.function == call.function
            && (self.user.is_none() || self.user == call.user)
            && (self.slot.is_none() || self.slot == call.slot)
            && self.process.is_none_or(|process| process == call.pid)
    }

    /// The numbers of the matching calls to which the rule applies, from 0; `None` for all.
    pub fn window(&self) -> Option<std::ops::Range<u64>> {
        match (self.skip, self.times) {
            (0, None) => None,
            (skip, times) => Some(skip..times.map_or(u64::MAX, |times| skip.saturating_add(times))),
        }
    }

    /// The delay before the call.
    pub fn pause(&self) -> Duration {
        Duration::from_millis(self.sleep)
    }

    /// Whether the call waits for the test.
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// The faults in their order.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The effect on the call.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Lets the waiting calls go on.
    pub fn release(&mut self) {
        self.held = false;
    }
}
