//! The failures of calls whose worker could not be started, or has ended.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;

use crate::modules::Module;
use crate::supervisor::circuit_breaker::CircuitBreaker;

/// The worker process ended by itself.
pub(super) fn exited(
    module: &Module,
    status: &io::Result<ExitStatus>,
    breaker: &CircuitBreaker,
) -> Failure {
    let how = match status {
        Ok(status) => describe(*status),
        Err(error) => format!("could not be reaped ({error})"),
    };
    failed(module, &how, breaker)
}

/// The worker sent an invalid message.
pub(super) fn invalid_message(module: &Module, breaker: &CircuitBreaker) -> Failure {
    let how =
        "damaged its connection to the bridge, so the bridge cannot read its answers and ended it";
    failed(module, how, breaker)
}

/// Another task of the same worker passed its deadline.
pub(super) fn other_task_hung(module: &Module, breaker: &CircuitBreaker) -> Failure {
    failed(module, "was ended because another call hung in it", breaker)
}

fn failed(module: &Module, how: &str, breaker: &CircuitBreaker) -> Failure {
    let message = format!("Module `{}` {how}. {}", module.name, breaker.what_next());
    Failure::new(ErrorCode::Internal, message)
}

/// The task itself passed its deadline.
pub(super) fn deadline_passed(module: &Module, task: &str, limit: Duration) -> Failure {
    let message = format!(
        "Module `{}` did not answer {task} within {} s and was ended. Check the token and its \
         reader, then try again.",
        module.name,
        limit.as_secs()
    );
    Failure::new(ErrorCode::DeadlinePassed, message)
}

/// A task that only reads takes longer than its caller waits.
pub(super) fn reading_goes_on(module: &Module, task: &str, limit: Duration) -> Failure {
    still_waiting(module, &format!("did not answer {task}"), limit)
}

/// The start takes longer than its callers wait.
pub(crate) fn start_goes_on(module: &Module, limit: Duration) -> Failure {
    still_waiting(module, "did not start", limit)
}

fn still_waiting(module: &Module, what: &str, limit: Duration) -> Failure {
    let message = format!(
        "Module `{}` {what} within {} s, and still works on it. Call again in a while to get the \
         result. If the token always needs longer, increase read_deadline_seconds in the \
         bridge's configuration.",
        module.name,
        limit.as_secs()
    );
    Failure::new(ErrorCode::DeadlinePassed, message)
}

/// The worker ended for a reason that is not known yet.
pub(super) fn ended(module: &Module) -> Failure {
    let message = format!("The worker of module `{}` ended. Try again.", module.name);
    Failure::new(ErrorCode::Internal, message)
}

/// The user revoked the origin while the worker executed its call.
pub(crate) fn revoked() -> Failure {
    Failure::new(
        ErrorCode::OriginNotApproved,
        "The user has revoked this page's approval, so the call was given up.",
    )
}

/// The worker ended in the middle of its calls, so that another origin gets one.
pub(super) fn made_room(module: &Module) -> Failure {
    let message = format!(
        "The pages of this site use many modules, and another site waits. So the bridge ended \
         module `{}` for this site, with its login. Try again.",
        module.name
    );
    Failure::new(ErrorCode::TooManyRequests, message)
}

/// All threads of the worker were busy for too long.
pub(super) fn busy(module: &Module, task: &str, limit: Duration) -> Failure {
    let message = format!(
        "Module `{}` was busy with other calls of this page for {} s, so {task} was not begun. \
         Try again.",
        module.name,
        limit.as_secs()
    );
    Failure::new(ErrorCode::DeadlinePassed, message)
}

/// The worker did not greet in time. `what` continues a sentence about the module.
pub(super) fn not_started(module: &Module, limit: Duration, what: &str) -> Failure {
    let message = format!(
        "Module `{}` did not start within {} s and {what}. Check the token and its reader, then \
         try again.",
        module.name,
        limit.as_secs()
    );
    Failure::new(ErrorCode::DeadlinePassed, message)
}

/// The process could not be created.
pub(super) fn not_spawned(module: &Module, error: &io::Error) -> Failure {
    let message = format!("The worker for module `{}` could not be started: {error}.", module.name);
    Failure::new(ErrorCode::Internal, message)
}

#[cfg(unix)]
fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("crashed (signal {signal})"),
        (None, Some(code)) => format!("ended its process (exit status {code})"),
        (None, None) => "ended its process".to_owned(),
    }
}

#[cfg(windows)]
fn describe(status: ExitStatus) -> String {
    format!("ended its process ({status})")
}
