//! Calls of Windows, one file for each concern. No other file of the bridge calls it directly.

pub(crate) mod access_rights;
pub(crate) mod account;
pub(crate) mod console;
pub(crate) mod crash_reports;
pub(crate) mod dll_search;
pub(crate) mod exclusive_port;
pub(crate) mod inheritance;
pub(crate) mod job;
pub(crate) mod owner_only;
pub(crate) mod program_file;
pub(crate) mod sid;
pub(crate) mod standard_streams;
pub(crate) mod stop_event;
pub(crate) mod tcp_table;

use std::io;

/// The error of the last call, if the call reports a failure by zero.
fn check(result: i32) -> io::Result<()> {
    if result == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The error of a call that returns it.
fn check_code(code: u32) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code.cast_signed())) }
}

/// A text as Windows reads it: UTF-16 with a zero at its end.
fn wide(text: impl AsRef<std::ffi::OsStr>) -> Vec<u16> {
    use std::os::windows::ffi::OsStrExt;
    text.as_ref().encode_wide().chain([0]).collect()
}
