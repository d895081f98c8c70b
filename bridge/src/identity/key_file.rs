//! The file of the identity key: PKCS#8 in DER, beside the state file. Only its owner can read it.
//! The bridge refuses a key that others can read or write, or that a link leads to.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::{IdentityKey, generate};
use crate::access::approvals::StateFile;

#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFileError {
    #[error("cannot read the identity key {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot store a new identity key in {path}: {source}")]
    Create { path: PathBuf, source: io::Error },
    #[error(
        "the identity key {path} {problem}; if other users may know it, delete it, so that the \
         bridge makes another, and sites report a changed key"
    )]
    Unsafe { path: PathBuf, problem: &'static str },
    #[error(
        "the identity key {path} is not a P-256 key in PKCS#8; delete it, so that the bridge makes \
         another, and sites report a changed key"
    )]
    Malformed { path: PathBuf },
    #[error("the key is not a P-256 key in PKCS#8")]
    NotAKey,
    #[error("cannot make an identity key: the system gives no random numbers")]
    Generate,
}

/// The file of the key.
pub(super) fn path(state_file: &StateFile) -> PathBuf {
    state_file.folder().join(NAME)
}

/// Reads the key beside the state file. Creates it if it is missing.
pub(super) fn load(state_file: &StateFile) -> Result<IdentityKey, KeyFileError> {
    let path = path(state_file);
    let der = match read(&path)? {
        Some(der) => der,
        None => {
            let created = state_file.prepare_folder().and_then(|()| create(&path, &generate()?));
            created.map_err(|source| KeyFileError::Create { path: path.clone(), source })?;
            // Another bridge may have been quicker.
            read(&path)?.ok_or_else(|| KeyFileError::Read {
                path: path.clone(),
                source: ErrorKind::NotFound.into(),
            })?
        }
    };
    IdentityKey::from_pkcs8(&der).map_err(|_| KeyFileError::Malformed { path })
}

/// The content of the file; `None` if it does not exist.
fn read(path: &Path) -> Result<Option<Vec<u8>>, KeyFileError> {
    let read_error = |source| KeyFileError::Read { path: path.to_owned(), source };
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(_) if fs::symlink_metadata(path).is_ok_and(|file| file.is_symlink()) => {
            return Err(KeyFileError::Unsafe { path: path.to_owned(), problem: "is a link" });
        }
        Err(error) => return Err(read_error(error)),
    };
    if let Some(problem) = problem(&file).map_err(read_error)? {
        return Err(KeyFileError::Unsafe { path: path.to_owned(), problem });
    }
    let mut der = Vec::new();
    file.take(MAX_LEN).read_to_end(&mut der).map_err(read_error)?;
    Ok(Some(der))
}

/// Whether there is no file. A file in the place of the folder is such a case too.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::OFlags;

    // Opening a pipe would wait for its other end.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    File::options().read(true).custom_flags(flags.cast_signed()).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Why the key in the file cannot be trusted.
#[cfg(unix)]
fn problem(file: &File) -> io::Result<Option<&'static str>> {
    use std::os::unix::fs::MetadataExt;

    let metadata = file.metadata()?;
    Ok(if !metadata.is_file() {
        Some("is not a regular file")
    } else if metadata.uid() != rustix::process::geteuid().as_raw() {
        Some("belongs to another user")
    } else if metadata.mode() & 0o077 != 0 {
        Some("can be read or written by other users")
    } else {
        None
    })
}

/// The folder of the user's data is private on this platform.
#[cfg(not(unix))]
fn problem(file: &File) -> io::Result<Option<&'static str>> {
    Ok((!file.metadata()?.is_file()).then_some("is not a regular file"))
}

/// Creates the file at once with its whole content. An existing file stays as it is.
fn create(path: &Path, der: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // `NamedTempFile` creates the file with mode 0600.
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(der)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.error),
    }
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

impl From<KeyFileError> for io::Error {
    fn from(error: KeyFileError) -> Self {
        Self::other(error)
    }
}

const NAME: &str = "identity-key.p8";
/// A P-256 key has 138 bytes.
const MAX_LEN: u64 = 4096;

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn state_file(folder: &Path) -> StateFile {
        StateFile::at(folder.join("state/approvals.json"))
    }

    #[test]
    fn a_key_is_made_once_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let state_file = state_file(folder.path());
        let fingerprint = load(&state_file).unwrap().fingerprint();
        assert_eq!(load(&state_file).unwrap().fingerprint(), fingerprint);
        let path = state_file.folder().join(NAME);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_file(path).unwrap();
        assert_ne!(load(&state_file).unwrap().fingerprint(), fingerprint);
    }

    #[test]
    fn a_key_that_others_can_read_or_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let state_file = state_file(folder.path());
        load(&state_file).unwrap();
        let path = state_file.folder().join(NAME);
        for (mode, refused) in
            [(0o600, false), (0o400, false), (0o640, true), (0o604, true), (0o620, true)]
        {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let result = load(&state_file);
            assert_eq!(matches!(result, Err(KeyFileError::Unsafe { .. })), refused, "{mode:o}");
        }
    }

    #[test]
    fn links_pipes_and_other_content_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let state_file = state_file(folder.path());
        load(&state_file).unwrap();
        let path = state_file.folder().join(NAME);
        let moved = state_file.folder().join("moved");
        fs::rename(&path, &moved).unwrap();
        symlink(&moved, &path).unwrap();
        assert!(matches!(load(&state_file), Err(KeyFileError::Unsafe { .. })));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(load(&state_file), Err(KeyFileError::Unsafe { .. })));
        fs::remove_dir(&path).unwrap();
        fs::write(&path, "not a key").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(load(&state_file), Err(KeyFileError::Malformed { .. })));
    }
}
