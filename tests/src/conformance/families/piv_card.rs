//! OpenSC and YKCS11, the two modules for PIV cards that Debian has, with a card in a virtual
//! reader.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::card_reader::{CardModule, CardReader, Keys, RSA_FIRST, SOCKET_VARIABLE};
use crate::conformance::family::{Family, Key, Missing, Token, installed, version_of};
use crate::token::template_key;

pub(super) struct PivCard(pub(super) CardModule);

impl Family for PivCard {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn packages(&self) -> &'static [&'static str] {
        match self.0 {
            CardModule::OpenSc => &["opensc-pkcs11", "pcscd", "vsmartcard-vpcd"],
            CardModule::YkCs11 => &["ykcs11", "pcscd", "vsmartcard-vpcd"],
        }
    }

    fn start(&self) -> Result<Box<dyn Token>, Missing> {
        let path = self.0.path();
        installed(&[path.to_str().expect("a path in UTF-8")])?;
        let reader = CardReader::start(KEYS).map_err(Missing)?;
        Ok(Box::new(InsertedCard { module: self.0, path, reader }))
    }
}

struct InsertedCard {
    module: CardModule,
    path: PathBuf,
    reader: CardReader,
}

impl Token for InsertedCard {
    fn module(&self) -> &Path {
        &self.path
    }

    fn version(&self) -> String {
        version_of(&[self.module.package(), "pcscd"])
    }

    fn detected_as(&self) -> Option<&'static str> {
        Some(self.module.name())
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![(SOCKET_VARIABLE, self.reader.socket().into())]
    }

    fn label(&self) -> String {
        self.reader.label(self.module)
    }

    fn keys(&self) -> Vec<Key> {
        let key = |&(_, key_type)| Key::of(&template_key(key_type), key_type);
        KEYS.iter().map(key).collect()
    }

    fn restart_daemon(&mut self) -> Option<()> {
        self.reader.restart_daemon();
        Some(())
    }

    fn take_out(&mut self) -> Option<()> {
        self.reader.remove();
        Some(())
    }

    fn put_back(&mut self) {
        self.reader.insert();
    }

    fn apdus(&self) -> Option<u64> {
        Some(self.reader.card().counts().total() as u64)
    }
}

const KEYS: &Keys = RSA_FIRST;
