//! Handles that processes of the bridge inherit. Rust's library starts a process with every handle
//! that is inheritable, so the bridge keeps no such handle.

#![allow(unsafe_code)]

use std::os::windows::io::{AsRawSocket, AsSocket, RawHandle};

use windows_sys::Win32::Foundation::{HANDLE_FLAG_INHERIT, SetHandleInformation};
use windows_sys::Win32::System::Console::{
    GetStdHandle, STD_ERROR_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
};

/// Keeps the standard streams of this process from its children. Those that a child needs are
/// passed to it one by one.
pub(crate) fn keep_standard_streams() {
    for stream in [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE] {
        // SAFETY: the call takes no pointers.
        keep(unsafe { GetStdHandle(stream) });
    }
}

/// Keeps a socket from children.
pub(crate) fn keep_socket(socket: &impl AsSocket) {
    if let Ok(socket) = usize::try_from(socket.as_socket().as_raw_socket()) {
        keep(std::ptr::with_exposed_provenance_mut(socket));
    }
}

/// A process may have no such handle. Then nothing inherits it either.
fn keep(handle: RawHandle) {
    // SAFETY: a handle that is not open gives an error, and nothing else.
    unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0) };
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use windows_sys::Win32::Foundation::GetHandleInformation;

    use super::*;

    fn is_inheritable(socket: &impl AsSocket) -> bool {
        let handle = usize::try_from(socket.as_socket().as_raw_socket()).unwrap();
        let mut flags = 0;
        // SAFETY: the handle is open, and the pointer for the result is valid.
        let done = unsafe {
            GetHandleInformation(std::ptr::with_exposed_provenance_mut(handle), &raw mut flags)
        };
        assert_ne!(done, 0, "{}", std::io::Error::last_os_error());
        flags & HANDLE_FLAG_INHERIT != 0
    }

    #[test]
    fn a_kept_socket_is_not_inheritable() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let handle = usize::try_from(accepted.as_socket().as_raw_socket()).unwrap();
        let handle = std::ptr::with_exposed_provenance_mut(handle);
        // SAFETY: the handle is open.
        assert_ne!(
            unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) },
            0
        );
        assert!(is_inheritable(&accepted));
        keep_socket(&accepted);
        assert!(!is_inheritable(&accepted));
        assert!(!is_inheritable(&listener) && !is_inheritable(&stream));
    }
}
