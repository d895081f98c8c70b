//! `pkcs11-bridge origins`: shows and changes which origins may use tokens. It changes the state
//! file. A running bridge watches that file.

use std::io::{self, Write};
use std::time::Duration;

use crate::access::approvals::{
    ApprovalRecord, DAY, StateError, StateFile, Validity, in_days, now,
};
use crate::access::origin::{AllowedOrigins, Origin, OtherOrigins};
use crate::cli::{OriginsArgs, OriginsCommand};
use crate::config::{ConfigError, origin_settings};

#[derive(Debug, thiserror::Error)]
pub(crate) enum OriginsError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("the user has no home folder for a state file; name a file with --state-file")]
    NoFile,
    #[error(
        "{0} is not approved, so there is nothing to revoke; `pkcs11-bridge origins list` shows \
         the approved sites"
    )]
    NotApproved(Origin),
    #[error(
        "{0} stays allowed, because the configuration file allows it; remove it from allow_origins \
         there and restart the bridge"
    )]
    AllowedByConfiguration(Origin),
    #[error(
        "the configuration forbids {0}, so nothing was changed; `pkcs11-bridge doctor` shows the \
         files of the configuration"
    )]
    Forbidden(Origin),
    #[error(
        "{0} is not blocked, so there is nothing to end; `pkcs11-bridge origins list` shows the \
         blocked sites"
    )]
    NotBlocked(Origin),
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
}

pub(crate) fn run(args: OriginsArgs) -> Result<(), OriginsError> {
    let (allowed, default_days) = origin_settings(args.config.as_deref())?;
    let file = args.state_file.map(StateFile::at).or_else(StateFile::in_home);
    let file = file.ok_or(OriginsError::NoFile)?;
    let mut out = io::stdout().lock();
    match args.command {
        OriginsCommand::List => list(&mut out, &allowed, &file),
        OriginsCommand::Allow { origin, .. } if allowed.forbids(&origin) => {
            Err(OriginsError::Forbidden(origin))
        }
        OriginsCommand::Allow { origin, days } => {
            let days = days.unwrap_or(default_days);
            let lifetime = Duration::from_secs(days * DAY.as_secs());
            file.approve(&origin, ApprovalRecord::from_now(lifetime))?;
            writeln!(out, "{origin} may use tokens for {}.", in_days(days))?;
            Ok(())
        }
        OriginsCommand::Revoke { origin } => {
            let was_approved = file.revoke(&origin)?;
            if allowed.contains(&origin) {
                return Err(OriginsError::AllowedByConfiguration(origin));
            }
            if !was_approved {
                return Err(OriginsError::NotApproved(origin));
            }
            writeln!(
                out,
                "{origin} may not use tokens any more, unless a running bridge has it from \
                 --allow-origin."
            )?;
            Ok(())
        }
        OriginsCommand::Block { origin } => {
            file.block(&origin)?;
            writeln!(out, "{origin} is blocked until you end the block.")?;
            Ok(())
        }
        OriginsCommand::Unblock { origin } => {
            if !file.unblock(&origin)? {
                return Err(OriginsError::NotBlocked(origin));
            }
            writeln!(out, "{origin} is not blocked any more. Its pages may ask you again.")?;
            Ok(())
        }
    }
}

fn list(
    out: &mut impl Write,
    allowed: &AllowedOrigins,
    file: &StateFile,
) -> Result<(), OriginsError> {
    let decisions = file.read()?;
    let now = now();
    let is_blocked = |origin: &Origin| decisions.blocked.contains_key(origin);
    for origin in allowed.iter().filter(|origin| !is_blocked(origin)) {
        writeln!(out, "{origin}  always, by the configuration file")?;
    }
    let by_user = decisions.origins.iter();
    for (origin, record) in by_user.filter(|(origin, _)| !allowed.contains(origin)) {
        if allowed.forbids(origin) {
            writeln!(out, "{origin}  not used: the configuration forbids it")?;
            continue;
        }
        if record.validity(now) == Validity::NotYet {
            writeln!(out, "{origin}  not now: the computer's clock is before the approval")?;
            continue;
        }
        let left = record.left(now).div_ceil(DAY.as_secs());
        writeln!(out, "{origin}  for another {}", in_days(left))?;
    }
    for origin in decisions.blocked.keys() {
        writeln!(out, "{origin}  blocked")?;
    }
    let known = |origin: &&Origin| {
        decisions.origins.contains_key(origin) || decisions.blocked.contains_key(origin)
    };
    for origin in allowed.forbidden().filter(|origin| !known(origin)) {
        writeln!(out, "{origin}  forbidden by the configuration")?;
    }
    if allowed.others() == OtherOrigins::Forbidden {
        writeln!(out, "All other sites are forbidden by the configuration.")?;
        return Ok(());
    }
    if allowed.iter().all(is_blocked) && decisions.origins.is_empty() {
        writeln!(
            out,
            "No site may use tokens. Sites that a running bridge has from --allow-origin are not \
             listed."
        )?;
    }
    Ok(())
}
