//! The tokens in the slots of a module, and what has changed between two looks at them.

use std::collections::BTreeMap;

use pkcs11_bridge_protocol::event::SlotEventKind;
use pkcs11_bridge_protocol::result::TokenInfo;
use pkcs11_bridge_protocol::slot_id::SlotId;

/// The slots with a token, and the tokens as far as they can be read: what a worker sees when it looks.
pub type Tokens = BTreeMap<SlotId, Option<TokenInfo>>;

/// A token that has come or gone.
pub(crate) struct Change<'a> {
    pub(crate) kind: SlotEventKind,
    pub(crate) slot: SlotId,
    pub(crate) token: Option<&'a TokenInfo>,
}

/// What leads from one state of the slots to another: what is gone first.
pub(crate) fn changes<'a>(
    before: &'a Tokens,
    after: &'a Tokens,
) -> impl Iterator<Item = Change<'a>> {
    let gone = differing(before, after, SlotEventKind::Removed);
    gone.chain(differing(after, before, SlotEventKind::Inserted))
}

/// The tokens of one state that the other does not have in their places.
fn differing<'a>(
    these: &'a Tokens,
    those: &'a Tokens,
    kind: SlotEventKind,
) -> impl Iterator<Item = Change<'a>> {
    let differs = |slot: &SlotId, token: Option<&TokenInfo>| {
        those.get(slot).is_none_or(|other| !is_same(token, other.as_ref()))
    };
    these
        .iter()
        .map(|(slot, token)| (*slot, token.as_ref()))
        .filter(move |(slot, token)| differs(slot, *token))
        .map(move |(slot, token)| Change { kind, slot, token })
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
        changes(&before.into(), &after.into())
            .map(|change| {
                let serial = change.token.map(|token| token.serial_number.clone());
                (change.kind, change.slot.0, serial)
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
