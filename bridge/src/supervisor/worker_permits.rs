//! How many workers may live at a time, over all origins. If all permits are taken, an idle worker
//! makes room, or a worker of an origin that has more than its share.

use std::sync::Arc;
use std::time::Duration;

use pkcs11_bridge_protocol::MAX_WORKERS;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::sessions::Sessions;
use super::worker::WorkerPermit;
use crate::access::origin::Origin;

pub(super) struct WorkerPermits {
    free: Arc<Semaphore>,
    sessions: Arc<Sessions>,
}

impl WorkerPermits {
    pub(super) fn new(sessions: Arc<Sessions>) -> Self {
        Self { free: Arc::new(Semaphore::new(MAX_WORKERS)), sessions }
    }

    /// Whether a worker can start without the end of another one.
    pub(super) fn has_free(&self) -> bool {
        self.free.available_permits() > 0
    }

    /// Takes a permit, and waits for it until another worker has ended if need be.
    pub(super) async fn take(&self, origin: &Origin) -> Result<WorkerPermit, Failure> {
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return Ok(permit);
        }
        self.sessions.make_room_for(origin).await;
        match timeout(MAX_WAIT, Arc::clone(&self.free).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(no_permit()),
        }
    }
}

fn no_permit() -> Failure {
    Failure::new(
        ErrorCode::TooManyRequests,
        format!(
            "The open pages use {MAX_WORKERS} modules, and the bridge runs no more at a time. \
             Close a page that uses tokens, then try again."
        ),
    )
}

/// A little longer than a worker may take to finalise its module.
const MAX_WAIT: Duration = Duration::from_secs(4);
