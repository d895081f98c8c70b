//! A private D-Bus daemon. No service of the machine is on it.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use tempfile::TempDir;

use crate::processes::wait_until;
use crate::program::{Program, tool};

/// The bus. Dropping it ends the daemon.
pub struct PrivateBus {
    daemon: Program,
    folder: TempDir,
}

impl PrivateBus {
    /// Starts the daemon, and waits until it listens.
    pub fn start() -> Self {
        let folder =
            tempfile::Builder::new().prefix("pkcs11-bridge-test-bus-").tempdir().expect("a folder");
        let file = folder.path().join("bus.conf");
        std::fs::write(&file, configuration(&address(&folder))).expect("a file");
        let mut daemon = tool("dbus-daemon");
        daemon.arg("--nofork").arg("--nopidfile").arg("--config-file").arg(&file);
        let daemon = Program::start(&mut daemon);
        let socket = folder.path().join("bus");
        // The file is there a moment before the daemon listens.
        let listens = wait_until(START_LIMIT, || UnixStream::connect(&socket).is_ok());
        assert!(listens, "dbus-daemon does not listen: {}", daemon.stderr());
        Self { daemon, folder }
    }

    /// Its address, as in `DBUS_SESSION_BUS_ADDRESS`.
    pub fn address(&self) -> String {
        assert!(self.daemon.is_running(), "dbus-daemon ended: {}", self.daemon.stderr());
        address(&self.folder)
    }
}

fn address(folder: &TempDir) -> String {
    format!("unix:path={}", folder.path().join("bus").display())
}

/// A bus on which everyone may send, receive and own names.
fn configuration(address: &str) -> String {
    format!(
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
         \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n<busconfig>\n\
         <type>session</type>\n<listen>{address}</listen>\n<auth>EXTERNAL</auth>\n\
         <policy context=\"default\">\n<allow send_destination=\"*\"/>\n\
         <allow receive_sender=\"*\"/>\n<allow own=\"*\"/>\n</policy>\n</busconfig>\n"
    )
}

const START_LIMIT: Duration = Duration::from_secs(20);
