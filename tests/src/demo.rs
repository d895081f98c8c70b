//! A run of `pkcs11-bridge demo --no-open`, in folders of its own.

use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;

use crate::pinentry::Pinentry;
use crate::processes::{self, Process};
use crate::program::{Finished, Home, Program};

/// A running demo. Dropping it ends the demo.
pub struct Demo {
    program: Program,
    home: Home,
    url: String,
    pin: String,
}

impl Demo {
    /// Starts it without a pinentry, and waits until it has printed the address of its page
    /// and its PIN.
    pub fn start() -> Self {
        Self::run(Home::new(), |command| command)
    }

    /// Starts it with a pinentry.
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

    /// The folder for its temporary files.
    pub fn temporary(&self) -> PathBuf {
        self.home.temporary()
    }

    /// The folders that replace those of the user.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.program.stderr()
    }

    /// The processes that it started.
    pub fn processes(&self) -> Vec<Process> {
        processes::descendants(self.program.pid())
    }

    /// Ends it as Ctrl-C does. Returns its folders too, so that a test can see what
    /// it leaves there.
    pub fn interrupt(self) -> (Finished, Home) {
        (self.program.stop_with(Signal::INT), self.home)
    }
}
