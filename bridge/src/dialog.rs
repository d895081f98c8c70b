//! Questions to the user. The bridge shows one question at a time, each in a process of its own. It
//! ends that process when the call no longer needs the answer. A pinentry that hangs then ends too,
//! and the memory with a partly entered PIN is gone.

mod dialog_process;
mod handle;
mod terminal;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use pkcs11_bridge_dialog::safe_text as text;
use pkcs11_bridge_protocol::pin::Pin;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub(crate) use dialog_process::run as show;
use handle::DialogHandle;
pub use handle::read_answer;
use terminal::Terminal;

/// A question. Its texts must be safe to show: see [`text`].
#[derive(Serialize, Deserialize)]
pub(crate) enum Question {
    /// Asks for yes or no. `yes` and `no` are the labels of the buttons.
    Confirm { text: String, yes: String, no: String },
    /// Asks for a PIN. `error` says why the last PIN was not accepted.
    Pin { text: String, error: Option<String> },
    /// Shows a message until the call ends. Needs no answer.
    Message { text: String },
}

/// The user's answer. There is no `Debug`, because it may hold a PIN.
#[derive(Serialize, Deserialize)]
pub enum Answer {
    Yes,
    No,
    Pin(Pin),
    Cancelled,
    TimedOut,
    /// The bridge stops.
    Stopping,
    /// The bridge could not show the question. The text says why.
    Unavailable(String),
}

/// How the bridge asks the user.
#[derive(Clone, Debug)]
pub(crate) struct DialogSettings {
    /// A path, or a name that is searched in `PATH`.
    pub(crate) pinentry: PathBuf,
    /// How long the user has to answer a question.
    pub(crate) limit: Duration,
}

/// The input of the process that shows a question.
#[derive(Serialize, Deserialize)]
struct DialogRequest<Q> {
    question: Q,
    pinentry: PathBuf,
    /// The device of the bridge's terminal, if the bridge runs in the foreground of a terminal.
    terminal: Option<String>,
    seconds: u16,
}

/// All dialogs of the bridge.
pub(crate) struct Dialogs {
    settings: DialogSettings,
    screen: Arc<Mutex<()>>,
    waiting_for_consent: Semaphore,
    waiting_for_pins: Semaphore,
    closed: CancellationToken,
}

/// The right to show questions. No other question is shown until this is dropped.
pub(crate) struct Turn {
    dialogs: Arc<Dialogs>,
    _screen: OwnedMutexGuard<()>,
}

/// The kind of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuestionKind {
    Consent,
    Pin,
}

/// Too many other questions wait, or they took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

impl Dialogs {
    pub(crate) fn new(settings: DialogSettings) -> Self {
        Self {
            settings,
            screen: Arc::default(),
            waiting_for_consent: Semaphore::new(MAX_WAITING_FOR_CONSENT),
            waiting_for_pins: Semaphore::new(MAX_WAITING_FOR_PINS),
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

    /// Waits until no other question is on the screen. Fails if the queue is full or the wait takes
    /// too long.
    ///
    /// Any page can cause a consent question, so few of them may wait. PIN questions come from
    /// approved pages only, so more of them may wait, and longer.
    pub(crate) async fn turn(self: &Arc<Self>, kind: QuestionKind) -> Result<Turn, Busy> {
        let (queue, limit) = match kind {
            QuestionKind::Consent => (&self.waiting_for_consent, self.settings.limit),
            QuestionKind::Pin => (&self.waiting_for_pins, 4 * self.settings.limit),
        };
        let _queued = queue.try_acquire().map_err(|_| Busy)?;
        let screen = Arc::clone(&self.screen).lock_owned();
        let _screen = timeout(limit, screen).await.map_err(|_| Busy)?;
        Ok(Turn { dialogs: Arc::clone(self), _screen })
    }
}

impl Turn {
    /// Shows a question and waits for the answer. Dropping the future closes the dialog.
    pub(crate) async fn ask(&mut self, question: &Question) -> Answer {
        tokio::select! {
            biased;
            () = self.dialogs.closed.cancelled() => Answer::Stopping,
            answer = self.show(question) => answer,
        }
    }

    async fn show(&self, question: &Question) -> Answer {
        let settings = &self.dialogs.settings;
        let terminal = Terminal::open();
        let request = DialogRequest {
            question,
            pinentry: settings.pinentry.clone(),
            terminal: terminal.as_ref().map(|terminal| terminal.device().to_owned()),
            seconds: settings.limit.as_secs().try_into().unwrap_or(u16::MAX),
        };
        let answer = match DialogHandle::start(&request).await {
            // Most pinentry programs apply the limit themselves. This is for those that do not.
            Ok(mut process) => timeout(settings.limit + GRACE, process.answer())
                .await
                .unwrap_or(Ok(Answer::TimedOut)),
            Err(error) => Err(error),
        };
        answer.unwrap_or_else(|error| Answer::Unavailable(error.to_string()))
    }
}

/// The most questions that wait or are on the screen.
const MAX_WAITING_FOR_CONSENT: usize = 2;
const MAX_WAITING_FOR_PINS: usize = 8;
const GRACE: Duration = Duration::from_secs(1);
