//! The configuration in force. If the file is wrong, the doctor says so and goes on without it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::report::{Configuration, Problem};
use crate::access::approvals::DAY;
use crate::access::origin::{Origin, OtherOrigins};
use crate::cli::{DoctorArgs, ServeArgs};
use crate::config::{ConfigError, Listen, Settings, default_path};

pub(super) fn examine(
    args: DoctorArgs,
    problems: &mut Vec<Problem>,
) -> Result<(Configuration, Settings), ConfigError> {
    let DoctorArgs { modules, config, state_file, .. } = args;
    let args = ServeArgs { modules, config, state_file, ..ServeArgs::default() };
    let file = args.config.clone().or_else(default_path);
    let settings = match Settings::load(args.clone()) {
        Ok(settings) => settings,
        Err(error) => {
            problems.push(Problem::new("configuration", error.to_string()));
            Settings::without_user_file(args)?
        }
    };
    for unused in &settings.administrator.unused {
        let text = format!("{unused}. Remove it.");
        problems.push(Problem::new("configuration", text));
    }
    let configuration = Configuration {
        administrators: settings.administrator.files.clone(),
        locked: settings.administrator.locked.clone(),
        file_exists: file.as_ref().is_some_and(|file| file.exists()),
        file,
        settings: in_force(&settings),
    };
    Ok((configuration, settings))
}

/// Each setting by its key in `config.toml`. Modules have a section of their own in the report.
fn in_force(settings: &Settings) -> BTreeMap<&'static str, Value> {
    let limits = &settings.workers;
    let listen = match settings.listen {
        Listen::FirstFree => "the first free port".to_owned(),
        Listen::Address(address) => address.to_string(),
    };
    let origins: Vec<_> = settings.origins.iter().map(Origin::as_str).collect();
    let forbidden: Vec<_> = settings.origins.forbidden().map(Origin::as_str).collect();
    let others = settings.origins.others();
    BTreeMap::from([
        ("listen", json!(listen)),
        ("allow_origins", json!(origins)),
        ("block_origins", json!(forbidden)),
        ("only_configured_origins", json!(others == OtherOrigins::Forbidden)),
        ("approval_days", json!(settings.approval_lifetime.as_secs() / DAY.as_secs())),
        ("pin_entry", json!(settings.pin_entry)),
        ("dialogs", json!(settings.dialogs.ways)),
        ("dialog_seconds", json!(settings.dialogs.limit.as_secs())),
        ("rules", json!(settings.rules.len())),
        ("read_deadline_seconds", json!(limits.deadlines.read.as_secs())),
        ("hang_deadline_seconds", json!(limits.deadlines.hang.as_secs())),
        ("sign_deadline_seconds", json!(limits.deadlines.sign.as_secs())),
        ("worker_idle_seconds", json!(limits.idle.as_secs())),
        ("login_idle_seconds", json!(limits.login_idle.as_secs())),
        ("login_seconds", json!(limits.login.as_secs())),
    ])
}
