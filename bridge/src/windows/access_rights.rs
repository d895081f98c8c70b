//! Who owns a file or folder, and what other users may do with it.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::windows::io::AsRawHandle;
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::{GENERIC_ALL, GENERIC_READ, GENERIC_WRITE, LocalFree};
use windows_sys::Win32::Security::Authorization::{GetSecurityInfo, SE_FILE_OBJECT};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACE_HEADER, ACL, DACL_SECURITY_INFORMATION, GetAce, INHERIT_ONLY_ACE,
    OWNER_SECURITY_INFORMATION, PSID,
};
use windows_sys::Win32::Storage::FileSystem::{
    DELETE, FILE_APPEND_DATA, FILE_DELETE_CHILD, FILE_FLAG_BACKUP_SEMANTICS,
    FILE_FLAG_OPEN_REPARSE_POINT, FILE_READ_DATA, FILE_WRITE_DATA, READ_CONTROL, WRITE_DAC,
    WRITE_OWNER,
};
use windows_sys::Win32::System::SystemServices::ACCESS_ALLOWED_ACE_TYPE;

use super::sid::Sid;
use super::{check, check_code};

/// To replace a file, or to change its rights.
pub(crate) const REPLACE: u32 = DELETE | FILE_DELETE_CHILD | WRITE_DAC | WRITE_OWNER | GENERIC_ALL;
/// To change a file, or to put files into a folder.
pub(crate) const WRITE: u32 = REPLACE | FILE_WRITE_DATA | FILE_APPEND_DATA | GENERIC_WRITE;
pub(crate) const READ: u32 = FILE_READ_DATA | GENERIC_READ | GENERIC_ALL;

/// The flags to open a file, a folder or a link itself, and not what the link leads to.
pub(crate) const OPEN_ITSELF: u32 = FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT;

/// The owner of a file, and the rights that others than this user and the system have.
pub(crate) struct AccessRights {
    pub(crate) is_own: bool,
    others: u32,
}

impl AccessRights {
    /// Of a file or folder. Does not follow a link.
    pub(crate) fn of_path(path: &Path) -> io::Result<Self> {
        use std::os::windows::fs::OpenOptionsExt;

        let mut options = File::options();
        options.access_mode(READ_CONTROL).custom_flags(OPEN_ITSELF);
        Self::of(&options.open(path)?)
    }

    /// Of an open file. The handle needs the right to read the rights, as any reader has.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let (mut owner, mut rights): (PSID, *mut ACL) = (ptr::null_mut(), ptr::null_mut());
        let mut descriptor = ptr::null_mut();
        // SAFETY: the handle is open. The pointers for the results are valid, or null.
        check_code(unsafe {
            GetSecurityInfo(
                file.as_raw_handle(),
                SE_FILE_OBJECT,
                OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                &raw mut owner,
                ptr::null_mut(),
                &raw mut rights,
                ptr::null_mut(),
                &raw mut descriptor,
            )
        })?;
        // SAFETY: after success, both pointers lead into the descriptor, which still lives.
        let read = unsafe { Self::read(owner, rights) };
        // SAFETY: the system has allocated it for this function, which does not use it any more.
        unsafe { LocalFree(descriptor) };
        read
    }

    /// Whether others have one of these rights.
    pub(crate) fn others_may(&self, rights: u32) -> bool {
        self.others & rights != 0
    }

    /// # Safety
    /// `owner` leads to a SID, and `list` to a list of rights or nowhere.
    unsafe fn read(owner: PSID, list: *const ACL) -> io::Result<Self> {
        let mut trusted = vec![Sid::of_this_process()?];
        for sid in SYSTEM {
            trusted.push(Sid::parse(sid)?);
        }
        // SAFETY: the caller promises a valid SID.
        let is_own = trusted.contains(&unsafe { Sid::copy(owner) }?);
        if list.is_null() {
            // Without a list, everybody may do everything.
            return Ok(Self { is_own, others: u32::MAX });
        }
        let mut others = 0;
        // SAFETY: the caller promises a valid list.
        for index in 0..u32::from(unsafe { (*list).AceCount }) {
            let mut entry = ptr::null_mut();
            // SAFETY: the list is valid, and the pointer for the result too.
            check(unsafe { GetAce(list, index, &raw mut entry) })?;
            // SAFETY: each entry begins with this header.
            let header = unsafe { entry.cast::<ACE_HEADER>().read_unaligned() };
            let is_for_later = u32::from(header.AceFlags) & INHERIT_ONLY_ACE != 0;
            if is_for_later || !ALLOWING.contains(&u32::from(header.AceType)) {
                continue;
            }
            let entry = entry.cast::<ACCESS_ALLOWED_ACE>();
            // SAFETY: entries of these types have this structure, with the SID at its end.
            let (mask, sid) = unsafe {
                let sid = Sid::copy((&raw mut (*entry).SidStart).cast())?;
                ((&raw const (*entry).Mask).read_unaligned(), sid)
            };
            if !trusted.contains(&sid) {
                others |= mask;
            }
        }
        Ok(Self { is_own, others })
    }
}

/// The types of entries that allow something to a user, without and with a condition.
const ALLOWING: [u32; 2] = [ACCESS_ALLOWED_ACE_TYPE, 9];

/// The accounts that can do everything anyway: SYSTEM, the group of administrators, the installer
/// of Windows, and the rights of the owner, who is checked.
const SYSTEM: [&str; 4] = [
    "S-1-5-18",
    "S-1-5-32-544",
    "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
    "S-1-3-4",
];

#[cfg(test)]
mod tests {
    use super::super::owner_only;
    use super::*;

    #[test]
    fn a_private_folder_and_its_files_belong_to_this_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let private = folder.path().join("a/private");
        owner_only::create_folder(&private).unwrap();
        owner_only::create_folder(&private).unwrap();
        let file = private.join("file");
        drop(owner_only::create_file(&file).unwrap());
        assert!(owner_only::create_file(&file).is_err());
        for path in [private, file] {
            let rights = AccessRights::of_path(&path).unwrap();
            assert!(rights.is_own && !rights.others_may(READ | WRITE), "{}", path.display());
        }
    }

    #[test]
    fn others_may_read_what_the_system_holds_and_not_write_it() {
        let system = std::env::var_os("SystemRoot").unwrap();
        let file = Path::new(&system).join(r"System32\kernel32.dll");
        let rights = AccessRights::of_path(&file).unwrap();
        assert!(rights.is_own && rights.others_may(READ) && !rights.others_may(WRITE));
    }
}
