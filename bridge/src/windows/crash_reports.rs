//! Keeps Windows from showing a message about a crash, and from reporting the memory of a process
//! that crashed: a PIN may be in it.

#![allow(unsafe_code)]

use windows_sys::Win32::System::Diagnostics::Debug::{
    SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SEM_NOOPENFILEERRORBOX, SetErrorMode,
};
use windows_sys::Win32::System::ErrorReporting::{WER_FAULT_REPORTING_FLAG_NOHEAP, WerSetFlags};

/// Holds for this process and for those that it starts. A module that crashes must end its worker,
/// and not wait for somebody to close a message.
pub(crate) fn switch_off() {
    // SAFETY: neither call takes pointers.
    let code = unsafe {
        SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
        WerSetFlags(WER_FAULT_REPORTING_FLAG_NOHEAP)
    };
    if code < 0 {
        tracing::warn!(code, "crash reports may hold memory of this process");
    }
}
