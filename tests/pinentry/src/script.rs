//! The script: the answers still to use. Each is a file, so that a test can append answers while
//! programs run, and no two programs use the same answer.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::answer::{Answer, Trigger};

/// The script of a folder.
#[derive(Clone, Debug)]
pub struct Script {
    folder: PathBuf,
}

/// An answer that a program has taken from the script.
pub(crate) struct Entry {
    pub(crate) number: u32,
    pub(crate) answer: Answer,
}

impl Script {
    /// Creates an empty script.
    pub fn create(folder: &Path) -> io::Result<Self> {
        let script = Self { folder: folder.to_owned() };
        for state in [WAITING, TAKEN, RELEASED] {
            fs::create_dir(script.folder.join(state))?;
        }
        Ok(script)
    }

    pub(crate) fn open(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Appends an answer. Its number must be greater than all before.
    pub fn append(&self, number: u32, answer: &Answer) -> io::Result<()> {
        let unfinished = self.folder.join("unfinished");
        fs::write(&unfinished, serde_json::to_vec(answer)?)?;
        fs::rename(unfinished, self.path(WAITING, number))
    }

    /// Releases a held dialog.
    pub fn release(&self, number: u32) -> io::Result<()> {
        fs::write(self.path(RELEASED, number), "")
    }

    /// The numbers of the answers that no program has taken.
    pub fn remaining(&self) -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(self.folder.join(WAITING))? {
            let name = entry?.file_name();
            numbers.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    pub(crate) fn is_released(&self, number: u32) -> bool {
        self.path(RELEASED, number).exists()
    }

    /// Whether the test has deleted the folder at its end.
    pub(crate) fn is_deleted(&self) -> bool {
        !self.folder.exists()
    }

    /// Takes the next answer if its trigger matches. Of several programs only one gets it.
    pub(crate) fn take(&self, trigger: Trigger) -> io::Result<Option<Entry>> {
        for number in self.remaining()? {
            let waiting = self.path(WAITING, number);
            let Ok(text) = fs::read(&waiting) else { continue };
            let answer: Answer = serde_json::from_slice(&text)?;
            if answer.trigger != trigger {
                return Ok(None);
            }
            if fs::rename(&waiting, self.path(TAKEN, number)).is_ok() {
                return Ok(Some(Entry { number, answer }));
            }
        }
        Ok(None)
    }

    /// The next answer, which stays in the script.
    pub(crate) fn next(&self) -> io::Result<Option<Answer>> {
        for number in self.remaining()? {
            let Ok(text) = fs::read(self.path(WAITING, number)) else { continue };
            return Ok(Some(serde_json::from_slice(&text)?));
        }
        Ok(None)
    }

    fn path(&self, state: &str, number: u32) -> PathBuf {
        self.folder.join(state).join(number.to_string())
    }
}

const WAITING: &str = "waiting";
const TAKEN: &str = "taken";
const RELEASED: &str = "released";
