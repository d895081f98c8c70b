//! pcscd with one virtual reader, in a mount namespace of its own. It shares neither its socket
//! nor its drivers with the pcscd of the machine, so that it sees no reader of the machine.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rustix::process::Signal;

use crate::program::{Program, tool};

/// YKCS11 uses only readers whose name contains Yubico's.
const NAME: &str = "Yubico Virtual Reader";

/// A running pcscd.
pub(super) struct Daemon {
    program: Program,
    port: u16,
}

impl Daemon {
    /// Starts pcscd with its files in a folder, and waits until its reader waits for a card.
    pub(super) fn start(folder: &Path) -> Self {
        let library = folder.join("libifdvpcd.so");
        if !library.exists() {
            let copied = fs::copy(DRIVER, &library);
            copied.unwrap_or_else(|error| panic!("{DRIVER} of vsmartcard-vpcd: {error}"));
        }
        for folder in [folder.join(CONFIGURATION), run_folder(folder)] {
            fs::create_dir_all(folder).expect("a folder");
        }
        for _ in 0..ATTEMPTS {
            let port = free_ports();
            let reader = format!(
                "FRIENDLYNAME \"{NAME}\"\nDEVICENAME /dev/null:{port}\nLIBPATH {}\n\
                 CHANNELID {port}\n",
                library.display()
            );
            fs::write(folder.join(CONFIGURATION).join("reader"), reader).expect("a file");
            let mut program = Program::start(&mut command(folder));
            program.expect_line("daemon ready");
            // Another program may have taken the port meanwhile.
            if !program.stdout().contains("Could not initialize connection") {
                return Self { program, port };
            }
        }
        panic!("no free ports for the virtual reader");
    }

    /// The address at which the reader waits for a card.
    pub(super) fn reader(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Waits until pcscd has seen the card go in or out so many times. Panics if it does not.
    pub(super) fn expect(&mut self, change: Change, count: usize) {
        let text = match change {
            // A card that goes in while pcscd starts has no other line.
            Change::Inserted => "Card ATR: ",
            Change::Removed => "Card Removed From",
        };
        self.program.expect_lines(text, count);
    }

    pub(super) fn stop(self) {
        self.program.stop_with(Signal::TERM);
    }
}

/// What happened to the card.
#[derive(Clone, Copy)]
pub(super) enum Change {
    Inserted,
    Removed,
}

/// The socket for clients, for `PCSCLITE_CSOCK_NAME`.
pub(super) fn socket(folder: &Path) -> PathBuf {
    run_folder(folder).join("pcscd.comm")
}

/// Fails if this machine cannot run pcscd with a virtual reader, and says why.
pub(super) fn check() -> Result<(), String> {
    static RESULT: OnceLock<Result<(), String>> = OnceLock::new();
    let check = || {
        if !Path::new(DRIVER).exists() {
            return Err(format!("{DRIVER} is not installed"));
        }
        let output = unshare().arg("true").output().map_err(|error| format!("unshare: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let error = String::from_utf8_lossy(&output.stderr);
        Err(format!("pcscd gets no mount namespace ({})", error.trim()))
    };
    RESULT.get_or_init(check).clone()
}

fn command(folder: &Path) -> Command {
    let mut command = unshare();
    command.args(["sh", "-ec", SCRIPT, "pcscd"]);
    command.arg(run_folder(folder)).arg(folder.join(CONFIGURATION));
    command
}

fn unshare() -> Command {
    let mut command = tool("unshare");
    command.arg("--mount");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command
}

fn run_folder(folder: &Path) -> PathBuf {
    folder.join("run")
}

/// Two consecutive free ports, because vpcd opens two slots. Returns the first.
fn free_ports() -> u16 {
    loop {
        let first = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a free port");
        let port = first.local_addr().expect("its address").port();
        if let Some(second) = port.checked_add(1)
            && TcpListener::bind((Ipv4Addr::UNSPECIFIED, second)).is_ok()
        {
            return port;
        }
    }
}

/// pcscd's folders are fixed when it is built. Newer ones ask polkit for each client, and take an
/// option against that.
const SCRIPT: &str = r#"
    PATH=$PATH:/usr/sbin:/sbin
    mount -t tmpfs tmpfs /usr/lib/pcsc/drivers
    mount -t tmpfs tmpfs /run
    mkdir /run/pcscd
    mount --bind "$1" /run/pcscd
    set -- --foreground --info --config "$2"
    if pcscd --help | grep -q disable-polkit; then set -- "$@" --disable-polkit; fi
    exec pcscd "$@"
"#;

/// The driver of Debian's package vsmartcard-vpcd.
const DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";
const CONFIGURATION: &str = "reader.conf.d";
const ATTEMPTS: usize = 10;
