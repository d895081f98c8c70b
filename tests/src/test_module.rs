//! The PKCS#11 test module, which wraps SoftHSM2's. It records every call and follows the rules of
//! a test while the bridge runs. The crate `rules` defines the rules.

use std::collections::BTreeSet;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use escargot::format::Message;
use pkcs11_bridge_test_rules::call::{self, Line};
pub use pkcs11_bridge_test_rules::call::{AnsweredBy, Call, User};
pub use pkcs11_bridge_test_rules::fault::{CRASH_REPORT, Fault, WrongLength};
pub use pkcs11_bridge_test_rules::quirks::{Quirks, SignatureForm};
pub use pkcs11_bridge_test_rules::rule::Rule;
pub use pkcs11_bridge_test_rules::simulated_token::{
    Certificates, Entry, MissingSlot, Pinpad, SimulatedToken,
};
pub use pkcs11_bridge_test_rules::slot_events::SlotEvents;
use pkcs11_bridge_test_rules::{FOLDER, Rules};
use serde_json::json;
use tempfile::TempDir;

use crate::processes::wait_until;
use crate::program::{built, tool};
use crate::secrets;
use crate::token::{MODULE, TestToken};
use crate::wine::software_token::{self, TestSoftwareToken};
use crate::{wine, workspace};

/// The name of the module in [`TestModule::configuration`].
pub const NAME: &str = "test-module";

/// The test module with its rules and its record. It wraps SoftHSM2 with a [`TestToken`].
pub struct TestModule {
    folder: TempDir,
    rules: Mutex<Rules>,
    slot: u64,
    /// What the environment tells the wrapped module.
    environment: (&'static str, PathBuf),
    /// Paths are those of Windows, for a bridge under Wine.
    for_windows: bool,
}

impl TestModule {
    /// A module without rules.
    pub fn wrapping(token: &TestToken) -> Self {
        let environment = ("SOFTHSM2_CONF", token.configuration());
        Self::new(MODULE.into(), token.slot(), environment, false)
    }

    /// A module for Windows without rules, on a token in software.
    pub fn wrapping_software(token: &TestSoftwareToken) -> Self {
        let (name, folder) = token.environment();
        let module = wine::windows_path(&wine::built(software_token::MODULE));
        Self::new(module.into(), software_token::SLOT, (name, folder.into()), true)
    }

    fn new(
        wrapped_module: PathBuf,
        slot: u64,
        environment: (&'static str, PathBuf),
        for_windows: bool,
    ) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("pkcs11-bridge-test-module-")
            .tempdir()
            .expect("a folder");
        let rules = Rules {
            wrapped_module,
            rules: Vec::new(),
            simulated_tokens: Default::default(),
            excluded_pipes: inherited_pipes().clone(),
            slot_events: SlotEvents::default(),
        };
        rules.write(folder.path()).expect("a file");
        call::create(folder.path()).expect("a file");
        Self { folder, rules: Mutex::new(rules), slot, environment, for_windows }
    }

    /// The entry for the bridge's `config.toml`, with the module's path and environment. The first
    /// entry is the default module. See
    /// [`Setup::on_test_module`](crate::bridge::Setup::on_test_module).
    pub fn configuration(&self) -> String {
        let text = |value: &Path| json!(value.to_str().expect("a path in UTF-8"));
        let (name, value) = &self.environment;
        let (library, folder) = if self.for_windows {
            let path = |path: &Path| json!(wine::windows_path(path));
            (path(&wine::built(WINDOWS_LIBRARY)), path(self.folder.path()))
        } else {
            (text(library()), text(self.folder.path()))
        };
        format!(
            "[[modules]]\nname = \"{NAME}\"\npath = {library}\n\
             env = {{ {FOLDER} = {folder}, {name} = {} }}\n",
            text(value),
        )
    }

    /// Adds a rule after the existing ones.
    pub fn add(&self, rule: Rule) -> ActiveRule<'_> {
        let id = rule.id();
        self.change(|rules| rules.rules.push(rule));
        ActiveRule { module: self, id }
    }

    /// Changes the simulation of the token. Its count of wrong PINs stays.
    pub fn simulate(&self, change: impl FnOnce(&mut SimulatedToken)) {
        self.simulate_slot(self.slot, change);
    }

    /// Gives the token quirks in place of those that it has.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.simulate(|token| token.quirks = quirks);
    }

    /// As [`TestModule::simulate`], for the token in another slot.
    pub fn simulate_slot(&self, slot: u64, change: impl FnOnce(&mut SimulatedToken)) {
        self.change(|rules| change(rules.simulated_tokens.entry(slot).or_default()));
    }

    /// Ends the simulation of the token. Its count of wrong PINs is lost.
    pub fn stop_simulation(&self) {
        self.change(|rules| drop(rules.simulated_tokens.remove(&self.slot)));
    }

    /// Releases a held pinpad.
    pub fn release_pinpad(&self) {
        self.simulate(|token| token.pinpad = token.pinpad.take().map(Pinpad::released));
    }

    /// Removes the token from its slot.
    pub fn remove_token(&self) {
        self.simulate(SimulatedToken::remove);
    }

    /// Inserts the token into its slot again.
    pub fn insert_token(&self) {
        self.simulate(SimulatedToken::insert);
    }

    /// Adds `count` simulated certificates with the same value. If `unreadable` is set, reading
    /// them returns this `CKR_*`.
    pub fn simulate_certificates(&self, count: u32, value: &[u8], unreadable: Option<u64>) {
        self.simulate(|token| {
            let file = self.folder.path().join(format!("value-{}", token.certificates.len()));
            std::fs::write(&file, value).expect("a file");
            token.certificates.push(Certificates { count, value: file, unreadable });
        });
    }

    /// Sets the behaviour of `C_WaitForSlotEvent`.
    pub fn set_slot_events(&self, events: SlotEvents) {
        self.change(|rules| rules.slot_events = events);
    }

    /// The calls that have returned, in the order of their return.
    pub fn calls(&self) -> Vec<Call> {
        let returned = |line| if let Line::Returned(call) = line { Some(call) } else { None };
        self.record().into_iter().filter_map(returned).collect()
    }

    /// The calls of a function that have returned.
    pub fn calls_of(&self, function: &str) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.function == function);
        calls
    }

    /// The number of calls of a function that have returned.
    pub fn count(&self, function: &str) -> usize {
        self.calls_of(function).len()
    }

    /// The calls of `C_Login` that reached the real or the simulated token.
    pub fn logins(&self) -> Vec<Call> {
        let mut calls = self.calls_of("C_Login");
        calls.retain(Call::reached_token);
        calls
    }

    /// Asserts the number of calls of `C_Login` that reached the token.
    #[track_caller]
    pub fn assert_logins(&self, count: usize) {
        let logins = self.logins();
        assert_eq!(logins.len(), count, "logins that reached the token: {logins:#?}");
    }

    /// Waits until this number of calls of a function has returned. Panics if they do not.
    #[track_caller]
    pub fn wait_for(&self, function: &str, count: usize) {
        let reached = wait_until(LIMIT, || self.count(function) >= count);
        assert!(reached, "expected {count} calls of {function}, found {}", self.count(function));
    }

    /// The number of calls of a function that had to wait so far: because of a rule, for the user
    /// at the pinpad, or for a slot event. Calls that never return count too.
    pub fn blocked(&self, function: &str) -> usize {
        let is_blocked =
            |line: &Line| matches!(line, Line::Blocked(call) if call.function == function);
        self.record().iter().filter(|line| is_blocked(line)).count()
    }

    /// Waits until [`TestModule::blocked`] reaches this number. Panics if it does not.
    #[track_caller]
    pub fn wait_until_blocked(&self, function: &str, count: usize) {
        let reached = || self.blocked(function) >= count;
        assert!(wait_until(LIMIT, reached), "expected {count} blocked calls of {function}");
    }

    /// Runs OpenSC's `pkcs11-tool`, an independent program, on this module.
    pub fn pkcs11_tool(&self, arguments: &[&str]) -> Output {
        self.pkcs11_tool_command(arguments).output().expect("pkcs11-tool")
    }

    /// The command that [`TestModule::pkcs11_tool`] runs.
    pub fn pkcs11_tool_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("pkcs11-tool");
        command.args(arguments);
        command
    }

    /// A command of a program with the option `--module`.
    pub fn command(&self, program: &str) -> Command {
        let mut command = tool(program);
        command.env(FOLDER, self.folder.path()).env(self.environment.0, &self.environment.1);
        command.arg("--module").arg(library());
        command
    }

    /// The folder of its rules. It is the working folder after [`Fault::ChangeFolderAndLocale`].
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn record(&self) -> Vec<Line> {
        call::read(self.folder.path()).expect("the record")
    }

    fn change(&self, change: impl FnOnce(&mut Rules)) {
        let mut rules = self.rules.lock().expect("no change panics");
        change(&mut rules);
        for token in rules.simulated_tokens.values() {
            token.always_authenticate.iter().for_each(|pin| secrets::register(pin));
            for entry in token.pinpad.iter().flat_map(Pinpad::entries) {
                if let Entry::Pin(pin) = entry {
                    secrets::register(pin);
                }
            }
        }
        rules.write(self.folder.path()).expect("a file");
    }
}

/// A rule that the module follows.
#[derive(Clone, Copy)]
pub struct ActiveRule<'a> {
    module: &'a TestModule,
    id: u64,
}

impl ActiveRule<'_> {
    /// Lets the waiting calls go on. Later calls do not wait.
    pub fn release(self) {
        self.module.change(|rules| {
            rules.rules.iter_mut().filter(|rule| rule.id() == self.id).for_each(Rule::release);
        });
    }

    /// Removes the rule.
    pub fn remove(self) {
        self.module.change(|rules| rules.rules.retain(|rule| rule.id() != self.id));
    }
}

/// The pipes that this process has inherited, and that its child processes inherit too.
fn inherited_pipes() -> &'static BTreeSet<String> {
    static PIPES: OnceLock<BTreeSet<String>> = OnceLock::new();
    PIPES.get_or_init(|| {
        let open = std::fs::read_dir("/proc/self/fd").expect("/proc").flatten();
        let targets = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        let names = targets.map(|target| target.to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("pipe:")).collect()
    })
}

/// Builds the module and returns its path.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let file = format!("{DLL_PREFIX}pkcs11_bridge_test_module{DLL_SUFFIX}");
        if let Some(library) = built(&file) {
            return library;
        }
        let hint = "a build; `cargo build -p pkcs11-bridge-test-module` shows its errors";
        let build = escargot::CargoBuild::new()
            .manifest_path(workspace().join("Cargo.toml"))
            .package("pkcs11-bridge-test-module")
            .exec()
            .expect(hint);
        let mut files = Vec::new();
        for message in build {
            let message = message.expect(hint);
            if let Message::CompilerArtifact(artifact) = message.decode().expect("cargo's JSON")
                && artifact.target.crate_types.iter().any(|kind| kind == "cdylib")
            {
                files.extend(artifact.filenames.into_iter().map(|file| file.into_owned()));
            }
        }
        files.pop().expect("a library")
    })
}

const WINDOWS_LIBRARY: &str = "pkcs11_bridge_test_module.dll";

/// The time limit for a call on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(60);
