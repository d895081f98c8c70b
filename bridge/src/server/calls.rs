//! The calls in flight on one connection. Each runs in a task of its own and has one reply. Their
//! number and size have limits.

use std::collections::HashMap;

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::message::{Id, Rejected, Reply};
use pkcs11_bridge_protocol::{MAX_IN_FLIGHT, MAX_IN_FLIGHT_LEN, MAX_UNAPPROVED_LEN};
use serde::Serialize;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::access::origin::Approval;

#[derive(Default)]
pub(super) struct Calls {
    /// Each task returns the text of the reply.
    tasks: JoinSet<String>,
    in_flight: HashMap<tokio::task::Id, InFlight>,
}

/// A call without a reply yet.
struct InFlight {
    id: Id,
    /// The length of the request's frame in bytes.
    len: usize,
    /// Cancels the rest of a batch. `None` for other calls, which cannot be cancelled.
    cancelled: Option<CancellationToken>,
}

/// A call whose task has ended.
pub(super) type Done = Result<(tokio::task::Id, String), JoinError>;

impl Calls {
    /// Rejects a request whose id is in use, or that exceeds a limit. `len` is the length of its
    /// frame in bytes.
    pub(super) fn check(&self, id: &Id, len: usize, approval: Approval) -> Result<(), Rejected> {
        if self.in_flight.values().any(|call| call.id == *id) {
            let message = "A request with the same id is still in flight: use another id.";
            let failure = Failure::new(ErrorCode::NotRequest, message);
            return Err(Rejected { id: None, failure });
        }
        let too_many = |message: String| {
            let failure = Failure::new(ErrorCode::TooManyRequests, message);
            Err(Rejected { id: Some(id.clone()), failure })
        };
        if self.in_flight.len() >= MAX_IN_FLIGHT {
            return too_many(format!(
                "More than {MAX_IN_FLIGHT} requests are in flight on this connection: wait for a \
                 reply before you send the next request."
            ));
        }
        let (max_len, message) = match approval {
            Approval::Approved => {
                let message = "More than 1 MiB of requests is in flight on this connection: wait \
                               for a reply before you send the next request.";
                (MAX_IN_FLIGHT_LEN, message)
            }
            Approval::NotApproved => {
                let message = "The bridge is asking the user whether this page may use tokens: \
                               wait for the answer before you send more than 256 KiB of requests.";
                (MAX_UNAPPROVED_LEN, message)
            }
        };
        let in_flight_len: usize = self.in_flight.values().map(|call| call.len).sum();
        if in_flight_len + len > max_len {
            return too_many(message.to_owned());
        }
        Ok(())
    }

    /// Whether no call is in flight.
    pub(super) fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Starts a call. `reply` gives the text of its reply. `cancelled` cancels the rest of a batch.
    pub(super) fn start(
        &mut self,
        id: Id,
        len: usize,
        cancelled: Option<CancellationToken>,
        reply: impl Future<Output = String> + Send + 'static,
    ) {
        let task = self.tasks.spawn(reply);
        self.in_flight.insert(task.id(), InFlight { id, len, cancelled });
    }

    /// Cancels the rest of a batch. Returns whether the batch is in flight.
    pub(super) fn cancel(&self, batch: &Id) -> bool {
        let found = self.in_flight.values().find(|call| call.id == *batch);
        let cancelled = found.and_then(|call| call.cancelled.as_ref());
        cancelled.inspect(|cancelled| cancelled.cancel()).is_some()
    }

    /// Waits for the next call that ends. `None` if no call is in flight.
    pub(super) async fn next(&mut self) -> Option<Done> {
        self.tasks.join_next_with_id().await
    }

    /// The next call that has already ended.
    pub(super) fn try_next(&mut self) -> Option<Done> {
        self.tasks.try_join_next_with_id()
    }

    /// Removes a call that has ended. Returns the text of its reply.
    pub(super) fn take_reply(&mut self, done: Done) -> String {
        match done {
            Ok((task, text)) => {
                self.in_flight.remove(&task);
                text
            }
            Err(error) => {
                tracing::error!(%error, "a call panicked");
                let message = "The bridge failed on this call. Try again. Its log has the details.";
                let failure = Failure::new(ErrorCode::Internal, message);
                let id = self.in_flight.remove(&error.id()).map(|call| call.id);
                encode(&Reply::<()>::failure(id, failure))
            }
        }
    }

    /// Aborts all calls. Returns the texts of their replies.
    pub(super) fn abort(&mut self) -> impl Iterator<Item = String> + use<> {
        self.tasks.abort_all();
        std::mem::take(&mut self.in_flight).into_values().map(|InFlight { id, .. }| {
            let message = "The bridge stopped before the module had answered. Whether the module \
                           has executed the call is not known.";
            let failure = Failure::new(ErrorCode::Internal, message);
            encode(&Reply::<()>::failure(Some(id), failure))
        })
    }

    /// Aborts all calls and waits until their tasks have ended.
    pub(super) async fn shutdown(&mut self) {
        self.tasks.shutdown().await;
    }
}

/// The text of a reply.
pub(super) fn encode<R: Serialize>(reply: &Reply<R>) -> String {
    reply.encode().unwrap_or_else(|error| {
        tracing::error!(%error, "cannot encode a reply");
        String::new()
    })
}
