//! Real SoftHSM2 tokens. Each test gets a copy of a template, in a temporary folder that
//! `SOFTHSM2_CONF` names. The tests never touch the user's own tokens.

mod certified_key;
mod template;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

pub use certified_key::{CertifiedKey, KeyType, Usage};

use crate::digest;
use crate::program::{run, tool};

/// SoftHSM2's module, as Debian's package `libsofthsm2` installs it.
pub const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// The label of the token.
pub const LABEL: &str = "Test token";

/// The user's PIN. It is long, so that a search in a log does not find it by chance.
pub const PIN: &str = "73915046";

/// A wrong PIN.
pub const WRONG_PIN: &str = "90817263";

/// The PIN of the security officer.
pub const SO_PIN: &str = "60482957";

/// A folder of tokens. One token has a key and a certificate of every [`KeyType`], for
/// [`Usage::Signing`]. SoftHSM also has a free slot for a new token.
pub struct TestToken {
    folder: TempDir,
    slot: u64,
}

impl TestToken {
    /// A new copy of the template.
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

    /// A token without a mechanism.
    pub fn without_mechanism(mechanism: &str) -> Self {
        let token = Self::new();
        // SoftHSM ignores the first name after the minus sign.
        let line = format!("slots.mechanisms = -CKM_NONE,{mechanism}\n");
        let configuration = token.configuration();
        let text = fs::read_to_string(&configuration).expect("a file") + line.as_str();
        fs::write(configuration, text).expect("a file");
        token
    }

    /// The slot of the token.
    pub fn slot(&self) -> u64 {
        self.slot
    }

    /// The slot without an initialized token.
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

    /// The files of a key on the token, with its certificate.
    pub fn certified_key(&self, key_type: KeyType) -> CertifiedKey {
        CertifiedKey::read(&self.folder.path().join(template::KEYS), key_type.name())
    }

    /// Generates a key and a certificate as files. They are not on the token yet.
    pub fn generate_key(&self, key_type: KeyType, name: &str) -> CertifiedKey {
        self.generate_key_for(Usage::Signing, key_type, name)
    }

    /// Generates a key and a certificate that says what the key is for.
    pub fn generate_key_for(&self, usage: Usage, key_type: KeyType, name: &str) -> CertifiedKey {
        CertifiedKey::generate(&self.folder.path().join(template::KEYS), key_type, name, usage)
    }

    /// Adds a key with its certificate to the token. `id` is the `CKA_ID` in hexadecimal digits.
    pub fn add_key(&self, usage: Usage, key_type: KeyType, name: &str, id: &str) -> CertifiedKey {
        let key = self.generate_key_for(usage, key_type, name);
        self.write_private_key(&key, Some(id));
        self.write_certificate(&key, Some(id));
        key
    }

    /// Adds a key for signatures with its certificate to the token.
    pub fn add_key_with_id(&self, key_type: KeyType, name: &str, id: &str) -> CertifiedKey {
        self.add_key(Usage::Signing, key_type, name, id)
    }

    /// The files of a key that [`TestToken::generate_key`] has made.
    pub fn generated_key(&self, name: &str) -> CertifiedKey {
        CertifiedKey::read(&self.folder.path().join(template::KEYS), name)
    }

    /// Writes a certificate to the token. `id` is its `CKA_ID` in hexadecimal digits, or
    /// empty if `None`.
    pub fn write_certificate(&self, key: &CertifiedKey, id: Option<&str>) {
        self.write(key.certificate_der(), "cert", key.name(), id, &[]);
    }

    /// Writes a certificate in DER to the token. `id` is its `CKA_ID` in hexadecimal digits.
    pub fn write_certificate_file(&self, der: PathBuf, label: &str, id: &str) {
        self.write(der, "cert", label, Some(id), &[]);
    }

    /// Writes a private key to the token. `id` is its `CKA_ID` in hexadecimal digits, or
    /// empty if `None`.
    pub fn write_private_key(&self, key: &CertifiedKey, id: Option<&str>) {
        self.write(key.private_key_der(), "privkey", key.name(), id, &[]);
    }

    /// Writes a private key to the token that needs the PIN for each use
    /// (`CKA_ALWAYS_AUTHENTICATE`).
    pub fn write_private_key_that_always_authenticates(
        &self,
        key: &CertifiedKey,
        id: Option<&str>,
    ) {
        self.write(key.private_key_der(), "privkey", key.name(), id, &["--always-auth"]);
    }

    /// Writes a public key to the token.
    pub fn write_public_key(&self, key: &CertifiedKey, id: Option<&str>) {
        self.write(key.public_key_der(), "pubkey", key.name(), id, &[]);
    }

    /// Writes a private key and its public key to the token, and no certificate. `id` is their
    /// `CKA_ID` in hexadecimal digits.
    pub fn write_key_pair(&self, key: &CertifiedKey, id: &str) {
        let mut command = self.command("softhsm2-util");
        command.arg("--import").arg(key.private_key()).args(["--token", LABEL, "--pin", PIN]);
        // SoftHSM takes a second key with the same id only if it is told to.
        run(command.args(["--label", key.name(), "--id", id, "--force"]));
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

    /// Initializes one more token and returns its slot.
    pub fn add_token(&self, label: &str) -> u64 {
        initialize(self.command("softhsm2-util"), label)
    }

    /// Initializes one more token with a key and its certificate. Returns its slot.
    pub fn add_token_with_key(&self, label: &str, key_type: KeyType) -> u64 {
        let slot = self.add_token(label);
        let (key, id) = (self.certified_key(key_type), key_type.id());
        for (class, file) in [("privkey", key.private_key_der()), ("cert", key.certificate_der())] {
            let mut command = self.command("pkcs11-tool");
            command.args(["--module", MODULE, "--token-label", label, "--login", "--pin", PIN]);
            command.arg("--write-object").arg(file).args(["--type", class, "--id", id]);
            run(command.args(["--label", key_type.name()]));
        }
        slot
    }

    /// Runs OpenSC's `pkcs11-tool`, an independent reader, on these tokens and returns its output.
    pub fn pkcs11_tool<const N: usize>(&self, arguments: [&str; N]) -> String {
        run(self.command("pkcs11-tool").args(["--module", MODULE]).args(arguments))
    }

    /// Reads a certificate of the token by its `CKA_ID` with `pkcs11-tool`, in DER.
    pub fn certificate_by_pkcs11_tool(&self, id: &str) -> Vec<u8> {
        let file = self.folder.path().join(format!("read-{id}.der"));
        let mut command = self.command("pkcs11-tool");
        command.args(["--module", MODULE, "--token-label", LABEL, "--read-object"]);
        run(command.args(["--type", "cert", "--id", id, "--output-file"]).arg(&file));
        fs::read(file).expect("the output file of pkcs11-tool")
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

/// The files of a key that every token of a test has.
pub fn template_key(key_type: KeyType) -> CertifiedKey {
    CertifiedKey::read(&template::folder().join(template::KEYS), key_type.name())
}

/// The bridge's id for a certificate whose `CKA_ID` is empty or not unique.
pub fn fingerprint_id(certificate_der: &[u8]) -> String {
    format!("sha256:{}", const_hex::encode(digest::digest("sha256", certificate_der)))
}

/// The bridge's id for a key without a certificate.
pub fn key_id(public_key_info: &[u8]) -> String {
    format!("key:{}", const_hex::encode(digest::digest("sha256", public_key_info)))
}

const CONFIGURATION: &str = "softhsm2.conf";

/// Writes SoftHSM's configuration for a folder of tokens.
fn configure(folder: &Path) {
    let tokens = folder.join(template::TOKENS);
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        tokens.display()
    );
    fs::write(folder.join(CONFIGURATION), text).expect("a file");
}

/// A command with SoftHSM's configuration for a folder of tokens.
fn command_on(folder: &Path, program: &str) -> Command {
    let mut command = tool(program);
    command.env("SOFTHSM2_CONF", folder.join(CONFIGURATION));
    command
}

/// Initializes a token in the free slot and returns its new slot.
fn initialize(mut softhsm2_util: Command, label: &str) -> u64 {
    let pins = ["--pin", PIN, "--so-pin", SO_PIN];
    let output = run(softhsm2_util.args(["--init-token", "--free", "--label", label]).args(pins));
    let (_, slot) = output.rsplit_once("reassigned to slot ").expect("the slot of the new token");
    slot.trim().parse().expect("a slot id")
}
