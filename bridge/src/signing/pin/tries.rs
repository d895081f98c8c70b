//! The tries that PINs took: how many were sent to each token and not accepted. The counts are kept
//! in a file, because a crash of the bridge must not give a page further tries.

use std::collections::BTreeMap;
use std::io::{self, Write};

use pkcs11_bridge_protocol::slot_id::SlotId;
use serde::{Deserialize, Serialize};

use crate::modules::ModuleName;

/// The slot that a PIN is for. One card may show each of its PINs in a slot of its own, and several
/// modules may reach one card. Its serial number is the same in all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PinSlot {
    /// The serial number of the token. Empty if it has none.
    pub(super) serial: String,
    pub(super) module: ModuleName,
    pub(super) slot: SlotId,
}

/// The tries that were taken since the last right PIN, for each slot. No count is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TriesTaken(BTreeMap<PinSlot, u32>);

impl TriesTaken {
    /// The tries of all PINs of the token in this slot. A token without a serial number is told
    /// apart by its module and slot.
    pub(super) fn of_token(&self, slot: &PinSlot) -> u32 {
        let of_token = |other: &PinSlot| match slot.serial.as_str() {
            "" => other == slot,
            serial => other.serial == serial,
        };
        let tries = self.0.iter().filter(|(other, _)| of_token(other));
        tries.fold(0, |sum, (_, taken)| sum.saturating_add(*taken))
    }

    pub(super) fn take(&mut self, slot: &PinSlot) {
        let taken = self.0.entry(slot.clone()).or_default();
        *taken = taken.saturating_add(1);
    }

    pub(super) fn give_back(&mut self, slot: &PinSlot) {
        match self.0.get_mut(slot) {
            Some(taken) if *taken > 1 => *taken -= 1,
            _ => self.clear(slot),
        }
    }

    /// The token accepted the PIN of this slot. That says nothing of its other PINs.
    pub(super) fn clear(&mut self, slot: &PinSlot) {
        self.0.remove(slot);
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    tries: Vec<Record>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    serial: String,
    module: ModuleName,
    slot: SlotId,
    taken: u32,
}

/// Parses the text of the file. If a slot comes twice, the greater count holds.
pub fn parse(text: &str) -> io::Result<TriesTaken> {
    let content: Content = serde_json::from_str(text)?;
    if content.version != VERSION {
        let problem =
            format!("it has version {}, and this program supports {VERSION}", content.version);
        return Err(io::Error::other(problem));
    }
    let mut tries = BTreeMap::new();
    for Record { serial, module, slot, taken } in content.tries {
        if taken > 0 {
            let known = tries.entry(PinSlot { serial, module, slot }).or_default();
            *known = taken.max(*known);
        }
    }
    Ok(TriesTaken(tries))
}

/// Writes the counts in the form that [`parse`] reads.
pub fn write_text(file: &mut impl Write, tries: &TriesTaken) -> io::Result<()> {
    let record = |(slot, taken): (&PinSlot, &u32)| {
        let PinSlot { serial, module, slot } = slot.clone();
        Record { serial, module, slot, taken: *taken }
    };
    let content = Content { version: VERSION, tries: tries.0.iter().map(record).collect() };
    serde_json::to_writer_pretty(&mut *file, &content)?;
    file.write_all(b"\n")
}

const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(serial: &str, module: &str, slot: u64) -> PinSlot {
        let (serial, module) = (serial.to_owned(), module.parse().unwrap());
        PinSlot { serial, module, slot: SlotId(slot) }
    }

    #[test]
    fn all_pins_of_a_serial_number_count_together() {
        let mut tries = TriesTaken::default();
        let (first, second) = (slot("1", "a", 1), slot("1", "a", 2));
        let (by_other_module, other) = (slot("1", "b", 1), slot("2", "a", 1));
        for slot in [&first, &second, &by_other_module] {
            tries.take(slot);
        }
        for slot in [&first, &second, &by_other_module, &slot("1", "c", 9)] {
            assert_eq!(tries.of_token(slot), 3, "{slot:?}");
        }
        assert_eq!(tries.of_token(&other), 0);
        tries.clear(&first);
        assert_eq!(tries.of_token(&first), 2, "a right PIN clears its own slot only");
        tries.give_back(&second);
        tries.give_back(&second);
        assert_eq!(tries.of_token(&first), 1);
    }

    #[test]
    fn tokens_without_a_serial_number_count_by_module_and_slot() {
        let mut tries = TriesTaken::default();
        let all = [slot("", "a", 1), slot("", "a", 2), slot("", "b", 1)];
        tries.take(&all[0]);
        tries.take(&all[0]);
        assert_eq!(all.each_ref().map(|slot| tries.of_token(slot)), [2, 0, 0]);
        tries.give_back(&all[0]);
        assert_eq!(tries.of_token(&all[0]), 1);
        tries.clear(&all[0]);
        assert_eq!(tries, TriesTaken::default());
    }

    #[test]
    fn the_counts_are_read_as_they_were_written() {
        let mut tries = TriesTaken::default();
        for slot in [slot("1", "a", u64::MAX), slot("", "a", 2), slot("", "a", 2)] {
            tries.take(&slot);
        }
        let mut text = Vec::new();
        write_text(&mut text, &tries).unwrap();
        assert_eq!(parse(std::str::from_utf8(&text).unwrap()).unwrap(), tries);
    }

    #[test]
    fn the_greater_of_two_counts_holds() {
        let record = |taken| format!(r#"{{"serial":"1","module":"a","slot":1,"taken":{taken}}}"#);
        for counts in [[1, 2, 0], [2, 1, 0], [0, 2, 2]] {
            let records = counts.map(record).join(",");
            let tries = parse(&format!(r#"{{"version":1,"tries":[{records}]}}"#)).unwrap();
            assert_eq!(tries.of_token(&slot("1", "a", 1)), 2, "{counts:?}");
        }
    }
}
