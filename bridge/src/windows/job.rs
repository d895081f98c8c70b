//! Jobs: Windows ends all processes of a job together with the bridge, and limits the memory of a
//! process.

#![allow(unsafe_code)]

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle, RawHandle};
use std::ptr;
use std::sync::OnceLock;

use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT,
    JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOB_OBJECT_LIMIT_PROCESS_MEMORY, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JobObjectExtendedLimitInformation, SetInformationJobObject,
};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

use super::check;

/// Makes Windows end a process when this process ends, in whatever way. `process` is a handle of
/// the process, or `None` if it has ended.
pub(crate) fn end_with_this_process(process: Option<RawHandle>) -> io::Result<()> {
    static JOB: OnceLock<OwnedHandle> = OnceLock::new();
    let Some(process) = process else { return Ok(()) };
    let job = match JOB.get() {
        Some(job) => job,
        None => {
            let flags =
                JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
            let job = create(flags, 0)?;
            JOB.get_or_init(|| job)
        }
    };
    // SAFETY: both handles are open.
    check(unsafe { AssignProcessToJobObject(job.as_raw_handle(), process) })
}

/// Limits the memory of this process and of each process that it starts. Allocations beyond it
/// fail.
pub(crate) fn limit_memory_of_this_process(max: u64) -> io::Result<()> {
    let job = create(JOB_OBJECT_LIMIT_PROCESS_MEMORY, max)?;
    // SAFETY: the handles are open.
    check(unsafe { AssignProcessToJobObject(job.as_raw_handle(), GetCurrentProcess()) })
    // The job lives as long as one of its processes.
}

fn create(flags: JOB_OBJECT_LIMIT, max_memory: u64) -> io::Result<OwnedHandle> {
    // SAFETY: without attributes, no other process inherits the handle. The job has no name.
    let job = unsafe { CreateJobObjectW(ptr::null(), ptr::null()) };
    if job.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: after success, the handle belongs to this function.
    let job = unsafe { OwnedHandle::from_raw_handle(job) };
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    limits.BasicLimitInformation.LimitFlags = flags;
    limits.ProcessMemoryLimit = usize::try_from(max_memory).unwrap_or(usize::MAX);
    // SAFETY: the structure belongs to this kind of information, and has the length that is passed.
    check(unsafe {
        SetInformationJobObject(
            job.as_raw_handle(),
            JobObjectExtendedLimitInformation,
            (&raw const limits).cast(),
            u32::try_from(size_of_val(&limits)).unwrap_or_default(),
        )
    })?;
    Ok(job)
}
