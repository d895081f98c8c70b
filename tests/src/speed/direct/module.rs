//! The PKCS#11 module in the process of [`Direct`](super::Direct). It keeps the login, the sessions
//! and the keys, as a fast program would.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Digest, SHA256};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use serde_json::{Value, json};

use super::{Key, Task};
use crate::processes;
use crate::speed::statistics::micros_since;
use crate::token::{LABEL, PIN};

pub(super) struct Module {
    context: Pkcs11,
    /// The memory of this process before it loaded the module.
    memory_before: u64,
}

/// The hash that is signed. An RSA key signs it with a DigestInfo before it (RFC
/// 8017, section 9.2).
const HASH: [u8; 32] = [0xA5; 32];
const SHA256_DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

impl Key {
    fn mechanism(self) -> Mechanism<'static> {
        match self {
            Self::P256 => Mechanism::Ecdsa,
            Self::Rsa2048 => Mechanism::RsaPkcs,
        }
    }

    fn input(self) -> Vec<u8> {
        match self {
            Self::P256 => HASH.to_vec(),
            Self::Rsa2048 => [&SHA256_DIGEST_INFO[..], &HASH].concat(),
        }
    }

    fn id(self) -> Vec<u8> {
        const_hex::decode(self.key_type().id()).expect("hexadecimal digits")
    }

    fn verification_algorithm(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_ASN1,
            Self::Rsa2048 => &RSA_PKCS1_2048_8192_SHA256,
        }
    }
}

impl Module {
    pub(super) fn load(path: &str) -> Self {
        let module = Self::initialize(path);
        let session = module.session();
        session.login(UserType::User, Some(&PIN.into())).expect("the PIN is right");
        // Closing the last session would end the login.
        std::mem::forget(session);
        module
    }

    pub(super) fn initialize(path: &str) -> Self {
        let (memory_before, _) = processes::memory(std::process::id()).expect("this process");
        let context = Pkcs11::new(path).expect("the module");
        let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        context.initialize(arguments).expect("the module is initialized");
        Self { context, memory_before }
    }

    pub(super) fn run(&mut self, task: Task) -> Value {
        match task {
            Task::Sign { key, count } => {
                let session = self.session();
                let (mechanism, input) = (key.mechanism(), key.input());
                let private_key = private_key(&session, key);
                let sign = || {
                    session.sign(&mechanism, private_key, &input).expect("a signature");
                };
                timed(count, sign)
            }
            Task::SignRate { key, threads, seconds } => {
                json!(self.sign_rate(key, threads, Duration::from_secs_f64(seconds)))
            }
            Task::Check { key, count } => {
                let session = self.session();
                let signature = session
                    .sign(&key.mechanism(), private_key(&session, key), &key.input())
                    .expect("a signature");
                check(key, &public_key(&session, key), &signature, count)
            }
            Task::Certificates { count } => {
                let session = self.session();
                timed(count, || drop(certificates(&session)))
            }
            Task::Slots { count } => timed(count, || drop(self.slots())),
            Task::Token { count } => {
                let slot = self.slot();
                timed(count, || drop(self.context.get_token_info(slot).expect("the token")))
            }
            Task::SetCertificates { count } => {
                self.set_certificates(count);
                Value::Null
            }
            Task::ModuleMemory => {
                let (memory, _) = processes::memory(std::process::id()).expect("this process");
                json!(memory.saturating_sub(self.memory_before))
            }
        }
    }

    /// The information on all slots.
    pub(super) fn slots(&self) -> Value {
        let slots = self.context.get_all_slots().expect("the slots");
        let of = |slot: Slot| {
            let info = self.context.get_slot_info(slot).expect("the slot");
            json!([slot.id(), info.slot_description(), info.token_present()])
        };
        slots.into_iter().map(of).collect()
    }

    fn slot(&self) -> Slot {
        let slots = self.context.get_slots_with_token().expect("the slots");
        let is_test_token = |slot: &Slot| {
            self.context.get_token_info(*slot).is_ok_and(|token| token.label() == LABEL)
        };
        slots.into_iter().find(is_test_token).expect("the token")
    }

    fn session(&self) -> Session {
        self.context.open_ro_session(self.slot()).expect("a session")
    }

    fn sign_rate(&self, key: Key, threads: usize, duration: Duration) -> f64 {
        let sessions: Vec<_> = (0..threads).map(|_| self.session()).collect();
        let (made, start) = (AtomicUsize::new(0), Instant::now());
        std::thread::scope(|scope| {
            for session in sessions {
                let made = &made;
                scope.spawn(move || {
                    let (mechanism, input) = (key.mechanism(), key.input());
                    let private_key = private_key(&session, key);
                    while start.elapsed() < duration {
                        session.sign(&mechanism, private_key, &input).expect("a signature");
                        made.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        made.into_inner() as f64 / start.elapsed().as_secs_f64()
    }

    fn set_certificates(&self, count: usize) {
        let session = self.context.open_rw_session(self.slot()).expect("a session");
        let class = Attribute::Class(ObjectClass::CERTIFICATE);
        let template = [class.clone(), Attribute::Id(Key::P256.id())];
        let original = session.find_objects(&template).expect("objects")[0];
        let mut others = session.find_objects(&[class]).expect("objects");
        others.retain(|object| *object != original);
        for object in others.drain(count.saturating_sub(1).min(others.len())..) {
            session.destroy_object(object).expect("the object is removed");
        }
        let wanted = [
            AttributeType::Class,
            AttributeType::CertificateType,
            AttributeType::Value,
            AttributeType::Subject,
        ];
        let attributes = session.get_attributes(original, &wanted).expect("a certificate");
        for number in others.len() + 1..count {
            let mut copy = attributes.clone();
            copy.push(Attribute::Token(true));
            copy.push(Attribute::Id(format!("copy {number}").into_bytes()));
            copy.push(Attribute::Label(format!("Copy {number}").into_bytes()));
            session.create_object(&copy).expect("a certificate");
        }
    }
}

fn private_key(session: &Session, key: Key) -> ObjectHandle {
    let template = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Id(key.id())];
    session.find_objects(&template).expect("objects")[0]
}

/// The bytes of `subjectPublicKey` in the key's certificate.
fn public_key(session: &Session, key: Key) -> Vec<u8> {
    use der::Decode;
    let template = [Attribute::Class(ObjectClass::CERTIFICATE), Attribute::Id(key.id())];
    let certificate = session.find_objects(&template).expect("objects")[0];
    let value = session.get_attributes(certificate, &[AttributeType::Value]).expect("its value");
    let [Attribute::Value(der)] = value.as_slice() else { panic!("no value") };
    let certificate = x509_cert::Certificate::from_der(der).expect("a certificate");
    let info = certificate.tbs_certificate().subject_public_key_info();
    info.subject_public_key.as_bytes().expect("whole bytes").to_vec()
}

fn certificates(session: &Session) -> Vec<Vec<Attribute>> {
    let wanted = [
        AttributeType::CertificateType,
        AttributeType::Value,
        AttributeType::Id,
        AttributeType::Label,
    ];
    let template = [Attribute::Class(ObjectClass::CERTIFICATE)];
    let objects = session.find_objects(&template).expect("objects");
    objects
        .into_iter()
        .map(|object| session.get_attributes(object, &wanted).expect("a certificate"))
        .collect()
}

/// Checks a signature as the worker does: with a key that was parsed once, and with the token's own
/// signature format as input.
fn check(key: Key, public_key: &[u8], signature: &[u8], count: usize) -> Value {
    let public_key = ParsedPublicKey::new(key.verification_algorithm(), public_key).expect("a key");
    let digest = Digest::import_less_safe(&HASH, &SHA256).expect("a hash");
    timed(count, || {
        let signature = match key {
            Key::P256 => der_from_raw(signature),
            Key::Rsa2048 => signature.to_vec(),
        };
        public_key.verify_digest_sig(&digest, &signature).expect("a right signature");
    })
}

/// Encodes r and s in DER (RFC 3279, section 2.2.3).
fn der_from_raw(raw: &[u8]) -> Vec<u8> {
    use der::Encode;
    use der::asn1::UintRef;
    let (r, s) = raw.split_at(raw.len() / 2);
    let (r, s) = (UintRef::new(r).expect("r"), UintRef::new(s).expect("s"));
    let mut der = vec![0x30, 0];
    for integer in [r, s] {
        der.extend(integer.to_der().expect("an integer"));
    }
    der[1] = u8::try_from(der.len() - 2).expect("a short signature");
    der
}

/// Makes `count` calls and returns their times in microseconds.
fn timed(count: usize, mut call: impl FnMut()) -> Value {
    let times = (0..count).map(|_| {
        let start = Instant::now();
        call();
        micros_since(start)
    });
    times.collect()
}
