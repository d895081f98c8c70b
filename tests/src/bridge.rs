//! A bridge that serves a test: the real binary on a port of the system's choice, with folders of
//! its own for everything that it could read or write of the user's.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::desktop::{Desktop, PINENTRY};
use crate::handshake::Handshake;
use crate::pinentry::Pinentry;
use crate::processes::{self, Process};
use crate::program::{Finished, Home, Program};
use crate::socket::Socket;
use crate::terminal::Terminal;
use crate::test_module::TestModule;
use crate::token::{MODULE, TestToken};

/// The origin that [`Setup::on`] allows.
pub const ORIGIN: &str = "https://app.example";

/// The name that [`Setup::on`] gives to SoftHSM2's module.
pub const SOFTHSM: &str = "softhsm";

/// What a bridge is started with.
pub struct Setup {
    home: Home,
    listen: Option<String>,
    config_flag: bool,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
    terminal: Option<Terminal>,
    binary: Option<PathBuf>,
}

impl Setup {
    /// An empty configuration: no module, no origin.
    pub fn new() -> Self {
        Self {
            home: Home::new(),
            listen: Some("127.0.0.1:0".to_owned()),
            config_flag: true,
            arguments: Vec::new(),
            environment: Vec::new(),
            terminal: None,
            binary: None,
        }
        .config("detect_modules = false\n")
    }

    /// SoftHSM2's module with a token, and [`ORIGIN`] allowed.
    pub fn on(token: &TestToken) -> Self {
        Self::new().token(token).module(SOFTHSM, MODULE).origin(ORIGIN)
    }

    /// The module of the tests with the token that it is over, and [`ORIGIN`] allowed.
    pub fn on_test_module(module: &TestModule) -> Self {
        Self::new().config(&module.configuration()).origin(ORIGIN)
    }

    /// The tokens that SoftHSM2 sees.
    pub fn token(self, token: &TestToken) -> Self {
        self.environment("SOFTHSM2_CONF", token.configuration())
    }

    /// `--module NAME=PATH`
    pub fn module(self, name: &str, path: impl AsRef<str>) -> Self {
        self.argument("--module").argument(format!("{name}={}", path.as_ref()))
    }

    /// `--allow-origin ORIGIN`
    pub fn origin(self, origin: &str) -> Self {
        self.argument("--allow-origin").argument(origin)
    }

    /// The pinentry that asks the user; without it there is none.
    pub fn pinentry(self, pinentry: &Pinentry) -> Self {
        self.environment("PINENTRY_PROGRAM", pinentry.program())
    }

    /// The terminal that the bridge is started in; without it there is none.
    pub fn terminal(mut self, terminal: &Terminal) -> Self {
        self.terminal = Some(terminal.clone());
        self
    }

    /// A real pinentry, on a desktop.
    pub fn desktop(self, desktop: &Desktop) -> Self {
        let display = self.environment("DISPLAY", desktop.display());
        display.environment("PINENTRY_PROGRAM", PINENTRY)
    }

    /// Another binary than that of all tests.
    pub fn binary(mut self, binary: PathBuf) -> Self {
        self.binary = Some(binary);
        self
    }

    /// One more argument.
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// One more variable of the environment.
    pub fn environment(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// The text of the configuration file.
    pub fn config(self, text: &str) -> Self {
        std::fs::write(self.config_file(), text).expect("a file");
        self
    }

    /// Another address to listen on; none, so that the bridge takes its default.
    pub fn listen(mut self, address: Option<&str>) -> Self {
        self.listen = address.map(str::to_owned);
        self
    }

    /// The folders that stand in for the user's own.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The path of the configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.home.path().join("config.toml")
    }

    /// The text of the configuration file at the place where the bridge looks by itself.
    pub fn config_in_home(mut self, text: &str) -> Self {
        let folder = self.home.path().join("config/pkcs11-bridge");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("config.toml"), text).expect("a file");
        self.config_flag = false;
        self
    }

    /// Starts the bridge and waits until it listens. Panics with its own words where it does not.
    pub fn start(self) -> Bridge {
        let (program, address) = self.serve();
        Bridge { setup: self, program: Some(program), address }
    }

    /// Runs a bridge that is expected to end by itself.
    pub fn run_to_end(self) -> Finished {
        Program::start(&mut self.command()).run_to_end()
    }

    fn serve(&self) -> (Program, SocketAddr) {
        let mut command = self.command();
        let mut program = match &self.terminal {
            Some(terminal) => terminal.start(&command),
            None => Program::start(&mut command),
        };
        let address = program.expect_line("listening on ws://");
        let address = address.parse().expect("an address and port");
        (program, address)
    }

    fn command(&self) -> Command {
        let mut command = match &self.binary {
            Some(binary) => self.home.command_of(binary),
            None => self.home.command(),
        };
        command.arg("serve");
        if self.config_flag {
            command.arg("--config").arg(self.config_file());
        }
        if let Some(address) = &self.listen {
            command.args(["--listen", address]);
        }
        command.args(&self.arguments).envs(self.environment.iter().map(|(k, v)| (k, v)));
        command
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

/// A running bridge; it ends with its worker processes when this is dropped.
pub struct Bridge {
    // Ended first, so that its folders are looked at as it leaves them.
    program: Option<Program>,
    setup: Setup,
    address: SocketAddr,
}

impl Bridge {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folders that stand in for the user's own.
    pub fn home(&self) -> &Home {
        &self.setup.home
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.program().pid()
    }

    /// A connection of a page of [`ORIGIN`].
    pub async fn connect(&self) -> Socket {
        self.connect_as(ORIGIN).await
    }

    /// A connection of a page of some origin.
    pub async fn connect_as(&self, origin: &str) -> Socket {
        let handshake = Handshake::of(self.address).origin(Some(origin));
        let refused = |status| panic!("the upgrade of {origin} was refused with {status}");
        handshake.open().await.unwrap_or_else(refused)
    }

    /// Its worker processes.
    pub fn workers(&self) -> Vec<Process> {
        workers_of(self.pid())
    }

    /// Its processes that show a question to the user.
    pub fn dialogs(&self) -> Vec<Process> {
        processes_of(self.pid(), "dialog")
    }

    /// Waits until it has that many worker processes. Panics where it comes to have another number.
    pub fn expect_workers(&self, count: usize) {
        let reached = processes::wait_until(WORKER_LIMIT, || self.workers().len() == count);
        assert!(reached, "expected {count} workers, and there are {:?}", self.workers());
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.program().stderr()
    }

    /// Waits until it has logged a text. Panics where it does not.
    #[track_caller]
    pub fn expect_log(&self, text: &str) {
        let found = processes::wait_until(LOG_LIMIT, || self.log().contains(text));
        assert!(found, "no `{text}` in the log:\n{}", self.log());
    }

    /// Ends it by a signal and says how it ended. Panics where it goes on.
    pub fn stop_with(mut self, signal: Signal) -> Finished {
        self.program.take().expect("it runs").stop_with(signal)
    }

    /// Ends it by SIGTERM, to be started again.
    pub fn stop(&mut self) {
        self.program.take().expect("it runs").stop_with(Signal::TERM);
    }

    /// Ends it by SIGKILL, in the middle of whatever it does, to be started again.
    pub fn kill(&mut self) {
        self.program.take().expect("it runs").stop_with(Signal::KILL);
    }

    /// Starts it again on the port that it had.
    pub fn start_on_same_port(&mut self) {
        self.setup.listen = Some(self.address.to_string());
        let (program, address) = self.setup.serve();
        assert_eq!(address, self.address);
        self.program = Some(program);
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.program.is_some()
    }

    fn program(&self) -> &Program {
        self.program.as_ref().expect("it runs")
    }
}

/// The worker processes of the bridge that has this process id.
pub fn workers_of(bridge: u32) -> Vec<Process> {
    processes_of(bridge, "worker")
}

fn processes_of(bridge: u32, command: &str) -> Vec<Process> {
    let mut all = processes::descendants(bridge);
    all.retain(|process| process.arguments.get(1).is_some_and(|argument| argument == command));
    all
}

/// How long it may take until what was logged is read.
const LOG_LIMIT: Duration = Duration::from_secs(20);

/// How long a worker process may take to end.
const WORKER_LIMIT: Duration = Duration::from_secs(20);
