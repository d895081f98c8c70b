//! `pkcs11-bridge status`: whether the bridge runs, what starts it, which sites may use tokens, and
//! which tokens it sees.

use std::io::{self, Write};
use std::path::PathBuf;

use pkcs11_bridge_protocol::call::{Call, Token};
use pkcs11_bridge_protocol::result::OneOrMany;
use serde::Serialize;

use crate::access::approvals::{DAY, StateError, StateFile, Validity, in_days, now};
use crate::access::origin::Origin;
use crate::cli::{ServeArgs, StatusArgs};
use crate::config::{ConfigError, LockedSetting, Settings, default_path};
use crate::dialog::text::make_safe;
use crate::doctor::LocalPage;
use crate::identity::KeyFileError;
use crate::installation::{self, Setup};
use crate::instance::{Running, StartedBy};

#[derive(Debug, thiserror::Error)]
pub(crate) enum StatusError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Key(#[from] KeyFileError),
    #[error("cannot write the status: {0}")]
    Output(#[from] io::Error),
}

#[derive(Serialize)]
struct Status {
    version: &'static str,
    /// The bridge that runs now.
    running: Option<Running>,
    setup: Setup,
    origins: Vec<SiteStatus>,
    tokens: Vec<TokenStatus>,
    /// Where the log of the bridge goes, in words or as a command.
    log: Option<String>,
    configuration: Option<PathBuf>,
    /// The files of the administrators.
    administrators: Vec<PathBuf>,
    /// The settings of the user that administrators have locked.
    unused: Vec<LockedSetting>,
    state: Option<PathBuf>,
}

#[derive(Serialize)]
struct SiteStatus {
    origin: Origin,
    state: SiteState,
    /// How many days an approval of the user still lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum SiteState {
    /// Allowed by the user, for some days.
    Approved,
    /// Allowed by the configuration.
    Configured,
    Blocked,
    /// Forbidden by the configuration, whatever the user decides.
    Forbidden,
}

#[derive(Serialize)]
struct TokenStatus {
    module: String,
    label: String,
    model: String,
}

pub(super) async fn run(args: StatusArgs) -> Result<(), StatusError> {
    let as_json = args.json;
    let status = find(args).await?;
    let mut out = io::stdout().lock();
    if as_json {
        serde_json::to_writer_pretty(&mut out, &status).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        write(&mut out, &status)?;
    }
    Ok(())
}

async fn find(args: StatusArgs) -> Result<Status, StatusError> {
    let StatusArgs { config, state_file, .. } = args;
    let configuration = config.clone().or_else(default_path);
    let settings = Settings::load(ServeArgs { config, state_file, ..ServeArgs::default() })?;
    let state_file = settings.state_file.clone();
    let running = state_file.as_ref().and_then(Running::find);
    Ok(Status {
        version: env!("CARGO_PKG_VERSION"),
        log: running.as_ref().map(log),
        running,
        setup: installation::setup(),
        origins: sites(&settings, state_file.as_ref())?,
        administrators: settings.administrator.files.clone(),
        unused: settings.administrator.unused.clone(),
        state: state_file.map(|file| file.path().to_owned()),
        configuration,
        tokens: tokens(settings).await?,
    })
}

fn log(running: &Running) -> String {
    match (running.started_by, &running.log) {
        (_, Some(file)) => file.display().to_string(),
        (StartedBy::SystemdSocket | StartedBy::Systemd, None) => {
            "journalctl --user --unit pkcs11-bridge.service".to_owned()
        }
        (_, None) => format!("standard error of process {}", running.process),
    }
}

fn sites(settings: &Settings, file: Option<&StateFile>) -> Result<Vec<SiteStatus>, StatusError> {
    let decisions = file.map(StateFile::read).transpose()?.unwrap_or_default();
    let now = now();
    let is_blocked = |origin: &Origin| decisions.blocked.contains_key(origin);
    let site = |origin: &Origin, state, days| SiteStatus { origin: origin.clone(), state, days };
    let configured = settings.origins.iter().filter(|origin| !is_blocked(origin));
    let mut sites: Vec<_> =
        configured.map(|origin| site(origin, SiteState::Configured, None)).collect();
    for (origin, record) in &decisions.origins {
        let is_approved = record.validity(now) == Validity::Valid;
        if is_approved && settings.origins.forbids(origin) {
            sites.push(site(origin, SiteState::Forbidden, None));
        } else if is_approved && !settings.origins.contains(origin) && !is_blocked(origin) {
            let days = record.left(now).div_ceil(DAY.as_secs());
            sites.push(site(origin, SiteState::Approved, Some(days)));
        }
    }
    let blocked = decisions.blocked.keys();
    sites.extend(blocked.map(|origin| site(origin, SiteState::Blocked, None)));
    let is_new = |origin: &&Origin| !decisions.origins.contains_key(origin) && !is_blocked(origin);
    let forbidden = settings.origins.forbidden().filter(is_new);
    sites.extend(forbidden.map(|origin| site(origin, SiteState::Forbidden, None)));
    Ok(sites)
}

/// The tokens that the modules show now. A module that fails shows none; `doctor` says why.
async fn tokens(settings: Settings) -> Result<Vec<TokenStatus>, KeyFileError> {
    let modules: Vec<_> = settings.modules.iter().map(|module| module.name.to_string()).collect();
    let page = LocalPage::open(settings)?;
    let mut tokens = Vec::new();
    for module in modules {
        let params = Token { module: Some(module.clone()), slot_id: None };
        if let Ok(OneOrMany::Many(found)) = page.call(Call::Token, params).await {
            tokens.extend(found.into_iter().map(|token| TokenStatus {
                module: module.clone(),
                label: token.label,
                model: token.model,
            }));
        }
    }
    page.close().await;
    Ok(tokens)
}

fn write(out: &mut impl Write, status: &Status) -> io::Result<()> {
    let Status { running, setup, origins, tokens, log, configuration, state, .. } = status;
    let Status { administrators, unused, .. } = status;
    match running {
        Some(running) => {
            let Running { address, process, .. } = running;
            writeln!(out, "The bridge runs at ws://{address}, as process {process}.")?;
            writeln!(out, "Started by: {}.", started_by(running.started_by))?;
        }
        None if setup.is_listening => {
            writeln!(out, "The bridge does not run now. It starts when a page connects.")?;
        }
        None => writeln!(out, "The bridge does not run. `pkcs11-bridge start` starts it.")?,
    }
    match &setup.starts_by {
        Some(starter) => writeln!(out, "Starts by itself: {starter}.")?,
        None => {
            writeln!(out, "It does not start by itself. `pkcs11-bridge install` sets that up.")?
        }
    }
    let link = if setup.has_launch_link { "registered" } else { "not registered" };
    writeln!(out, "Launch link pkcs11-bridge://start: {link}.")?;
    for place in &setup.places {
        writeln!(out, "  {place}")?;
    }
    writeln!(out, "Sites:{}", if origins.is_empty() { " none" } else { "" })?;
    for SiteStatus { origin, state, days } in origins {
        match state {
            SiteState::Approved => {
                writeln!(out, "  {origin}  for another {}", in_days(days.unwrap_or_default()))?;
            }
            SiteState::Configured => writeln!(out, "  {origin}  always, by the configuration")?,
            SiteState::Blocked => writeln!(out, "  {origin}  blocked")?,
            SiteState::Forbidden => writeln!(out, "  {origin}  forbidden by the configuration")?,
        }
    }
    let none = if tokens.is_empty() { " none; see `pkcs11-bridge doctor`" } else { "" };
    writeln!(out, "Tokens:{none}")?;
    for TokenStatus { module, label, model } in tokens {
        writeln!(
            out,
            "  {}  ({}, module {module})",
            make_safe(label, MAX_LEN),
            make_safe(model, MAX_LEN)
        )?;
    }
    if let Some(log) = log {
        writeln!(out, "Log: {log}")?;
    }
    for path in administrators {
        writeln!(out, "Configuration of the administrators: {}", path.display())?;
    }
    for unused in unused {
        writeln!(out, "Not used: {unused}.")?;
    }
    for (name, path) in [("Configuration", configuration), ("State", state)] {
        if let Some(path) = path {
            writeln!(out, "{name}: {}", path.display())?;
        }
    }
    Ok(())
}

fn started_by(starter: StartedBy) -> &'static str {
    match starter {
        StartedBy::SystemdSocket => "systemd, when a page connected",
        StartedBy::Systemd => "systemd",
        StartedBy::Launchd => "launchd",
        StartedBy::Start => "pkcs11-bridge start",
        StartedBy::Command => "a command",
    }
}

/// The characters of a name that a token chose.
const MAX_LEN: usize = 64;
