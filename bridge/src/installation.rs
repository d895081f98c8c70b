//! What `pkcs11-bridge install` sets up for the user: that the bridge starts by itself, and the
//! launch link. Needs no rights of an administrator, and changes nothing that it did not write.

#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "other systems need less of it"))]
mod files;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
mod organisation;
mod program;
mod start;
#[cfg(target_os = "linux")]
mod systemd;
#[cfg(windows)]
mod windows;

use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::access::approvals::StateFile;
use crate::config::{ConfigError, default_path};
use crate::instance::{Running, StartedBy};
use files::Files;
#[cfg(target_os = "linux")]
use linux as platform;
#[cfg(target_os = "macos")]
use macos as platform;
pub(crate) use organisation::take_pins_on_desktop_only;
use program::InstalledProgram;
pub(crate) use start::{Started, start};
#[cfg(windows)]
use windows as platform;

/// What starts the bridge, and for whom `install` set it up.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Setup {
    /// In words, such as "systemd, when a page connects"; `None` if nothing starts the bridge.
    pub(crate) starts_by: Option<String>,
    /// Whether something listens for the bridge now and starts it at a connection.
    pub(crate) is_listening: bool,
    /// Whether `pkcs11-bridge://start` is registered.
    pub(crate) has_launch_link: bool,
    /// The files and other places that hold this.
    pub(crate) places: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    #[error("the user has no home folder, so there is nowhere to install to")]
    NoHome,
    #[error(
        "cannot find out where this program is: {0}; start it by its full path, and not by a link \
         to a file that is gone"
    )]
    Program(io::Error),
    #[error(
        "the path of this program, {}, has a character that start files cannot hold; move the \
         program to another folder",
        .0.display()
    )]
    ProgramPath(PathBuf),
    #[error(
        "{} was not written by `pkcs11-bridge install`, so it stays as it is; move it away, and \
         run the command again",
        .0.display()
    )]
    #[cfg_attr(windows, allow(dead_code, reason = "as for `files`"))]
    NotOurs(PathBuf),
    #[error("cannot {action} {place}: {source}")]
    System { action: &'static str, place: String, source: io::Error },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(
        "{} sets pin_entry to another value than \"native\"; change that line, and run the command \
         again",
        .0.display()
    )]
    PinEntry(PathBuf),
    #[error("the bridge did not start: {problem}")]
    NotStarted { problem: String },
}

impl InstallError {
    fn system(action: &'static str, place: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let place = place.into();
        move |source| Self::System { action, place, source }
    }
}

/// Sets everything up. Returns what was done, in sentences. A second call does nothing.
pub(crate) fn install() -> Result<Vec<String>, InstallError> {
    let mut files = Files::of_user()?;
    let done = platform::install(&mut files, &InstalledProgram::this()?);
    // What was written before a failure can be removed too.
    files.record()?;
    let mut said = files.said();
    said.extend(done?);
    Ok(said)
}

/// Removes what [`install`] wrote. Returns what was done, in sentences.
pub(crate) fn uninstall() -> Result<Vec<String>, InstallError> {
    let mut files = Files::of_user()?;
    let mut said = platform::uninstall(&mut files)?;
    said.extend(files.said());
    said.extend(end_started());
    files.forget()?;
    Ok(said)
}

/// Ends the bridge that [`start`] has started.
fn end_started() -> Option<String> {
    let state_file = StateFile::in_home()?;
    let running = Running::find(&state_file)?;
    if running.started_by != StartedBy::Start {
        return None;
    }
    let process = running.process;
    let ended = end(process);
    let began = Instant::now();
    while ended.is_ok() && Running::find(&state_file).is_some() && began.elapsed() < END_LIMIT {
        thread::sleep(Duration::from_millis(50));
    }
    Some(match ended {
        Ok(()) => format!("Ended the bridge that ran, process {process}."),
        Err(error) => format!("The bridge still runs, as process {process}: {error}."),
    })
}

#[cfg(unix)]
fn end(process: u32) -> io::Result<()> {
    use rustix::process::{Pid, Signal, kill_process};

    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    Ok(kill_process(process.ok_or(io::ErrorKind::NotFound)?, Signal::TERM)?)
}

#[cfg(windows)]
fn end(_: u32) -> io::Result<()> {
    crate::windows::stop_event::stop_bridges().map(drop)
}

/// What is set up now.
pub(crate) fn setup() -> Setup {
    Files::of_user().map(|files| platform::setup(&files)).unwrap_or_default()
}

/// Whether a service manager listens for the bridge, and starts it at a connection.
pub(crate) fn is_listening() -> bool {
    platform::is_listening()
}

/// The folders with the user's own data, which `uninstall` leaves in place.
pub(crate) fn kept() -> Vec<PathBuf> {
    let state = StateFile::in_home().map(|file| file.folder().to_owned());
    let mut kept: Vec<_> = [state, default_path()].into_iter().flatten().collect();
    kept.retain(|path| path.exists());
    kept
}

/// A bridge answers open requests and ends its workers first.
const END_LIMIT: Duration = Duration::from_secs(10);
