//! The ways to ask the user, in turn: the first that works gives the answer. A way that fails
//! before the user has decided is passed over.

mod pinentry;
mod terminal;
mod window;

use std::sync::Arc;
use std::time::{Duration, Instant};

use pkcs11_bridge_dialog::question::{Answer, Question};

use super::request::{DialogRequest, Way};
use super::updates::Updates;
pub(super) use pinentry::programs as pinentry_programs;
pub(super) use terminal::Terminal;
pub(crate) use window::has_display;
pub(super) use window::{no_window, probe_window};

/// A question, and until when the user may answer it.
#[derive(Clone)]
struct Asked {
    request: Arc<DialogRequest<Question>>,
    deadline: Instant,
}

impl Asked {
    fn question(&self) -> &Question {
        &self.request.question
    }

    /// The time that is left.
    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// Takes the answer if the display hangs this thread.
type TakeAnswer = fn(&Answer);

/// Asks the user in each way in turn. If the display hangs this thread, another thread asks in the
/// ways after the window, and hands the answer to `take`. Then this function does not return.
pub(super) fn ask(request: DialogRequest<Question>, updates: Updates, take: TakeAnswer) -> Answer {
    let limit = Duration::from_secs(request.seconds.into());
    let asked = Asked { request: Arc::new(request), deadline: Instant::now() + limit };
    ask_from(0, &asked, Some(updates), Vec::new(), take)
}

/// Asks in each way from the one with this number on. `reasons` says why others do not work.
fn ask_from(
    first: usize,
    asked: &Asked,
    mut updates: Option<Updates>,
    mut reasons: Vec<String>,
    take: TakeAnswer,
) -> Answer {
    for (number, way) in asked.request.ways.iter().enumerate().skip(first) {
        let answer = match way {
            Way::Window => {
                let Some(updates) = updates.take() else { continue };
                let (later, mut reasons) = (asked.clone(), reasons.clone());
                window::ask(asked, updates, move |reason| {
                    reasons.push(reason);
                    take(&ask_from(number + 1, &later, None, reasons, take));
                })
            }
            Way::Pinentry => pinentry::ask(asked),
            Way::Terminal => terminal::ask(asked),
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
