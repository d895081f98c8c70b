//! Takes the standard streams of a worker away from its module: standard input is empty for it, and
//! what it writes to standard output goes to the log.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, IntoRawHandle};

use windows_sys::Win32::System::Console::{STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, SetStdHandle};

use super::check;

/// The streams as they were before.
pub(crate) struct Taken {
    pub(crate) input: File,
    pub(crate) output: File,
}

/// Takes the streams. Call it before the module is loaded: its C library reads them when it starts.
pub(crate) fn take() -> io::Result<Taken> {
    let input = io::stdin().as_handle().try_clone_to_owned()?;
    let output = io::stdout().as_handle().try_clone_to_owned()?;
    let empty = File::open("NUL")?;
    // The C library of this program has descriptors of its own, which modules may share.
    // SAFETY: the calls take no pointers. Each descriptor is open, or the call fails.
    unsafe {
        let null = libc::open(c"NUL".as_ptr(), libc::O_RDONLY);
        libc::dup2(null, 0);
        libc::dup2(2, 1);
        libc::close(null);
    }
    // The process keeps the handle until its end.
    // SAFETY: both handles are open, and stay so until the end of the process.
    unsafe {
        check(SetStdHandle(STD_INPUT_HANDLE, empty.into_raw_handle()))?;
        check(SetStdHandle(STD_OUTPUT_HANDLE, io::stderr().as_raw_handle()))?;
    }
    Ok(Taken { input: input.into(), output: output.into() })
}
