//! Questions and answers, as data. A question holds facts and names from outside. It holds no
//! sentences: each way to ask makes them from the facts, in the user's language.
//!
//! Names from outside (origins, labels, subjects, file names) are not made safe yet. The code that
//! shows them does that.

use pkcs11_bridge_protocol::pin::Pin;
use serde::{Deserialize, Serialize};

/// A question to the user, or a message that the user can close.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Question {
    /// Whether a site may use the tokens of this computer. Answers: `Allowed`, `Denied`, `Blocked`.
    Consent(ConsentQuestion),
    /// The PIN of a token. Answers: `Pin`, `Cancelled`.
    Pin(PinQuestion),
    /// Sends the user to the keypad of the reader. Answer: `Hidden`, while the reader goes on.
    Pinpad(PinQuestion),
    /// Shows how far a batch is. Answers: `Cancelled` if the user stops the batch, or `Hidden`.
    /// Updates follow, until the bridge ends the dialog.
    Progress(BatchProgress),
}

/// Asks whether a site may use the tokens of this computer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentQuestion {
    /// The origin of the site, as in the `Origin` header. The dialog finds the registrable domain,
    /// punycode, and connections that are not encrypted by itself.
    pub origin: String,
    /// How many days an approval lasts.
    pub days: u64,
    /// The last day of the approval, in the user's time zone.
    pub until: Date,
}

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Date {
    /// The year, such as 2027.
    pub year: i32,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day of the month, 1 to 31.
    pub day: u8,
}

/// Asks for the PIN of a token, or sends the user to the keypad of the reader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinQuestion {
    /// The origin of the site that asks.
    pub origin: String,
    /// The label of the token.
    pub token: String,
    /// The subject of the certificate (RFC 4514), or its label if the subject cannot be read. Empty
    /// if the bridge sees the certificate only after the PIN. For a key without a certificate, the
    /// token's label of it, its kind, and its fingerprint.
    pub certificate: String,
    /// Which kind of thing `certificate` names.
    pub signer: Signer,
    /// What the key does with the PIN.
    pub purpose: Purpose,
    /// What the PIN opens.
    pub opens: PinScope,
    /// How many tries are left.
    pub tries: TriesLeft,
    /// The lengths of PINs that the token tells. Not for a keypad.
    ///
    /// If the user enters a PIN of another length, the dialog says so. It returns that PIN only if
    /// the user confirms it, because modules misreport these lengths.
    pub lengths: PinLengths,
    /// Why the last PIN was not accepted.
    pub problem: Option<PinProblem>,
    /// Whether a wrong PIN came before, by the bridge's count or the token's flags. The user then
    /// types some shown digits before the PIN, so that stray text costs no further try.
    pub confirm_first: bool,
}

/// What stands for the key that signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signer {
    /// A certificate.
    Certificate,
    /// The key itself, because it has no certificate.
    Key,
}

/// What a key does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// One signature.
    Sign(SignedData),
    /// All signatures of a batch, with one PIN.
    SignBatch {
        /// What the signatures are for.
        kind: DataKind,
        /// How many signatures.
        count: usize,
        /// What the page says of the documents, in the order of the batch. Empty if it says
        /// nothing.
        documents: Vec<Document>,
    },
    /// One signature of a batch whose key wants a PIN for each.
    SignOneOf {
        /// The number of this signature. The first has the number 1.
        number: usize,
        /// How many signatures the batch has.
        count: usize,
        /// What is signed.
        data: SignedData,
    },
    /// Proves to the site who the user is. Nothing that the site chose is signed alone.
    Authenticate,
    /// Lists the certificates that the token shows only after a login. Nothing is signed.
    ListCertificates,
    /// Lists the keys without a certificate that the token shows only after a login. Nothing is
    /// signed.
    ListKeys,
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedData {
    /// The algorithm of the hash, or that the key signs a message.
    pub kind: DataKind,
    /// The hash. For a message, its SHA-256 hash.
    pub hash: Vec<u8>,
    /// What the page says of the document. The bridge cannot check it.
    pub document: Option<Document>,
}

/// The kind of the data that is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataKind {
    /// A hash, with the name of its algorithm, such as `SHA-256`.
    Hash(String),
    /// A message, with its length in bytes. `None` for the messages of a batch.
    Message(Option<u64>),
}

/// A document, as the page describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The name of the file.
    pub name: String,
    /// The size in bytes.
    pub size: Option<u64>,
}

/// What a PIN opens, besides the signature that it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PinScope {
    /// Reading. No signature.
    Reading,
    /// Nothing: the next signature needs the PIN again.
    OneSignature,
    /// The signatures of this batch.
    OneBatch,
    /// Further signatures of this site with this certificate.
    Login {
        /// When the login ends at the latest, in minutes.
        minutes: u64,
        /// After how many minutes without a signature it ends.
        idle_minutes: u64,
    },
}

/// How many tries are left before the PIN locks, as far as the bridge knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TriesLeft {
    /// Not known, and no wrong PIN since the last right one.
    Unknown,
    /// Not known, but a wrong PIN was entered since the last right one.
    Low,
    /// This many, and more than one.
    Left(u32),
    /// One.
    Final,
}

/// The lengths of PINs that a token takes, as far as it tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinLengths {
    /// The shortest, in bytes. 0 if the token does not tell.
    pub min: usize,
    /// The longest, in bytes.
    pub max: Option<usize>,
}

/// Why the last PIN was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PinProblem {
    /// The token said that the PIN was wrong.
    Wrong,
    /// The token does not take PINs of that length or with those characters
    /// (`CKR_PIN_LEN_RANGE`, `CKR_PIN_INVALID`).
    NotAccepted,
    /// The token or its state changed while the question was open. The PIN was not sent.
    Changed,
}

/// How far a batch of signatures is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchProgress {
    /// The origin of the site that asked.
    pub origin: String,
    /// The label of the token.
    pub token: String,
    /// The subject of the certificate, as in [`PinQuestion`].
    pub certificate: String,
    /// As in [`PinQuestion`].
    pub signer: Signer,
    /// How many signatures are made.
    pub done: usize,
    /// How many signatures the batch has.
    pub count: usize,
}

/// What the bridge sends after a [`Question::Progress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Update {
    /// How many signatures of the batch are made.
    Done(usize),
}

/// The user's answer. There is no `Debug`, because it may hold a PIN.
#[derive(Serialize, Deserialize)]
pub enum Answer {
    /// The site may use tokens.
    Allowed,
    /// The site may not use tokens now.
    Denied,
    /// The site may not use tokens, and the user wants no further question about it.
    Blocked,
    /// The PIN. The user has confirmed it, if its length is not one that the token tells.
    Pin(Pin),
    /// The user closed a message. What it tells of goes on.
    Hidden,
    /// The user gave no PIN, or stopped the batch.
    Cancelled,
    /// The user did not answer in time.
    TimedOut,
    /// This way to ask does not work here. The text says why. The question was not decided, so
    /// that the next way can ask it.
    Unavailable(String),
}

impl PinLengths {
    /// Whether a PIN of this many bytes fits the token. A token with a minimum above its maximum
    /// tells nothing.
    pub fn fit(self, len: usize) -> bool {
        match self.max {
            Some(max) if max < self.min => true,
            max => (self.min..=max.unwrap_or(usize::MAX)).contains(&len),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_contradict_each_other_tell_nothing() {
        for (min, max, len, fits) in [
            (0, None, 1, true),
            (4, None, 3, false),
            (4, None, 4, true),
            (4, Some(8), 8, true),
            (4, Some(8), 9, false),
            (8, Some(4), 1, true),
            (8, Some(4), 100, true),
        ] {
            assert_eq!(PinLengths { min, max }.fit(len), fits, "{min} {max:?} {len}");
        }
    }
}
