//! The event that stops the bridges of a user in order, as SIGTERM does on other systems. Each
//! session of a user has an event of its own.

#![allow(unsafe_code)]

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;

use windows_sys::Win32::System::Threading::{
    CreateEventW, EVENT_MODIFY_STATE, INFINITE, OpenEventW, ResetEvent, SetEvent,
    WaitForSingleObject,
};

use super::sid::Sid;
use super::{check, wide};

/// The event, which a bridge waits for.
pub(crate) struct StopEvent(OwnedHandle);

impl StopEvent {
    /// Creates the event, or opens that of another bridge of this user.
    pub(crate) fn create() -> io::Result<Self> {
        // SAFETY: the text ends with zero. Without attributes, only this user and the system may
        // use the event, and no other process inherits the handle.
        let event = unsafe { CreateEventW(ptr::null(), 1, 0, wide(name()?).as_ptr()) };
        let event = owned(event)?;
        // Another bridge may have been stopped before. Those that wait have seen it.
        // SAFETY: the handle is open.
        check(unsafe { ResetEvent(event.0.as_raw_handle()) })?;
        Ok(event)
    }

    /// Blocks until the event is set.
    pub(crate) fn wait(&self) {
        // SAFETY: the handle is open.
        unsafe { WaitForSingleObject(self.0.as_raw_handle(), INFINITE) };
    }
}

/// Stops all bridges of this user in this session. Returns whether there is one.
pub(crate) fn stop_bridges() -> io::Result<bool> {
    // SAFETY: the text ends with zero.
    let event = unsafe { OpenEventW(EVENT_MODIFY_STATE, 0, wide(name()?).as_ptr()) };
    match owned(event) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
        // SAFETY: the handle is open.
        Ok(event) => check(unsafe { SetEvent(event.0.as_raw_handle()) }).map(|()| true),
    }
}

fn owned(event: *mut std::ffi::c_void) -> io::Result<StopEvent> {
    if event.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: after success, the handle belongs to the caller.
    Ok(StopEvent(unsafe { OwnedHandle::from_raw_handle(event) }))
}

fn name() -> io::Result<String> {
    Ok(format!(r"Local\pkcs11-bridge-stop-{}", Sid::of_this_process()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bridges_that_wait_are_stopped() {
        assert!(!stop_bridges().unwrap());
        let waiting = [1, 2].map(|_| {
            let event = StopEvent::create().unwrap();
            std::thread::spawn(move || event.wait())
        });
        // Whether a thread waits already cannot be seen.
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(stop_bridges().unwrap());
        for thread in waiting {
            thread.join().unwrap();
        }
        assert!(!stop_bridges().unwrap());
    }
}
