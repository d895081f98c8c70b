//! The script of checks, in the order of the table. A check starts a bridge of its own, so that no
//! check depends on another.

mod apdus;
mod calls;
mod disturbances;
mod logins;

use std::pin::Pin;

use super::context::Context;
use super::report::Verdict;

/// A check of the script.
pub(super) struct Check {
    pub(super) name: &'static str,
    /// The two lines above its verdicts.
    pub(super) heading: [&'static str; 2],
    pub(super) run: Run,
}

/// Fails with a reason.
type Run = for<'a> fn(&'a mut Context) -> Running<'a>;
type Running<'a> = Pin<Box<dyn Future<Output = Result<Verdict, String>> + 'a>>;

impl Check {
    /// The width of its verdicts in the table.
    pub(super) fn width(&self) -> usize {
        self.heading.iter().map(|word| word.chars().count()).max().unwrap_or_default()
    }
}

macro_rules! checks {
    ($($name:literal, $first:literal $second:literal: $room:ident::$check:ident;)*) => {
        &[$(Check {
            name: $name,
            heading: [$first, $second],
            run: |context| Box::pin($room::$check(context)),
        },)*]
    };
}

pub(super) const CHECKS: &[Check] = checks! {
    "found by itself", "found" "itself": calls::found_by_itself;
    "every method", "every" "method": calls::every_method;
    "every algorithm", "every" "algor.": calls::every_algorithm;
    "wrong then right PIN", "wrong," "right": logins::wrong_then_right_pin;
    "batch of 50", "batch" "of 50": calls::batch;
    "16 connections", "16" "conns": logins::connections;
    "two origins", "two" "origins": logins::two_origins;
    "logout", "log-" "out": logins::logout;
    "daemon restarted", "daemon" "restart": disturbances::daemon_restarted;
    "out and back, watched", "out, in" "watched": disturbances::out_and_back_watched;
    "out and back, unwatched", "out, in" "unwat.": disturbances::out_and_back_unwatched;
    "worker killed", "worker" "killed": disturbances::worker_killed;
    "no more APDUs", "no more" "APDUs": apdus::no_more_apdus;
    "clean end", "clean" "end": disturbances::clean_end;
};
