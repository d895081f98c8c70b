//! A scripted pinentry for the bridges of tests: its script, and the dialogs that it was asked to
//! show. The crate `pinentry` defines how it checks its client, and how it misbehaves.

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

/// A scripted pinentry. Dropping it kills its processes. It panics if the bridge did what a real
/// pinentry does not accept, or if the script answered another question.
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
    /// A pinentry with an empty script. It answers that the user cancelled.
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

    /// The path for `PINENTRY_PROGRAM`. See [`Setup::pinentry`](crate::bridge::Setup::pinentry).
    pub fn program(&self) -> PathBuf {
        self.folder.path().join(LINK)
    }

    /// Appends an answer to the script. Tests may do so at any time.
    pub fn answer(&self, answer: Answer) -> ScriptedAnswer<'_> {
        answer.secret().into_iter().for_each(secrets::register);
        let number = self.answers.fetch_add(1, Ordering::Relaxed);
        self.script.append(number, &answer).expect("a script");
        ScriptedAnswer { pinentry: self, number }
    }

    /// The dialogs so far, in the order of their opening.
    pub fn dialogs(&self) -> Vec<Dialog> {
        let mut dialogs: Vec<Dialog> = Vec::new();
        let mut confirmed = Vec::new();
        for line in self.transcript() {
            match line.event {
                Event::Confirmed { settings } => confirmed = settings,
                Event::Opened { kind, settings, answer } => dialogs.push(Dialog {
                    pid: line.pid,
                    kind,
                    opened_at: line.at,
                    answered: None,
                    settings,
                    confirmed: std::mem::take(&mut confirmed),
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

    /// How often the user typed digits before a PIN.
    pub fn confirmations(&self) -> usize {
        let is_confirmation = |line: &Line| matches!(line.event, Event::Confirmed { .. });
        self.transcript().iter().filter(|line| is_confirmation(line)).count()
    }

    /// Waits until this number of dialogs has been opened, and returns them. Panics if
    /// the number differs.
    #[track_caller]
    pub fn wait_for_dialogs(&self, count: usize) -> Vec<Dialog> {
        wait_until(LIMIT, || self.dialogs().len() >= count);
        let dialogs = self.dialogs();
        assert_eq!(dialogs.len(), count, "dialogs: {dialogs:#?}");
        dialogs
    }

    /// Asserts the number of dialogs, and that all answers of the script were used.
    /// Returns the dialogs.
    #[track_caller]
    pub fn assert_dialogs(&self, count: usize) -> Vec<Dialog> {
        let dialogs = self.dialogs();
        assert_eq!(dialogs.len(), count, "dialogs: {dialogs:#?}");
        let unused = self.script.remaining().expect("a script");
        assert!(unused.is_empty(), "no dialog used the answers {unused:?}");
        dialogs
    }

    /// The most dialogs that were open at the same time. A dialog whose program was killed counts
    /// only at the moment of its opening, because the transcript does not contain its end.
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

    /// How often the program started.
    pub fn start_count(&self) -> usize {
        let is_start = |line: &Line| matches!(line.event, Event::Started { .. });
        self.transcript().iter().filter(|line| is_start(line)).count()
    }

    /// Its running processes.
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

    /// Waits until it has no running process. Panics if one keeps running.
    #[track_caller]
    pub fn expect_no_process(&self) {
        let ended = wait_until(LIMIT, || self.processes().is_empty());
        assert!(ended, "the pinentry still runs: {:?}", self.processes());
    }

    /// The mistakes of its client, such as a line of more than 1000 bytes, and script entries that
    /// did not match. After this call, dropping the pinentry does not panic because of them.
    pub fn problems(&mut self) -> Vec<String> {
        self.problems = Problems::Expected;
        self.read_problems()
    }

    fn read_problems(&self) -> Vec<String> {
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
            assert_eq!(self.read_problems(), [""; 0], "problems of the pinentry");
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
    /// Waits until the dialog of this answer opens, and returns it. Panics if it does not open.
    #[track_caller]
    pub fn opened(self) -> Dialog {
        self.dialog_when(|_| true).expect("a dialog opens")
    }

    /// Waits until the dialog of this answer is answered, and returns it. Panics if it is not.
    #[track_caller]
    pub fn answered(self) -> Dialog {
        self.dialog_when(|dialog| dialog.answered.is_some()).expect("a dialog is answered")
    }

    /// Releases a held dialog.
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

/// A dialog as the user would have seen it.
#[derive(Clone, Debug)]
pub struct Dialog {
    /// The id of its process.
    pub pid: u32,
    /// The kind of its question.
    pub kind: Kind,
    /// The time of its opening, in microseconds since 1970.
    pub opened_at: u64,
    /// The name of its answer, and the time. `None` if it is open, or if its process was killed.
    pub answered: Option<(String, u64)>,
    /// All its settings, decoded, in their order.
    pub settings: Vec<(String, String)>,
    /// The settings of the question for digits that came before it.
    confirmed: Vec<(String, String)>,
    number: Option<u32>,
}

impl Dialog {
    /// `SETTITLE`
    pub fn title(&self) -> Option<&str> {
        self.setting("SETTITLE")
    }

    /// `SETDESC`, or an empty text without it.
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

    /// Why the last PIN was not accepted: in this dialog, or in the question for digits before it.
    pub fn problem(&self) -> Option<&str> {
        let before = self.confirmed.iter().find(|(name, _)| name == "SETERROR");
        self.error().or(before.map(|(_, text)| text.as_str()))
    }

    /// The value of a row of the description, such as `Token`, without the characters that isolate
    /// its direction of writing. Panics if there is no such row.
    #[track_caller]
    pub fn row(&self, name: &str) -> String {
        let start = format!("{name}: ");
        let row = self.description().lines().find_map(|line| line.strip_prefix(&start));
        let row = row.unwrap_or_else(|| panic!("no `{name}` in {self:#?}"));
        row.replace(['\u{2068}', '\u{2069}'], "")
    }

    /// The texts of the buttons from `SETOK`, `SETNOTOK` and `SETCANCEL`.
    pub fn buttons(&self) -> [Option<&str>; 3] {
        ["SETOK", "SETNOTOK", "SETCANCEL"].map(|command| self.setting(command))
    }

    /// `SETTIMEOUT`
    pub fn timeout(&self) -> Option<Duration> {
        let seconds = self.setting("SETTIMEOUT")?;
        Some(Duration::from_secs(seconds.parse().expect("a number of seconds")))
    }

    /// The last parameter of a command.
    pub fn setting(&self, command: &str) -> Option<&str> {
        let mut latest = self.settings.iter().rev();
        latest.find(|(name, _)| name == command).map(|(_, parameter)| parameter.as_str())
    }

    /// The name of its answer, or an empty text without an answer.
    pub fn answer(&self) -> &str {
        self.answered.as_ref().map_or("", |(answer, _)| answer)
    }

    /// Whether the dialog is open now.
    pub fn is_open(&self) -> bool {
        self.answered.is_none() && processes::is_running(self.pid)
    }
}

/// Builds the program and returns its path.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        built("scripted-pinentry").unwrap_or_else(|| {
            escargot::CargoBuild::new()
                .manifest_path(workspace().join("Cargo.toml"))
                .package("pkcs11-bridge-test-pinentry")
                .bin("scripted-pinentry")
                .run()
                .expect("a build; `cargo build -p pkcs11-bridge-test-pinentry` shows its errors")
                .path()
                .to_owned()
        })
    })
}

/// The time limit for a dialog on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(60);
