//! Questions to the user, one at a time for the whole bridge. Each is shown by a process of its own,
//! which is ended with whoever it was asked for: a pinentry may hang, and what it has read of a PIN is
//! gone with the process.

mod process;
mod shown;
mod terminal;
pub mod text;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pkcs11_bridge_protocol::pin::Pin;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use process::DialogProcess;
pub use process::read_answer;
pub(crate) use shown::run as show;
use terminal::Terminal;

/// What is asked. Every text is safe to be shown: see [`text`].
#[derive(Serialize, Deserialize)]
pub(crate) enum Question {
    /// Yes or no.
    Confirm { text: String, yes: String, no: String },
    /// A PIN. `error` is what was wrong with the one before.
    Pin { text: String, error: Option<String> },
    /// Nothing: the user is told something, for as long as it is of use.
    Message { text: String },
}

/// What the user said. No `Debug`: it may hold a PIN.
#[derive(Serialize, Deserialize)]
pub enum Answer {
    Yes,
    No,
    Pin(Pin),
    Cancelled,
    TimedOut,
    /// The bridge stops.
    Stopping,
    /// The question could not be shown; the text says why.
    Unavailable(String),
}

/// How the user can be asked.
#[derive(Clone, Debug)]
pub(crate) struct DialogSettings {
    /// A path, or a name that is looked for in `PATH`.
    pub(crate) pinentry: PathBuf,
    /// How long a question is shown.
    pub(crate) limit: Duration,
}

/// A question as the process that shows it gets it.
#[derive(Serialize, Deserialize)]
struct Showing<Q> {
    question: Q,
    pinentry: PathBuf,
    /// The device of the bridge's terminal, where it has one and is in its foreground.
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

/// The screen, for as long as it is held.
pub(crate) struct Turn {
    dialogs: Arc<Dialogs>,
    _screen: OwnedMutexGuard<()>,
}

/// What the user is to be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    Consent,
    Pin,
}

/// Other questions were in the way.
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

    /// How long a question is shown.
    pub(crate) fn limit(&self) -> Duration {
        self.settings.limit
    }

    /// Closes the dialog that is shown, and shows no more.
    pub(crate) fn close(&self) {
        self.closed.cancel();
    }

    /// Waits until no other question is shown, in a queue that has an end. Any page can have consent
    /// asked for, so that few such questions wait, and those of approved pages wait longer.
    pub(crate) async fn turn(self: &Arc<Self>, asking: Asking) -> Result<Turn, Busy> {
        let (places, limit) = match asking {
            Asking::Consent => (&self.waiting_for_consent, self.settings.limit),
            Asking::Pin => (&self.waiting_for_pins, 4 * self.settings.limit),
        };
        let _place = places.try_acquire().map_err(|_| Busy)?;
        let screen = Arc::clone(&self.screen).lock_owned();
        let _screen = timeout(limit, screen).await.map_err(|_| Busy)?;
        Ok(Turn { dialogs: Arc::clone(self), _screen })
    }
}

impl Turn {
    /// Shows a question and waits for the answer. The dialog is closed with the future.
    pub(crate) async fn ask(&mut self, question: &Question) -> Answer {
        tokio::select! {
            biased;
            () = self.dialogs.closed.cancelled() => Answer::Stopping,
            answer = self.show(question) => answer,
        }
    }

    async fn show(&self, question: &Question) -> Answer {
        let settings = &self.dialogs.settings;
        let terminal = Terminal::of_bridge();
        let showing = Showing {
            question,
            pinentry: settings.pinentry.clone(),
            terminal: terminal.as_ref().map(|terminal| terminal.device().to_owned()),
            seconds: settings.limit.as_secs().try_into().unwrap_or(u16::MAX),
        };
        let answer = match DialogProcess::start(&showing).await {
            // A pinentry that knows of the limit answers by itself.
            Ok(mut process) => timeout(settings.limit + GRACE, process.answer())
                .await
                .unwrap_or(Ok(Answer::TimedOut)),
            Err(error) => Err(error),
        };
        answer.unwrap_or_else(|error| Answer::Unavailable(error.to_string()))
    }
}

/// Questions that wait for others to be answered.
const MAX_WAITING_FOR_CONSENT: usize = 2;
const MAX_WAITING_FOR_PINS: usize = 8;
const GRACE: Duration = Duration::from_secs(1);
