//! Questions to the user. The bridge shows one question at a time, each in a process of its own. It
//! ends that process when the call no longer needs the answer. A pinentry that hangs then ends too,
//! and the memory with a partly entered PIN is gone.

pub(crate) mod availability;
mod dialog_process;
mod handle;
mod request;
mod screen;
mod updates;
mod ways;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use pkcs11_bridge_dialog::question::{self, Answer, Question};
pub use pkcs11_bridge_dialog::safe_text as text;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

pub(crate) use dialog_process::run as show;
use handle::DialogHandle;
pub use handle::read_answer;
use question::BatchProgress;
use request::DialogRequest;
pub(crate) use request::{PinentryPrograms, Way};
pub(crate) use screen::Busy;
use screen::{PinTurn, Screen};
use ways::Terminal;

/// How the bridge asks the user.
#[derive(Clone, Debug)]
pub(crate) struct DialogSettings {
    /// The ways to ask, in the order in which the bridge tries them.
    pub(crate) ways: Vec<Way>,
    pub(crate) pinentry: PinentryPrograms,
    /// How long the user has to answer a question.
    pub(crate) limit: Duration,
}

/// All dialogs of the bridge.
pub(crate) struct Dialogs {
    settings: DialogSettings,
    screen: Screen,
    progress: Semaphore,
    closed: CancellationToken,
}

/// The right to ask for PINs. No other question is shown until this is dropped.
pub(crate) struct Turn {
    dialogs: Arc<Dialogs>,
    _turn: PinTurn,
}

/// The bridge stops, so it does not ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopping;

/// How a question about a site ended.
pub(crate) enum ConsentOutcome {
    Answered(Answer),
    /// All pages of the site left while the question was on the screen.
    PagesLeft,
    /// Other questions wait, the bridge stops, or all pages left before the question was shown.
    NotShown,
}

impl Dialogs {
    pub(crate) fn new(settings: DialogSettings) -> Self {
        Self {
            settings,
            screen: Screen::new(),
            progress: Semaphore::new(1),
            closed: CancellationToken::new(),
        }
    }

    /// How long the user has to answer a question.
    pub(crate) fn limit(&self) -> Duration {
        self.settings.limit
    }

    /// Closes the current dialog and shows no further one.
    pub(crate) fn close(&self) {
        self.closed.cancel();
    }

    /// Waits for the right to ask for PINs.
    pub(crate) async fn pin_turn(self: &Arc<Self>) -> Result<Turn, Busy> {
        let _turn = self.screen.pin_turn(4 * self.settings.limit).await?;
        Ok(Turn { dialogs: Arc::clone(self), _turn })
    }

    /// Asks whether a site may use tokens. `pages` has a receiver for each call that waits for the
    /// answer.
    ///
    /// A PIN entry closes the dialog. It is shown again afterwards, with all its guards anew. The
    /// dialog also closes a moment after the last page has left. A page that is only loaded again
    /// finds it still open.
    pub(crate) async fn ask_consent<T>(
        &self,
        question: &Question,
        pages: &watch::Sender<T>,
    ) -> ConsentOutcome {
        let Ok(place) = self.screen.consent_place() else { return ConsentOutcome::NotShown };
        let mut limit = self.settings.limit;
        loop {
            let Ok(mut turn) = place.turn(limit).await else { return ConsentOutcome::NotShown };
            if pages.is_closed() {
                return ConsentOutcome::NotShown;
            }
            tokio::select! {
                biased;
                () = self.closed.cancelled() => return ConsentOutcome::NotShown,
                answer = self.show(question) => return ConsentOutcome::Answered(answer),
                () = left(pages) => return ConsentOutcome::PagesLeft,
                () = turn.wanted_for_pin() => {}
            }
            // A PIN entry may need several dialogs.
            limit = 4 * self.settings.limit;
        }
    }

    /// Shows how far a batch is, if a window can show it. Returns if the user cancels the batch.
    /// Dropping the future closes the window.
    pub(crate) async fn show_progress(&self, batch: BatchProgress, done: watch::Receiver<usize>) {
        let shown = async {
            if !self.settings.ways.contains(&Way::Window) || !ways::has_display() {
                return None;
            }
            let _permit = self.progress.acquire().await.ok()?;
            let mut request = self.request(Question::Progress(batch), None);
            request.ways = vec![Way::Window];
            let mut process = DialogHandle::start(&request).await.ok()?;
            process.answer_to_progress(done).await.ok()
        };
        let stopped = tokio::select! {
            answer = shown => matches!(answer, Some(Answer::Cancelled)),
            () = self.closed.cancelled() => false,
        };
        if !stopped {
            std::future::pending::<()>().await;
        }
    }

    async fn show(&self, question: &Question) -> Answer {
        let terminal = Terminal::open();
        let request = self.request(question, terminal.as_ref());
        let answer = match DialogHandle::start(&request).await {
            // Most pinentry programs apply the limit themselves. This is for those that do not.
            Ok(mut process) => timeout(self.settings.limit + GRACE, process.answer())
                .await
                .unwrap_or(Ok(Answer::TimedOut)),
            Err(error) => Err(error),
        };
        answer.unwrap_or_else(|error| Answer::Unavailable(error.to_string()))
    }

    fn request<Q>(&self, question: Q, terminal: Option<&Terminal>) -> DialogRequest<Q> {
        let settings = &self.settings;
        DialogRequest {
            question,
            ways: settings.ways.clone(),
            pinentry: settings.pinentry.clone(),
            terminal: terminal.map(|terminal| terminal.device().to_owned()),
            seconds: settings.limit.as_secs().try_into().unwrap_or(u16::MAX),
        }
    }
}

impl Turn {
    /// Shows a question and waits for the answer. Dropping the future closes the dialog.
    pub(crate) async fn ask(&mut self, question: &Question) -> Result<Answer, Stopping> {
        tokio::select! {
            biased;
            () = self.dialogs.closed.cancelled() => Err(Stopping),
            answer = self.dialogs.show(question) => Ok(answer),
        }
    }
}

/// Waits until the last page has left and none has come back for a moment.
async fn left<T>(pages: &watch::Sender<T>) {
    loop {
        pages.closed().await;
        sleep(RELOAD).await;
        if pages.is_closed() {
            return;
        }
    }
}

const GRACE: Duration = Duration::from_secs(1);
/// How long a page may take to load again.
const RELOAD: Duration = Duration::from_secs(3);
