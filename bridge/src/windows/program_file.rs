//! The name of the program that a process runs.

#![allow(unsafe_code)]

use std::os::windows::io::{AsRawHandle, BorrowedHandle};
use std::path::Path;

use windows_sys::Win32::System::Threading::{PROCESS_NAME_WIN32, QueryFullProcessImageNameW};

/// The file name of the program. `None` if the system does not tell it.
pub(crate) fn of(process: BorrowedHandle<'_>) -> Option<String> {
    let mut path = [0; 1 << 10];
    let mut len = u32::try_from(path.len()).ok()?;
    // SAFETY: the handle is open, and the buffer has the length that is passed.
    let done = unsafe {
        QueryFullProcessImageNameW(
            process.as_raw_handle(),
            PROCESS_NAME_WIN32,
            path.as_mut_ptr(),
            &raw mut len,
        )
    };
    let path = String::from_utf16_lossy(path.get(..len as usize).filter(|_| done != 0)?);
    Some(Path::new(&path).file_name()?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::windows::io::AsHandle;

    use super::super::sid::open_process;

    #[test]
    fn a_process_has_the_name_of_its_file() {
        let process = open_process(std::process::id()).unwrap();
        let own = std::env::current_exe().unwrap();
        let expected = own.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        assert_eq!(super::of(process.as_handle()), expected);
    }
}
