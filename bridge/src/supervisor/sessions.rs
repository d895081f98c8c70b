//! The origins that have connections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use pkcs11_bridge_protocol::WORKER_SHARE;

use super::session::OriginSession;
use crate::access::origin::Origin;
use crate::modules::ModuleName;
use crate::process::lock::lock;

#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<Origin, Weak<OriginSession>>>);

impl Sessions {
    /// The session of an origin, a new one for its first connection.
    pub(super) fn get(&self, origin: &Origin) -> Arc<OriginSession> {
        let mut sessions = lock(&self.0);
        sessions.retain(|_, session| session.strong_count() > 0);
        if let Some(session) = sessions.get(origin).and_then(Weak::upgrade) {
            return session;
        }
        let session = Arc::new(OriginSession::new(origin.clone()));
        sessions.insert(origin.clone(), Arc::downgrade(&session));
        session
    }

    /// Removes the session of an origin, if it has connections.
    pub(super) fn remove(&self, origin: &Origin) -> Option<Arc<OriginSession>> {
        lock(&self.0).remove(origin)?.upgrade()
    }

    pub(super) fn all(&self) -> Vec<Arc<OriginSession>> {
        lock(&self.0).values().filter_map(Weak::upgrade).collect()
    }

    /// Ends a worker so that `origin` gets one: an unused one of any origin. If all are used, one
    /// of the origin with the most workers, unless that has no more than its share.
    pub(super) async fn make_room_for(&self, origin: &Origin) {
        if self.end_unused_worker().await {
            return;
        }
        let sessions: Vec<_> = lock(&self.0).values().filter_map(Weak::upgrade).collect();
        let counts = sessions.iter().map(|session| (session, session.worker_count()));
        let (own, others): (Vec<_>, Vec<_>) =
            counts.partition(|(session, _)| session.origin == *origin);
        // The worker that this origin waits for is one of its own.
        let has_share = own.iter().any(|(_, count)| *count > WORKER_SHARE);
        let largest = others.into_iter().max_by_key(|(_, count)| *count);
        if let Some((session, WORKER_SHARE_EXCEEDED..)) = largest
            && !has_share
        {
            session.end_least_used_worker().await;
        }
    }

    /// Ends the worker, of any origin, that nobody has used for the longest time. Says whether
    /// there is one.
    async fn end_unused_worker(&self) -> bool {
        // A worker may be used between the question and its end. Then another one ends.
        while let Some((session, module, time)) = self.least_used_worker().await {
            if session.end_unused_worker(&module, time).await {
                let origin = &session.origin;
                tracing::info!(%origin, %module, "a worker makes room for another");
                return true;
            }
        }
        false
    }

    async fn least_used_worker(&self) -> Option<(Arc<OriginSession>, ModuleName, Duration)> {
        let mut unused = Vec::new();
        for session in self.all() {
            for (module, time) in session.unused_workers().await {
                unused.push((Arc::clone(&session), module, time));
            }
        }
        unused.into_iter().max_by_key(|(_, _, time)| *time)
    }
}

const WORKER_SHARE_EXCEEDED: usize = WORKER_SHARE + 1;
