//! What the bridge tells the process that shows a question.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A way to ask the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    /// A window of the bridge itself, if a display is there.
    Window,
    /// A pinentry program.
    Pinentry,
    /// The terminal that the bridge was started in.
    Terminal,
}

impl Way {
    /// All ways, in the order in which the bridge tries them by default.
    pub(crate) const DEFAULT: [Self; 3] = [Self::Window, Self::Pinentry, Self::Terminal];
}

/// The pinentry programs to try. Each is a path, or a name that is searched in `PATH`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PinentryPrograms {
    /// This one only.
    Only(PathBuf),
    /// This one, and then each that is found.
    First(PathBuf),
    /// Each that is found.
    Found,
}

/// The input of the process that shows a question. Updates of the question may follow.
#[derive(Serialize, Deserialize)]
pub(super) struct DialogRequest<Q> {
    pub(super) question: Q,
    /// The ways to ask, in the order in which they are tried.
    pub(super) ways: Vec<Way>,
    pub(super) pinentry: PinentryPrograms,
    /// The device of the bridge's terminal, if the bridge runs in the foreground of a terminal.
    pub(super) terminal: Option<String>,
    /// How long the user has to answer.
    pub(super) seconds: u16,
}
