//! How many commands a card got, by what they do. GET RESPONSE and each part of a chained command
//! count too, because each of them is a way to the card and back.

use std::collections::BTreeMap;
use std::fmt;

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CommandKind {
    /// SELECT, of any application
    Select,
    /// GET DATA
    GetData,
    /// GET RESPONSE
    GetResponse,
    /// VERIFY with a PIN
    VerifyPin,
    /// VERIFY without a PIN, which asks for the state
    VerifyState,
    /// GENERAL AUTHENTICATE
    GeneralAuthenticate,
    /// One of Yubico's own commands
    Yubico,
    /// Any other command
    Other,
}

/// The number of commands of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<CommandKind, usize>);

impl Counts {
    pub(crate) fn add(&mut self, kind: CommandKind) {
        *self.0.entry(kind).or_default() += 1;
    }

    /// The number of commands of a kind.
    pub fn of(&self, kind: CommandKind) -> usize {
        self.0.get(&kind).copied().unwrap_or_default()
    }

    /// The number of all commands.
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// The commands since an earlier count of the same card.
    pub fn since(&self, earlier: &Self) -> Self {
        let more = |(kind, count): (&CommandKind, &usize)| (*kind, count - earlier.of(*kind));
        Self(self.0.iter().map(more).filter(|(_, count)| *count > 0).collect())
    }
}

/// Writes the total, and the number of each kind.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> =
            self.0.iter().map(|(kind, count)| format!("{count} {kind:?}")).collect();
        write!(f, "{} ({})", self.total(), kinds.join(", "))
    }
}
