//! The file of the identity key: PKCS#8 in DER, beside the state file. Only its owner can read it.
//! The bridge refuses a key that others can read or replace, or that a link leads to.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::{IdentityKey, generate};
use crate::access::approvals::StateFile;
use crate::process::private_file::{PrivateFile, PrivateFileError};

#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFileError {
    #[error("cannot use the identity key {path}: {source}")]
    Read { path: PathBuf, source: PrivateFileError },
    #[error("cannot store a new identity key in {path}: {source}")]
    Create { path: PathBuf, source: PrivateFileError },
    #[error(
        "cannot trust the identity key: {source}; if other users may know the key, delete {path}, \
         so that the bridge makes another, and sites report a changed key"
    )]
    Unsafe { path: PathBuf, source: PrivateFileError },
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
    let file = PrivateFile::secret_at(path(state_file));
    let der = match read(&file)? {
        Some(der) => der,
        None => create(&file)?,
    };
    parse(&file, &der)
}

/// Whether the key can be used, if there is one. Creates nothing.
pub(super) fn check(state_file: &StateFile) -> Result<(), KeyFileError> {
    let file = PrivateFile::secret_at(path(state_file));
    read(&file)?.map_or(Ok(()), |der| parse(&file, &der).map(drop))
}

fn parse(file: &PrivateFile, der: &[u8]) -> Result<IdentityKey, KeyFileError> {
    let malformed = |_| KeyFileError::Malformed { path: file.path().to_owned() };
    IdentityKey::from_pkcs8(der).map_err(malformed)
}

/// The content of the file; `None` if it does not exist.
fn read(file: &PrivateFile) -> Result<Option<Zeroizing<Vec<u8>>>, KeyFileError> {
    file.read().or_else(|source| {
        let path = file.path().to_owned();
        match source {
            // Creating the key says what is wrong.
            PrivateFileError::System { source, .. }
                if source.kind() == ErrorKind::NotADirectory =>
            {
                Ok(None)
            }
            PrivateFileError::Refused { .. } => Err(KeyFileError::Unsafe { path, source }),
            source => Err(KeyFileError::Read { path, source }),
        }
    })
}

/// The content of a new file. If another bridge was quicker, the content of its file.
fn create(file: &PrivateFile) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let error = |source| KeyFileError::Create { path: file.path().to_owned(), source };
    let locked = file.lock().map_err(error)?;
    if let Some(der) = read(file)? {
        return Ok(der);
    }
    let der = Zeroizing::new(generate()?);
    locked.replace(&der).map_err(error)?;
    Ok(der)
}

impl From<KeyFileError> for io::Error {
    fn from(error: KeyFileError) -> Self {
        Self::other(error)
    }
}

const NAME: &str = "identity-key.p8";

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    use super::*;

    fn state_file(folder: &Path) -> StateFile {
        StateFile::at(folder.join("state/approvals.json"))
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[track_caller]
    fn assert_unsafe(state_file: &StateFile) {
        let result = load(state_file);
        assert!(matches!(result, Err(KeyFileError::Unsafe { .. })), "{:?}", result.err());
    }

    #[test]
    fn a_key_is_made_once_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let state_file = state_file(folder.path());
        let fingerprint = load(&state_file).unwrap().fingerprint();
        assert_eq!(load(&state_file).unwrap().fingerprint(), fingerprint);
        let path = path(&state_file);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_file(path).unwrap();
        assert_ne!(load(&state_file).unwrap().fingerprint(), fingerprint);
    }

    #[test]
    fn bridges_that_start_at_once_have_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let state_file = &state_file(folder.path());
        let keys: Vec<_> = std::thread::scope(|scope| {
            let load = || load(state_file).unwrap().fingerprint();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(load)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    }

    #[test]
    fn a_key_that_others_can_read_or_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let state_file = state_file(folder.path());
        load(&state_file).unwrap();
        for mode in [0o640, 0o604, 0o620] {
            set_mode(&path(&state_file), mode);
            assert_unsafe(&state_file);
        }
        set_mode(&path(&state_file), 0o400);
        load(&state_file).unwrap();
    }

    /// Another user could replace the key there. A new key is not stored there either.
    #[test]
    fn a_key_in_a_folder_that_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let state_file = state_file(folder.path());
        load(&state_file).unwrap();
        for mode in [0o770, 0o707, 0o777] {
            set_mode(state_file.folder(), mode);
            assert_unsafe(&state_file);
        }
        fs::remove_file(path(&state_file)).unwrap();
        assert_unsafe(&state_file);
        assert!(!path(&state_file).exists());
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let state_file = state_file(folder.path());
        fs::write(state_file.folder(), "").unwrap();
        assert!(matches!(load(&state_file), Err(KeyFileError::Create { .. })));
    }

    #[test]
    fn links_pipes_and_other_content_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let state_file = state_file(folder.path());
        load(&state_file).unwrap();
        let path = path(&state_file);
        let moved = state_file.folder().join("moved");
        fs::rename(&path, &moved).unwrap();
        symlink(&moved, &path).unwrap();
        assert_unsafe(&state_file);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_unsafe(&state_file);
        fs::remove_dir(&path).unwrap();
        fs::write(&path, "not a key").unwrap();
        set_mode(&path, 0o600);
        assert!(matches!(load(&state_file), Err(KeyFileError::Malformed { .. })));
    }
}
