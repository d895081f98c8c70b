//! A pinentry without a person, for bridges of tests: its script, and the dialogs that it was asked to
//! show. What it does to its client's mistakes, and how it misbehaves, stands in the crate `pinentry`.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pkcs11_bridge_test_pinentry::LINK;
pub use pkcs11_bridge_test_pinentry::answer::Answer;
use pkcs11_bridge_test_pinentry::script::Script;
pub use pkcs11_bridge_test_pinentry::transcript::Kind;
use pkcs11_bridge_test_pinentry::transcript::{self, Event, Line};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::processes::{self, Process, wait_until};
use crate::program::built;
use crate::secrets;
use crate::workspace;

/// A scripted pinentry. What it has running still is killed when this is dropped, which panics where
/// the bridge did what a real one does not bear, or a script had an answer to another question.
pub struct Pinentry {
    folder: TempDir,
    script: Script,
    answers: AtomicU32,
    problems: Problems,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Problems {
    Unexpected,
    Expected,
}

impl Pinentry {
    /// One with an empty script, which answers that everything was cancelled.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("pkcs11-bridge-test-pinentry-")
            .tempdir()
            .expect("a folder");
        let script = Script::create(folder.path()).expect("a script");
        transcript::create(folder.path()).expect("a transcript");
        std::os::unix::fs::symlink(binary(), folder.path().join(LINK)).expect("a link");
        Self { folder, script, answers: AtomicU32::new(0), problems: Problems::Unexpected }
    }

    /// The path for `PINENTRY_PROGRAM`, see [`Setup::pinentry`](crate::bridge::Setup::pinentry).
    pub fn program(&self) -> PathBuf {
        self.folder.path().join(LINK)
    }

    /// Appends an answer to the script, at any time.
    pub fn answer(&self, answer: Answer) -> ScriptedAnswer<'_> {
        answer.secret().into_iter().for_each(secrets::register);
        let number = self.answers.fetch_add(1, Ordering::Relaxed);
        self.script.append(number, &answer).expect("a script");
        ScriptedAnswer { pinentry: self, number }
    }

    /// The dialogs so far, in the order in which they were opened.
    pub fn dialogs(&self) -> Vec<Dialog> {
        let mut dialogs: Vec<Dialog> = Vec::new();
        for line in self.transcript() {
            match line.event {
                Event::Opened { kind, settings, answer } => dialogs.push(Dialog {
                    pid: line.pid,
                    kind,
                    opened_at: line.at,
                    answered: None,
                    settings,
                    number: answer,
                }),
                Event::Answered(answer) => {
                    let mut open = dialogs.iter_mut().rev();
                    let of_process = open.find(|dialog| dialog.pid == line.pid);
                    if let Some(dialog) = of_process.filter(|dialog| dialog.answered.is_none()) {
                        dialog.answered = Some((answer, line.at));
                    }
                }
                Event::Started { .. } | Event::Ended | Event::Problem(_) => {}
            }
        }
        dialogs
    }

    /// Waits until that many dialogs have been opened, and gives them. Panics where more were.
    #[track_caller]
    pub fn wait_for_dialogs(&self, count: usize) -> Vec<Dialog> {
        wait_until(LIMIT, || self.dialogs().len() >= count);
        let dialogs = self.dialogs();
        assert_eq!(dialogs.len(), count, "dialogs: {dialogs:#?}");
        dialogs
    }

    /// Asserts that there were that many dialogs, and that nothing of the script is left.
    #[track_caller]
    pub fn assert_dialogs(&self, count: usize) -> Vec<Dialog> {
        let dialogs = self.dialogs();
        assert_eq!(dialogs.len(), count, "dialogs: {dialogs:#?}");
        let left = self.script.left().expect("a script");
        assert!(left.is_empty(), "nobody asked for the answers {left:?}");
        dialogs
    }

    /// How many dialogs were open at a time, at most. One whose program was killed meanwhile counts only
    /// at the moment when it was opened, because nobody wrote down its end.
    pub fn max_open_dialogs(&self) -> usize {
        let dialogs = self.dialogs();
        let end_of = |dialog: &Dialog| match &dialog.answered {
            Some((_, at)) => *at,
            None if dialog.is_open() => u64::MAX,
            None => dialog.opened_at,
        };
        let open_at = |at| {
            let open = |dialog: &&Dialog| dialog.opened_at <= at && at <= end_of(dialog);
            dialogs.iter().filter(open).count()
        };
        dialogs.iter().map(|dialog| open_at(dialog.opened_at)).max().unwrap_or(0)
    }

    /// How often the program was started.
    pub fn start_count(&self) -> usize {
        let is_start = |line: &Line| matches!(line.event, Event::Started { .. });
        self.transcript().iter().filter(|line| is_start(line)).count()
    }

    /// Those of its processes that run.
    pub fn processes(&self) -> Vec<Process> {
        let mut pids: Vec<u32> = self.transcript().iter().map(|line| line.pid).collect();
        pids.sort_unstable();
        pids.dedup();
        let program = self.program();
        let is_ours = |process: &Process| {
            process.arguments.first().is_some_and(|name| Path::new(name) == program)
        };
        pids.into_iter().filter_map(processes::find).filter(is_ours).collect()
    }

    /// Waits until none of its processes runs. Panics where one goes on.
    #[track_caller]
    pub fn expect_no_process(&self) {
        let ended = wait_until(LIMIT, || self.processes().is_empty());
        assert!(ended, "it goes on: {:?}", self.processes());
    }

    /// What its client did wrong, such as a line of more than 1000 bytes, and where the script did not
    /// fit. Whoever asks expects some, and dropping this does not panic for them any more.
    pub fn problems(&mut self) -> Vec<String> {
        self.problems = Problems::Expected;
        self.problems_so_far()
    }

    fn problems_so_far(&self) -> Vec<String> {
        let problem = |line: Line| match line.event {
            Event::Problem(problem) => Some(problem),
            _ => None,
        };
        self.transcript().into_iter().filter_map(problem).collect()
    }

    fn transcript(&self) -> Vec<Line> {
        transcript::read(self.folder.path()).expect("a transcript")
    }
}

impl Default for Pinentry {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Pinentry {
    fn drop(&mut self) {
        for process in self.processes() {
            processes::signal(process.pid, Signal::KILL);
        }
        if std::thread::panicking() {
            return;
        }
        for dialog in self.dialogs() {
            secrets::assert_no_pin_in("a dialog", &format!("{:?}", dialog.settings));
        }
        if self.problems == Problems::Unexpected {
            assert_eq!(self.problems_so_far(), [""; 0], "problems of the pinentry");
        }
    }
}

/// An answer in the script of a [`Pinentry`].
#[derive(Clone, Copy)]
pub struct ScriptedAnswer<'a> {
    pinentry: &'a Pinentry,
    number: u32,
}

impl ScriptedAnswer<'_> {
    /// The dialog that gets this answer, once it is open. Panics where none is opened.
    #[track_caller]
    pub fn opened(self) -> Dialog {
        self.dialog_when(|_| true).expect("a dialog is opened")
    }

    /// The dialog that got this answer, once it has. Panics where it does not.
    #[track_caller]
    pub fn answered(self) -> Dialog {
        self.dialog_when(|dialog| dialog.answered.is_some()).expect("a dialog is answered")
    }

    /// Lets a held dialog go on.
    pub fn release(self) {
        self.pinentry.script.release(self.number).expect("a file");
    }

    fn dialog_when(self, holds: impl Fn(&Dialog) -> bool) -> Option<Dialog> {
        let mut found = None;
        wait_until(LIMIT, || {
            let mut dialogs = self.pinentry.dialogs().into_iter();
            found = dialogs.find(|dialog| dialog.number == Some(self.number)).filter(&holds);
            found.is_some()
        });
        found
    }
}

/// What a user would have seen.
#[derive(Clone, Debug)]
pub struct Dialog {
    /// The process that showed it.
    pub pid: u32,
    /// What it asked for.
    pub kind: Kind,
    /// When it was opened, in microseconds since 1970.
    pub opened_at: u64,
    /// How it was answered, in a word, and when; `None` where it is open or its process was killed.
    pub answered: Option<(String, u64)>,
    /// Everything that was set, decoded, in the order in which it was said.
    pub settings: Vec<(String, String)>,
    number: Option<u32>,
}

impl Dialog {
    /// `SETTITLE`
    pub fn title(&self) -> Option<&str> {
        self.setting("SETTITLE")
    }

    /// `SETDESC`; empty where it is missing.
    pub fn description(&self) -> &str {
        self.setting("SETDESC").unwrap_or_default()
    }

    /// `SETPROMPT`
    pub fn prompt(&self) -> Option<&str> {
        self.setting("SETPROMPT")
    }

    /// `SETERROR`
    pub fn error(&self) -> Option<&str> {
        self.setting("SETERROR")
    }

    /// The texts of the buttons, by `SETOK`, `SETNOTOK` and `SETCANCEL`.
    pub fn buttons(&self) -> [Option<&str>; 3] {
        ["SETOK", "SETNOTOK", "SETCANCEL"].map(|command| self.setting(command))
    }

    /// `SETTIMEOUT`
    pub fn timeout(&self) -> Option<Duration> {
        let seconds = self.setting("SETTIMEOUT")?;
        Some(Duration::from_secs(seconds.parse().expect("a number of seconds")))
    }

    /// The latest parameter of a command.
    pub fn setting(&self, command: &str) -> Option<&str> {
        let mut latest = self.settings.iter().rev();
        latest.find(|(name, _)| name == command).map(|(_, parameter)| parameter.as_str())
    }

    /// How it was answered, in a word; empty where it was not.
    pub fn answer(&self) -> &str {
        self.answered.as_ref().map_or("", |(answer, _)| answer)
    }

    /// Whether a user would see it now.
    pub fn is_open(&self) -> bool {
        self.answered.is_none() && processes::is_running(self.pid)
    }
}

/// The program, built.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        built("scripted-pinentry").unwrap_or_else(|| {
            escargot::CargoBuild::new()
                .manifest_path(workspace().join("Cargo.toml"))
                .package("pkcs11-bridge-test-pinentry")
                .bin("scripted-pinentry")
                .run()
                .expect("`cargo build -p pkcs11-bridge-test-pinentry` says why it does not build")
                .path()
                .to_owned()
        })
    })
}

/// How long a dialog may take on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(60);
