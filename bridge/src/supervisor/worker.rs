//! One worker process: the task that owns it, and the handles that send commands to this task.

mod admission;
mod channels;
mod command;
mod config;
mod failures;
mod handle;
mod history;
mod in_flight;
mod late_results;
mod login_notices;
mod login_terms;
mod logins;
mod process;
mod process_task;
mod start;

pub(crate) use command::{Delivery, LogoutReason};
pub(super) use config::{TurnLock, WorkerConfig, WorkerPermit};
pub(crate) use failures::{revoked, start_goes_on};
pub(crate) use handle::{Request, WorkerHandle};
pub(crate) use login_terms::{BatchId, LoginTerms};
pub(super) use start::start;
