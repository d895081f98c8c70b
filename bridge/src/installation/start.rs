//! Starts the bridge of this user, if it does not run. The launch link and the entry of the desktop
//! do no more than this.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{InstallError, platform};
use crate::access::approvals::StateFile;
use crate::instance::Running;

/// What [`start`] found or did.
pub(crate) enum Started {
    /// The bridge did not run before.
    Now(Running),
    /// The bridge ran already.
    Before(Running),
    /// A service manager listens, and starts the bridge at a connection.
    AtConnection,
}

/// Starts the bridge in the background, through the service manager if that is set up.
pub(crate) fn start(program: &Path) -> Result<Started, InstallError> {
    let state_file = StateFile::in_home().ok_or(InstallError::NoHome)?;
    if let Some(running) = Running::find(&state_file) {
        return Ok(Started::Before(running));
    }
    let mut child = None;
    match platform::start_by_service_manager() {
        Some(Ok(())) if platform::is_listening() => return Ok(Started::AtConnection),
        Some(Ok(())) => {}
        Some(Err(problem)) => return Err(InstallError::NotStarted { problem }),
        None => {
            let started = background(program).spawn();
            child = Some(started.map_err(|error| not_started(&error.to_string(), &state_file))?);
        }
    }
    let began = Instant::now();
    while began.elapsed() < START_LIMIT {
        if let Some(running) = Running::find(&state_file) {
            return Ok(Started::Now(running));
        }
        if let Some(Ok(Some(status))) = child.as_mut().map(|child| child.try_wait()) {
            return Err(not_started(&format!("it ended with {status}"), &state_file));
        }
        thread::sleep(PAUSE);
    }
    Err(not_started("it does not listen after 20 s", &state_file))
}

/// A process that no terminal ends.
fn background(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["serve", "--background"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    #[cfg(windows)]
    std::os::windows::process::CommandExt::creation_flags(&mut command, super::windows::HIDDEN);
    command.current_dir(program.parent().unwrap_or(Path::new("/")));
    command
}

fn not_started(problem: &str, state_file: &StateFile) -> InstallError {
    let log = crate::process::log_file::LogFile::path(state_file);
    InstallError::NotStarted {
        problem: format!("{problem}; see {}, or run `pkcs11-bridge` in a terminal", log.display()),
    }
}

const START_LIMIT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(50);
