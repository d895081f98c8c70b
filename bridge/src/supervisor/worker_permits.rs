//! How many workers there may be at a time, over all origins. Where all places are taken, a worker that
//! nobody uses and that is not logged in makes room.

use std::sync::Arc;
use std::time::Duration;

use pkcs11_bridge_protocol::MAX_WORKERS;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Sessions;

/// The right to a worker, given back when its process is gone.
pub(super) type WorkerPermit = OwnedSemaphorePermit;

pub(super) struct WorkerPermits {
    free: Arc<Semaphore>,
    sessions: Arc<Sessions>,
}

impl WorkerPermits {
    pub(super) fn new(sessions: Arc<Sessions>) -> Self {
        Self { free: Arc::new(Semaphore::new(MAX_WORKERS)), sessions }
    }

    /// Takes a place, for which it may wait until another worker has ended.
    pub(super) async fn take(&self) -> Result<WorkerPermit, Failure> {
        if let Ok(place) = Arc::clone(&self.free).try_acquire_owned() {
            return Ok(place);
        }
        self.sessions.let_go_of_one();
        match timeout(PATIENCE, Arc::clone(&self.free).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(none_free()),
        }
    }
}

fn none_free() -> Failure {
    Failure::new(
        ErrorCode::TooManyRequests,
        format!(
            "{MAX_WORKERS} modules are in use by the pages that are open, and the bridge runs no more at \
             a time. Close a page that uses tokens, then try again."
        ),
    )
}

/// As long as a worker may take that lets go of its module, and a little more.
const PATIENCE: Duration = Duration::from_secs(4);
