//! The ways to ask the user, in turn: the first that works gives the answer. A way that fails
//! before the user has decided is passed over.

mod pinentry;
mod terminal;
mod window;

use std::time::{Duration, Instant};

use pkcs11_bridge_dialog::question::{Answer, Question};

use super::request::{DialogRequest, Way};
use super::updates::Updates;
pub(super) use pinentry::programs as pinentry_programs;
pub(super) use terminal::Terminal;
pub(crate) use window::has_display;
pub(super) use window::{no_window, probe_window};

/// A question, and until when the user may answer it.
struct Asked<'a> {
    request: &'a DialogRequest<Question>,
    deadline: Instant,
}

impl Asked<'_> {
    fn question(&self) -> &Question {
        &self.request.question
    }

    /// The time that is left.
    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// Asks the user in each way in turn.
pub(super) fn ask(request: &DialogRequest<Question>, updates: Updates) -> Answer {
    let limit = Duration::from_secs(request.seconds.into());
    let asked = Asked { request, deadline: Instant::now() + limit };
    let mut reasons = Vec::new();
    let mut updates = Some(updates);
    for way in &request.ways {
        let answer = match way {
            Way::Window => match updates.take() {
                Some(updates) => window::ask(&asked, updates),
                None => continue,
            },
            Way::Pinentry => pinentry::ask(&asked),
            Way::Terminal => terminal::ask(&asked),
        };
        match answer {
            Answer::Unavailable(reason) => reasons.push(reason),
            // Several pinentry programs report a time-out in the same way as the Cancel button.
            Answer::Denied | Answer::Cancelled if asked.left().is_zero() => {
                return Answer::TimedOut;
            }
            answer => return answer,
        }
    }
    if reasons.is_empty() {
        reasons.push("the configuration allows no way to ask".to_owned());
    }
    Answer::Unavailable(reasons.join("; "))
}
