//! Real SoftHSM2 tokens, each test's own: a copy of a template that is made once, in a temporary
//! folder that `SOFTHSM2_CONF` names. The user's own tokens are never touched.

mod certified_key;
mod template;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

pub use certified_key::{CertifiedKey, KeyType};

use crate::digest;
use crate::program::{run, tool};

/// SoftHSM2's module, as Debian's package `libsofthsm2` installs it.
pub const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// The label of the token.
pub const LABEL: &str = "Test token";

/// The user's PIN. Long, so that a search of a log finds it only where it was written.
pub const PIN: &str = "73915046";

/// A PIN that is nobody's.
pub const WRONG_PIN: &str = "90817263";

/// The PIN of the security officer.
pub const SO_PIN: &str = "60482957";

/// A folder of tokens. One of them has every [`KeyType`], each with a certificate; the slot that
/// SoftHSM keeps free for the next token is there too.
pub struct TestToken {
    folder: TempDir,
    slot: u64,
}

impl TestToken {
    /// A token of its own.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("pkcs11-bridge-test-token-")
            .tempdir()
            .expect("a folder");
        template::copy_to(folder.path());
        configure(folder.path());
        let slot = fs::read_to_string(folder.path().join(template::SLOT)).expect("the slot");
        Self { slot: slot.parse().expect("a slot id"), folder }
    }

    /// A token that lacks a mechanism of PKCS#11.
    pub fn without_mechanism(mechanism: &str) -> Self {
        let token = Self::new();
        // SoftHSM passes over the name that stands right behind the minus sign.
        let lacking = format!("slots.mechanisms = -CKM_NONE,{mechanism}\n");
        let configuration = token.configuration();
        let text = fs::read_to_string(&configuration).expect("a file") + lacking.as_str();
        fs::write(configuration, text).expect("a file");
        token
    }

    /// The slot of the token.
    pub fn slot(&self) -> u64 {
        self.slot
    }

    /// The slot that has no token set up.
    pub fn free_slot(&self) -> u64 {
        let slots = self.pkcs11_tool(["--list-slots"]);
        let (before, _) = slots.split_once("uninitialized").expect("SoftHSM's free slot");
        let (_, id) = before.rsplit_once("SoftHSM slot ID 0x").expect("the id of the slot");
        let id = id.split_whitespace().next().unwrap_or_default();
        u64::from_str_radix(id, 16).expect("a slot id in hexadecimal digits")
    }

    /// SoftHSM's configuration file.
    pub fn configuration(&self) -> PathBuf {
        self.folder.path().join(CONFIGURATION)
    }

    /// What the token was given for a type of key.
    pub fn certified_key(&self, key_type: KeyType) -> CertifiedKey {
        CertifiedKey::read(&self.folder.path().join(template::ISSUED), key_type.name())
    }

    /// Makes a key and a certificate of it, which are not on the token yet.
    pub fn generate_key(&self, key_type: KeyType, name: &str) -> CertifiedKey {
        CertifiedKey::make(&self.folder.path().join(template::ISSUED), key_type, name)
    }

    /// Puts a certificate on the token, with a `CKA_ID` in hexadecimal digits or an empty one.
    pub fn write_certificate(&self, issued: &CertifiedKey, id: Option<&str>) {
        self.write(issued.certificate_der(), "cert", issued.name(), id, &[]);
    }

    /// Puts a private key on the token, with a `CKA_ID` in hexadecimal digits or an empty one.
    pub fn write_private_key(&self, issued: &CertifiedKey, id: Option<&str>) {
        self.write(issued.private_key_der(), "privkey", issued.name(), id, &[]);
    }

    /// Puts a private key on the token that wants the PIN for each use (`CKA_ALWAYS_AUTHENTICATE`).
    pub fn write_private_key_that_always_authenticates(
        &self,
        issued: &CertifiedKey,
        id: Option<&str>,
    ) {
        self.write(issued.private_key_der(), "privkey", issued.name(), id, &["--always-auth"]);
    }

    /// Puts a public key on the token.
    pub fn write_public_key(&self, issued: &CertifiedKey, id: Option<&str>) {
        self.write(issued.public_key_der(), "pubkey", issued.name(), id, &[]);
    }

    fn write(&self, file: PathBuf, class: &str, label: &str, id: Option<&str>, more: &[&str]) {
        let mut command = self.command("pkcs11-tool");
        command.args(["--module", MODULE, "--token-label", LABEL, "--login", "--pin", PIN]);
        command.arg("--write-object").arg(file).args(["--type", class, "--label", label]);
        command.args(more);
        if let Some(id) = id {
            command.args(["--id", id]);
        }
        run(&mut command);
    }

    /// Sets up a second token beside the first and gives its slot.
    pub fn add_token(&self, label: &str) -> u64 {
        initialise(self.command("softhsm2-util"), label)
    }

    /// What OpenSC's `pkcs11-tool` says of this folder of tokens: an independent reader.
    pub fn pkcs11_tool<const N: usize>(&self, arguments: [&str; N]) -> String {
        run(self.command("pkcs11-tool").args(["--module", MODULE]).args(arguments))
    }

    /// A certificate of the token by its `CKA_ID`, in DER, as `pkcs11-tool` reads it.
    pub fn certificate_by_pkcs11_tool(&self, id: &str) -> Vec<u8> {
        let file = self.folder.path().join(format!("read-{id}.der"));
        let mut command = self.command("pkcs11-tool");
        command.args(["--module", MODULE, "--token-label", LABEL, "--read-object"]);
        run(command.args(["--type", "cert", "--id", id, "--output-file"]).arg(&file));
        fs::read(file).expect("what pkcs11-tool has written")
    }

    fn command(&self, program: &str) -> Command {
        command_on(self.folder.path(), program)
    }
}

impl Default for TestToken {
    fn default() -> Self {
        Self::new()
    }
}

/// The id by which the bridge names a certificate whose `CKA_ID` is empty or not unique.
pub fn fingerprint_id(certificate_der: &[u8]) -> String {
    format!("sha256:{}", const_hex::encode(digest::digest("sha256", certificate_der)))
}

const CONFIGURATION: &str = "softhsm2.conf";

/// Writes SoftHSM's configuration for the tokens of a folder.
fn configure(folder: &Path) {
    let tokens = folder.join(template::TOKENS);
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        tokens.display()
    );
    fs::write(folder.join(CONFIGURATION), text).expect("a file");
}

/// A command that works on the tokens of a folder.
fn command_on(folder: &Path, program: &str) -> Command {
    let mut command = tool(program);
    command.env("SOFTHSM2_CONF", folder.join(CONFIGURATION));
    command
}

/// Sets up the token in the free slot and gives the slot that it is in from then on.
fn initialise(mut softhsm2_util: Command, label: &str) -> u64 {
    let pins = ["--pin", PIN, "--so-pin", SO_PIN];
    let said = run(softhsm2_util.args(["--init-token", "--free", "--label", label]).args(pins));
    let (_, slot) = said.rsplit_once("reassigned to slot ").expect("the slot of the new token");
    slot.trim().parse().expect("a slot id")
}
