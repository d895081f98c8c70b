//! A pseudo terminal (pty(7)) in which a bridge runs. A test reads what it shows, and types.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::processes::wait_until;
use crate::program::{Program, tool};
use crate::secrets;

/// A terminal. Dropping its last handle panics if it has shown a PIN.
#[derive(Clone)]
pub struct Terminal(Arc<Ends>);

struct Ends {
    /// The user's end.
    master: File,
    /// The program's end.
    device: File,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// A terminal in which no program runs.
    pub fn new() -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).expect("a pseudo terminal");
        grantpt(&master).expect("a pseudo terminal");
        unlockpt(&master).expect("a pseudo terminal");
        let device = File::from(ioctl_tiocgptpeer(&master, flags).expect("the program's end"));
        let master = File::from(master);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (mut screen, collected) = (master.try_clone().expect("a handle"), Arc::clone(&shown));
        // The thread ends when the last program closes the terminal.
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(len @ 1..) = screen.read(&mut chunk) {
                collected.lock().expect("no reader panics").extend_from_slice(&chunk[..len]);
            }
        });
        Self(Arc::new(Ends { master, device, shown }))
    }

    /// Starts a program as a shell does: the terminal is its standard input, and the program is in
    /// the foreground.
    pub fn start(&self, command: &Command) -> Program {
        let mut started = tool("setsid");
        started.arg("--ctty").arg(command.get_program()).args(command.get_args());
        started.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Program::start_reading(&mut started, self.0.device.try_clone().expect("a handle"))
    }

    /// Types a text. `\n` is the enter key.
    pub fn type_text(&self, text: &str) {
        (&self.0.master).write_all(text.as_bytes()).expect("the terminal");
    }

    /// The text on the terminal so far, with the echo of typed characters.
    pub fn shown(&self) -> String {
        self.0.shown()
    }

    /// Waits until the terminal has shown a text `times` times. Panics if it does not.
    #[track_caller]
    pub fn wait_for(&self, text: &str, times: usize) {
        let found = wait_until(LIMIT, || self.shown().matches(text).count() >= times);
        assert!(found, "the terminal did not show `{text}` {times} times:\n{}", self.shown());
    }

    /// The digits that the last question about a site shows: those that allow it, and those that
    /// block it.
    #[track_caller]
    pub fn consent_digits(&self) -> [String; 2] {
        ["To allow it, type ", "To block this site, type "].map(|before| self.digits(before))
    }

    /// The digits that stand last behind a text.
    #[track_caller]
    pub fn digits(&self, before: &str) -> String {
        let shown = self.shown();
        let (_, after) = shown.rsplit_once(before).expect("a question for digits");
        after.chars().take_while(char::is_ascii_digit).collect()
    }

    /// Waits until the echo of typed characters is on or off. Panics if it stays the other way.
    #[track_caller]
    pub fn wait_for_echo(&self, echo: Echo) {
        let reached = wait_until(LIMIT, || self.echo() == echo);
        assert!(reached, "the echo is {:?}:\n{}", self.echo(), self.shown());
    }

    /// The settings of the terminal, as a text to compare.
    pub fn settings(&self) -> String {
        format!("{:?}", tcgetattr(&self.0.device).expect("a terminal"))
    }

    fn echo(&self) -> Echo {
        let modes = tcgetattr(&self.0.device).expect("a terminal").local_modes;
        if modes.contains(LocalModes::ECHO) { Echo::On } else { Echo::Off }
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether the terminal echoes typed characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// The normal state.
    On,
    /// The state for typing a PIN.
    Off,
}

impl Ends {
    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().expect("no reader panics")).into_owned()
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            secrets::assert_no_pin_in("a terminal", &self.shown());
        }
    }
}

/// The time limit on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(60);
