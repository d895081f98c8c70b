//! The bridge's binary, and running programs: an environment without anything of the user, standard
//! output and standard error, and the end. The processes that a program has started end with it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{processes, secrets, workspace};

/// The time limit for the start of a program on a machine that is busy with other tests.
pub const START_LIMIT: Duration = Duration::from_secs(60);

/// The time limit for the stop of a program, before it is killed. A bridge answers open requests
/// for 5 s, closes connections for 1 s, and ends its workers within 2 s.
pub const STOP_LIMIT: Duration = Duration::from_secs(15);

/// The bridge: the program that `PKCS11_BRIDGE_BIN` names, or else the one of this workspace.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("PKCS11_BRIDGE_BIN") {
        Some(path) => path.into(),
        None => built("pkcs11-bridge").unwrap_or_else(|| {
            escargot::CargoBuild::new()
                .manifest_path(workspace().join("Cargo.toml"))
                .package("pkcs11-bridge")
                .bin("pkcs11-bridge")
                .run()
                .expect("a build; `cargo build -p pkcs11-bridge` shows its errors")
                .path()
                .to_owned()
        }),
    })
}

/// A file in the folder that `PKCS11_BRIDGE_BUILD` names. `make test` builds all files there at
/// once, so that they share their dependencies. Without the variable each file is built when a test
/// needs it.
pub(crate) fn built(file: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("PKCS11_BRIDGE_BUILD")?;
    Some(Path::new(&folder).join(file))
}

/// A command of a tool that a test uses. Of this process's environment it gets only `PATH` and
/// `TMPDIR`, so that no configuration, desktop, daemon or language of the user changes the result.
pub fn tool(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    for name in ["PATH", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// Runs a command to its end and returns its output. Panics with its error output if it fails.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Folders that replace those of the user.
pub struct Home {
    folder: TempDir,
}

impl Home {
    /// Empty folders.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("pkcs11-bridge-test-home-")
            .tempdir()
            .expect("a folder");
        for name in ["config", "data", "state", "cache", "runtime", "tmp"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        Self { folder }
    }

    /// The parent folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The folder for temporary files.
    pub fn temporary(&self) -> PathBuf {
        self.path().join("tmp")
    }

    /// A command of the bridge that runs here. Its environment names nothing of the user or of this
    /// machine, and it logs everything. It has no pinentry, so that no test opens a dialog on the
    /// user's desktop. SoftHSM has no tokens, OpenSC finds no daemon with smart card readers, and
    /// no TPM is there. Without a store, the module of TPMs would write to the working folder.
    pub fn command(&self) -> Command {
        self.command_of(binary())
    }

    /// As [`Home::command`], for another binary.
    pub fn command_of(&self, binary: &Path) -> Command {
        let mut command = tool(binary);
        command
            .env("HOME", self.path())
            .env("TMPDIR", self.temporary())
            .env("XDG_CONFIG_HOME", self.path().join("config"))
            .env("XDG_DATA_HOME", self.path().join("data"))
            .env("XDG_STATE_HOME", self.path().join("state"))
            .env("XDG_CACHE_HOME", self.path().join("cache"))
            .env("XDG_RUNTIME_DIR", self.path().join("runtime"))
            .env("PINENTRY_PROGRAM", self.path().join("no-pinentry"))
            .env("PCSCLITE_CSOCK_NAME", self.path().join("no-pcscd"))
            .env("OPENSC_CONF", self.path().join("no-opensc.conf"))
            .env("SOFTHSM2_CONF", self.path().join("no-softhsm2.conf"))
            .env("TPM2_PKCS11_STORE", self.path().join("no-tpm2"))
            .env("TPM2_PKCS11_TCTI", format!("device:{}", self.path().join("no-tpm").display()))
            .env("DBUS_SYSTEM_BUS_ADDRESS", self.no_bus())
            .env("DBUS_SESSION_BUS_ADDRESS", self.no_bus())
            .env("PKCS11_BRIDGE_LOG", "trace");
        command
    }
}

impl Home {
    /// The address of a D-Bus that does not exist.
    fn no_bus(&self) -> String {
        format!("unix:path={}", self.path().join("no-bus").display())
    }
}

impl Home {
    /// Ends a bridge that `pkcs11-bridge start` left in the background.
    fn end_background_bridge(&self) {
        let record = self.path().join("state/pkcs11-bridge/bridge.json");
        let record = std::fs::read(record).unwrap_or_default();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap_or_default();
        let pid = record["process"].as_u64().and_then(|pid| u32::try_from(pid).ok());
        let process = pid.and_then(processes::find);
        let is_background = |process: &processes::Process| {
            process.arguments.iter().any(|argument| argument == "--background")
        };
        if let Some(process) = process.filter(is_background) {
            processes::signal(process.pid, Signal::TERM);
            processes::wait_until(STOP_LIMIT, || !processes::is_running(process.pid));
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.end_background_bridge();
        if !std::thread::panicking() {
            secrets::assert_none_below(self.path());
        }
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

/// How a program ended.
pub struct Finished {
    /// The exit status. `None` if a signal ended the program.
    pub code: Option<i32>,
    /// Whether the system wrote a core dump or passed it to a crash reporter.
    pub core_dumped: bool,
    /// The standard output.
    pub stdout: String,
    /// The standard error output.
    pub stderr: String,
}

/// A running program.
pub struct Program {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    stderr: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Program {
    /// Starts a program without standard input.
    pub fn start(command: &mut Command) -> Self {
        Self::start_reading(command, Stdio::null())
    }

    /// Starts a program with a standard input.
    pub fn start_reading(command: &mut Command, stdin: impl Into<Stdio>) -> Self {
        let mut child = command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (sender, lines) = channel();
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut errors = child.stderr.take().expect("a pipe");
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let collected = Arc::clone(&stderr);
        let readers = vec![
            std::thread::spawn(move || {
                let mut line = Vec::new();
                while let Ok(1..) = stdout.read_until(b'\n', &mut line) {
                    let text = String::from_utf8_lossy(&line);
                    let text = text.trim_end_matches(['\r', '\n']);
                    // Reading goes on even if the receiver is gone, so that the program
                    // does not block.
                    let _ = sender.send(text.to_owned());
                    line.clear();
                }
            }),
            std::thread::spawn(move || {
                let mut chunk = [0; 4096];
                while let Ok(len @ 1..) = errors.read(&mut chunk) {
                    collected.lock().expect("no reader panics").extend_from_slice(&chunk[..len]);
                }
            }),
        ];
        Self { child, lines, seen: Vec::new(), stderr, readers }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        processes::is_running(self.pid())
    }

    /// Waits for a line on standard output that contains `text`, and returns the rest of the
    /// line after it. Lines may come in any order. Panics with the program's output if the line
    /// does not come.
    pub fn expect_line(&mut self, text: &str) -> String {
        self.find_line(text).unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// As [`Program::expect_line`], but returns an error with the program's output if the line does
    /// not come.
    pub fn find_line(&mut self, text: &str) -> Result<String, String> {
        let start = Instant::now();
        loop {
            if let Some((_, rest)) = self.seen.iter().find_map(|line| line.split_once(text)) {
                return Ok(rest.trim().to_owned());
            }
            let reason = match self.lines.recv_timeout(START_LIMIT.saturating_sub(start.elapsed()))
            {
                Ok(line) => {
                    self.seen.push(line);
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => "timed out",
                Err(RecvTimeoutError::Disconnected) => "ended",
            };
            let stdout = self.seen.join("\n");
            let stderr = self.stderr();
            return Err(format!(
                "the program {reason} before it wrote `{text}`:\n{stdout}\n{stderr}"
            ));
        }
    }

    /// Waits until so many lines on standard output contain `text`. Panics with the program's
    /// output if they do not come.
    pub fn expect_lines(&mut self, text: &str, count: usize) {
        let come = processes::wait_until(START_LIMIT, || {
            self.seen.extend(self.lines.try_iter());
            self.seen.iter().filter(|line| line.contains(text)).count() >= count
        });
        assert!(come, "expected {count} lines with `{text}`:\n{}", self.seen.join("\n"));
    }

    /// The standard output so far.
    pub fn stdout(&mut self) -> String {
        self.seen.extend(self.lines.try_iter());
        self.seen.join("\n")
    }

    /// The standard error output so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.lock().expect("no reader panics")).into_owned()
    }

    /// Sends a signal and waits for the end. Panics if the program does not end.
    pub fn stop_with(mut self, signal: Signal) -> Finished {
        processes::signal(self.pid(), signal);
        let status = self.wait(STOP_LIMIT);
        self.finished(status.unwrap_or_else(|| panic!("the program still runs after {signal:?}")))
    }

    /// Waits until the program ends by itself. Panics if it does not.
    pub fn run_to_end(mut self) -> Finished {
        let status = self.wait(START_LIMIT);
        self.finished(
            status.unwrap_or_else(|| panic!("the program still runs:\n{}", self.stderr())),
        )
    }

    fn finished(&mut self, status: ExitStatus) -> Finished {
        self.read_to_end();
        let code = if status.signal().is_some() { None } else { status.code() };
        let core_dumped = status.core_dumped();
        Finished { code, core_dumped, stdout: self.seen.join("\n"), stderr: self.stderr() }
    }

    fn end(&mut self) {
        let children = processes::descendants(self.pid());
        processes::signal(self.pid(), Signal::TERM);
        if self.wait(STOP_LIMIT).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        // The system may reuse a process id, so that this compares the command line too.
        for child in children {
            if processes::find(child.pid).is_some_and(|now| now.arguments == child.arguments) {
                processes::signal(child.pid, Signal::KILL);
            }
        }
    }

    fn read_to_end(&mut self) {
        // The wait has a limit, because a child that outlives the program keeps its pipes open.
        processes::wait_until(STOP_LIMIT, || self.readers.iter().all(JoinHandle::is_finished));
        self.seen.extend(self.lines.try_iter());
    }

    fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let mut status = None;
        processes::wait_until(limit, || {
            status = self.child.try_wait().expect("a child process");
            status.is_some()
        });
        status
    }
}

/// Ends the program if it runs. Panics if its output contains a secret.
impl Drop for Program {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.end();
        }
        if !std::thread::panicking() {
            self.read_to_end();
            secrets::assert_none_in("standard output", &self.seen.join("\n"));
            secrets::assert_none_in("standard error", &self.stderr());
        }
    }
}
