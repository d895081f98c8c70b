//! Keeps a module from writing the bridge's configuration, state and program (Landlock,
//! landlock(7)). It may write everywhere else.
//!
//! Landlock grants rights and cannot take them away from a part of a folder. So the worker grants
//! the right to write to all files and folders beside the protected ones, as they are now. In a
//! folder above a protected one, a module can therefore create or remove nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus,
    path_beneath_rules,
};
use rustix::fs::{Access as Permission, access};

/// Confines this process and all that it starts.
pub(super) fn protect(protected: &[PathBuf]) {
    match restrict(&writable_places(protected)) {
        Ok(RulesetStatus::NotEnforced) => {
            tracing::info!("this system has no Landlock: the module can write the bridge's files");
        }
        Ok(_) => {}
        Err(error) => {
            tracing::warn!(%error, "the module can write the bridge's files");
        }
    }
}

fn restrict(places: &[PathBuf]) -> Result<RulesetStatus, RulesetError> {
    // Later versions only add rights for devices and the network.
    let write = AccessFs::from_write(ABI::V3);
    let ruleset = Ruleset::default().handle_access(write)?.create()?;
    let status = ruleset.add_rules(path_beneath_rules(places, write))?.restrict_self()?;
    Ok(status.ruleset)
}

/// All files and folders that have no protected path beneath them. None of them contains another.
fn writable_places(protected: &[PathBuf]) -> Vec<PathBuf> {
    let protected: Vec<_> = protected
        .iter()
        .filter_map(|path| resolve(path).ok())
        .filter(|path| is_changeable(path))
        .collect();
    let mut places = Vec::new();
    collect(Path::new("/"), &protected, &mut places);
    places
}

fn collect(folder: &Path, protected: &[PathBuf], places: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        // A link could lead to a protected folder. What it leads to has a path of its own.
        if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
            continue;
        }
        let path = entry.path();
        if protected.contains(&path) {
            continue;
        }
        if protected.iter().any(|protected| protected.starts_with(&path)) {
            collect(&path, protected, places);
        } else {
            places.push(path);
        }
    }
}

/// The path without links. Its last parts may not exist yet.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match (path.canonicalize(), path.parent(), path.file_name()) {
        (Err(_), Some(parent), Some(name)) => Ok(resolve(parent)?.join(name)),
        (resolved, _, _) => resolved,
    }
}

/// Whether the user could change the path, or create what is missing. If not, nothing has to be
/// kept from the module, and the folders above need no list.
fn is_changeable(path: &Path) -> bool {
    path.ancestors().any(|path| access(path, Permission::WRITE_OK).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_beside_the_protected_paths_is_writable() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["home/config/bridge", "home/config/other", "home/state", "tmp"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        fs::write(root.join("home/config/file"), "").unwrap();
        std::os::unix::fs::symlink(root.join("home"), root.join("link")).unwrap();
        let protected = [root.join("home/config/bridge"), root.join("home/state/missing/file")];
        let mut places = Vec::new();
        collect(&root, &protected, &mut places);
        places.sort();
        assert_eq!(
            places,
            [root.join("home/config/file"), root.join("home/config/other"), root.join("tmp")]
        );
    }

    #[test]
    fn links_are_resolved_before_missing_parts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir(root.join("real")).unwrap();
        std::os::unix::fs::symlink(root.join("real"), root.join("link")).unwrap();
        assert_eq!(resolve(&root.join("link/a/b")).unwrap(), root.join("real/a/b"));
    }
}
