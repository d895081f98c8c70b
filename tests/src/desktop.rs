//! A virtual desktop with a real graphical pinentry: an X server without a screen, with input from
//! `xdotool`. It has no window manager, so that it shows one window at a time.

use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use pkcs11_bridge_test_pinentry::digits;
use tempfile::TempDir;

use crate::processes::wait_until;
use crate::program::{Program, run, tool};
use crate::{secrets, workspace};

/// A desktop. Dropping it ends the desktop and its windows.
pub struct Desktop {
    /// `None` if it was started before the test.
    _server: Option<Program>,
    /// The pinentry that records what it shows, and its record.
    folder: TempDir,
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
        Self::on(display, Some(server))
    }

    /// The desktop that `DISPLAY` names, for bridges under Wine. All programs of a Wine prefix show
    /// their windows on one.
    pub fn of_wine() -> Self {
        Self::on(std::env::var("DISPLAY").expect("`make test-windows` sets it"), None)
    }

    fn on(display: String, server: Option<Program>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("pkcs11-bridge-test-desktop-")
            .tempdir()
            .expect("a folder");
        let desktop = Self { _server: server, folder, display, seen: Mutex::default() };
        // A test cannot read a picture. So it reads what the window was told to show.
        let record = desktop.folder.path().join(RECORD);
        let record = record.display();
        let script = format!("#!/bin/sh\nsed -u -e 'w {record}' -e '/^BYE/q' | {PINENTRY}\n");
        std::fs::write(desktop.pinentry(), script).expect("a script");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(desktop.pinentry(), mode).expect("a script");
        desktop
    }

    /// The real pinentry, for `PINENTRY_PROGRAM`. See
    /// [`Setup::desktop`](crate::bridge::Setup::desktop).
    pub fn pinentry(&self) -> PathBuf {
        self.folder.path().join("pinentry")
    }

    /// The digits that the current window asks the user to type.
    pub fn shown_digits(&self) -> Vec<String> {
        let record = std::fs::read_to_string(self.folder.path().join(RECORD)).unwrap_or_default();
        let description = record.lines().find(|line| line.starts_with("SETDESC "));
        digits::shown(description.unwrap_or_default()).into_iter().map(str::to_owned).collect()
    }

    /// The name of its display, for `DISPLAY`.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// Waits for the window of a new pinentry or of a new dialog of the bridge, gives it the focus
    /// and returns its title. Panics with a picture of the screen if no window opens.
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

    /// Answers the current window, and answers again until it has closed, as a person does. A
    /// window that a busy machine shows late takes no answer yet, and then nothing of it.
    pub fn answer(&self, how: impl Fn(&Self)) {
        let Some((_, process)) = self.window() else { panic!("no window") };
        let is_open = || self.window().is_some_and(|(_, now)| now == process);
        let start = Instant::now();
        while is_open() {
            assert!(start.elapsed() < LIMIT, "the window takes no answer");
            how(self);
            wait_until(PATIENCE, || !is_open());
        }
    }

    /// Waits until the pinentry has no window. Panics if one stays.
    pub fn wait_for_no_window(&self) {
        let closed = wait_until(LIMIT, || self.window().is_none());
        assert!(closed, "the window stays open");
    }

    /// Types a text and registers it as a secret. Waits before it as long as a person does, who
    /// reads the question first.
    pub fn type_secret(&self, text: &str) {
        secrets::register(text);
        std::thread::sleep(READING);
        self.type_text(text);
    }

    /// Types a text.
    pub fn type_text(&self, text: &str) {
        let mut xdotool = self.xdotool(&["type", "--delay", "20", "--file", "-"]);
        let mut xdotool = xdotool.stdin(Stdio::piped()).spawn().expect("xdotool");
        xdotool.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("a text");
        assert!(xdotool.wait().expect("xdotool").success());
        // The time to draw the text, for pictures. The desktop does not report when it is drawn.
        std::thread::sleep(Duration::from_millis(200));
    }

    /// Presses a key, such as `Return` to send a PIN, `Escape`, or `alt+a`.
    pub fn press(&self, key: &str) {
        run(&mut self.xdotool(&["key", key]));
    }

    /// Clicks into the current window. `x` is the distance from its left edge, or from its right
    /// edge if it is negative. `y` is the distance from its bottom, in the same way.
    pub fn click(&self, x: i32, y: i32) {
        let (window, _) = self.window().expect("a window");
        let geometry = run(&mut self.xdotool(&["getwindowgeometry", "--shell", &window]));
        let size = |name: &str| -> i32 {
            let line = geometry.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|value| value.parse().ok()).expect("a size")
        };
        let x = if x < 0 { size("WIDTH=") + x } else { x }.to_string();
        let y = (size("HEIGHT=") - y).to_string();
        run(&mut self.xdotool(&["mousemove", "--sync", "--window", &window, &x, &y]));
        for step in ["mousedown", "mouseup"] {
            std::thread::sleep(Duration::from_millis(100));
            run(&mut self.xdotool(&[step, "1"]));
        }
    }

    /// Saves a picture of the screen in `tests/artifacts` and returns its path.
    pub fn screenshot(&self, name: &str) -> PathBuf {
        let folder = workspace().join("tests/artifacts");
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join(name).with_extension("png");
        run(tool("maim").env("DISPLAY", &self.display).arg("--hidecursor").arg(&file));
        file
    }

    /// The colour of the current window at its lower left corner: blue, green and red. It has none
    /// while the window closes.
    pub fn window_color(&self) -> Vec<u8> {
        let Some((window, _)) = self.window() else { return Vec::new() };
        let mut picture = tool("maim");
        picture.env("DISPLAY", &self.display).args(["--format=bmp", "--hidecursor"]);
        let picture = picture.arg(format!("--window={window}")).output().expect("maim").stdout;
        // The file header of a bitmap says where the pixels are, and lower lines come first.
        let start = picture.get(10).copied().unwrap_or_default().into();
        picture.into_iter().skip(start).take(3).collect()
    }

    /// The ids of a window of a pinentry or of the bridge, and of its process.
    fn window(&self) -> Option<(String, String)> {
        // xdotool fails if it finds no window, or if the window closes meanwhile.
        let query = |arguments: &[&str]| {
            let output = self.xdotool(arguments).output().expect("xdotool");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.lines().next().map(str::to_owned)
        };
        let window = query(&["search", "--onlyvisible", "--class", WINDOW_CLASSES])?;
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

/// The real pinentry of Debian's package `pinentry-gtk2`.
pub const PINENTRY: &str = "/usr/bin/pinentry-gtk-2";

/// Wine names a class after the file of the program.
const WINDOW_CLASSES: &str = r"^(pinentry.*|pkcs11-bridge(\.exe)?)$";

/// The name of the record of the last pinentry.
const RECORD: &str = "record";

/// The bridge throws away a PIN that comes sooner.
const READING: Duration = Duration::from_millis(1100);

/// The time after which a person answers again.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a window may take on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(60);
