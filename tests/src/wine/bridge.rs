//! A bridge under Wine that serves a test, with files of its own. Tests reach it through a relay,
//! because Wine does not see who owns a socket of Linux.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use rustix::process::Signal;

use super::software_token::TestSoftwareToken;
use super::{command, windows_path};
use crate::bridge::ORIGIN;
use crate::handshake::Handshake;
use crate::processes::{self, Process};
use crate::program::{Finished, Home, Program};
use crate::socket::Socket;
use crate::test_module::TestModule;

/// The settings to start a bridge with.
pub struct Setup {
    home: Home,
    listen: Option<String>,
    arguments: Vec<String>,
    alone: bool,
}

/// The event that stops a bridge stops all of the user. So a test of it waits until no other bridge
/// runs. A test has one bridge at a time, or it would wait for itself.
static TURNS: RwLock<()> = RwLock::new(());

/// A turn that [`alone`] gives. No bridge of other tests runs as long as it lives.
pub struct AloneTurn(#[expect(dead_code, reason = "held")] RwLockWriteGuard<'static, ()>);

/// Waits until no bridge of other tests runs. A test that holds the turn starts no [`Setup`].
pub fn alone() -> AloneTurn {
    AloneTurn(TURNS.write().unwrap_or_else(PoisonError::into_inner))
}

enum Turn {
    Shared(#[expect(dead_code, reason = "held")] RwLockReadGuard<'static, ()>),
    Alone(#[expect(dead_code, reason = "held")] AloneTurn),
}

impl Setup {
    /// A configuration without origins, and with this text.
    pub fn new(config: &str) -> Self {
        let home = Home::new();
        let config = format!("detect_modules = false\n{config}");
        std::fs::write(home.path().join("config.toml"), config).expect("a file");
        Self { home, listen: Some("127.0.0.1:0".to_owned()), arguments: Vec::new(), alone: false }
    }

    /// The module of a token in software. [`ORIGIN`] is approved.
    pub fn on(token: &TestSoftwareToken) -> Self {
        Self::new(&token.configuration()).origin(ORIGIN)
    }

    /// The test module. [`ORIGIN`] is approved. `config` comes before the module.
    pub fn on_test_module(module: &TestModule, config: &str) -> Self {
        Self::new(&format!("{config}\n{}", module.configuration())).origin(ORIGIN)
    }

    /// Adds `--allow-origin ORIGIN`.
    pub fn origin(self, origin: &str) -> Self {
        self.argument("--allow-origin").argument(origin)
    }

    /// Adds an argument.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Sets the address to listen on. With `None` the bridge takes its default.
    pub fn listen(mut self, address: Option<&str>) -> Self {
        self.listen = address.map(str::to_owned);
        self
    }

    /// No other bridge of the tests runs meanwhile.
    pub fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    /// Starts the bridge and waits until it listens. Panics with its output if it does not.
    pub fn start(self) -> Bridge {
        let turn = if self.alone {
            Turn::Alone(alone())
        } else {
            Turn::Shared(TURNS.read().unwrap_or_else(PoisonError::into_inner))
        };
        let mut program = Program::start(&mut self.serve());
        let address = program.expect_line("listening on ws://");
        let address: SocketAddr = address.parse().expect("an address and port");
        let mut relay = command("pkcs11-bridge-test-relay.exe");
        let mut relay = Program::start_reading(relay.arg(address.to_string()), Stdio::piped());
        let port = relay.expect_line("relays on port ").parse().expect("a port");
        let relay_address = SocketAddr::from(([127, 0, 0, 1], port));
        Bridge {
            program: Some(program),
            _relay: relay,
            setup: self,
            address,
            relay_address,
            _turn: turn,
        }
    }

    /// Runs a bridge that ends by itself.
    pub fn run_to_end(self) -> Finished {
        Program::start(&mut self.serve()).run_to_end()
    }

    fn serve(&self) -> Command {
        let mut command = self.command(&["serve"]);
        if let Some(address) = &self.listen {
            command.args(["--listen", address]);
        }
        command.args(&self.arguments);
        command
    }

    /// A command of the bridge with these arguments, on the files of this bridge.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command("pkcs11-bridge.exe");
        command.args(arguments);
        command.arg("--config").arg(windows_path(&self.home.path().join("config.toml")));
        command.arg("--state-file").arg(windows_path(&self.state_file()));
        command.env("HOME", self.home.path()).env("PKCS11_BRIDGE_LOG", "trace");
        command
    }

    fn state_file(&self) -> PathBuf {
        self.home.path().join("state/pkcs11-bridge/approvals.json")
    }
}

/// A running bridge. Dropping it ends the bridge.
pub struct Bridge {
    // Dropped first, so that the check of its folders finds what it leaves there.
    program: Option<Program>,
    _relay: Program,
    setup: Setup,
    address: SocketAddr,
    relay_address: SocketAddr,
    _turn: Turn,
}

impl Bridge {
    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connects as a page of [`ORIGIN`].
    pub async fn connect(&self) -> Socket {
        self.connect_as(ORIGIN).await
    }

    /// Connects as a page of an origin.
    pub async fn connect_as(&self, origin: &str) -> Socket {
        let handshake = Handshake::of(self.relay_address).host(&self.address.to_string());
        let refused = |status| panic!("the upgrade of {origin} was refused with {status}");
        handshake.origin(Some(origin)).open().await.unwrap_or_else(refused)
    }

    /// Runs a command on the files of this bridge, and returns its output. Panics if it fails.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        let finished = Program::start(&mut self.setup.command(arguments)).run_to_end();
        assert_eq!(finished.code, Some(0), "{arguments:?}: {}", finished.stderr);
        finished
    }

    /// A command on the files of this bridge.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.setup.command(arguments)
    }

    /// Its worker processes.
    pub fn workers(&self) -> Vec<Process> {
        let folder = self.setup.home.path().file_name().and_then(|name| name.to_str());
        let mut all = processes::with_argument(folder.expect("a name"));
        all.retain(|process| process.arguments.iter().any(|argument| argument == "worker"));
        all
    }

    /// Waits until it has no worker process. Panics if one stays.
    #[track_caller]
    pub fn wait_for_no_worker(&self) {
        let ended = processes::wait_until(LIMIT, || self.workers().is_empty());
        assert!(ended, "{:?} stay", self.workers());
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.program.as_ref().expect("the bridge runs").stderr()
    }

    /// Ends it with SIGKILL, as the task manager of Windows does.
    pub fn kill(&mut self) {
        self.program.take().expect("the bridge runs").stop_with(Signal::KILL);
    }

    /// Ends it by the event that stops all bridges of the user.
    pub fn stop(&mut self) -> Finished {
        let stopped = Program::start(command("pkcs11-bridge.exe").arg("stop")).run_to_end();
        assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
        self.program.take().expect("the bridge runs").run_to_end()
    }
}

/// How long a worker process may take to end.
const LIMIT: Duration = Duration::from_secs(20);
