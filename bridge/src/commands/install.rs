//! `pkcs11-bridge install` and `uninstall`: say in plain lines what they did, and where.

use std::io::{self, Write};

use crate::cli::InstallArgs;
use crate::installation::{self, InstallError};

#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallFailure {
    #[error(transparent)]
    Install(#[from] InstallError),
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
}

pub(super) fn install(args: InstallArgs) -> Result<(), InstallFailure> {
    let mut said = Vec::new();
    if args.organisation {
        // Before the start, so that the bridge starts with it.
        said.push(installation::take_pins_on_desktop_only()?);
    }
    said.extend(installation::install()?);
    let mut out = io::stdout().lock();
    for line in said {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

pub(super) fn uninstall() -> Result<(), InstallFailure> {
    let said = installation::uninstall()?;
    let mut out = io::stdout().lock();
    if said.is_empty() {
        writeln!(out, "Nothing was installed for this user.")?;
    }
    for line in said {
        writeln!(out, "{line}")?;
    }
    for path in installation::kept() {
        writeln!(out, "Your approvals and settings stay in {}.", path.display())?;
    }
    Ok(())
}
