//! The faults that only Unix has: its pipes, tracers, locales and signals.

use std::ffi::{CStr, c_int};
use std::fs;

use pkcs11_bridge_test_rules::fault::CRASH_REPORT;

use super::write;
use crate::folder::{folder, rules};

/// Writes to every open pipe. Pipes that are open only for reading refuse it.
pub(super) fn write_to_every_pipe(bytes: &[u8]) {
    let excluded = &rules().excluded_pipes;
    for entry in fs::read_dir("/proc/self/fd").expect("Linux").flatten() {
        let Ok(target) = fs::read_link(entry.path()) else { continue };
        let target = target.to_string_lossy();
        let is_pipe = target.starts_with("pipe:") && !excluded.contains(&*target);
        let number = entry.file_name().to_str().and_then(|name| name.parse::<c_int>().ok());
        if let (Some(number), true) = (number, is_pipe || entry.file_name() == "1") {
            write(number, bytes);
        }
    }
}

pub(super) fn be_traced() {
    // SAFETY: this request has no pointers.
    unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
}

pub(super) fn change_folder_and_locale() {
    std::env::set_current_dir(folder()).expect("a folder");
    // The first locale writes decimal numbers with a comma, if the machine has it.
    let wanted = [c"de_DE.UTF-8", c"C.UTF-8", c"C"];
    let is_set = |locale: &&CStr| {
        // SAFETY: the string ends with zero. Other threads may read the locale meanwhile, which is
        // the fault.
        !unsafe { libc::setlocale(libc::LC_ALL, locale.as_ptr()) }.is_null()
    };
    assert!(wanted.iter().any(is_set), "no locale");
}

pub(super) fn handle_signals() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGPIPE, libc::SIGCHLD] {
        handle(signal, ignore_signal);
    }
    for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT] {
        handle(signal, report_crash);
    }
}

fn handle(signal: c_int, handler: extern "C" fn(c_int)) {
    // SAFETY: the handlers call only async-signal-safe functions (signal-safety(7)).
    let before = unsafe { libc::signal(signal, handler as *const () as libc::sighandler_t) };
    assert_ne!(before, libc::SIG_ERR);
}

extern "C" fn ignore_signal(_: c_int) {}

extern "C" fn report_crash(signal: c_int) {
    // SAFETY: the pointer and the length belong to a string, and all three functions are
    // async-signal-safe. The raised signal ends the process after the handler returns.
    unsafe {
        libc::write(libc::STDERR_FILENO, CRASH_REPORT.as_ptr().cast(), CRASH_REPORT.len());
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}
