//! Rules for single functions: wait, refuse, change the outcome.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::call::User;
use crate::new_id;

/// What is done with calls of one function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rule {
    id: u64,
    function: String,
    user: Option<User>,
    /// So many calls go by first.
    skip: u64,
    /// To so many calls it applies; `None` for all that follow.
    times: Option<u64>,
    /// How long the module waits first, in milliseconds.
    sleep: u64,
    /// Whether the module waits until the rule is changed or gone.
    held: bool,
    /// What it does then.
    effect: Effect,
}

/// What becomes of a call. Further kinds of faults belong here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// It is passed on.
    PassOn,
    /// It is answered with a `CKR_*` and not passed on.
    Refuse(u64),
    /// It is passed on, and then answered with a `CKR_*` all the same.
    Fail(u64),
}

impl Rule {
    /// A rule for all calls of a function, such as `C_Sign`, that does nothing yet.
    pub fn on(function: &str) -> Self {
        Self {
            id: new_id(),
            function: function.to_owned(),
            user: None,
            skip: 0,
            times: None,
            sleep: 0,
            held: false,
            effect: Effect::PassOn,
        }
    }

    /// A rule for all `C_Login`s of a type of user.
    pub fn on_login(user: User) -> Self {
        Self { user: Some(user), ..Self::on("C_Login") }
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

    /// Answers with a `CKR_*` and does not pass the call on.
    pub fn refuse(self, ckr: u64) -> Self {
        Self { effect: Effect::Refuse(ckr), ..self }
    }

    /// Passes the call on and answers with a `CKR_*` all the same.
    pub fn fail(self, ckr: u64) -> Self {
        Self { effect: Effect::Fail(ckr), ..self }
    }

    /// Under which the module counts the calls that fit.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether it speaks of a call of that function, by that type of user where it is a `C_Login`.
    pub fn fits(&self, function: &str, user: Option<User>) -> bool {
        self.function == function && (self.user.is_none() || self.user == user)
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

    /// What becomes of the call.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Has calls wait no more.
    pub fn release(&mut self) {
        self.held = false;
    }
}
