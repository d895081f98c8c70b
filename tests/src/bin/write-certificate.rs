//! Writes a certificate to a SoftHSM token. `pkcs11-tool` does not write certificates with a
//! subject of more than 512 bytes, nor certificates that a token shows only after a login.
//!
//! `write-certificate ID FILE [private]` takes a `CKA_ID` in hexadecimal digits and a certificate
//! in DER. With `private`, `CKA_PRIVATE` is true. The environment names SoftHSM's configuration.

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::object::{Attribute, CertificateType, ObjectClass};
use cryptoki::session::UserType;
use pkcs11_bridge_tests::token::{LABEL, MODULE, PIN};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (id, file, private) = match &arguments[..] {
        [id, file] => (id, file, false),
        [id, file, word] if word == "private" => (id, file, true),
        _ => panic!("usage: write-certificate ID FILE [private]"),
    };
    let module = Pkcs11::new(MODULE).expect("SoftHSM");
    let flags = CInitializeFlags::OS_LOCKING_OK;
    module.initialize(CInitializeArgs::new(flags)).expect("a module");
    let is_test_token = |slot: &_| module.get_token_info(*slot).expect("a token").label() == LABEL;
    let slots = module.get_slots_with_token().expect("slots");
    let slot = slots.into_iter().find(is_test_token).expect("the token");
    let session = module.open_rw_session(slot).expect("a session");
    session.login(UserType::User, Some(&PIN.to_owned().into())).expect("a login");
    session
        .create_object(&[
            Attribute::Class(ObjectClass::CERTIFICATE),
            Attribute::CertificateType(CertificateType::X_509),
            Attribute::Token(true),
            Attribute::Private(private),
            Attribute::Id(const_hex::decode(id).expect("hexadecimal digits")),
            Attribute::Label(b"long".to_vec()),
            // SoftHSM requires a subject. No test reads it.
            Attribute::Subject(b"\x30\x00".to_vec()),
            Attribute::Value(std::fs::read(file).expect("a certificate")),
        ])
        .expect("a certificate on the token");
}
