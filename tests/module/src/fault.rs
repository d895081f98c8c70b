//! Faults that the module causes in its own process.

use std::ffi::{CStr, c_int};
use std::fs;
use std::path::Path;
use std::process::{abort, exit};
use std::thread::{park, spawn};

use pkcs11_bridge_test_rules::fault::{CRASH_REPORT, Fault};

use crate::folder::{folder, rules};

/// Causes a fault. Some faults do not return.
pub(crate) fn cause(fault: &Fault) {
    match fault {
        Fault::Segfault => segfault(),
        Fault::Abort => abort(),
        Fault::Exit(status) => exit(*status),
        Fault::Hang => wait_forever(),
        Fault::Spin => loop {
            std::hint::spin_loop();
        },
        Fault::Print(bytes) => write(libc::STDOUT_FILENO, bytes),
        Fault::WriteGarbage(bytes) => write_to_every_pipe(bytes),
        Fault::ReplaceFile { path, content } => replace_file(path, content),
        Fault::BeTraced => be_traced(),
        Fault::Leak(len) => leak_memory(*len),
        Fault::StartThreads(count) => (0..*count).for_each(|_| drop(spawn(|| wait_forever()))),
        Fault::ChangeFolderAndLocale => change_folder_and_locale(),
        Fault::HandleSignals => handle_signals(),
    }
}

fn segfault() {
    let unmapped = std::ptr::without_provenance_mut::<u32>(16);
    // SAFETY: not sound, on purpose: the address is never mapped, so that the system
    // ends the process.
    unsafe { unmapped.write_volatile(1) };
}

fn wait_forever() -> ! {
    loop {
        park();
    }
}

/// Writes to every open pipe. Pipes that are open only for reading refuse it.
fn write_to_every_pipe(bytes: &[u8]) {
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

/// Tries every way. The test sees what came of it.
fn replace_file(path: &Path, content: &[u8]) {
    let other = path.with_extension("module");
    let _ = fs::write(path, content);
    let _ = fs::write(&other, content);
    let _ = fs::rename(&other, path);
    let _ = fs::remove_file(path);
    let _ = fs::write(path, content);
    let outside = folder().join("replacement");
    let _ = fs::write(&outside, content);
    let _ = fs::hard_link(&outside, path);
    let _ = fs::rename(&outside, path);
}

fn be_traced() {
    // SAFETY: this request has no pointers.
    unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
}

fn write(file: c_int, bytes: &[u8]) {
    // SAFETY: the pointer and the length belong to a slice.
    unsafe { libc::write(file, bytes.as_ptr().cast(), bytes.len()) };
}

fn leak_memory(len: usize) {
    // The bytes are not zero, because the system allocates zeroed memory only when it is written.
    std::hint::black_box(Box::leak(vec![0xa5_u8; len].into_boxed_slice()));
}

fn change_folder_and_locale() {
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

fn handle_signals() {
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
