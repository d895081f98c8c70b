//! The tokens in the slots of a module, and what has changed between two snapshots.

use std::collections::BTreeMap;

use pkcs11_bridge_protocol::event::SlotEventKind;
use pkcs11_bridge_protocol::result::TokenInfo;
use pkcs11_bridge_protocol::slot_id::SlotId;

/// The slots that have a token. The token is `None` if the worker could not read it.
pub type TokenSnapshot = BTreeMap<SlotId, Option<TokenInfo>>;

/// A token that was inserted or removed.
pub(crate) struct Change<'a> {
    pub(crate) kind: SlotEventKind,
    pub(crate) slot: SlotId,
    pub(crate) token: Option<&'a TokenInfo>,
}

/// The changes from one snapshot to another: first the removed tokens, then the inserted ones.
pub(crate) fn changes<'a>(
    before: &'a TokenSnapshot,
    after: &'a TokenSnapshot,
) -> impl Iterator<Item = Change<'a>> {
    let removed = missing(before, after, SlotEventKind::Removed);
    removed.chain(missing(after, before, SlotEventKind::Inserted))
}

/// The tokens of `these` that `those` does not have in the same slot.
fn missing<'a>(
    these: &'a TokenSnapshot,
    those: &'a TokenSnapshot,
    kind: SlotEventKind,
) -> impl Iterator<Item = Change<'a>> {
    let is_missing = |slot: &SlotId, token: Option<&TokenInfo>| {
        those.get(slot).is_none_or(|other| !is_same(token, other.as_ref()))
    };
    these
        .iter()
        .map(|(slot, token)| (*slot, token.as_ref()))
        .filter(move |(slot, token)| is_missing(slot, *token))
        .map(move |(slot, token)| Change { kind, slot, token })
}

/// Whether two readings of a slot are of the same token. The counts and flags of a token change
/// while it stays in its slot. A token that cannot be read for a moment has not gone.
fn is_same(one: Option<&TokenInfo>, other: Option<&TokenInfo>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return true };
    (&one.serial_number, &one.label, &one.manufacturer_id, &one.model)
        == (&other.serial_number, &other.label, &other.manufacturer_id, &other.model)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(slot: u64, serial: &str, flags: u32) -> (SlotId, Option<TokenInfo>) {
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
            max_pin_length: None,
            min_pin_length: None,
            total_public_memory: None,
            free_public_memory: None,
            total_private_memory: None,
            free_private_memory: None,
            hardware_version: String::new(),
            firmware_version: String::new(),
        };
        (SlotId(slot), Some(info))
    }

    fn reported<const A: usize, const B: usize>(
        before: [(SlotId, Option<TokenInfo>); A],
        after: [(SlotId, Option<TokenInfo>); B],
    ) -> Vec<(SlotEventKind, u64, Option<String>)> {
        changes(&before.into(), &after.into())
            .map(|change| {
                let serial = change.token.map(|token| token.serial_number.clone());
                (change.kind, change.slot.0, serial)
            })
            .collect()
    }

    #[test]
    fn each_inserted_or_removed_token_is_reported_once() {
        use SlotEventKind::{Inserted, Removed};
        let serial = |text: &str| Some(text.to_owned());
        assert_eq!(reported([], [token(1, "a", 0)]), [(Inserted, 1, serial("a"))]);
        assert_eq!(reported([token(1, "a", 0)], []), [(Removed, 1, serial("a"))]);
        assert_eq!(
            reported([token(1, "a", 0), token(2, "b", 0)], [token(2, "c", 0)]),
            [(Removed, 1, serial("a")), (Removed, 2, serial("b")), (Inserted, 2, serial("c"))]
        );
        assert_eq!(reported([], [(SlotId(3), None)]), [(Inserted, 3, None)]);
    }

    #[test]
    fn a_token_that_stays_is_not_reported() {
        assert_eq!(reported([token(1, "a", 0)], [token(1, "a", 0x1_0000)]), []);
        assert_eq!(reported([token(1, "a", 0)], [(SlotId(1), None)]), []);
        assert_eq!(reported([(SlotId(1), None)], [token(1, "a", 0)]), []);
    }
}
