//! macOS: a launch agent. The launch link belongs to the application bundle (`Info.plist`), which
//! starts the bridge without the link. So nothing of the link reaches the program.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::files::{Files, MARK};
use super::program::InstalledProgram;
use super::{InstallError, Setup, Started, start};
use crate::instance::LAUNCHD_LABEL;

pub(super) fn install(
    files: &mut Files,
    program: &InstalledProgram,
) -> Result<Vec<String>, InstallError> {
    let agent = agent().ok_or(InstallError::NoHome)?;
    let text = program.in_plist(include_str!("../../desktop/launch-agent.plist"));
    let text = text.replacen("<plist ", &format!("<!-- {MARK} -->\n<plist "), 1);
    files.write_marked(&agent, &text, "macOS starts the bridge at log-in")?;
    let said = match start(program.path())? {
        Started::Now(running) => format!("The bridge listens at ws://{}.", running.address),
        Started::Before(running) => format!(
            "A bridge runs already, at ws://{}, as process {}.",
            running.address, running.process
        ),
        Started::AtConnection => "macOS starts the bridge.".to_owned(),
    };
    Ok(vec![said])
}

pub(super) fn uninstall(files: &mut Files) -> Result<Vec<String>, InstallError> {
    let agent = agent().ok_or(InstallError::NoHome)?;
    if files.has(&agent) {
        let _ = launchctl(&["bootout", &format!("{}/{LAUNCHD_LABEL}", domain())]);
        files.remove(&agent)?;
    }
    Ok(Vec::new())
}

pub(super) fn setup(files: &Files) -> Setup {
    let agent = agent().filter(|agent| files.has(agent));
    let bundle = std::env::current_exe().ok().and_then(|program| {
        let contents = program.parent()?.parent()?;
        Some(contents.join("Info.plist")).filter(|list| list.is_file())
    });
    Setup {
        starts_by: agent.as_ref().map(|_| "macOS, at log-in".to_owned()),
        is_listening: false,
        has_launch_link: bundle.is_some(),
        places: [agent, bundle]
            .into_iter()
            .flatten()
            .map(|path| path.display().to_string())
            .collect(),
    }
}

/// launchd starts the bridge at log-in, and does not listen for it.
pub(super) fn is_listening() -> bool {
    false
}

/// Starts the bridge through launchd; `None` if the agent is not there.
pub(super) fn start_by_service_manager() -> Option<Result<(), String>> {
    let agent = agent().filter(|agent| agent.is_file())?;
    let agent = agent.to_str()?;
    // Fails if launchd has it already.
    let _ = launchctl(&["bootstrap", &domain(), agent]);
    Some(launchctl(&["kickstart", &format!("{}/{LAUNCHD_LABEL}", domain())]))
}

fn agent() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty())?;
    let agents = PathBuf::from(home).join("Library/LaunchAgents");
    Some(agents.join(format!("{LAUNCHD_LABEL}.plist")))
}

/// The session of the user at the screen (launchctl(1)).
fn domain() -> String {
    format!("gui/{}", rustix::process::getuid().as_raw())
}

fn launchctl(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("/bin/launchctl").args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("cannot run launchctl: {error}"))?;
    let problem = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(problem()) }
}
