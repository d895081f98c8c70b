//! tpm2-pkcs11 on a TPM in software. Its resource manager is a daemon on a private D-Bus.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::private_folder::{PrivateFolder, start_answering, start_daemon};
use crate::conformance::family::{Family, Key, Missing, Token, installed, library, version_of};
use crate::private_bus::PrivateBus;
use crate::program::{Program, run};
use crate::token::{KeyType, LABEL, PIN, SO_PIN, TestToken};

pub(super) struct Tpm2;

impl Family for Tpm2 {
    fn name(&self) -> &'static str {
        "tpm2-pkcs11"
    }

    fn packages(&self) -> &'static [&'static str] {
        &[
            "libtpm2-pkcs11-1",
            "libtpm2-pkcs11-tools",
            "swtpm",
            "tpm2-abrmd",
            "libtss2-tcti-tabrmd0",
            "libtss2-tcti-swtpm0",
            "dbus-daemon",
        ]
    }

    fn start(&self) -> Result<Box<dyn Token>, Missing> {
        let programs = ["/usr/bin/swtpm", ABRMD, "/usr/bin/tpm2_ptool", "/usr/bin/dbus-daemon"];
        installed(&programs)?;
        let module = library("libtpm2_pkcs11.so.1")?;
        let folder = PrivateFolder::new("tpm2");
        let (tpm, bus) = (start_tpm(&folder), PrivateBus::start());
        let manager = start_manager(&folder, &bus);
        let mut token =
            TpmToken { module, manager: Some(manager), bus, tpm, folder, files: TestToken::new() };
        token.fill();
        Ok(Box::new(token))
    }
}

/// The daemons end before the folder goes.
struct TpmToken {
    module: PathBuf,
    manager: Option<Program>,
    bus: PrivateBus,
    #[expect(dead_code, reason = "it runs until it is dropped")]
    tpm: Program,
    folder: PrivateFolder,
    files: TestToken,
}

fn start_tpm(folder: &PrivateFolder) -> Program {
    // Its TCTI looks for the second socket under this name.
    let (data, control) = (folder.path("tpm"), folder.path("tpm.ctrl"));
    let mut command = folder.command("swtpm");
    command.args(["socket", "--tpm2", "--tpmstate"]);
    command.arg(format!("dir={}", folder.folder("tpm-state").display()));
    command.arg("--server").arg(format!("type=unixio,path={}", data.display()));
    command.arg("--ctrl").arg(format!("type=unixio,path={}", control.display()));
    command.args(["--flags", "not-need-init,startup-clear"]);
    start_daemon(&mut command, &control)
}

fn start_manager(folder: &PrivateFolder, bus: &PrivateBus) -> Program {
    let mut command = on_bus(folder, bus, ABRMD);
    command.args(["--session", "--allow-root"]);
    command.arg(format!("--tcti=swtpm:path={}", folder.path("tpm").display()));
    start_answering(&mut command, || {
        let mut command = on_bus(folder, bus, "tpm2_getcap");
        command.args(["--tcti", TCTI, "properties-fixed"]);
        command
    })
}

fn on_bus(folder: &PrivateFolder, bus: &PrivateBus, program: &str) -> Command {
    let mut command = folder.command(program);
    command.env("DBUS_SESSION_BUS_ADDRESS", bus.address());
    command
}

impl TpmToken {
    /// Makes the token with its keys. `tpm2_ptool` takes each `CKA_ID` as text.
    fn fill(&mut self) {
        self.tool(&["init"], &[]);
        let pins = ["--pid", "1", "--sopin", SO_PIN, "--userpin", PIN];
        self.tool(&["addtoken", "--label", LABEL], &pins);
        for (key_type, algorithm) in KEYS {
            let (key, name) = (self.files.certified_key(key_type), key_type.name());
            let label = ["--label", LABEL, "--key-label", name];
            let file = key.private_key().display().to_string();
            let private = ["--userpin", PIN, "--privkey", &file, "--algorithm", algorithm];
            self.tool(&[&["import"], &label[..], &["--id", name]].concat(), &private);
            let certificate = key.certificate().display().to_string();
            self.tool(&[&["addcert"], &label[..]].concat(), &[&certificate]);
        }
    }

    fn tool(&self, command: &[&str], more: &[&str]) {
        let store = self.folder.folder("store");
        let mut tool = on_bus(&self.folder, &self.bus, "tpm2_ptool");
        tool.env("TPM2_PKCS11_TCTI", TCTI).env("TPM2TOOLS_TCTI", TCTI);
        run(tool.args(command).arg("--path").arg(store).args(more));
    }
}

impl Token for TpmToken {
    fn module(&self) -> &Path {
        &self.module
    }

    fn version(&self) -> String {
        version_of(&["libtpm2-pkcs11-1", "tpm2-abrmd", "swtpm"])
    }

    fn detected_as(&self) -> Option<&'static str> {
        Some("tpm2")
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![
            ("TPM2_PKCS11_TCTI", TCTI.into()),
            ("TPM2_PKCS11_STORE", self.folder.path("store").into()),
            ("DBUS_SESSION_BUS_ADDRESS", self.bus.address().into()),
        ]
    }

    fn label(&self) -> String {
        LABEL.to_owned()
    }

    fn keys(&self) -> Vec<Key> {
        KEYS.map(|(key_type, _)| Key::of(&self.files.certified_key(key_type), key_type)).to_vec()
    }

    fn restart_daemon(&mut self) -> Option<()> {
        self.manager = None;
        self.manager = Some(start_manager(&self.folder, &self.bus));
        Some(())
    }
}

/// What swtpm offers of [`KeyType`], with the names of `tpm2_ptool`.
const KEYS: [(KeyType, &str); 2] = [(KeyType::P256, "ecc"), (KeyType::Rsa2048, "rsa")];

const TCTI: &str = "tabrmd:bus_type=session";

const ABRMD: &str = "/usr/sbin/tpm2-abrmd";
