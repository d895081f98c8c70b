//! A bridge that serves a test: the real binary on a free port, with folders of its own for
//! everything that it reads or writes.

use std::ffi::OsString;
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::administrators::Administrators;
use crate::desktop::Desktop;
use crate::handshake::Handshake;
use crate::pinentry::Pinentry;
use crate::processes::{self, Process};
use crate::program::{Finished, Home, Program, binary};
use crate::socket::Socket;
use crate::terminal::Terminal;
use crate::test_module::TestModule;
use crate::token::{MODULE, TestToken};

/// The origin that [`Setup::on`] approves.
pub const ORIGIN: &str = "https://app.example";

/// The name of SoftHSM2's module in [`Setup::on`].
pub const SOFTHSM: &str = "softhsm";

/// The settings to start a bridge with.
pub struct Setup {
    home: Home,
    listen: Option<String>,
    config_flag: bool,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
    terminal: Option<Terminal>,
    binary: Option<PathBuf>,
    user: Option<User>,
    administrators: Option<Administrators>,
}

/// A user other than that of the test, with a copy of the program that this user can execute.
struct User {
    id: u32,
    _folder: TempDir,
}

impl Setup {
    /// An empty configuration without modules and origins.
    pub fn new() -> Self {
        Self {
            home: Home::new(),
            listen: Some("127.0.0.1:0".to_owned()),
            config_flag: true,
            arguments: Vec::new(),
            environment: Vec::new(),
            terminal: None,
            binary: None,
            user: None,
            administrators: None,
        }
        .config("detect_modules = false\n")
    }

    /// SoftHSM2's module with a token. [`ORIGIN`] is approved.
    pub fn on(token: &TestToken) -> Self {
        Self::new().token(token).module(SOFTHSM, MODULE).origin(ORIGIN)
    }

    /// The test module with its token. [`ORIGIN`] is approved.
    pub fn on_test_module(module: &TestModule) -> Self {
        Self::new().config(&module.configuration()).origin(ORIGIN)
    }

    /// Sets the tokens of SoftHSM2.
    pub fn token(self, token: &TestToken) -> Self {
        self.environment("SOFTHSM2_CONF", token.configuration())
    }

    /// Adds `--module NAME=PATH`.
    pub fn module(self, name: &str, path: impl AsRef<str>) -> Self {
        self.argument("--module").argument(format!("{name}={}", path.as_ref()))
    }

    /// Adds `--allow-origin ORIGIN`.
    pub fn origin(self, origin: &str) -> Self {
        self.argument("--allow-origin").argument(origin)
    }

    /// Sets the pinentry. Without this call the bridge has no pinentry.
    pub fn pinentry(self, pinentry: &Pinentry) -> Self {
        self.environment("PINENTRY_PROGRAM", pinentry.program())
    }

    /// Starts the bridge in a terminal. Without this call the bridge has no terminal.
    pub fn terminal(mut self, terminal: &Terminal) -> Self {
        self.terminal = Some(terminal.clone());
        self
    }

    /// Lets the bridge ask in its own window on a desktop.
    pub fn own_window(self, desktop: &Desktop) -> Self {
        self.environment("DISPLAY", desktop.display())
    }

    /// Sets a real pinentry on a desktop, instead of the bridge's own window.
    pub fn desktop(self, desktop: &Desktop) -> Self {
        let config = std::fs::read_to_string(self.config_file()).expect("a file");
        let config = self.config(&format!("dialogs = [\"pinentry\"]\n{config}"));
        let display = config.environment("DISPLAY", desktop.display());
        display.environment("PINENTRY_PROGRAM", desktop.pinentry())
    }

    /// Sets another binary than [`binary`].
    pub fn binary(mut self, binary: PathBuf) -> Self {
        self.binary = Some(binary);
        self
    }

    /// Runs the bridge as another user, who gets the home folder. Only root can do so.
    pub fn user(mut self, id: u32) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("pkcs11-bridge-test-program-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .expect("a folder");
        let copy = folder.path().join("pkcs11-bridge");
        std::fs::copy(binary(), &copy).expect("a copy of the program");
        for entry in std::fs::read_dir(self.home.path()).expect("a folder") {
            chown(entry.expect("an entry").path(), Some(id), Some(id)).expect("root may do this");
        }
        chown(self.home.path(), Some(id), Some(id)).expect("root may do this");
        self.user = Some(User { id, _folder: folder });
        self.binary(copy)
    }

    /// Runs the bridge on a computer with this configuration of administrators.
    pub fn administrators(mut self, administrators: &Administrators) -> Self {
        self.administrators = Some(administrators.clone());
        self
    }

    /// Adds an argument.
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds an environment variable.
    pub fn environment(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Sets the text of the configuration file.
    pub fn config(self, text: &str) -> Self {
        std::fs::write(self.config_file(), text).expect("a file");
        self
    }

    /// Sets the address to listen on. With `None` the bridge takes its default.
    pub fn listen(mut self, address: Option<&str>) -> Self {
        self.listen = address.map(str::to_owned);
        self
    }

    /// The folders that replace those of the user.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The path of the configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.home.path().join("config.toml")
    }

    /// Sets the text of the configuration file in its default place, without `--config`.
    pub fn config_in_home(mut self, text: &str) -> Self {
        let folder = self.home.path().join("config/pkcs11-bridge");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("config.toml"), text).expect("a file");
        self.config_flag = false;
        self
    }

    /// Starts the bridge and waits until it listens. Panics with its output if it does not.
    pub fn start(self) -> Bridge {
        let (program, address) = self.serve();
        Bridge { setup: self, program: Some(program), address }
    }

    /// Runs a bridge that ends by itself.
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
        if let Some(user) = &self.user {
            command.uid(user.id).gid(user.id).current_dir("/");
        }
        command.args(&self.arguments).envs(self.environment.iter().map(|(k, v)| (k, v)));
        match &self.administrators {
            Some(administrators) => administrators.command(&command),
            None => command,
        }
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

/// A running bridge. Dropping it ends the bridge and its worker processes.
pub struct Bridge {
    // Dropped first, so that the check of its folders finds what it leaves there.
    program: Option<Program>,
    setup: Setup,
    address: SocketAddr,
}

impl Bridge {
    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folders that replace those of the user.
    pub fn home(&self) -> &Home {
        &self.setup.home
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.program().pid()
    }

    /// Connects as a page of [`ORIGIN`].
    pub async fn connect(&self) -> Socket {
        self.connect_as(ORIGIN).await
    }

    /// Connects as a page of an origin.
    pub async fn connect_as(&self, origin: &str) -> Socket {
        let handshake = Handshake::of(self.address).origin(Some(origin));
        let refused = |status| panic!("the upgrade of {origin} was refused with {status}");
        handshake.open().await.unwrap_or_else(refused)
    }

    /// Its worker processes.
    pub fn workers(&self) -> Vec<Process> {
        workers_of(self.pid())
    }

    /// Its processes that show a dialog to the user.
    pub fn dialogs(&self) -> Vec<Process> {
        processes_of(self.pid(), "dialog")
    }

    /// Waits until it has this number of worker processes. Panics if it does not.
    pub fn expect_workers(&self, count: usize) {
        let reached = processes::wait_until(WORKER_LIMIT, || self.workers().len() == count);
        assert!(reached, "expected {count} workers, found {:?}", self.workers());
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.program().stderr()
    }

    /// Waits until it has logged a text. Panics if it does not.
    #[track_caller]
    pub fn expect_log(&self, text: &str) {
        let found = processes::wait_until(LOG_LIMIT, || self.log().contains(text));
        assert!(found, "no `{text}` in the log:\n{}", self.log());
    }

    /// Ends it with a signal and returns its output. Panics if it does not end.
    pub fn stop_with(mut self, signal: Signal) -> Finished {
        self.program.take().expect("the bridge runs").stop_with(signal)
    }

    /// Ends it with SIGTERM. It can be started again.
    pub fn stop(&mut self) {
        self.program.take().expect("the bridge runs").stop_with(Signal::TERM);
    }

    /// Ends it with SIGKILL. It can be started again.
    pub fn kill(&mut self) {
        self.program.take().expect("the bridge runs").stop_with(Signal::KILL);
    }

    /// Starts it again on the same port.
    pub fn start_on_same_port(&mut self) {
        self.start_on(self.address);
    }

    /// Starts it again on a port.
    pub fn start_on(&mut self, address: SocketAddr) {
        self.setup.listen = Some(address.to_string());
        let (program, listening) = self.setup.serve();
        assert_eq!(listening, address);
        (self.program, self.address) = (Some(program), address);
    }

    /// Starts a second bridge of the same user with the same folders, which ends by itself.
    pub fn run_another(&self) -> Finished {
        Program::start(&mut self.setup.command()).run_to_end()
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.program.is_some()
    }

    fn program(&self) -> &Program {
        self.program.as_ref().expect("the bridge runs")
    }
}

/// The worker processes of the bridge with this process id.
pub fn workers_of(bridge: u32) -> Vec<Process> {
    processes_of(bridge, "worker")
}

fn processes_of(bridge: u32, command: &str) -> Vec<Process> {
    let mut all = processes::descendants(bridge);
    all.retain(|process| process.arguments.get(1).is_some_and(|argument| argument == command));
    all
}

/// How long a log entry may take to arrive.
const LOG_LIMIT: Duration = Duration::from_secs(20);

/// How long a worker process may take to end.
const WORKER_LIMIT: Duration = Duration::from_secs(20);
