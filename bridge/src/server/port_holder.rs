//! Who holds a port that the bridge cannot take. Only programs of other users are of interest: they
//! could pretend to be this user's bridge.

use std::fmt;

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
    /// Looks up who listens on a port. `None` if it is a program of this user, or if the system
    /// does not tell.
    #[cfg(target_os = "linux")]
    pub(super) fn look_up(port: u16) -> Option<Self> {
        use procfs::net::{TcpState, tcp, tcp6};

        let entries = tcp().unwrap_or_default().into_iter().chain(tcp6().unwrap_or_default());
        let listeners: Vec<_> = entries
            .filter(|entry| entry.state == TcpState::Listen && entry.local_address.port() == port)
            .collect();
        let own = rustix::process::geteuid().as_raw();
        if listeners.iter().any(|entry| entry.uid == own) {
            return None;
        }
        let listener = listeners.first()?;
        let uid = listener.uid;
        let named = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid));
        let user = named.ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
        Some(Self { port, user, program: program_with(uid, listener.inode) })
    }

    /// This platform has no look-up yet.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn look_up(_port: u16) -> Option<Self> {
        None
    }
}

/// The program that has a socket open. The kernel tells it to root only.
#[cfg(target_os = "linux")]
fn program_with(uid: u32, inode: u64) -> Option<String> {
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
    found.stat().ok().map(|stat| stat.comm)
}
