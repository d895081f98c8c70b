//! Security identifiers (SIDs) of users: of a process, and those of the system itself.

#![allow(unsafe_code)]

use std::fmt;
use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::ptr;

use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Authorization::{ConvertSidToStringSidW, ConvertStringSidToSidW};
use windows_sys::Win32::Security::{
    CopySid, GetLengthSid, GetTokenInformation, PSID, TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, OpenProcess, OpenProcessToken, PROCESS_QUERY_LIMITED_INFORMATION,
};

use super::{check, wide};

/// The security identifier of a user, a group or a service.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Sid(Vec<u32>);

impl Sid {
    /// The user of this process.
    pub(crate) fn of_this_process() -> io::Result<Self> {
        // SAFETY: the call cannot fail. Its result is a constant that nobody closes.
        let process = unsafe { BorrowedHandle::borrow_raw(GetCurrentProcess()) };
        Self::of_process(process)
    }

    /// The user of a process.
    pub(crate) fn of_process(process: BorrowedHandle<'_>) -> io::Result<Self> {
        let mut token = ptr::null_mut();
        // SAFETY: the handle is open, and the pointer for the result is valid.
        check(unsafe { OpenProcessToken(process.as_raw_handle(), TOKEN_QUERY, &raw mut token) })?;
        // SAFETY: after success, the handle belongs to this function.
        let token = unsafe { OwnedHandle::from_raw_handle(token) };
        // Aligned for the structure, and large enough for it and the longest SID.
        let mut user = [0_u64; 32];
        let mut len = 0;
        // SAFETY: the buffer has the length that is passed.
        check(unsafe {
            GetTokenInformation(
                token.as_raw_handle(),
                TokenUser,
                user.as_mut_ptr().cast(),
                u32::try_from(size_of_val(&user)).unwrap_or_default(),
                &raw mut len,
            )
        })?;
        // SAFETY: after success, the buffer begins with this structure. Its pointer leads into the
        // buffer, which still lives.
        unsafe { Self::copy((*user.as_ptr().cast::<TOKEN_USER>()).User.Sid) }
    }

    /// Reads a SID in its text form.
    pub(super) fn parse(text: &str) -> io::Result<Self> {
        let mut sid = ptr::null_mut();
        // SAFETY: the text ends with zero, and the pointer for the result is valid.
        check(unsafe { ConvertStringSidToSidW(wide(text).as_ptr(), &raw mut sid) })?;
        // SAFETY: after success, the pointer leads to a SID.
        let copy = unsafe { Self::copy(sid) };
        // SAFETY: the system has allocated it for this function, which does not use it any more.
        unsafe { LocalFree(sid) };
        copy
    }

    /// The SID, to read it.
    pub(super) fn as_ptr(&self) -> PSID {
        self.0.as_ptr().cast_mut().cast()
    }

    /// Copies a SID.
    ///
    /// # Safety
    /// The pointer leads to a valid SID.
    pub(super) unsafe fn copy(sid: PSID) -> io::Result<Self> {
        // SAFETY: the caller promises a valid SID.
        let len = unsafe { GetLengthSid(sid) };
        let mut copy = vec![0_u32; (len as usize).div_ceil(size_of::<u32>())];
        // SAFETY: the copy has at least this length.
        check(unsafe { CopySid(len, copy.as_mut_ptr().cast(), sid) })?;
        Ok(Self(copy))
    }
}

/// The text form, such as `S-1-5-18`.
impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = ptr::null_mut();
        // SAFETY: the call only reads the SID. The pointer for the result is valid.
        check(unsafe { ConvertSidToStringSidW(self.as_ptr(), &raw mut text) })
            .map_err(|_| fmt::Error)?;
        // SAFETY: after success, the pointer leads to a text that ends with zero. All characters
        // before the end belong to it.
        let units = unsafe {
            let len = (0..).find(|&index| *text.add(index) == 0).unwrap_or(0);
            std::slice::from_raw_parts(text, len)
        };
        let written = f.write_str(&String::from_utf16_lossy(units));
        // SAFETY: the system has allocated it for this function, which does not use it any more.
        unsafe { LocalFree(text.cast()) };
        written
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Opens a process to ask who owns it. As long as the handle lives, no other process gets the id.
pub(crate) fn open_process(id: u32) -> io::Result<OwnedHandle> {
    // SAFETY: the call takes no pointers.
    let process = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, id) };
    if process.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: after success, the handle belongs to this function.
    Ok(unsafe { OwnedHandle::from_raw_handle(process) })
}

#[cfg(test)]
mod tests {
    use std::os::windows::io::AsHandle;

    use super::*;

    #[test]
    fn each_process_of_a_user_has_the_same_sid() {
        let own = Sid::of_this_process().unwrap();
        let opened = open_process(std::process::id()).unwrap();
        assert_eq!(Sid::of_process(opened.as_handle()).unwrap(), own);
        assert_eq!(Sid::parse(&own.to_string()).unwrap(), own);
        assert!(own.to_string().starts_with("S-1-5-21-"), "{own}");
        assert_ne!(Sid::parse("S-1-5-18").unwrap(), own);
    }
}
