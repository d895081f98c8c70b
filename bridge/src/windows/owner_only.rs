//! Creates files and folders that only this user and the system can use.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::windows::io::{FromRawHandle, OwnedHandle};
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::{GENERIC_WRITE, INVALID_HANDLE_VALUE, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateDirectoryW, CreateFileW, FILE_ATTRIBUTE_NORMAL, FILE_SHARE_DELETE,
    FILE_SHARE_READ,
};

use super::sid::Sid;
use super::{check, wide};

/// Creates a folder and those above it. All that is created in the folder gets its rights. Does
/// nothing if the folder exists.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let created = with_attributes(|attributes| {
        // SAFETY: the text ends with zero, and the attributes are valid.
        check(unsafe { CreateDirectoryW(wide(path).as_ptr(), attributes) })
    });
    match created {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        created => created,
    }
}

/// Creates a file to write it. It must not exist.
pub(crate) fn create_file(path: &Path) -> io::Result<File> {
    with_attributes(|attributes| {
        // SAFETY: the text ends with zero, and the attributes are valid.
        let file = unsafe {
            CreateFileW(
                wide(path).as_ptr(),
                GENERIC_WRITE,
                FILE_SHARE_READ | FILE_SHARE_DELETE,
                attributes,
                CREATE_NEW,
                FILE_ATTRIBUTE_NORMAL,
                ptr::null_mut(),
            )
        };
        if file == INVALID_HANDLE_VALUE {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: after success, the handle belongs to this function.
        Ok(unsafe { OwnedHandle::from_raw_handle(file) }.into())
    })
}

/// Calls a function with these attributes: the user owns it; no rights come from the folder above;
/// the user and the system have all rights.
fn with_attributes<T>(
    create: impl FnOnce(*const SECURITY_ATTRIBUTES) -> io::Result<T>,
) -> io::Result<T> {
    let user = Sid::of_this_process()?;
    let rights = wide(format!("O:{user}D:P(A;OICI;FA;;;{user})(A;OICI;FA;;;SY)"));
    let mut descriptor = ptr::null_mut();
    // SAFETY: the text ends with zero, and the pointer for the result is valid.
    check(unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            rights.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            ptr::null_mut(),
        )
    })?;
    let attributes = SECURITY_ATTRIBUTES {
        nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or_default(),
        lpSecurityDescriptor: descriptor,
        bInheritHandle: 0,
    };
    let created = create(&raw const attributes);
    // SAFETY: the system has allocated it for this function, which does not use it any more.
    unsafe { LocalFree(descriptor) };
    created
}
