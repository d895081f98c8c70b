//! The `slot` events of one connection, for the modules that its page watches.

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
    /// The connection sends these events to the page.
    events: mpsc::Sender<String>,
    watches: Mutex<HashMap<ModuleName, Watch>>,
}

/// The task that sends the events of a module. Dropping this ends the task.
struct Watch(AbortHandle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl SlotEvents {
    pub(crate) fn new(events: mpsc::Sender<String>) -> Self {
        Self { events, watches: Mutex::default() }
    }

    /// Whether the page watches the module.
    pub(crate) fn has(&self, module: &ModuleName) -> bool {
        lock(&self.watches).contains_key(module)
    }

    /// Starts the events of a module. Returns `false` if the page already has them.
    pub(crate) fn start(&self, module: &ModuleName, snapshots: TokenSnapshots) -> bool {
        let mut watches = lock(&self.watches);
        if watches.contains_key(module) {
            return false;
        }
        let task = send_changes(module.clone(), snapshots, self.events.clone());
        let task = tokio::spawn(task).abort_handle();
        watches.insert(module.clone(), Watch(task)).is_none()
    }

    /// Stops the events of a module. Returns `false` if the page did not have them.
    pub(crate) fn stop(&self, module: &ModuleName) -> bool {
        lock(&self.watches).remove(module).is_some()
    }
}

/// Sends an event for each change between two snapshots. If the page takes its events slowly, this
/// skips snapshots, and the next events report all changes since the last sent one.
async fn send_changes(
    module: ModuleName,
    mut snapshots: TokenSnapshots,
    events: mpsc::Sender<String>,
) {
    let mut sent = Arc::clone(&snapshots.borrow_and_update());
    while snapshots.changed().await.is_ok() {
        let now = Arc::clone(&snapshots.borrow_and_update());
        for Change { kind, slot, token } in changes(&sent, &now) {
            let (module, token) = (module.to_string(), token.cloned());
            let event = Slot { kind, module, slot_id: slot, token };
            let Ok(text) = Notification::new(&event).encode() else { continue };
            if events.send(text).await.is_err() {
                return;
            }
        }
        sent = now;
    }
}
