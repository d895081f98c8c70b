//! The `slot` events of one connection: what changes in the slots of the modules that its page watches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use pkcs11_bridge_protocol::event::{Slot, SlotEventKind};
use pkcs11_bridge_protocol::message::Notification;
use pkcs11_bridge_protocol::result::TokenInfo;
use pkcs11_bridge_protocol::slot_id::SlotId;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::lock::lock;
use crate::modules::ModuleName;
use crate::pipe::Tokens;
use crate::supervisor::Seen;

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
    pub(crate) fn begin(&self, module: &ModuleName, seen: Seen) -> bool {
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
async fn pass_on(module: ModuleName, mut seen: Seen, events: mpsc::Sender<String>) {
    let mut told = Arc::clone(&seen.borrow_and_update());
    while seen.changed().await.is_ok() {
        let now = Arc::clone(&seen.borrow_and_update());
        for event in changes(&module, &told, &now) {
            let Ok(text) = Notification::new(&event).encode() else { continue };
            if events.send(text).await.is_err() {
                return;
            }
        }
        told = now;
    }
}

/// The events that lead from one state of the slots to another: what is gone first.
fn changes(module: &ModuleName, before: &Tokens, after: &Tokens) -> Vec<Slot> {
    let differing = |these: &Tokens, those: &Tokens, kind| {
        let differs = |slot: &SlotId, token: &Option<TokenInfo>| {
            those.get(slot).is_none_or(|other| !is_same(token.as_ref(), other.as_ref()))
        };
        let event = |(slot, token): (&SlotId, &Option<TokenInfo>)| Slot {
            kind,
            module: module.to_string(),
            slot_id: *slot,
            token: token.clone(),
        };
        let slots = these.iter().filter(|(slot, token)| differs(slot, token));
        slots.map(event).collect::<Vec<_>>()
    };
    let mut events = differing(before, after, SlotEventKind::Removed);
    events.extend(differing(after, before, SlotEventKind::Inserted));
    events
}

/// Whether it is the same token. Its counts and flags change while it stays where it is, and one that
/// cannot be read now and then is there all the same.
fn is_same(one: Option<&TokenInfo>, other: Option<&TokenInfo>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return true };
    (&one.serial_number, &one.label, &one.manufacturer_id, &one.model)
        == (&other.serial_number, &other.label, &other.manufacturer_id, &other.model)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(slot: u64, serial: &str, flags: u64) -> (SlotId, Option<TokenInfo>) {
        let info = TokenInfo {
            slot_id: SlotId(slot),
            label: String::new(),
            manufacturer_id: String::new(),
            model: String::new(),
            serial_number: serial.to_owned(),
            flags,
            max_session_count: None,
            session_count: None,
            max_rw_session_count: None,
            rw_session_count: None,
            max_pin_length: 0,
            min_pin_length: 0,
            total_public_memory: None,
            free_public_memory: None,
            total_private_memory: None,
            free_private_memory: None,
            hardware_version: String::new(),
            firmware_version: String::new(),
        };
        (SlotId(slot), Some(info))
    }

    fn told<const A: usize, const B: usize>(
        before: [(SlotId, Option<TokenInfo>); A],
        after: [(SlotId, Option<TokenInfo>); B],
    ) -> Vec<(SlotEventKind, u64, Option<String>)> {
        let module = "card".parse().unwrap();
        changes(&module, &before.into(), &after.into())
            .into_iter()
            .map(|event| {
                assert_eq!(event.module, "card");
                (event.kind, event.slot_id.0, event.token.map(|token| token.serial_number))
            })
            .collect()
    }

    #[test]
    fn each_token_that_comes_or_goes_is_told_once() {
        use SlotEventKind::{Inserted, Removed};
        let serial = |text: &str| Some(text.to_owned());
        assert_eq!(told([], [token(1, "a", 0)]), [(Inserted, 1, serial("a"))]);
        assert_eq!(told([token(1, "a", 0)], []), [(Removed, 1, serial("a"))]);
        assert_eq!(
            told([token(1, "a", 0), token(2, "b", 0)], [token(2, "c", 0)]),
            [(Removed, 1, serial("a")), (Removed, 2, serial("b")), (Inserted, 2, serial("c"))]
        );
        assert_eq!(told([], [(SlotId(3), None)]), [(Inserted, 3, None)]);
    }

    #[test]
    fn a_token_that_stays_is_not_told_of() {
        assert_eq!(told([token(1, "a", 0)], [token(1, "a", 0x1_0000)]), []);
        assert_eq!(told([token(1, "a", 0)], [(SlotId(1), None)]), []);
        assert_eq!(told([(SlotId(1), None)], [token(1, "a", 0)]), []);
    }
}
