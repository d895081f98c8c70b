//! Which file a loaded function belongs to.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::path::{Path, PathBuf};

/// The file that holds a function, if it is another one than `expected`. A symbolic link to a file
/// is the same file.
#[cfg(unix)]
pub(super) fn other_than(function: *const c_void, expected: &Path) -> Option<PathBuf> {
    let owner = file_of(function).unwrap_or_default();
    let is_same =
        owner == expected || file_id(&owner).is_some_and(|id| Some(id) == file_id(expected));
    (!is_same).then_some(owner)
}

/// `GetProcAddress` finds only what the file itself exports or forwards.
#[cfg(not(unix))]
pub(super) fn other_than(_function: *const c_void, _expected: &Path) -> Option<PathBuf> {
    None
}

#[cfg(unix)]
fn file_of(function: *const c_void) -> Option<PathBuf> {
    use std::ffi::{CStr, OsStr};
    use std::mem::MaybeUninit;
    use std::os::unix::ffi::OsStrExt;

    let mut info = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: any address is allowed. The pointer for the result is valid.
    if unsafe { libc::dladdr(function, info.as_mut_ptr()) } == 0 {
        return None;
    }
    // SAFETY: after success, the system has filled the structure.
    let name = unsafe { info.assume_init() }.dli_fname;
    if name.is_null() {
        return None;
    }
    // SAFETY: the name is a C string, which lives as long as the library is loaded.
    let name = unsafe { CStr::from_ptr(name) };
    Some(PathBuf::from(OsStr::from_bytes(name.to_bytes())))
}

#[cfg(unix)]
fn file_id(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_function_belongs_to_the_file_that_holds_it() {
        let own = std::env::current_exe().unwrap();
        let function = other_than as *const c_void;
        assert_eq!(other_than(function, &own), None);
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&own, &link).unwrap();
        assert_eq!(other_than(function, &link), None);
        assert!(other_than(function, Path::new("/bin/sh")).is_some());
        assert!(other_than(libc::dladdr as *const c_void, &own).is_some());
    }
}
