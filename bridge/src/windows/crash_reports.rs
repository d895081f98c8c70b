//! Keeps Windows from showing a message about a crash, and from reporting the memory of a process
//! that crashed: a PIN may be in it.

#![allow(unsafe_code)]

use windows_sys::Win32::System::Diagnostics::Debug::{
    EXCEPTION_EXECUTE_HANDLER, EXCEPTION_POINTERS, SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX,
    SEM_NOOPENFILEERRORBOX, SetErrorMode, SetUnhandledExceptionFilter,
};
use windows_sys::Win32::System::ErrorReporting::{WER_FAULT_REPORTING_FLAG_NOHEAP, WerSetFlags};

/// Holds for this process and for those that it starts. A module that crashes must end its worker,
/// and not wait for somebody to close a message.
pub(crate) fn switch_off() {
    // SAFETY: the calls take no pointers, except that to a function.
    let code = unsafe {
        SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
        SetUnhandledExceptionFilter(Some(end_process));
        WerSetFlags(WER_FAULT_REPORTING_FLAG_NOHEAP)
    };
    if code < 0 {
        tracing::warn!(code, "crash reports may hold memory of this process");
    }
}

/// Windows ends the process after this, and starts no debugger.
unsafe extern "system" fn end_process(_: *const EXCEPTION_POINTERS) -> i32 {
    EXCEPTION_EXECUTE_HANDLER
}
