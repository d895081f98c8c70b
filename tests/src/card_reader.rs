//! A smart card reader with a PIV card: a pcscd of its own, its virtual reader, and the card of
//! the crate `card`. Real PKCS#11 modules use it as they use a real reader. Readers of several
//! tests run side by side, and none of them touches the readers of the machine.

mod daemon;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

pub use pkcs11_bridge_test_card::counts::{CommandKind, Counts};
pub use pkcs11_bridge_test_card::slot::KeySlot;
use pkcs11_bridge_test_card::{Card, CertifiedKey, key::Key};
use tempfile::TempDir;

use crate::bridge::{ORIGIN, Setup};
use crate::token::{self, KeyType, PIN};
use daemon::{Change, Daemon};

/// A real PKCS#11 module for PIV cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardModule {
    /// OpenSC's
    OpenSc,
    /// Yubico's YKCS11
    YkCs11,
}

impl CardModule {
    /// Both modules.
    pub const ALL: [Self; 2] = [Self::OpenSc, Self::YkCs11];

    /// The name by which the bridge detects it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenSc => "opensc",
            Self::YkCs11 => "yubikey",
        }
    }

    /// Its file, as Debian's package installs it.
    pub fn path(self) -> PathBuf {
        let file = match self {
            Self::OpenSc => "opensc-pkcs11.so",
            Self::YkCs11 => "libykcs11.so",
        };
        format!("/usr/lib/{}-linux-gnu/{file}", std::env::consts::ARCH).into()
    }

    /// The package of Debian that installs it.
    pub fn package(self) -> &'static str {
        match self {
            Self::OpenSc => "opensc-pkcs11",
            Self::YkCs11 => "ykcs11",
        }
    }
}

/// The keys of a card: each slot with the type of its key.
pub type Keys = [(KeySlot, KeyType)];

/// A card whose key of RSA wants the PIN once. The key for signatures is on P-256, and wants it
/// each time. The key on P-384 wants no PIN.
pub const RSA_FIRST: &Keys = &[
    (KeySlot::Authentication, KeyType::Rsa2048),
    (KeySlot::Signature, KeyType::P256),
    (KeySlot::CardAuthentication, KeyType::P384),
];

/// A card whose key on P-256 wants the PIN once. The key for signatures is on P-384, and wants it
/// each time. The key of RSA wants no PIN.
pub const P256_FIRST: &Keys = &[
    (KeySlot::Authentication, KeyType::P256),
    (KeySlot::Signature, KeyType::P384),
    (KeySlot::CardAuthentication, KeyType::Rsa2048),
];

/// A card whose key on P-384 wants the PIN once. The key for signatures is of RSA, and wants it
/// each time. The key on P-256 wants no PIN.
pub const P384_FIRST: &Keys = &[
    (KeySlot::Authentication, KeyType::P384),
    (KeySlot::Signature, KeyType::Rsa2048),
    (KeySlot::CardAuthentication, KeyType::P256),
];

/// A reader with a card. Dropping it ends its pcscd.
pub struct CardReader {
    card: Card,
    serial: u32,
    /// The type of the key for authentication.
    first: KeyType,
    /// How often pcscd has seen the card go in, and out.
    seen: (usize, usize),
    // Only a restart takes it out.
    daemon: Option<Daemon>,
    folder: TempDir,
}

impl CardReader {
    /// A reader with a card in it, whose PIN is [`PIN`]. Fails on a machine that cannot have one,
    /// and says why.
    pub fn start(keys: &Keys) -> Result<Self, String> {
        static SERIALS: AtomicU32 = AtomicU32::new(7_654_321);
        daemon::check()?;
        let folder = tempfile::Builder::new()
            .prefix("pkcs11-bridge-test-reader-")
            .tempdir()
            .expect("a folder");
        let serial = SERIALS.fetch_add(1, Ordering::Relaxed);
        let card = Card::new(PIN, serial, certified(keys));
        let daemon = Some(Daemon::start(folder.path()));
        let (seen, first) = ((0, 0), keys[0].1);
        let mut reader = Self { card, serial, first, seen, daemon, folder };
        reader.insert();
        Ok(reader)
    }

    /// The card. It counts its commands.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The label that a module gives the card.
    pub fn label(&self, module: CardModule) -> String {
        match module {
            // The name in the certificate for authentication.
            CardModule::OpenSc => self.first.name().to_owned(),
            CardModule::YkCs11 => format!("YubiKey PIV #{}", self.serial),
        }
    }

    /// Puts the card in, and waits until pcscd has seen it.
    pub fn insert(&mut self) {
        let daemon = self.daemon.as_mut().expect("pcscd runs");
        self.card.insert(daemon.reader()).expect("the reader waits for a card");
        self.seen.0 += 1;
        daemon.expect(Change::Inserted, self.seen.0);
    }

    /// Takes the card out, and waits until pcscd has seen it.
    pub fn remove(&mut self) {
        self.card.remove();
        self.seen.1 += 1;
        let daemon = self.daemon.as_mut().expect("pcscd runs");
        daemon.expect(Change::Removed, self.seen.1);
    }

    /// Ends pcscd and starts it again. The card stays in the reader.
    pub fn restart_daemon(&mut self) {
        self.daemon.take().expect("pcscd runs").stop();
        self.card.remove();
        self.seen = (0, 0);
        self.daemon = Some(Daemon::start(self.folder.path()));
        self.insert();
    }

    /// The socket of pcscd, for `PCSCLITE_CSOCK_NAME`.
    pub fn socket(&self) -> PathBuf {
        daemon::socket(self.folder.path())
    }

    /// A bridge with this reader, a module and an approved [`ORIGIN`].
    pub fn setup(&self, module: CardModule) -> Setup {
        let path = module.path();
        let setup = Setup::new().module(module.name(), path.to_str().expect("UTF-8"));
        setup.origin(ORIGIN).environment(SOCKET_VARIABLE, self.socket())
    }
}

/// Reads the keys of the template.
fn certified(keys: &Keys) -> Vec<CertifiedKey> {
    let certified = |&(slot, key_type): &(KeySlot, KeyType)| {
        let files = token::template_key(key_type);
        let der = std::fs::read(files.private_key_der()).expect("a key");
        let key = match key_type {
            KeyType::Rsa2048 => Key::rsa2048(&der),
            KeyType::P256 => Key::p256(&der),
            KeyType::P384 => Key::p384(&der),
            other => panic!("the card has no keys of {other:?}"),
        };
        CertifiedKey { slot, key, certificate: files.certificate_bytes() }
    };
    keys.iter().map(certified).collect()
}

/// Names the socket of pcscd to its clients.
pub const SOCKET_VARIABLE: &str = "PCSCLITE_CSOCK_NAME";
