//! The bridge of this user that runs now. Its file, beside the state file, tells other processes of
//! the user where it listens. The bridge holds the lock of this file until it ends.
//!
//! Pages that meet two bridges on their first contact take neither. So a bridge that chooses its
//! port does not start beside another one.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::access::approvals::{StateFile, now};
use crate::process::private_file::{HeldLock, PrivateFile, PrivateFileError};

/// What a running bridge tells of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Where it listens, such as `127.0.0.1:24911`.
    pub(crate) address: String,
    pub(crate) process: u32,
    pub(crate) version: String,
    pub(crate) started_by: StartedBy,
    /// In seconds since 1970.
    pub(crate) started: u64,
    /// The file of the log, if the log goes to one.
    pub(crate) log: Option<PathBuf>,
}

/// What started a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StartedBy {
    /// systemd, at a connection to its socket.
    SystemdSocket,
    /// systemd, without a socket.
    Systemd,
    /// launchd of macOS.
    Launchd,
    /// `pkcs11-bridge start`: at log-in, by the launch link, or by the user.
    Start,
    /// A command.
    Command,
}

/// The claim of this process to be the user's bridge. Dropping it ends the claim.
pub(crate) struct Instance {
    file: PrivateFile,
    _lock: HeldLock,
}

/// Why this process cannot be the user's bridge.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstanceError {
    #[error("{}", already_runs(.0.as_ref()))]
    Runs(Option<Running>),
    #[error("cannot record that the bridge runs: {0}")]
    File(#[from] PrivateFileError),
}

fn already_runs(running: Option<&Running>) -> String {
    let place = running
        .map(|running| format!(", at ws://{}, as process {}", running.address, running.process));
    format!(
        "a bridge of this user runs already{}; use it, or end it first, or choose another port \
         with --listen",
        place.unwrap_or_default()
    )
}

impl Instance {
    /// Claims to be the bridge of the user. Fails if another process is.
    pub(crate) fn claim(state_file: &StateFile) -> Result<Self, InstanceError> {
        let file = file(state_file);
        match file.try_hold()? {
            Some(lock) => Ok(Self { file, _lock: lock }),
            None => Err(InstanceError::Runs(read(&file))),
        }
    }

    /// Tells other processes of the user where this bridge listens.
    pub(crate) fn record(&self, running: &Running) {
        let written = serde_json::to_vec(running).map(|content| self.file.replace(&content));
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, "other programs cannot see that the bridge runs");
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.file.path());
    }
}

impl Running {
    pub(crate) fn here(address: String, started_by: StartedBy, log: Option<PathBuf>) -> Self {
        Self {
            address,
            process: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_by,
            started: now(),
            log,
        }
    }

    /// The bridge of the user that runs now.
    pub(crate) fn find(state_file: &StateFile) -> Option<Self> {
        let file = file(state_file);
        let running = read(&file)?;
        // A bridge that was killed left its file, but not the lock.
        match file.try_hold() {
            Ok(Some(_)) => None,
            Ok(None) | Err(_) => Some(running),
        }
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> Option<u16> {
        self.address.rsplit_once(':')?.1.parse().ok()
    }
}

impl StartedBy {
    /// What started this process.
    pub(crate) fn of_this_process(has_passed_sockets: bool, in_background: bool) -> Self {
        let own_id = std::process::id().to_string();
        if has_passed_sockets {
            Self::SystemdSocket
        } else if std::env::var("SYSTEMD_EXEC_PID").is_ok_and(|id| id == own_id) {
            Self::Systemd
        } else if cfg!(target_os = "macos") && std::env::var("XPC_SERVICE_NAME").is_ok_and(is_label)
        {
            Self::Launchd
        } else if in_background {
            Self::Start
        } else {
            Self::Command
        }
    }
}

fn is_label(name: String) -> bool {
    name == LAUNCHD_LABEL
}

fn file(state_file: &StateFile) -> PrivateFile {
    PrivateFile::at(state_file.folder().join("bridge.json"))
}

fn read(file: &PrivateFile) -> Option<Running> {
    serde_json::from_slice(&file.read().ok()??).ok()
}

/// The label of the launch agent of macOS.
pub(crate) const LAUNCHD_LABEL: &str = "org.pkcs11-bridge.pkcs11-bridge";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_one_bridge() {
        let folder = tempfile::tempdir().unwrap();
        let state_file = StateFile::at(folder.path().join("state/approvals.json"));
        assert_eq!(Running::find(&state_file), None);
        let first = Instance::claim(&state_file).unwrap();
        let running = Running::here("127.0.0.1:1234".to_owned(), StartedBy::Command, None);
        first.record(&running);
        assert_eq!(Running::find(&state_file), Some(running.clone()));
        assert_eq!(running.port(), Some(1234));
        let Err(error) = Instance::claim(&state_file) else { panic!("two bridges") };
        assert!(error.to_string().contains("at ws://127.0.0.1:1234, as process"), "{error}");
        drop(first);
        assert_eq!(Running::find(&state_file), None);
        let second = Instance::claim(&state_file).unwrap();
        // As a bridge that was killed leaves it.
        second.record(&running);
        let file = file(&state_file);
        let content = std::fs::read(file.path()).unwrap();
        drop(second);
        std::fs::write(file.path(), content).unwrap();
        assert_eq!(Running::find(&state_file), None);
    }
}
