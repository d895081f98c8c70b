//! The PIV application of a card: one command in, one response out (NIST SP 800-73-4, part 2). It
//! knows the few of Yubico's own commands that YKCS11 and OpenSC send to a YubiKey. It refuses to
//! change anything on the card.

use std::collections::BTreeMap;

use crate::CertifiedKey;
use crate::apdu::{Answer, Command, Status};
use crate::chaining::{Chaining, Step, refused};
use crate::counts::{CommandKind, Counts};
use crate::objects::{self, PIV, application_properties};
use crate::pin::Pin;
use crate::tlv;

pub(crate) struct Application {
    serial: u32,
    objects: BTreeMap<u32, Vec<u8>>,
    keys: Vec<CertifiedKey>,
    pin: Pin,
    selected: bool,
    chaining: Chaining,
    counts: Counts,
}

impl Application {
    pub(crate) fn new(pin: &str, serial: u32, keys: Vec<CertifiedKey>) -> Self {
        Self {
            serial,
            objects: objects::objects(serial, &keys),
            keys,
            pin: Pin::new(pin),
            selected: false,
            chaining: Chaining::default(),
            counts: Counts::default(),
        }
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(crate) fn tries_left(&self) -> u8 {
        self.pin.tries_left()
    }

    /// What a loss of power or a reset does.
    pub(crate) fn reset(&mut self) {
        self.selected = false;
        self.pin.reset();
        self.chaining.reset();
    }

    /// Executes one command. Returns the response with its status word.
    pub(crate) fn execute(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(command) = Command::decode(bytes) else {
            self.counts.add(CommandKind::Other);
            return refused(Status::WrongLength);
        };
        self.counts.add(kind(&command));
        match self.chaining.take(command) {
            Step::Respond(response) => response,
            Step::Run(command) => {
                let answer = self.run(&command);
                self.chaining.respond(answer, command.max_response)
            }
        }
    }

    fn run(&mut self, command: &Command) -> Answer {
        if command.instruction == SELECT {
            return self.select(command);
        }
        if !self.selected {
            return Err(Status::InstructionNotSupported);
        }
        match command.instruction {
            GET_DATA => self.data(command),
            VERIFY => self.verify(command).map(|()| Vec::new()),
            GENERAL_AUTHENTICATE => self.authenticate(command),
            YUBICO_VERSION => Ok(VERSION.to_vec()),
            YUBICO_SERIAL => Ok(self.serial.to_be_bytes().to_vec()),
            _ => Err(Status::InstructionNotSupported),
        }
    }

    /// Selects an application by its identifier, or by the start of it.
    fn select(&mut self, command: &Command) -> Answer {
        if command.p1 != BY_NAME {
            return Err(Status::WrongParameters);
        }
        if !command.data.is_empty() && PIV.starts_with(&command.data) {
            self.selected = true;
            return Ok(application_properties());
        }
        if command.data == YUBICO_MANAGEMENT {
            // Another application has no use for the PIN of this one.
            self.reset();
            return Ok(Vec::new());
        }
        Err(Status::NotFound)
    }

    fn data(&self, command: &Command) -> Answer {
        if (command.p1, command.p2) != (0x3F, 0xFF) {
            return Err(Status::WrongParameters);
        }
        let tag = tlv::find(&command.data, TAG_LIST).ok_or(Status::WrongData)?;
        let tag = tag.iter().fold(0, |tag, byte| tag << 8 | u32::from(*byte));
        self.objects.get(&tag).cloned().ok_or(Status::NotFound)
    }

    fn verify(&mut self, command: &Command) -> Result<(), Status> {
        match (command.p1, command.p2) {
            (0, USER_PIN) if command.data.is_empty() => self.pin.status(),
            (0, USER_PIN) => self.pin.verify(&command.data),
            (0xFF, USER_PIN) if command.data.is_empty() => {
                self.pin.reset();
                Ok(())
            }
            (_, USER_PIN) => Err(Status::WrongParameters),
            _ => Err(Status::ReferenceNotFound),
        }
    }

    fn authenticate(&mut self, command: &Command) -> Answer {
        let mut keys = self.keys.iter();
        let key = keys.find(|key| key.slot.reference() == command.p2);
        let key = key.ok_or(Status::ReferenceNotFound)?;
        if key.key.algorithm() != command.p1 {
            return Err(Status::WrongParameters);
        }
        let template = tlv::find(&command.data, TEMPLATE).ok_or(Status::WrongData)?;
        let challenge = tlv::find(template, CHALLENGE).ok_or(Status::WrongData)?;
        self.pin.use_key(key.slot.pin_policy())?;
        let response = key.key.apply(challenge).ok_or(Status::WrongData)?;
        Ok(tlv::encode(TEMPLATE.into(), &tlv::encode(RESPONSE, &response)))
    }
}

fn kind(command: &Command) -> CommandKind {
    match command.instruction {
        SELECT => CommandKind::Select,
        GET_DATA => CommandKind::GetData,
        0xC0 => CommandKind::GetResponse,
        VERIFY if command.data.is_empty() => CommandKind::VerifyState,
        VERIFY => CommandKind::VerifyPin,
        GENERAL_AUTHENTICATE => CommandKind::GeneralAuthenticate,
        0xF7..=0xFF => CommandKind::Yubico,
        _ => CommandKind::Other,
    }
}

const VERIFY: u8 = 0x20;
const GENERAL_AUTHENTICATE: u8 = 0x87;
const SELECT: u8 = 0xA4;
const GET_DATA: u8 = 0xCB;
const YUBICO_SERIAL: u8 = 0xF8;
const YUBICO_VERSION: u8 = 0xFD;

/// The last version without GET METADATA. Modules then read the certificates.
const VERSION: [u8; 3] = [5, 2, 7];
const BY_NAME: u8 = 4;
const YUBICO_MANAGEMENT: [u8; 8] = *b"\xA0\x00\x00\x05\x27\x47\x11\x17";
const USER_PIN: u8 = 0x80;
const TAG_LIST: u8 = 0x5C;
const TEMPLATE: u8 = 0x7C;
const CHALLENGE: u8 = 0x81;
const RESPONSE: u32 = 0x82;
