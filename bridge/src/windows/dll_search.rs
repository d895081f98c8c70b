//! Where Windows looks for the libraries that a module needs.

#![allow(unsafe_code)]

use windows_sys::Win32::System::LibraryLoader::SetDllDirectoryW;

/// Leaves the working folder out of the search. Otherwise a file there could stand in for a library
/// of the system.
pub(crate) fn leave_out_working_folder() {
    // SAFETY: the text ends with zero.
    if unsafe { SetDllDirectoryW([0].as_ptr()) } == 0 {
        let error = std::io::Error::last_os_error();
        tracing::warn!(%error, "Windows also looks for libraries in the working folder");
    }
}
