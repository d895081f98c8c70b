//! Rules for single functions: wait, be faulty, refuse, change the outcome.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::call::{Call, User};
use crate::fault::{Fault, WrongLength};
use crate::new_id;

/// What is done with calls of one function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rule {
    id: u64,
    function: String,
    user: Option<User>,
    slot: Option<u64>,
    /// So many calls go by first.
    skip: u64,
    /// To so many calls it applies; `None` for all that follow.
    times: Option<u64>,
    /// How long the module waits first, in milliseconds.
    sleep: u64,
    /// Whether the module waits until the rule is changed or gone.
    held: bool,
    /// What it does then to its own process.
    faults: Vec<Fault>,
    /// What it does with the call at last.
    effect: Effect,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// It is passed on.
    Forward,
    /// It is answered with a `CKR_*` and not passed on.
    FailBefore(u64),
    /// It is passed on, and then answered with a `CKR_*` all the same.
    FailAfter(u64),
    /// It is passed on, and then answered with another length or count.
    WrongLength(WrongLength),
}

impl Rule {
    /// A rule for all calls of a function, such as `C_Sign`, that does nothing yet.
    pub fn on(function: &str) -> Self {
        Self {
            id: new_id(),
            function: function.to_owned(),
            user: None,
            slot: None,
            skip: 0,
            times: None,
            sleep: 0,
            held: false,
            faults: Vec::new(),
            effect: Effect::Forward,
        }
    }

    /// A rule for all `C_Login`s of a type of user.
    pub fn on_login(user: User) -> Self {
        Self { user: Some(user), ..Self::on("C_Login") }
    }

    /// Only for calls that concern a slot, be it by a session on it.
    pub fn slot(self, slot: u64) -> Self {
        Self { slot: Some(slot), ..self }
    }

    /// Only for the `n`th such call from now on, beginning with 1.
    pub fn nth(self, n: u64) -> Self {
        Self { skip: n.checked_sub(1).expect("calls are counted from 1"), times: Some(1), ..self }
    }

    /// Only for the next `n` such calls.
    pub fn next(self, n: u64) -> Self {
        Self { times: Some(n), ..self }
    }

    /// The module waits first.
    pub fn sleep(self, time: Duration) -> Self {
        Self { sleep: time.as_millis().try_into().expect("a short time"), ..self }
    }

    /// The module waits first until the test releases the call.
    pub fn held(self) -> Self {
        Self { held: true, ..self }
    }

    /// Shows a fault, after those that it shows already. The call goes on where it comes back.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Answers with a `CKR_*` and does not pass the call on.
    pub fn fail_before(self, ckr: u64) -> Self {
        Self { effect: Effect::FailBefore(ckr), ..self }
    }

    /// Passes the call on and answers with a `CKR_*` all the same.
    pub fn fail_after(self, ckr: u64) -> Self {
        Self { effect: Effect::FailAfter(ckr), ..self }
    }

    /// Passes the call on and lies about the length or count that was asked for.
    pub fn wrong_length(self, length: WrongLength) -> Self {
        Self { effect: Effect::WrongLength(length), ..self }
    }

    /// Under which the module counts the calls that fit.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether it speaks of such a call.
    pub fn fits(&self, call: &Call) -> bool {
        self.function == call.function
            && (self.user.is_none() || self.user == call.user)
            && (self.slot.is_none() || self.slot == call.slot)
    }

    /// Which of the calls that fit it applies to, beginning with 0; `None` for all.
    pub fn window(&self) -> Option<std::ops::Range<u64>> {
        match (self.skip, self.times) {
            (0, None) => None,
            (skip, times) => Some(skip..times.map_or(u64::MAX, |times| skip.saturating_add(times))),
        }
    }

    /// How long the module waits first.
    pub fn pause(&self) -> Duration {
        Duration::from_millis(self.sleep)
    }

    /// Whether the module waits until the test releases the call.
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// What it does to its own process, one after the other.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// What becomes of the call.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Has calls wait no more.
    pub fn release(&mut self) {
        self.held = false;
    }
}
