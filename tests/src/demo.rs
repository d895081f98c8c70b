//! A run of `pkcs11-bridge demo --no-open`, in folders of its own.

use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;

use crate::pinentry::Pinentry;
use crate::processes::{self, Process};
use crate::program::{Finished, Home, Program};

/// A running demo; it ends when this is dropped.
pub struct Demo {
    program: Program,
    home: Home,
    url: String,
    pin: String,
}

impl Demo {
    /// Starts it where nobody can be asked, and waits until it has said where its page is and what its
    /// PIN is.
    pub fn start() -> Self {
        Self::run(Home::new(), |command| command)
    }

    /// Starts it with a pinentry that asks the user.
    pub fn with_pinentry(pinentry: &Pinentry) -> Self {
        Self::run(Home::new(), |command| command.env("PINENTRY_PROGRAM", pinentry.program()))
    }

    fn run(home: Home, configure: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let mut command = home.command();
        let mut program = Program::start(configure(command.args(["demo", "--no-open"])));
        let url = program.expect_line("http://");
        let pin = program.expect_line("PIN");
        let url = format!("http://{}", url.split_whitespace().next().unwrap_or_default());
        let pin = pin.chars().filter(char::is_ascii_digit).collect();
        Self { program, home, url, pin }
    }

    /// The address of its page, without a slash at its end.
    pub fn url(&self) -> &str {
        self.url.trim_end_matches('/')
    }

    /// The PIN of its token.
    pub fn pin(&self) -> &str {
        &self.pin
    }

    /// Where it puts its temporary files.
    pub fn temporary(&self) -> PathBuf {
        self.home.temporary()
    }

    /// The folders that stand in for the user's own.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.program.stderr()
    }

    /// The processes that it has started.
    pub fn processes(&self) -> Vec<Process> {
        processes::descendants(self.program.pid())
    }

    /// Ends it as Ctrl-C does, and gives its folders to look at what it leaves there.
    pub fn interrupt(self) -> (Finished, Home) {
        (self.program.stop_with(Signal::INT), self.home)
    }
}
