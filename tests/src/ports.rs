//! The bridge's default ports, which all tests of a machine share.

use std::fs::File;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

use pkcs11_bridge_protocol::PORTS;

/// Reserves the default ports for this test, also against other processes, until the
/// file is dropped.
pub fn reserve_default_range() -> File {
    let user = rustix::process::getuid().as_raw();
    let lock = std::env::temp_dir().join(format!("pkcs11-bridge-tests-{user}.lock"));
    let file = File::options().create(true).append(true).open(lock).expect("a file");
    file.lock().expect("a lock");
    file
}

/// The default ports that are free on both loopback addresses.
pub fn free_in_default_range() -> Vec<u16> {
    let taken = |error: std::io::Error| error.kind() == std::io::ErrorKind::AddrInUse;
    let is_free = |port: &u16| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
            && !TcpListener::bind((Ipv6Addr::LOCALHOST, *port)).is_err_and(taken)
    };
    PORTS.filter(is_free).collect()
}
