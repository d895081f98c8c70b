//! Whether only the system and this user can change a file, or put another file in its place.

use std::path::{Path, PathBuf};

/// Who could change what a path leads to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    #[error("{0} belongs to another user")]
    OtherOwner(PathBuf),
    #[error("other users can write {0}")]
    WritableByOthers(PathBuf),
    #[error("{0} cannot be read")]
    Unreadable(PathBuf),
}

/// Checks the file and every folder and link on the way to it. Each must belong to root or the
/// user, and nobody else may write it.
#[cfg(unix)]
pub(super) fn check(path: &Path) -> Result<(), Untrusted> {
    check_beneath(Path::new(""), path)
}

/// The same for a file of administrators: each must belong to root.
#[cfg(unix)]
pub(crate) fn check_administrators(path: &Path) -> Result<(), Untrusted> {
    check_owners(Path::new(""), path, ROOT)
}

/// As [`check`], without the folder `trusted` and those above it.
#[cfg(unix)]
fn check_beneath(trusted: &Path, path: &Path) -> Result<(), Untrusted> {
    check_owners(trusted, path, rustix::process::geteuid().as_raw())
}

#[cfg(unix)]
fn check_owners(trusted: &Path, path: &Path, owner: u32) -> Result<(), Untrusted> {
    use std::collections::VecDeque;
    use std::ffi::OsString;

    let parts = |path: &Path| -> Vec<OsString> {
        path.components().map(|part| part.as_os_str().to_owned()).collect()
    };
    let (mut current, mut rest) = (PathBuf::new(), VecDeque::from(parts(path)));
    let mut links = 0;
    while let Some(part) = rest.pop_front() {
        if part == ".." {
            current.pop();
            continue;
        }
        let next = current.join(&part);
        let metadata = std::fs::symlink_metadata(&next);
        let metadata = metadata.map_err(|_| Untrusted::Unreadable(next.clone()))?;
        if !trusted.starts_with(&next) {
            check_one(&next, &metadata, owner)?;
        }
        if !metadata.is_symlink() {
            current = next;
            continue;
        }
        links += 1;
        let target = std::fs::read_link(&next).ok().filter(|_| links <= MAX_LINKS);
        let target = target.ok_or(Untrusted::Unreadable(next))?;
        // An absolute target begins with the root, which `join` takes instead of `current`.
        for part in parts(&target).into_iter().rev() {
            rest.push_front(part);
        }
    }
    Ok(())
}

/// Checks the file and every folder on the way to it. Each must belong to the system or the user.
/// Nobody else may write the file, put files beside it, or replace a folder above it.
#[cfg(windows)]
pub(super) fn check(path: &Path) -> Result<(), Untrusted> {
    use crate::windows::access_rights::{AccessRights, REPLACE, WRITE};

    let file = path.canonicalize().map_err(|_| Untrusted::Unreadable(path.to_owned()))?;
    // Nobody can replace the root of a drive.
    let parts = file.ancestors().filter(|part| part.parent().is_some());
    for (part, rights) in parts.zip([WRITE, WRITE].into_iter().chain(std::iter::repeat(REPLACE))) {
        let found =
            AccessRights::of_path(part).map_err(|_| Untrusted::Unreadable(part.to_owned()))?;
        if !found.is_own {
            return Err(Untrusted::OtherOwner(part.to_owned()));
        }
        if found.others_may(rights) {
            return Err(Untrusted::WritableByOthers(part.to_owned()));
        }
    }
    Ok(())
}

#[cfg(unix)]
fn check_one(path: &Path, metadata: &std::fs::Metadata, owner: u32) -> Result<(), Untrusted> {
    use std::os::unix::fs::MetadataExt;

    if metadata.uid() != ROOT && metadata.uid() != owner {
        return Err(Untrusted::OtherOwner(path.to_owned()));
    }
    let writers = if TRUSTED_GROUPS.contains(&metadata.gid()) { 0o002 } else { 0o022 };
    // The rights of a link have no meaning.
    if !metadata.is_symlink() && metadata.mode() & writers != 0 {
        return Err(Untrusted::WritableByOthers(path.to_owned()));
    }
    Ok(())
}

#[cfg(unix)]
const ROOT: u32 = 0;
/// Their members can become root: the group of root, and on macOS also that of administrators, to
/// which the folders of Homebrew belong.
#[cfg(target_os = "macos")]
const TRUSTED_GROUPS: [u32; 2] = [0, 80];
#[cfg(all(unix, not(target_os = "macos")))]
const TRUSTED_GROUPS: [u32; 1] = [0];
/// As Linux allows.
#[cfg(unix)]
const MAX_LINKS: u32 = 40;

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    /// A folder, and its path without links. What lies above may be as `/tmp` is.
    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        (folder, path)
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn modules_of_the_system_are_trusted() {
        assert_eq!(check(Path::new("/bin/sh")), Ok(()));
    }

    #[test]
    fn a_file_or_folder_that_others_can_write_is_not_trusted() {
        let (_guard, root) = folder();
        let file = root.join("a/b/module.so");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "").unwrap();
        set_mode(&root.join("a"), 0o755);
        set_mode(&root.join("a/b"), 0o755);
        set_mode(&file, 0o644);
        assert_eq!(check_beneath(&root, &file), Ok(()));
        for (path, good) in [("a", 0o755), ("a/b", 0o755), ("a/b/module.so", 0o644)] {
            let path = root.join(path);
            set_mode(&path, good | 0o002);
            assert_eq!(check_beneath(&root, &file), Err(Untrusted::WritableByOthers(path.clone())));
            set_mode(&path, good);
        }
        // A link in a good folder to a file in a bad one.
        let link = root.join("link.so");
        symlink("a/b/module.so", &link).unwrap();
        assert_eq!(check_beneath(&root, &link), Ok(()));
        set_mode(&root.join("a"), 0o777);
        assert_eq!(check_beneath(&root, &link), Err(Untrusted::WritableByOthers(root.join("a"))));
        set_mode(&root.join("a"), 0o755);
        if rustix::process::geteuid().is_root() {
            chown(&file, Some(65534), None).unwrap();
            assert_eq!(check_beneath(&root, &link), Err(Untrusted::OtherOwner(file)));
        }
    }

    #[test]
    fn links_that_lead_nowhere_end() {
        let (_guard, root) = folder();
        symlink("loop", root.join("loop")).unwrap();
        symlink("nothing", root.join("missing")).unwrap();
        for name in ["loop", "missing", "none"] {
            let result = check_beneath(&root, &root.join(name));
            assert!(matches!(result, Err(Untrusted::Unreadable(_))), "{result:?}");
        }
    }
}
