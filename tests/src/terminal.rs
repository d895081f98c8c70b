//! A terminal without a person: a pseudo terminal (pty(7)) that a bridge is started in, what is shown in
//! it, and what is typed.

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

/// A terminal. Dropping the last one of it panics where a PIN was shown.
#[derive(Clone)]
pub struct Terminal(Arc<Sides>);

struct Sides {
    /// The person's side.
    master: File,
    /// The program's side.
    device: File,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// One in which nothing runs.
    pub fn new() -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).expect("a pseudo terminal");
        grantpt(&master).expect("a pseudo terminal");
        unlockpt(&master).expect("a pseudo terminal");
        let device = File::from(ioctl_tiocgptpeer(&master, flags).expect("its other side"));
        let master = File::from(master);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (mut screen, collected) = (master.try_clone().expect("a handle"), Arc::clone(&shown));
        // Ends with the last program that has the terminal.
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(len @ 1..) = screen.read(&mut piece) {
                collected.lock().expect("no reader panics").extend_from_slice(&piece[..len]);
            }
        });
        Self(Arc::new(Sides { master, device, shown }))
    }

    /// Starts a program as a shell would: standard input is the terminal, and the program is in its
    /// foreground.
    pub fn start(&self, command: &Command) -> Program {
        let mut started = tool("setsid");
        started.arg("--ctty").arg(command.get_program()).args(command.get_args());
        started.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Program::start_reading(&mut started, self.0.device.try_clone().expect("a handle"))
    }

    /// Types something; `\n` is the enter key.
    pub fn type_text(&self, text: &str) {
        (&self.0.master).write_all(text.as_bytes()).expect("the terminal");
    }

    /// What has been shown so far, typed characters that are echoed among it.
    pub fn shown(&self) -> String {
        self.0.shown()
    }

    /// Waits until a text has been shown so many times. Panics where it is not.
    #[track_caller]
    pub fn wait_for(&self, text: &str, times: usize) {
        let found = wait_until(LIMIT, || self.shown().matches(text).count() >= times);
        assert!(found, "`{text}` is not shown {times} times:\n{}", self.shown());
    }

    /// Waits until what is typed is echoed or not. Panics where that does not come to be.
    #[track_caller]
    pub fn wait_for_echo(&self, echo: Echo) {
        let reached = wait_until(LIMIT, || self.echo() == echo);
        assert!(reached, "the echo is {:?}:\n{}", self.echo(), self.shown());
    }

    /// Its settings, in words that can be compared.
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

/// Whether what is typed is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// As it usually is.
    On,
    /// As it should be where a PIN is typed.
    Off,
}

impl Sides {
    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().expect("no reader panics")).into_owned()
    }
}

impl Drop for Sides {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            secrets::assert_no_pin_in("a terminal", &self.shown());
        }
    }
}

/// How long something may take on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(60);
