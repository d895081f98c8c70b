//! A PIV card (NIST SP 800-73-4) for tests, in software. A virtual reader, vpcd of the project
//! vsmartcard, finds the card over TCP, so that pcscd and real PKCS#11 modules use it as they use
//! a card of plastic. The card keeps its keys, its PIN and its count of commands while it is out
//! of the reader. It has no security: a program that reaches the reader's port may play another
//! card.

mod apdu;
mod application;
mod chaining;
pub mod counts;
pub mod key;
mod objects;
mod pin;
mod reader;
pub mod slot;
mod tlv;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use application::Application;
use counts::Counts;
use key::Key;
use reader::Connection;
use slot::KeySlot;

/// A key with its certificate, in a slot of the card.
pub struct CertifiedKey {
    /// The slot.
    pub slot: KeySlot,
    /// The private key.
    pub key: Key,
    /// The certificate, in DER.
    pub certificate: Vec<u8>,
}

/// A PIV card. Dropping it takes it out of the reader.
pub struct Card {
    application: Arc<Mutex<Application>>,
    connection: Option<Connection>,
}

impl Card {
    /// A card with a user's PIN and these keys. The serial number distinguishes cards.
    pub fn new(pin: &str, serial: u32, keys: Vec<CertifiedKey>) -> Self {
        let application = Application::new(pin, serial, keys);
        Self { application: Arc::new(Mutex::new(application)), connection: None }
    }

    /// Puts the card into the reader that listens at an address. Does nothing if it is in already.
    pub fn insert(&mut self, reader: SocketAddr) -> io::Result<()> {
        if self.connection.is_none() {
            self.connection = Some(Connection::open(reader, Arc::clone(&self.application))?);
        }
        Ok(())
    }

    /// Takes the card out of the reader.
    pub fn remove(&mut self) {
        self.connection = None;
    }

    /// The commands since the card was made.
    pub fn counts(&self) -> Counts {
        self.application().counts().clone()
    }

    /// How many wrong PINs the card still takes. 0 means that the PIN is locked.
    pub fn tries_left(&self) -> u8 {
        self.application().tries_left()
    }

    fn application(&self) -> MutexGuard<'_, Application> {
        self.application.lock().expect("no command panics")
    }
}
