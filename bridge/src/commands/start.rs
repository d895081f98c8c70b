//! `pkcs11-bridge start`: starts the bridge in the background. The launch link
//! `pkcs11-bridge://start` runs this command.
//!
//! Any page can open such a link. So the command does the same each time, passes nothing of a link
//! on, and refuses a link that says more. It does not repeat such a link either.

use std::ffi::OsString;
use std::io::{self, Write};

use crate::cli::StartArgs;
use crate::installation::{self, InstallError, Started};

#[derive(Debug, thiserror::Error)]
pub(crate) enum StartFailure {
    #[error("the link is refused; the only one is {LINK}, with nothing after it")]
    Link,
    #[error("cannot find out where this program is: {0}")]
    Program(io::Error),
    #[error(transparent)]
    Start(#[from] InstallError),
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
}

pub(super) fn run(args: StartArgs) -> Result<(), StartFailure> {
    if !may_start(&args.link) {
        return Err(StartFailure::Link);
    }
    let program = std::env::current_exe().map_err(StartFailure::Program)?;
    let started = installation::start(&program)?;
    let mut out = io::stdout().lock();
    match started {
        Started::Now(running) => writeln!(out, "The bridge listens at ws://{}.", running.address)?,
        Started::Before(running) => {
            writeln!(out, "The bridge runs already, at ws://{}.", running.address)?;
        }
        Started::AtConnection => {
            writeln!(out, "The bridge starts when a page connects.")?;
        }
    }
    Ok(())
}

/// Without a link, the user or the desktop started the command.
fn may_start(links: &[OsString]) -> bool {
    match links {
        [] => true,
        [link] => link == LINK || link == LINK_WITH_SLASH,
        _ => false,
    }
}

const LINK: &str = "pkcs11-bridge://start";
/// As some browsers write it.
const LINK_WITH_SLASH: &str = "pkcs11-bridge://start/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_says_more_than_start_is_refused() {
        for (links, allowed) in [
            (&[][..], true),
            (&["pkcs11-bridge://start"], true),
            (&["pkcs11-bridge://start/"], true),
            (&[""], false),
            (&["pkcs11-bridge:"], false),
            (&["pkcs11-bridge:start"], false),
            (&["pkcs11-bridge:///start"], false),
            (&["pkcs11-bridge://start//"], false),
            (&["pkcs11-bridge://start?"], false),
            (&["pkcs11-bridge://start#"], false),
            (&["pkcs11-bridge://start?module=/tmp/evil.so"], false),
            (&["pkcs11-bridge://start#--config=/tmp/evil.toml"], false),
            (&["pkcs11-bridge://start/serve"], false),
            (&["pkcs11-bridge://start:24911"], false),
            (&["pkcs11-bridge://user@start"], false),
            (&["pkcs11-bridge://start "], false),
            (&["pkcs11-bridge://start\n"], false),
            (&["pkcs11-bridge://%73tart"], false),
            (&["pkcs11-bridge://START"], false),
            (&["PKCS11-BRIDGE://start"], false),
            (&["pkcs11-bridge://stop"], false),
            (&["https://start"], false),
            (&["start"], false),
            (&["--config", "/tmp/evil.toml"], false),
            (&["pkcs11-bridge://start", "pkcs11-bridge://start"], false),
            (&["pkcs11-bridge://start", ""], false),
        ] {
            let given: Vec<_> = links.iter().map(OsString::from).collect();
            assert_eq!(may_start(&given), allowed, "{links:?}");
        }
    }
}
