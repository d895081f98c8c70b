//! `pkcs11-bridge origins`: shows and changes which origins may use tokens. It works on the state file,
//! which a running bridge follows.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use crate::access::approvals::{Approved, StateError, StateFile, unix_seconds};
use crate::access::origin::{AllowedOrigins, Origin};
use crate::commands::cli::{OriginsArgs, OriginsCommand};
use crate::config::{ConfigError, DAY, about_origins};

#[derive(Debug, thiserror::Error)]
pub(crate) enum OriginsError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("there is no home folder to keep a state file in; name one with --state-file")]
    NoFile,
    #[error(
        "{0} was not approved, so there is nothing to revoke; `pkcs11-bridge origins list` lists what is"
    )]
    NotApproved(Origin),
    #[error(
        "{0} stays allowed, because the configuration file allows it; take it out of allow_origins \
         there and start the bridge again"
    )]
    AllowedByConfiguration(Origin),
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
}

pub(crate) fn run(args: OriginsArgs) -> Result<(), OriginsError> {
    let (allowed, default_days) = about_origins(args.config.as_deref())?;
    let file = args.state_file.map(StateFile::at).or_else(StateFile::in_home);
    let file = file.ok_or(OriginsError::NoFile)?;
    let mut out = io::stdout().lock();
    match args.command {
        OriginsCommand::List => list(&mut out, &allowed, &file),
        OriginsCommand::Allow { origin, days: wanted } => {
            let count = wanted.unwrap_or(default_days);
            let lifetime = Duration::from_secs(count * DAY.as_secs());
            file.approve(&origin, Approved::from_now(lifetime))?;
            writeln!(out, "{origin} may use tokens for {}.", days(count))?;
            Ok(())
        }
        OriginsCommand::Revoke { origin } => {
            let was_there = file.revoke(&origin)?;
            if allowed.contain(&origin) {
                return Err(OriginsError::AllowedByConfiguration(origin));
            }
            if !was_there {
                return Err(OriginsError::NotApproved(origin));
            }
            writeln!(
                out,
                "{origin} may not use tokens any more, unless a running bridge has it from --allow-origin."
            )?;
            Ok(())
        }
    }
}

fn list(
    out: &mut impl Write,
    allowed: &AllowedOrigins,
    file: &StateFile,
) -> Result<(), OriginsError> {
    let remembered = file.read()?;
    let now = unix_seconds(SystemTime::now());
    for origin in allowed.iter() {
        writeln!(out, "{origin}  always, by the configuration file")?;
    }
    for (origin, approved) in remembered.iter().filter(|(origin, _)| !allowed.contain(origin)) {
        let left = approved.expires.saturating_sub(now).div_ceil(DAY.as_secs());
        writeln!(out, "{origin}  for another {}", days(left))?;
    }
    if allowed.len() == 0 && remembered.is_empty() {
        writeln!(
            out,
            "No site may use tokens. Those that a running bridge has from --allow-origin are not listed."
        )?;
    }
    Ok(())
}

/// A number of days in words.
pub(crate) fn days(days: u64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}
