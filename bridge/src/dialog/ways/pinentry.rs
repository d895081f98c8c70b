//! Questions through a pinentry program. A stray key can press its buttons, so the user gives
//! consent by typing shown digits.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use pinentry::{Error, MessageDialog, PassphraseInput};
use pkcs11_bridge_dialog::plain::{self, Prompt, Step, Typed};
use pkcs11_bridge_dialog::question::{Answer, Question};
use pkcs11_bridge_dialog::texts::Texts;

use super::Asked;
use crate::dialog::request::PinentryPrograms;

/// Asks with each program in turn, until one works.
pub(super) fn ask(asked: &Asked) -> Answer {
    if matches!(asked.question(), Question::Progress(_)) {
        return Answer::Unavailable("a pinentry shows no progress".to_owned());
    }
    let texts = Texts::of_system();
    let mut reasons = Vec::new();
    for program in programs(&asked.request.pinentry) {
        let mut program = Pinentry { asked, program: &program };
        match plain::ask(&texts, asked.question(), &mut program) {
            Answer::Unavailable(reason) => reasons.push(reason),
            answer => return answer,
        }
    }
    if reasons.is_empty() {
        reasons.push("no pinentry is installed".to_owned());
    }
    Answer::Unavailable(reasons.join("; "))
}

/// A program that asks a question.
struct Pinentry<'a> {
    asked: &'a Asked,
    program: &'a Path,
}

impl Prompt for Pinentry<'_> {
    fn input(&mut self, step: &Step) -> Typed {
        let Some(mut dialog) = PassphraseInput::with_binary(self.program) else {
            return self.failed("it is not installed");
        };
        let Some(seconds) = self.seconds_left() else { return Typed::TimedOut };
        dialog.with_title(&step.title).with_description(&step.text).with_prompt(&step.prompt);
        dialog.with_ok(&step.ok).with_cancel(&step.cancel).with_timeout(seconds);
        if let Some(error) = &step.error {
            dialog.with_error(error);
        }
        #[cfg(unix)]
        dialog.with_unix_options(self.unix_options());
        dialog.interact().map_or_else(|error| self.no_input(error), Typed::Text)
    }

    fn message(&mut self, step: &Step) -> Typed {
        let Some(mut dialog) = MessageDialog::with_binary(self.program) else {
            return self.failed("it is not installed");
        };
        let Some(seconds) = self.seconds_left() else { return Typed::TimedOut };
        dialog.with_title(&step.title).with_ok(&step.ok).with_timeout(seconds);
        #[cfg(unix)]
        dialog.with_unix_options(self.unix_options());
        let shown = dialog.show_message(&step.text);
        shown.map_or_else(|error| self.no_input(error), |()| Typed::Cancelled)
    }

    fn has_room(&self) -> bool {
        false
    }
}

impl Pinentry<'_> {
    fn no_input(&self, error: Error) -> Typed {
        match error {
            Error::Timeout => Typed::TimedOut,
            Error::Cancelled => Typed::Cancelled,
            Error::Gpg(error) if matches!(error.code(), FULLY_CANCELLED | NOT_CONFIRMED) => {
                Typed::Cancelled
            }
            error => self.failed(error),
        }
    }

    fn failed(&self, problem: impl std::fmt::Display) -> Typed {
        Typed::Unavailable(format!("{} failed ({problem})", self.program.display()))
    }

    /// The whole seconds that are left, for the program. 0 would mean no limit.
    fn seconds_left(&self) -> Option<u16> {
        let left = self.asked.left();
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        u16::try_from(seconds).ok().filter(|seconds| *seconds > 0)
    }

    #[cfg(unix)]
    fn unix_options(&self) -> pinentry::unix::Options<'_> {
        let options = pinentry::unix::Options::builder();
        match &self.asked.request.terminal {
            Some(device) => options.tty_name(device),
            None => options,
        }
        .build()
    }
}

/// The installed programs, each once. Several names may lead to the same program.
pub(in crate::dialog) fn programs(choice: &PinentryPrograms) -> Vec<PathBuf> {
    let (first, others): (_, &[&str]) = match choice {
        PinentryPrograms::Only(program) => (Some(program.as_path()), &[]),
        PinentryPrograms::First(program) => (Some(program.as_path()), &NAMES),
        PinentryPrograms::Found => (None, &NAMES),
    };
    let mut seen = HashSet::new();
    let names = first.into_iter().chain(others.iter().map(Path::new));
    let installed = names.filter_map(|name| which::which(name).ok());
    installed
        .filter(|program| seen.insert(program.canonicalize().unwrap_or_else(|_| program.clone())))
        .collect()
}

/// The names of pinentry programs. Programs with windows come before those for terminals.
const NAMES: [&str; 14] = [
    "pinentry-mac",
    "pinentry",
    "pinentry-gnome3",
    "pinentry-gtk-2",
    "pinentry-gtk",
    "pinentry-qt6",
    "pinentry-qt5",
    "pinentry-qt",
    "pinentry-x11",
    "pinentry-fltk",
    "pinentry-efl",
    "pinentry-w32",
    "pinentry-curses",
    "pinentry-tty",
];

// Error codes of libgpg-error.
const NOT_CONFIRMED: u16 = 114;
const FULLY_CANCELLED: u16 = 198;

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn each_program_is_tried_once_and_the_configured_one_first() {
        let folder = tempfile::tempdir().unwrap();
        let (program, link) = (folder.path().join("pinentry-x"), folder.path().join("pinentry-y"));
        std::fs::write(&program, "").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&program, mode).unwrap();
        std::os::unix::fs::symlink(&program, &link).unwrap();
        let only = programs(&PinentryPrograms::Only(link.clone()));
        assert_eq!(only, std::slice::from_ref(&link));
        assert!(programs(&PinentryPrograms::Only(folder.path().join("none"))).is_empty());
        let found = programs(&PinentryPrograms::First(link.clone()));
        assert_eq!(found.first(), Some(&link));
        assert_eq!(found[1..], programs(&PinentryPrograms::Found)[..]);
    }
}
