//! Faults that the module causes in its own process.

#[cfg(unix)]
mod unix;

use std::ffi::c_int;
use std::fs;
use std::path::Path;
use std::process::{abort, exit};
use std::thread::{park, spawn};

use pkcs11_bridge_test_rules::fault::Fault;

use crate::folder::folder;

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
        Fault::Print(bytes) => write(STDOUT, bytes),
        Fault::ReplaceFile { path, content } => replace_file(path, content),
        Fault::Leak(len) => leak_memory(*len),
        Fault::StartThreads(count) => (0..*count).for_each(|_| drop(spawn(|| wait_forever()))),
        #[cfg(unix)]
        Fault::WriteGarbage(bytes) => unix::write_to_every_pipe(bytes),
        #[cfg(unix)]
        Fault::BeTraced => unix::be_traced(),
        #[cfg(unix)]
        Fault::ChangeFolderAndLocale => unix::change_folder_and_locale(),
        #[cfg(unix)]
        Fault::HandleSignals => unix::handle_signals(),
        #[cfg(not(unix))]
        Fault::WriteGarbage(_)
        | Fault::BeTraced
        | Fault::ChangeFolderAndLocale
        | Fault::HandleSignals => panic!("this system has no such fault: {fault:?}"),
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

fn write(file: c_int, bytes: &[u8]) {
    // SAFETY: the pointer and the length belong to a slice. The type of the length differs between
    // systems.
    unsafe { libc::write(file, bytes.as_ptr().cast(), bytes.len() as _) };
}

fn leak_memory(len: usize) {
    // The bytes are not zero, because the system allocates zeroed memory only when it is written.
    std::hint::black_box(Box::leak(vec![0xa5_u8; len].into_boxed_slice()));
}

const STDOUT: c_int = 1;
