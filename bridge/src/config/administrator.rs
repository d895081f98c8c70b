//! The configuration of the administrators of this computer: a file that only root can change, and
//! the group policy of Windows.

use std::path::{Path, PathBuf};

use super::ConfigError;
use super::file::ConfigFile;
use super::source::Source;

/// Reads what administrators have set. What takes precedence comes first. Fails if others than
/// administrators could have written it.
pub(super) fn read() -> Result<Vec<(Source, ConfigFile)>, ConfigError> {
    let mut layers = Vec::new();
    #[cfg(windows)]
    layers.extend(super::group_policy::read()?);
    if let Some(path) = path() {
        layers.extend(read_file(&path)?);
    }
    Ok(layers)
}

fn read_file(path: &Path) -> Result<Option<(Source, ConfigFile)>, ConfigError> {
    if let Err(error) = std::fs::symlink_metadata(path)
        && error.kind() == std::io::ErrorKind::NotFound
    {
        return Ok(None);
    }
    #[cfg(unix)]
    crate::modules::trusted_path::check_administrators(path)
        .map_err(|problem| ConfigError::Untrusted { path: path.to_owned(), problem })?;
    Source::read(path).map(Some)
}

/// The file of the administrators. The environment does not change it, because the user sets that.
#[cfg(target_os = "macos")]
pub(super) fn path() -> Option<PathBuf> {
    Some("/Library/Application Support/pkcs11-bridge/config.toml".into())
}

#[cfg(all(unix, not(target_os = "macos")))]
pub(super) fn path() -> Option<PathBuf> {
    Some("/etc/pkcs11-bridge/config.toml".into())
}

/// Any user can create a folder in `%ProgramData%`, and the bridge cannot check yet who made a
/// file. So only the group policy counts.
#[cfg(windows)]
pub(super) fn path() -> Option<PathBuf> {
    None
}
