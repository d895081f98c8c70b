//! The answers that are still to be given, each a file of its own, so that a test can append to them
//! while the program runs and no answer is given twice.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::answer::{Answer, Moment};

/// The script in a folder.
#[derive(Clone, Debug)]
pub struct Script {
    folder: PathBuf,
}

/// An answer that was taken from the script.
pub(crate) struct Turn {
    pub(crate) number: u32,
    pub(crate) answer: Answer,
}

impl Script {
    /// Makes an empty one.
    pub fn create(folder: &Path) -> io::Result<Self> {
        let script = Self { folder: folder.to_owned() };
        for place in [WAITING, TAKEN, RELEASED] {
            fs::create_dir(script.folder.join(place))?;
        }
        Ok(script)
    }

    pub(crate) fn open(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Appends an answer, under a number that is greater than all before.
    pub fn append(&self, number: u32, answer: &Answer) -> io::Result<()> {
        let unfinished = self.folder.join("unfinished");
        fs::write(&unfinished, serde_json::to_vec(answer)?)?;
        fs::rename(unfinished, self.place(WAITING, number))
    }

    /// Lets a held dialog go on.
    pub fn release(&self, number: u32) -> io::Result<()> {
        fs::write(self.place(RELEASED, number), "")
    }

    /// The numbers of the answers that nobody has taken.
    pub fn left(&self) -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(self.folder.join(WAITING))? {
            let name = entry?.file_name();
            numbers.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    pub(crate) fn is_released(&self, number: u32) -> bool {
        self.place(RELEASED, number).exists()
    }

    /// Whether the test is over and nobody waits for this program any more.
    pub(crate) fn is_gone(&self) -> bool {
        !self.folder.exists()
    }

    /// Takes the next answer if now is its turn. Of several programs only one gets it.
    pub(crate) fn take(&self, at: Moment) -> io::Result<Option<Turn>> {
        for number in self.left()? {
            let waiting = self.place(WAITING, number);
            let Ok(text) = fs::read(&waiting) else { continue };
            let answer: Answer = serde_json::from_slice(&text)?;
            if answer.at != at {
                return Ok(None);
            }
            if fs::rename(&waiting, self.place(TAKEN, number)).is_ok() {
                return Ok(Some(Turn { number, answer }));
            }
        }
        Ok(None)
    }

    fn place(&self, place: &str, number: u32) -> PathBuf {
        self.folder.join(place).join(number.to_string())
    }
}

const WAITING: &str = "waiting";
const TAKEN: &str = "taken";
const RELEASED: &str = "released";
