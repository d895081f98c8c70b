//! The `slot` events of one connection: what changes in the slots of the modules that its page watches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use pkcs11_bridge_protocol::event::Slot;
use pkcs11_bridge_protocol::message::Notification;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::ipc::token_snapshot::{Change, changes};
use crate::modules::ModuleName;
use crate::process::lock::lock;
use crate::supervisor::TokenSnapshots;

pub(crate) struct SlotEvents {
    /// The page's end.
    events: mpsc::Sender<String>,
    watched: Mutex<HashMap<ModuleName, Watched>>,
}

/// A module whose slots are watched until this is dropped.
struct Watched(AbortHandle);

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl SlotEvents {
    pub(crate) fn new(events: mpsc::Sender<String>) -> Self {
        Self { events, watched: Mutex::default() }
    }

    /// Whether the page watches the module.
    pub(crate) fn has(&self, module: &ModuleName) -> bool {
        lock(&self.watched).contains_key(module)
    }

    /// From now on the page hears of what changes. Says whether it did not before.
    pub(crate) fn begin(&self, module: &ModuleName, seen: TokenSnapshots) -> bool {
        let mut watched = lock(&self.watched);
        if watched.contains_key(module) {
            return false;
        }
        let passing = pass_on(module.clone(), seen, self.events.clone());
        let task = tokio::spawn(passing).abort_handle();
        watched.insert(module.clone(), Watched(task)).is_none()
    }

    /// The page hears no more. Says whether it did.
    pub(crate) fn end(&self, module: &ModuleName) -> bool {
        lock(&self.watched).remove(module).is_some()
    }
}

/// A page that takes its events slowly hears of what has changed since the last one.
async fn pass_on(module: ModuleName, mut seen: TokenSnapshots, events: mpsc::Sender<String>) {
    let mut told = Arc::clone(&seen.borrow_and_update());
    while seen.changed().await.is_ok() {
        let now = Arc::clone(&seen.borrow_and_update());
        for Change { kind, slot, token } in changes(&told, &now) {
            let (module, token) = (module.to_string(), token.cloned());
            let event = Slot { kind, module, slot_id: slot, token };
            let Ok(text) = Notification::new(&event).encode() else { continue };
            if events.send(text).await.is_err() {
                return;
            }
        }
        told = now;
    }
}
