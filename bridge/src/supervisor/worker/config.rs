//! What a worker needs from the supervisor.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedSemaphorePermit, watch};
use tokio_util::task::TaskTracker;

use crate::access::origin::Origin;
use crate::modules::Module;
use crate::supervisor::circuit_breaker::CircuitBreaker;
use crate::supervisor::limits::WorkerLimits;

pub(crate) struct WorkerConfig {
    /// The origin that the worker belongs to.
    pub(crate) origin: Origin,
    pub(crate) module: Arc<Module>,
    pub(crate) limits: WorkerLimits,
    /// The bridge's own files and folders, which the module may not write.
    pub(crate) protected: Arc<[PathBuf]>,
    pub(crate) turn: TurnLock,
    /// Records crashes and hangs of the worker.
    pub(crate) breaker: Arc<CircuitBreaker>,
    /// Changes when the module reports a slot event. It has a receiver while a page watches the
    /// slots.
    pub(crate) slot_events: watch::Sender<()>,
    /// The tasks that the bridge waits for before it exits.
    pub(crate) tasks: TaskTracker,
}

/// Lets starts and ends on one module happen one at a time. SoftHSM is known to fail if several
/// processes start on it at the same moment, and a card may still belong to a worker that ends.
pub(crate) type TurnLock = Arc<Mutex<()>>;

/// The right to a worker process, returned when the process is gone.
pub(crate) type WorkerPermit = OwnedSemaphorePermit;
