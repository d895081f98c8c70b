//! The files that `install` writes. Each begins with a mark, and a record beside the state file
//! names them and the folders that were made for them. Refuses to change or remove other files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::InstallError;
use crate::access::approvals::StateFile;

/// The files of an installation, with what was done to them.
pub(super) struct Files {
    record: PathBuf,
    written: Written,
    said: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Written {
    files: Vec<PathBuf>,
    /// Parent folders come first.
    folders: Vec<PathBuf>,
}

impl Files {
    /// The files of this user's installation.
    pub(super) fn of_user() -> Result<Self, InstallError> {
        let state_file = StateFile::in_home().ok_or(InstallError::NoHome)?;
        Ok(Self::recorded_in(state_file.folder().join("installed.json")))
    }

    fn recorded_in(record: PathBuf) -> Self {
        let text = fs::read(&record).unwrap_or_default();
        let written = serde_json::from_slice(&text).unwrap_or_default();
        Self { record, written, said: Vec::new() }
    }

    /// Writes a file in the syntax where `#` begins a comment. `what` says what it is for.
    pub(super) fn write(
        &mut self,
        path: &Path,
        text: &str,
        what: &str,
    ) -> Result<(), InstallError> {
        self.write_marked(path, &format!("# {MARK}\n{text}"), what)
    }

    /// Writes a file that contains the mark already.
    pub(super) fn write_marked(
        &mut self,
        path: &Path,
        text: &str,
        what: &str,
    ) -> Result<(), InstallError> {
        match fs::read_to_string(path) {
            Ok(old) if old == text => {
                self.remember(path);
                return Ok(());
            }
            Ok(old) if !old.contains(MARK) => {
                return Err(InstallError::NotOurs(path.to_owned()));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("read", path)(error));
            }
            Ok(_) | Err(_) => {}
        }
        self.create_folder_of(path)?;
        fs::write(path, text).map_err(failed("write", path))?;
        self.remember(path);
        self.said.push(format!("Wrote {}: {what}.", path.display()));
        Ok(())
    }

    /// Makes a symbolic link.
    #[cfg(target_os = "linux")]
    pub(super) fn link(
        &mut self,
        path: &Path,
        target: &Path,
        what: &str,
    ) -> Result<(), InstallError> {
        match fs::read_link(path) {
            Ok(old) if old == target => {
                self.remember(path);
                return Ok(());
            }
            Ok(_) if self.written.files.iter().any(|known| known == path) => {
                fs::remove_file(path).map_err(failed("replace", path))?;
            }
            Ok(_) => return Err(InstallError::NotOurs(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => return Err(InstallError::NotOurs(path.to_owned())),
        }
        self.create_folder_of(path)?;
        std::os::unix::fs::symlink(target, path).map_err(failed("link", path))?;
        self.remember(path);
        self.said.push(format!("Linked {}: {what}.", path.display()));
        Ok(())
    }

    /// Counts a file as one of the installation, if a program that `install` runs has made it.
    #[cfg(target_os = "linux")]
    pub(super) fn adopt(&mut self, path: &Path) {
        self.remember(path);
    }

    /// Whether a file was written by `install`.
    pub(super) fn has(&self, path: &Path) -> bool {
        fs::read_to_string(path).is_ok_and(|text| text.contains(MARK))
            || self.written.files.iter().any(|known| known == path) && path.is_symlink()
    }

    /// Removes a file of the installation. Leaves others as they are.
    pub(super) fn remove(&mut self, path: &Path) -> Result<(), InstallError> {
        let is_recorded = self.written.files.iter().any(|known| known == path);
        match path.symlink_metadata() {
            Err(_) => {}
            Ok(metadata) if is_recorded && metadata.is_symlink() || self.has(path) => {
                fs::remove_file(path).map_err(failed("remove", path))?;
                self.said.push(format!("Removed {}.", path.display()));
            }
            Ok(_) if is_recorded => {
                self.said.push(format!("Left {}, because it was changed.", path.display()));
            }
            Ok(_) => {}
        }
        self.written.files.retain(|known| known != path);
        Ok(())
    }

    /// Removes a file that a program has made for the installation, whatever it holds.
    #[cfg(target_os = "linux")]
    pub(super) fn remove_adopted(&mut self, path: &Path) {
        if self.written.files.iter().any(|known| known == path) {
            let _ = fs::remove_file(path);
            self.written.files.retain(|known| known != path);
        }
    }

    /// What was done, in sentences.
    pub(super) fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    /// Writes the record.
    pub(super) fn record(&mut self) -> Result<(), InstallError> {
        if self.written == Written::default() {
            return Ok(());
        }
        let record = self.record.clone();
        self.create_folder_of(&record)?;
        let text = serde_json::to_vec_pretty(&self.written).map_err(io::Error::from);
        let write = |text| {
            let is_same = fs::read(&record).is_ok_and(|old| old == text);
            if is_same { Ok(()) } else { fs::write(&record, text) }
        };
        text.and_then(write).map_err(failed("write", &record))
    }

    /// Removes the record, and the folders that were made and are empty now.
    pub(super) fn forget(&mut self) -> Result<(), InstallError> {
        match fs::remove_file(&self.record) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", &self.record)(error));
            }
            _ => {}
        }
        for folder in self.written.folders.drain(..).rev() {
            // Fails if another program has put something there.
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }

    fn remember(&mut self, path: &Path) {
        if self.written.files.iter().all(|known| known != path) {
            self.written.files.push(path.to_owned());
        }
    }

    fn create_folder_of(&mut self, path: &Path) -> Result<(), InstallError> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let missing: Vec<_> =
            folder.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
        for folder in missing.into_iter().rev() {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(false);
            // Of these folders, that for state must be private. None of them needs other readers.
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(folder).map_err(failed("create", folder))?;
            if !self.written.folders.iter().any(|known| known == folder) {
                self.written.folders.push(folder.to_owned());
            }
        }
        Ok(())
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> InstallError {
    InstallError::system(action, path.display().to_string())
}

/// The mark in each file.
pub(super) const MARK: &str =
    "Written by `pkcs11-bridge install`. `pkcs11-bridge uninstall` removes it.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders_of_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("there")).unwrap();
        fs::write(at("there/other"), "mine").unwrap();
        let open = || Files::recorded_in(at("state/installed.json"));

        let mut files = open();
        files.write(&at("there/a"), "text", "a start file").unwrap();
        files.write(&at("new/deep/b"), "text", "a start file").unwrap();
        let error = files.write(&at("there/other"), "text", "a start file").unwrap_err();
        assert!(matches!(error, InstallError::NotOurs(_)), "{error}");
        files.record().unwrap();
        assert_eq!(files.said().len(), 2);

        let mut again = open();
        again.write(&at("there/a"), "text", "a start file").unwrap();
        assert!(again.said().is_empty());
        again.write(&at("there/a"), "newer", "a start file").unwrap();
        assert_eq!(again.said().len(), 1);

        fs::write(at("new/deep/b"), "changed by the user").unwrap();
        let mut files = open();
        for name in ["there/a", "new/deep/b", "there/other"] {
            files.remove(&at(name)).unwrap();
        }
        let said = files.said().join("\n");
        assert!(said.contains("Removed") && said.contains("because it was changed"), "{said}");
        files.forget().unwrap();
        assert!(!at("there/a").exists() && !at("state").exists());
        assert!(at("there/other").exists() && at("new/deep/b").exists());
    }
}
