//! The origins that have connections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

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

    /// Ends the worker, of any origin, that nobody has used for the longest time.
    pub(super) async fn end_least_used_worker(&self) {
        // A worker may be used between the question and its end. Then another one ends.
        while let Some((session, module, time)) = self.least_used_worker().await {
            if session.end_unused_worker(&module, time).await {
                let origin = &session.origin;
                tracing::info!(%origin, %module, "a worker makes room for another");
                return;
            }
        }
    }

    async fn least_used_worker(&self) -> Option<(Arc<OriginSession>, ModuleName, Duration)> {
        let sessions: Vec<_> = lock(&self.0).values().filter_map(Weak::upgrade).collect();
        let mut unused = Vec::new();
        for session in sessions {
            for (module, time) in session.unused_workers().await {
                unused.push((Arc::clone(&session), module, time));
            }
        }
        unused.into_iter().max_by_key(|(_, _, time)| *time)
    }
}
