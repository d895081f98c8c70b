//! A virtual desktop with a real graphical pinentry: an X server without a screen, with input from
//! `xdotool`. It has no window manager, so that it shows one window at a time.

use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use crate::processes::wait_until;
use crate::program::{Program, run, tool};
use crate::{secrets, workspace};

/// A desktop. Dropping it ends the desktop and its windows.
pub struct Desktop {
    _server: Program,
    display: String,
    /// The processes whose windows a test has waited for.
    seen: Mutex<HashSet<String>>,
}

impl Desktop {
    /// Starts it on a free display.
    pub fn start() -> Self {
        let mut command = tool("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp"]);
        // Otherwise the server restarts when its last program exits, and refuses the
        // next program meanwhile.
        command.arg("-noreset");
        let mut server = Program::start(&mut command);
        let display = format!(":{}", server.expect_line(""));
        Self { _server: server, display, seen: Mutex::default() }
    }

    /// The name of its display, for `DISPLAY`.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// Waits for the window of a new pinentry, gives it the focus and returns its title. Panics
    /// with a picture of the screen if no window opens.
    pub fn wait_for_window(&self) -> String {
        let mut found = None;
        wait_until(LIMIT, || {
            found = self.window().filter(|(_, process)| !self.seen().contains(process));
            found.is_some()
        });
        let Some((window, process)) = found else {
            self.screenshot("no window opened");
            panic!("no window opened; see the picture of the screen in tests/artifacts");
        };
        self.seen().insert(process);
        // Without a window manager no window gets the focus by itself.
        run(&mut self.xdotool(&["windowfocus", "--sync", &window]));
        run(&mut self.xdotool(&["getwindowname", &window])).trim().to_owned()
    }

    /// Waits until the pinentry has no window. Panics if one stays.
    pub fn wait_for_no_window(&self) {
        let closed = wait_until(LIMIT, || self.window().is_none());
        assert!(closed, "the window stays open");
    }

    /// Types a text and registers it as a secret.
    pub fn type_secret(&self, text: &str) {
        secrets::register(text);
        let mut xdotool = self.xdotool(&["type", "--delay", "20", "--file", "-"]);
        let mut xdotool = xdotool.stdin(Stdio::piped()).spawn().expect("xdotool");
        xdotool.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("a text");
        assert!(xdotool.wait().expect("xdotool").success());
        // The time to draw the text, for pictures. The desktop does not report when it is drawn.
        std::thread::sleep(Duration::from_millis(200));
    }

    /// Presses the affirmative button of a confirmation. The focus is one step before it.
    pub fn confirm(&self) {
        self.press("Tab");
        self.press("Return");
    }

    /// Presses a key, such as `Return` to send a PIN, `Escape`, or `alt+a`.
    pub fn press(&self, key: &str) {
        run(&mut self.xdotool(&["key", key]));
    }

    /// Saves a picture of the screen in `tests/artifacts` and returns its path.
    pub fn screenshot(&self, name: &str) -> PathBuf {
        let folder = workspace().join("tests/artifacts");
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join(name).with_extension("png");
        run(tool("maim").env("DISPLAY", &self.display).arg("--hidecursor").arg(&file));
        file
    }

    /// The ids of a window of a pinentry and of its process.
    fn window(&self) -> Option<(String, String)> {
        // xdotool fails if it finds no window, or if the window closes meanwhile.
        let query = |arguments: &[&str]| {
            let output = self.xdotool(arguments).output().expect("xdotool");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.lines().next().map(str::to_owned)
        };
        let window = query(&["search", "--onlyvisible", "--class", "pinentry"])?;
        let process = query(&["getwindowpid", &window])?;
        Some((window, process))
    }

    fn seen(&self) -> MutexGuard<'_, HashSet<String>> {
        self.seen.lock().expect("no holder panics")
    }

    fn xdotool(&self, arguments: &[&str]) -> Command {
        let mut command = tool("xdotool");
        command.env("DISPLAY", &self.display).args(arguments);
        command
    }
}

/// The real pinentry of Debian's package `pinentry-gtk2`, for
/// `PINENTRY_PROGRAM`. See [`Setup::desktop`](crate::bridge::Setup::desktop).
pub const PINENTRY: &str = "/usr/bin/pinentry-gtk-2";

/// How long a window may take on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(60);
