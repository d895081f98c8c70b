//! The names of users.

#![allow(unsafe_code)]

use std::ptr;

use windows_sys::Win32::Security::{LookupAccountSidW, SID_NAME_USE};

use super::sid::Sid;

/// The name of a user. `None` if the system does not know it.
pub(crate) fn name(user: &Sid) -> Option<String> {
    let (mut name, mut domain) = ([0; 1 << 9], [0; 1 << 9]);
    let mut name_len = u32::try_from(name.len()).ok()?;
    let mut domain_len = u32::try_from(domain.len()).ok()?;
    let mut kind: SID_NAME_USE = 0;
    // SAFETY: the SID is valid and only read. Both buffers have the lengths that are passed.
    let done = unsafe {
        LookupAccountSidW(
            ptr::null(),
            user.as_ptr(),
            name.as_mut_ptr(),
            &raw mut name_len,
            domain.as_mut_ptr(),
            &raw mut domain_len,
            &raw mut kind,
        )
    };
    Some(String::from_utf16_lossy(name.get(..name_len as usize).filter(|_| done != 0)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_user_has_a_name() {
        let own = name(&Sid::of_this_process().unwrap()).unwrap();
        assert_eq!(own, std::env::var("USERNAME").unwrap());
    }
}
