//! The PKCS#11 module of the tests, over SoftHSM2's: it records every call, and does what a test tells it
//! while the bridge runs. What it can be told stands in the crate `rules`.

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
use crate::workspace;

/// The name that the module has in [`TestModule::configuration`].
pub const NAME: &str = "test-module";

/// The module with its rules and its record, over the tokens of a [`TestToken`].
pub struct TestModule {
    folder: TempDir,
    rules: Mutex<Rules>,
    slot: u64,
    softhsm: PathBuf,
}

impl TestModule {
    /// Changes nothing yet.
    pub fn wrapping(token: &TestToken) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("pkcs11-bridge-test-module-")
            .tempdir()
            .expect("a folder");
        let rules = Rules {
            wrapped_module: MODULE.into(),
            rules: Vec::new(),
            simulated_tokens: Default::default(),
            excluded_pipes: inherited_pipes().clone(),
            slot_events: SlotEvents::default(),
        };
        rules.write(folder.path()).expect("a file");
        call::create(folder.path()).expect("a file");
        let (slot, softhsm) = (token.slot(), token.configuration());
        Self { folder, rules: Mutex::new(rules), slot, softhsm }
    }

    /// The entry of the bridge's `config.toml` that names it, its rules and its tokens. It is the default
    /// module where it is the first. See [`Setup::on_test_module`](crate::bridge::Setup::on_test_module).
    pub fn configuration(&self) -> String {
        let text = |value: &Path| json!(value.to_str().expect("a path in UTF-8"));
        format!(
            "[[modules]]\nname = \"{NAME}\"\npath = {}\nenv = {{ {FOLDER} = {}, SOFTHSM2_CONF = {} }}\n",
            text(library()),
            text(self.folder.path()),
            text(&self.softhsm),
        )
    }

    /// Puts a rule in force, behind those that are.
    pub fn add(&self, rule: Rule) -> ActiveRule<'_> {
        let id = rule.id();
        self.change(|rules| rules.rules.push(rule));
        ActiveRule { module: self, id }
    }

    /// Changes what the token plays. It keeps the wrong PINs that it has counted.
    pub fn simulate(&self, change: impl FnOnce(&mut SimulatedToken)) {
        self.change(|rules| change(rules.simulated_tokens.entry(self.slot).or_default()));
    }

    /// Puts a token that plays nothing, and has counted nothing, in the place of the one that was played.
    pub fn stop_simulation(&self) {
        self.change(|rules| drop(rules.simulated_tokens.remove(&self.slot)));
    }

    /// Has the person at a pinpad that is held go on.
    pub fn release_pinpad(&self) {
        self.simulate(|card| card.pinpad = card.pinpad.take().map(Pinpad::released));
    }

    /// Takes the token out of its slot.
    pub fn remove_token(&self) {
        self.simulate(SimulatedToken::remove);
    }

    /// Puts the token back into its slot.
    pub fn insert_token(&self) {
        self.simulate(SimulatedToken::insert);
    }

    /// Plays so many certificates more, all with that value. `unreadable` is what each is read with, where it
    /// cannot be read.
    pub fn simulate_certificates(&self, count: u32, value: &[u8], unreadable: Option<u64>) {
        self.simulate(|card| {
            let file = self.folder.path().join(format!("value-{}", card.certificates.len()));
            std::fs::write(&file, value).expect("a file");
            card.certificates.push(Certificates { count, value: file, unreadable });
        });
    }

    /// Sets what `C_WaitForSlotEvent` does.
    pub fn set_slot_events(&self, how: SlotEvents) {
        self.change(|rules| rules.slot_events = how);
    }

    /// The calls that have returned, in that order.
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

    /// How many calls of a function have returned.
    pub fn count(&self, function: &str) -> usize {
        self.calls_of(function).len()
    }

    /// The `C_Login`s by which the token, or a card that is played, was asked about a PIN.
    pub fn logins(&self) -> Vec<Call> {
        let mut calls = self.calls_of("C_Login");
        calls.retain(Call::reached_token);
        calls
    }

    /// Asserts how many PINs the token was asked about.
    #[track_caller]
    pub fn assert_logins(&self, count: usize) {
        let logins = self.logins();
        assert_eq!(logins.len(), count, "logins that reached the token: {logins:#?}");
    }

    /// Waits until that many calls of a function have returned. Panics where they do not.
    #[track_caller]
    pub fn wait_for(&self, function: &str, count: usize) {
        let reached = wait_until(LIMIT, || self.count(function) >= count);
        assert!(reached, "{count} calls of {function}, and there are {}", self.count(function));
    }

    /// How many calls of a function, from the beginning, have been made to wait: by a rule, for a person at the
    /// pinpad or for a slot event; or do not come back.
    pub fn blocked(&self, function: &str) -> usize {
        let waiting =
            |line: &Line| matches!(line, Line::Blocked(call) if call.function == function);
        self.record().iter().filter(|line| waiting(line)).count()
    }

    /// Waits until there are so many [`TestModule::blocked`]. Panics where they do not come.
    #[track_caller]
    pub fn wait_until_blocked(&self, function: &str, count: usize) {
        let reached = || self.blocked(function) >= count;
        assert!(wait_until(LIMIT, reached), "no {count} calls of {function} wait");
    }

    /// Runs OpenSC's `pkcs11-tool`, an independent user, on this module.
    pub fn pkcs11_tool(&self, arguments: &[&str]) -> Output {
        self.pkcs11_tool_command(arguments).output().expect("pkcs11-tool")
    }

    /// The command that [`TestModule::pkcs11_tool`] runs.
    pub fn pkcs11_tool_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("pkcs11-tool");
        command.args(arguments);
        command
    }

    /// A command that is told of this module by `--module`.
    pub fn command(&self, program: &str) -> Command {
        let mut command = tool(program);
        command.env(FOLDER, self.folder.path()).env("SOFTHSM2_CONF", &self.softhsm);
        command.arg("--module").arg(library());
        command
    }

    /// Its folder of rules, which is the working folder after [`Fault::ChangeFolderAndLocale`].
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn record(&self) -> Vec<Line> {
        call::read(self.folder.path()).expect("the record")
    }

    fn change(&self, change: impl FnOnce(&mut Rules)) {
        let mut rules = self.rules.lock().expect("no change panics");
        change(&mut rules);
        for card in rules.simulated_tokens.values() {
            card.always_authenticate.iter().for_each(|pin| secrets::register(pin));
            for entry in card.pinpad.iter().flat_map(Pinpad::entries) {
                if let Entry::Pin(pin) = entry {
                    secrets::register(pin);
                }
            }
        }
        rules.write(self.folder.path()).expect("a file");
    }
}

/// A rule that is in force.
#[derive(Clone, Copy)]
pub struct ActiveRule<'a> {
    module: &'a TestModule,
    id: u64,
}

impl ActiveRule<'_> {
    /// Lets the calls go on that it has made to wait, and those that follow.
    pub fn release(self) {
        self.module.change(|rules| {
            rules.rules.iter_mut().filter(|rule| rule.id() == self.id).for_each(Rule::release);
        });
    }

    /// Puts it out of force.
    pub fn remove(self) {
        self.module.change(|rules| rules.rules.retain(|rule| rule.id() != self.id));
    }
}

/// The pipes that this process was started with, and hands on to those that it starts.
fn inherited_pipes() -> &'static BTreeSet<String> {
    static PIPES: OnceLock<BTreeSet<String>> = OnceLock::new();
    PIPES.get_or_init(|| {
        let open = std::fs::read_dir("/proc/self/fd").expect("/proc").flatten();
        let targets = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        let names = targets.map(|target| target.to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("pipe:")).collect()
    })
}

/// The module, built.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let file = format!("{DLL_PREFIX}pkcs11_bridge_test_module{DLL_SUFFIX}");
        if let Some(library) = built(&file) {
            return library;
        }
        let says = "`cargo build -p pkcs11-bridge-test-module` says why it does not build";
        let build = escargot::CargoBuild::new()
            .manifest_path(workspace().join("Cargo.toml"))
            .package("pkcs11-bridge-test-module")
            .exec()
            .expect(says);
        let mut files = Vec::new();
        for message in build {
            let message = message.expect(says);
            if let Message::CompilerArtifact(artifact) = message.decode().expect("cargo's JSON")
                && artifact.target.crate_types.iter().any(|kind| kind == "cdylib")
            {
                files.extend(artifact.filenames.into_iter().map(|file| file.into_owned()));
            }
        }
        files.pop().expect("a library")
    })
}

/// How long a call may take to come on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(60);
