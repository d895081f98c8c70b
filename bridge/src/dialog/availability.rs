//! Whether each way to ask the user would work, without a question.

use std::process::{ExitCode, Stdio};
use std::time::Duration;

use tokio::time::timeout;

use super::request::PinentryPrograms;
use super::ways::{self, Terminal};
use crate::process::program;

/// Whether a window can be shown. Finds out in a process of its own, because a display may hang.
/// Returns what was found, or what is missing.
pub(crate) async fn window() -> Result<String, String> {
    if let Some(reason) = ways::no_window() {
        return Err(reason.to_owned());
    }
    let program = program::this().map(|mut program| {
        let program = program.args(["dialog", "--probe"]).stdin(Stdio::null());
        program.stderr(Stdio::null()).kill_on_drop(true).output()
    });
    let failed = |reason: &dyn std::fmt::Display| format!("the window failed ({reason})");
    let output = timeout(LIMIT, program.map_err(|error| failed(&error))?).await;
    let output = output.map_err(|_| failed(&"the display does not answer"))?;
    let output = output.map_err(|error| failed(&error))?;
    if output.status.success() {
        return Ok("the display can show it".to_owned());
    }
    let reason = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Err(failed(&if reason.is_empty() { "no reason".to_owned() } else { reason }))
}

/// The process that opens a window without showing it. Prints why that fails.
pub(super) fn probe_window() -> ExitCode {
    match ways::probe_window() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            use std::io::Write;
            let _ = writeln!(std::io::stdout(), "{reason}");
            ExitCode::FAILURE
        }
    }
}

/// The pinentry programs that are installed, in the order in which the bridge tries them.
pub(crate) fn pinentry(choice: &PinentryPrograms) -> Result<String, String> {
    let programs = ways::pinentry_programs(choice);
    let names: Vec<_> = programs.iter().map(|path| path.display().to_string()).collect();
    if names.is_empty() { Err("no pinentry is installed".to_owned()) } else { Ok(names.join(", ")) }
}

/// Whether this process has a terminal. The bridge has its own.
pub(crate) fn terminal() -> Result<String, String> {
    match Terminal::open() {
        Some(_) => Ok("a bridge that is started here can ask here".to_owned()),
        None => Err("only a bridge in the foreground of a terminal can ask there".to_owned()),
    }
}

/// How long the display has to answer.
const LIMIT: Duration = Duration::from_secs(15);
