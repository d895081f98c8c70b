//! Starts a worker: waits for the turn on the module, then for the greeting of the process.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use pkcs11_bridge_protocol::failure::Failure;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::admission::{Admission, QUEUE_DEADLINE};
use super::config::{WorkerConfig, WorkerPermit};
use super::failures;
use super::handle::WorkerHandle;
use super::logins::{LoginLimits, Logins};
use super::process::Process;
use super::process_task::ProcessTask;
use crate::ipc::task::TimeLimits;

/// Starts a worker and waits until it has initialised its module. Cancels `slow` when that takes
/// longer than calls wait for it.
pub(crate) async fn start(
    config: WorkerConfig,
    permit: WorkerPermit,
    slow: CancellationToken,
) -> Result<WorkerHandle, Failure> {
    let WorkerConfig { module, limits, protected, turn, breaker, .. } = &config;
    // Each start before this one may take its time, and that is not a failure of the module.
    let Ok(turn) = timeout(QUEUE_DEADLINE, Arc::clone(turn).lock_owned()).await else {
        let what = "waited for other pages to start it";
        return Err(failures::not_started(module, QUEUE_DEADLINE, what));
    };
    let TimeLimits { caller, worker } = limits.deadlines.of_reads();
    let started = {
        let mut starting = pin!(timeout(worker, Process::start(module, protected, breaker)));
        tokio::select! {
            started = &mut starting => started,
            () = sleep(caller), if caller < worker => {
                slow.cancel();
                starting.await
            }
        }
    };
    let Ok(process) = started else {
        breaker.record_failure(Instant::now());
        return Err(failures::not_started(module, worker, "was given up"));
    };
    let process = process?;
    drop(turn);
    tracing::info!(module = %module.name, pid = process.child.id(), "worker started");

    let (sender, commands) = mpsc::unbounded_channel();
    let admission = Arc::new(Admission::new(Arc::clone(module), process.threads));
    let logins = Logins::new(LoginLimits { idle: limits.login_idle, longest: limits.login });
    let logins = Arc::new(Mutex::new(logins));
    let handle =
        WorkerHandle::new(sender, Arc::clone(&admission), Arc::clone(&logins), limits.deadlines);
    let (tasks, weak) = (config.tasks.clone(), handle.downgrade());
    tasks.spawn(ProcessTask::new(config, permit, process, commands, weak, admission, logins).run());
    Ok(handle)
}
