//! A desktop that nobody sees, with a real graphical pinentry on it: an X server in memory, typed into
//! by `xdotool`. It has no window manager, so there is one window at a time.

use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use crate::processes::wait_until;
use crate::program::{Program, run, tool};
use crate::{secrets, workspace};

/// A desktop; it ends when this is dropped, with the windows on it.
pub struct Desktop {
    _server: Program,
    display: String,
    /// The processes whose windows were waited for.
    seen: Mutex<HashSet<String>>,
}

impl Desktop {
    /// Starts it on a display that is free.
    pub fn start() -> Self {
        let mut command = tool("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp"]);
        // Otherwise it begins anew when a program leaves, and refuses the one that comes just then.
        command.arg("-noreset");
        let mut server = Program::start(&mut command);
        let display = format!(":{}", server.expect_line(""));
        Self { _server: server, display, seen: Mutex::default() }
    }

    /// Its name, for `DISPLAY`.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// Waits until the window of another pinentry than before can be typed into, and gives its title.
    /// Panics with a picture of the screen where none is opened.
    pub fn wait_for_window(&self) -> String {
        let mut found = None;
        wait_until(LIMIT, || {
            found = self.window().filter(|(_, process)| !self.seen().contains(process));
            found.is_some()
        });
        let Some((window, process)) = found else {
            self.screenshot("no window was opened");
            panic!("no window is opened; there is a picture of the screen in tests/artifacts");
        };
        self.seen().insert(process);
        // Nobody else gives the focus to a window.
        run(&mut self.xdotool(&["windowfocus", "--sync", &window]));
        run(&mut self.xdotool(&["getwindowname", &window])).trim().to_owned()
    }

    /// Waits until there is no window of the pinentry any more. Panics where one stays.
    pub fn wait_for_no_window(&self) {
        let closed = wait_until(LIMIT, || self.window().is_none());
        assert!(closed, "the window stays open");
    }

    /// Types a text, which is taken for a secret.
    pub fn type_secret(&self, text: &str) {
        secrets::register(text);
        let mut xdotool = self.xdotool(&["type", "--delay", "20", "--file", "-"]);
        let mut xdotool = xdotool.stdin(Stdio::piped()).spawn().expect("xdotool");
        xdotool.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("a text");
        assert!(xdotool.wait().expect("xdotool").success());
        // For a picture of it: nothing tells when it has been drawn.
        std::thread::sleep(Duration::from_millis(200));
    }

    /// Chooses the affirmative button of a confirmation, from which the focus is one step away.
    pub fn confirm(&self) {
        self.press("Tab");
        self.press("Return");
    }

    /// Presses a key, such as `Return` to send a PIN, `Escape`, or `alt+a`.
    pub fn press(&self, key: &str) {
        run(&mut self.xdotool(&["key", key]));
    }

    /// Keeps a picture of the screen in `tests/artifacts`, and gives its path.
    pub fn screenshot(&self, name: &str) -> PathBuf {
        let folder = workspace().join("tests/artifacts");
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join(name).with_extension("png");
        run(tool("maim").env("DISPLAY", &self.display).arg("--hidecursor").arg(&file));
        file
    }

    /// The ids of a window of a pinentry and of its process.
    fn window(&self) -> Option<(String, String)> {
        // It fails where it finds none, and where the window is just closed.
        let ask = |arguments: &[&str]| {
            let output = self.xdotool(arguments).output().expect("xdotool");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            said.lines().next().map(str::to_owned)
        };
        let window = ask(&["search", "--onlyvisible", "--class", "pinentry"])?;
        let process = ask(&["getwindowpid", &window])?;
        Some((window, process))
    }

    fn seen(&self) -> MutexGuard<'_, HashSet<String>> {
        self.seen.lock().expect("nobody panics with it")
    }

    fn xdotool(&self, arguments: &[&str]) -> Command {
        let mut command = tool("xdotool");
        command.env("DISPLAY", &self.display).args(arguments);
        command
    }
}

/// The real pinentry, of Debian's package `pinentry-gtk2`; for `PINENTRY_PROGRAM`, see
/// [`Setup::desktop`](crate::bridge::Setup::desktop).
pub const PINENTRY: &str = "/usr/bin/pinentry-gtk-2";

/// How long a window may take on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(60);
