//! Whether this process has a console, and how processes that it starts get one.

#![allow(unsafe_code)]

use windows_sys::Win32::System::Console::GetConsoleCP;
use windows_sys::Win32::System::Threading::{CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW};

/// The flags to start a process with. Ctrl-C in a console goes to the bridge alone, which then ends
/// its processes in order. Without a console, no console window opens for them.
pub(crate) fn creation_flags() -> u32 {
    // SAFETY: the call takes no pointers.
    let has_console = unsafe { GetConsoleCP() } != 0;
    CREATE_NEW_PROCESS_GROUP | if has_console { 0 } else { CREATE_NO_WINDOW }
}
