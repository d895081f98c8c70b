//! A systemd of a test's own, as the manager of a user: the real program, in a mount namespace
//! where the computer seems to have been booted with it. It ends with the test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::processes::{self, wait_until};
use crate::program::{Home, START_LIMIT, run};

/// A running manager.
pub struct ServiceManager {
    home: Home,
    /// The process that holds the namespace.
    shell: std::process::Child,
}

impl ServiceManager {
    /// Starts it in a home folder. `None`, with a line that says why, if this machine cannot.
    pub fn start(home: Home) -> Option<Self> {
        if !Path::new(SYSTEMD).exists() {
            eprintln!("skipped: {SYSTEMD} is not installed");
            return None;
        }
        let script = format!(
            "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && \
             mkdir -m 700 {runtime} && \
             exec env XDG_RUNTIME_DIR={runtime} SYSTEMD_LOG_TARGET=console \
             {SYSTEMD} --user",
            runtime = RUNTIME,
        );
        let mut command = home.command_of(Path::new("unshare"));
        command.args(["--mount", "--propagation", "private"]);
        if !rustix::process::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        command.args(["sh", "-c", &script]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let shell = command.spawn().expect("unshare");
        let manager = Self { home, shell };
        if !wait_until(READY_LIMIT, || {
            manager.succeeds("systemctl", &["--user", "show-environment"])
        }) {
            eprintln!("skipped: systemd cannot run as a user's manager on this machine");
            return None;
        }
        Some(manager)
    }

    /// The home folder.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// A command that runs in the session of the manager, with the environment of the home folder.
    pub fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = self.home.command_of(Path::new("nsenter"));
        command.arg("--mount").arg(format!("--target={}", self.shell.id()));
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.arg("--").arg(program).args(arguments);
        command.env("XDG_RUNTIME_DIR", RUNTIME);
        command
    }

    /// Runs a command in the session of the manager, and returns its output.
    pub fn run(&self, program: &Path, arguments: &[&str]) -> String {
        run(&mut self.command(program, arguments))
    }

    /// Whether a command in the session of the manager succeeds.
    pub fn succeeds(&self, program: &str, arguments: &[&str]) -> bool {
        let mut command = self.command(Path::new(program), arguments);
        command.output().is_ok_and(|output| output.status.success())
    }

    /// The process of the bridge. Waits until it runs.
    #[track_caller]
    pub fn expect_bridge(&self, program: &Path) -> u32 {
        let mut found = None;
        wait_until(START_LIMIT, || {
            found = self.bridge(program);
            found.is_some()
        });
        found.expect("a bridge that systemd started")
    }

    /// Waits until no bridge runs.
    pub fn expect_no_bridge(&self, program: &Path) {
        assert!(wait_until(START_LIMIT, || self.bridge(program).is_none()), "it still runs");
    }

    fn bridge(&self, program: &Path) -> Option<u32> {
        let path = program.to_str().expect("UTF-8");
        let all = processes::descendants(self.shell.id()).into_iter();
        let mut all = all.filter(|process| process.arguments.get(1).is_some_and(|a| a == "serve"));
        all.find(|process| process.arguments[0] == path).map(|process| process.pid)
    }

    /// The path of a file in the home folder's configuration.
    pub fn config(&self, name: &str) -> PathBuf {
        self.home.path().join("config").join(name)
    }
}

impl Drop for ServiceManager {
    fn drop(&mut self) {
        let children = processes::descendants(self.shell.id());
        processes::signal(self.shell.id(), Signal::TERM);
        let ended = wait_until(READY_LIMIT, || matches!(self.shell.try_wait(), Ok(Some(_))));
        if !ended {
            let _ = self.shell.kill();
            let _ = self.shell.wait();
        }
        for child in children {
            if processes::find(child.pid).is_some_and(|now| now.arguments == child.arguments) {
                processes::signal(child.pid, Signal::KILL);
            }
        }
    }
}

const SYSTEMD: &str = "/usr/lib/systemd/systemd";
const RUNTIME: &str = "/run/test-user";
const READY_LIMIT: Duration = Duration::from_secs(20);
