//! Who holds a port that the bridge cannot take. Programs of other users could pretend to be this
//! user's bridge.

use std::fmt;

use pkcs11_bridge_dialog::notification::{self, Notification};
use pkcs11_bridge_dialog::texts::Texts;

/// Who listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PortHolder {
    Nobody,
    #[cfg_attr(target_os = "macos", expect(dead_code, reason = "macOS does not tell"))]
    ThisUser(Listener),
    #[cfg_attr(target_os = "macos", expect(dead_code, reason = "macOS does not tell"))]
    OtherUser(ForeignPort),
    /// The system does not tell.
    #[cfg_attr(target_os = "linux", expect(dead_code, reason = "Linux tells"))]
    Unknown,
}

/// A program of this user that listens on a port. The system may not tell which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(crate) program: String,
    pub(crate) process: u32,
}

/// A port that a program of another user holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ForeignPort {
    pub(crate) port: u16,
    /// The name of the user, or the user id.
    user: String,
    /// The name of the program. `None` if the system does not tell it.
    program: Option<String>,
}

impl fmt::Display for ForeignPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {}", self.user)?;
        self.program.as_ref().map_or(Ok(()), |program| write!(f, ", program {program}"))
    }
}

impl ForeignPort {
    /// Tells the user that the bridge uses another port.
    pub(crate) fn notification(&self, own: u16, texts: &Texts) -> Notification {
        let (user, program) = (self.user.as_str(), self.program.as_deref());
        notification::ForeignPort { port: self.port, user, program, own }.notification(texts)
    }

    /// Looks up who listens on a port. `None` if it is a program of this user, or if the system
    /// does not tell.
    pub(super) fn look_up(port: u16) -> Option<Self> {
        match PortHolder::of(port) {
            PortHolder::OtherUser(foreign) => Some(foreign),
            _ => None,
        }
    }
}

impl PortHolder {
    /// Looks up who listens on a port.
    #[cfg(target_os = "linux")]
    pub(crate) fn of(port: u16) -> Self {
        use procfs::net::{TcpState, tcp, tcp6};

        let entries = tcp().unwrap_or_default().into_iter().chain(tcp6().unwrap_or_default());
        let listeners: Vec<_> = entries
            .filter(|entry| entry.state == TcpState::Listen && entry.local_address.port() == port)
            .collect();
        let own = rustix::process::geteuid().as_raw();
        if let Some(listener) = listeners.iter().find(|entry| entry.uid == own) {
            let unknown = || Listener { program: "unknown program".to_owned(), process: 0 };
            return Self::ThisUser(listener_with(own, listener.inode).unwrap_or_else(unknown));
        }
        let Some(listener) = listeners.first() else { return Self::Nobody };
        let uid = listener.uid;
        let named = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid));
        let user = named.ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
        let program = listener_with(uid, listener.inode).map(|listener| listener.program);
        Self::OtherUser(ForeignPort { port, user, program })
    }

    /// Looks up who listens on a port. Windows tells that of programs with more rights than the
    /// bridge to nobody.
    #[cfg(windows)]
    pub(crate) fn of(port: u16) -> Self {
        use std::os::windows::io::AsHandle;

        use crate::windows::sid::{Sid, open_process};
        use crate::windows::{account, program_file, tcp_table};

        let process = match tcp_table::owner_of_listener(port) {
            Ok(Some(process)) => process,
            Ok(None) => return Self::Nobody,
            Err(_) => return Self::Unknown,
        };
        let Ok(handle) = open_process(process) else { return Self::Unknown };
        let program = program_file::of(handle.as_handle());
        match (Sid::of_process(handle.as_handle()), Sid::of_this_process()) {
            (Ok(user), Ok(own)) if user == own => {
                let program = program.unwrap_or_else(|| "unknown program".to_owned());
                Self::ThisUser(Listener { program, process })
            }
            (Ok(user), Ok(_)) => {
                let user = account::name(&user).unwrap_or_else(|| user.to_string());
                Self::OtherUser(ForeignPort { port, user, program })
            }
            _ => Self::Unknown,
        }
    }

    /// This platform has no look-up yet.
    #[cfg(not(any(target_os = "linux", windows)))]
    pub(crate) fn of(port: u16) -> Self {
        use std::net::{Ipv4Addr, TcpListener};

        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => Self::Nobody,
            Err(_) => Self::Unknown,
        }
    }
}

/// The program of a user that has a socket open. The kernel tells it of other users to root only.
#[cfg(target_os = "linux")]
fn listener_with(uid: u32, inode: u64) -> Option<Listener> {
    use procfs::process::{FDTarget, all_processes};

    let has_socket = |process: &procfs::process::Process| {
        process.uid().is_ok_and(|owner| owner == uid)
            && process.fd().is_ok_and(|mut files| {
                files.any(|file| {
                    file.is_ok_and(|file| matches!(file.target, FDTarget::Socket(i) if i == inode))
                })
            })
    };
    let found = all_processes().ok()?.filter_map(Result::ok).find(has_socket)?;
    let process = u32::try_from(found.pid()).ok()?;
    Some(Listener { program: found.stat().ok()?.comm, process })
}
