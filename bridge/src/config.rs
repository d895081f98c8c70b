//! The settings of the bridge. Flags take precedence over the user's file, that file over the one
//! of the administrators, and that one over the defaults. Administrators can lock keys. Lists
//! (modules, origins, rules) are joined, with those that take precedence first.

mod administrator;
pub mod file;
#[cfg(any(windows, test))]
mod group_policy;
mod layers;
mod rules;
mod source;

use std::io::{self, ErrorKind::NotFound};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::AppStrategy;
use pkcs11_bridge_protocol::USER_SECONDS;
use pkcs11_bridge_protocol::result::PinEntry;

use crate::access::approvals::{DAY, StateFile};
use crate::access::origin::{AllowedOrigins, Origin, OtherOrigins};
use crate::cli::ServeArgs;
use crate::dialog::{DialogSettings, PinentryPrograms, Way};
use crate::ipc::task::Deadlines;
use crate::modules::trusted_path::Untrusted;
use crate::modules::{self, Module, ModuleName, Modules, NssDatabases};
use crate::process::folders::folders;
use crate::process::private_file::PrivateFile;
use crate::supervisor::WorkerLimits;
use file::{ConfigFile, Key, ModuleEntry};
use layers::Layers;
pub(crate) use layers::LockedSetting;
pub(crate) use rules::{Ask, Rules};
use source::Source;

/// The settings of the bridge.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) listen: Listen,
    /// The bridge ends after so long without a connection, if it listens on passed sockets.
    pub(crate) end_when_idle: Option<Duration>,
    pub(crate) modules: Modules,
    pub(crate) origins: AllowedOrigins,
    /// The file that stores the user's approvals.
    pub(crate) state_file: Option<StateFile>,
    /// The file that counts the tries of PINs, beside the approvals.
    pub(crate) pin_tries: Option<PrivateFile>,
    /// How long an approval of the user lasts.
    pub(crate) approval_lifetime: Duration,
    pub(crate) pin_entry: PinEntry,
    /// Settings for an origin or a certificate.
    pub(crate) rules: Rules,
    pub(crate) dialogs: DialogSettings,
    pub(crate) workers: WorkerLimits,
    /// The bridge's own files and folders, which no module may write.
    pub(crate) protected: Vec<PathBuf>,
    pub(crate) administrator: Administrator,
}

/// What administrators have set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Administrator {
    /// Their files.
    pub(crate) files: Vec<PathBuf>,
    /// The keys that the user cannot set.
    pub(crate) locked: Vec<Key>,
    /// What the user has set all the same.
    pub(crate) unused: Vec<LockedSetting>,
}

/// Where the bridge listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Listen {
    /// The first free port of the protocol's range, on 127.0.0.1 and ::1.
    #[default]
    FirstFree,
    /// One loopback address. Port 0 means any free port.
    Address(SocketAddr),
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration file {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("in the configuration file {path}: {source}")]
    Parse { path: PathBuf, source: toml::de::Error },
    #[error("cannot listen on {0}, because it is not a loopback address; use 127.0.0.1 or [::1]")]
    NotLoopback(SocketAddr),
    #[error(
        "default_module is `{0}`, but no module has that name; add the module or correct the name"
    )]
    UnknownDefault(ModuleName),
    #[error("listen is {0}, but a service manager needs one port; replace port 0")]
    #[cfg(target_os = "linux")]
    NoPort(SocketAddr),
    #[error("two modules have the name `{0}`; rename one of them")]
    DuplicateModule(ModuleName),
    #[error("{key} is {value}, but must be from {} to {}", range.start(), range.end())]
    OutOfRange { key: Key, value: u64, range: RangeInclusive<u64> },
    #[error("rule {number}: {source}")]
    InRule { number: usize, source: Box<Self> },
    #[error("locked is for the file of the administrators; remove it here")]
    LockedByUser,
    #[error("in the configuration file {path}, line {line}: {source}")]
    Located { path: PathBuf, line: usize, source: Box<Self> },
    #[error(
        "the configuration of the administrators, {path}, is not safe: {problem}; only root may \
         own and write the file and its folders"
    )]
    Untrusted { path: PathBuf, problem: Untrusted },
    #[error("cannot make the path of module `{name}` absolute: {source}")]
    ModulePath { name: ModuleName, source: io::Error },
    #[error("rule {number} is for no origin and no certificate; add `origin` or `certificate`")]
    RuleForAll { number: usize },
    #[error("rule {number} sets nothing; add a setting or remove the rule")]
    RuleWithoutSetting { number: usize },
}

impl ConfigError {
    /// The key that it is about, and the number of the table if there are several.
    fn place(&self) -> Option<(Key, Option<usize>)> {
        match self {
            Self::OutOfRange { key, .. } => Some((*key, None)),
            Self::NotLoopback(_) => Some((Key::Listen, None)),
            Self::UnknownDefault(_) => Some((Key::DefaultModule, None)),
            Self::DuplicateModule(_) => Some((Key::Modules, None)),
            Self::RuleForAll { number }
            | Self::RuleWithoutSetting { number }
            | Self::InRule { number, .. } => Some((Key::Rules, Some(number.saturating_sub(1)))),
            _ => None,
        }
    }
}

impl Settings {
    /// Reads the file of `--config`, or the file in the configuration folder if that exists, and
    /// what administrators have set.
    pub(crate) fn load(args: ServeArgs) -> Result<Self, ConfigError> {
        let layers = layers(args.config.as_deref())?;
        Self::of_layers(args, &layers)
    }

    /// The settings without the user's file, which is wrong.
    pub(crate) fn without_user_file(args: ServeArgs) -> Result<Self, ConfigError> {
        let layers = Layers::new(None, administrator::read().unwrap_or_default())?;
        Self::of_layers(args.clone(), &layers).or_else(|_| Self::merge(args, ConfigFile::default()))
    }

    fn of_layers(mut args: ServeArgs, layers: &Layers) -> Result<Self, ConfigError> {
        let (file, unused) = layers.join(&mut args);
        let pinentry_of_file = pinentry_of_file(file.pinentry_program.clone());
        let settings = Self::merge(args, file).map_err(|error| layers.locate(error))?;
        let administrator =
            Administrator { files: layers.administrators(), locked: layers.locked(), unused };
        let mut settings = Self { administrator, ..settings };
        if layers.is_locked(Key::PinentryProgram) {
            settings.dialogs.pinentry = pinentry_of_file;
        }
        Ok(settings)
    }

    pub fn merge(args: ServeArgs, file: ConfigFile) -> Result<Self, ConfigError> {
        let listen = listen(args.listen.or(file.listen))?;
        let modules = merge_modules(&args.modules, &file)?;
        let origins = origins(args.allow_origins, &file);
        let state_file = args.state_file.map(StateFile::at).or_else(StateFile::in_home);
        Ok(Self {
            pin_tries: state_file.as_ref().map(StateFile::pin_tries),
            protected: protected(args.config.as_deref(), state_file.as_ref()),
            listen,
            end_when_idle: args.end_when_idle.map(Duration::from_secs),
            modules,
            approval_lifetime: DAY * in_range(Key::ApprovalDays, file.approval_days, 30, 1..=3650)?,
            pin_entry: file.pin_entry.unwrap_or_default(),
            rules: Rules::new(file.rules)?,
            dialogs: DialogSettings {
                ways: file.dialogs.unwrap_or_else(|| Way::DEFAULT.to_vec()),
                pinentry: pinentry(file.pinentry_program),
                limit: seconds(Key::DialogSeconds, file.dialog_seconds, USER_SECONDS)?,
            },
            workers: WorkerLimits {
                deadlines: Deadlines {
                    read: seconds(Key::ReadDeadlineSeconds, file.read_deadline_seconds, 30)?,
                    hang: seconds(Key::HangDeadlineSeconds, file.hang_deadline_seconds, 180)?,
                    sign: seconds(Key::SignDeadlineSeconds, file.sign_deadline_seconds, 120)?,
                },
                idle: seconds(Key::WorkerIdleSeconds, file.worker_idle_seconds, 600)?,
                login_idle: seconds(Key::LoginIdleSeconds, file.login_idle_seconds, 300)?,
                login: seconds(Key::LoginSeconds, file.login_seconds, 1800)?,
            },
            state_file,
            origins,
            administrator: Administrator::default(),
        })
    }

    /// The settings for a bridge with one module and a separate state file. Ignores what the user
    /// has configured.
    pub(crate) fn for_module(module: Module, state_file: StateFile) -> Self {
        Self {
            pin_tries: Some(state_file.pin_tries()),
            protected: protected(None, Some(&state_file)),
            listen: Listen::Address(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            end_when_idle: None,
            modules: Modules::new(vec![module]),
            origins: AllowedOrigins::default(),
            state_file: Some(state_file),
            approval_lifetime: DAY,
            pin_entry: PinEntry::default(),
            rules: Rules::default(),
            dialogs: DialogSettings {
                ways: Way::DEFAULT.to_vec(),
                pinentry: pinentry(None),
                limit: Duration::from_secs(USER_SECONDS),
            },
            workers: WorkerLimits::default(),
            administrator: Administrator::default(),
        }
    }
}

fn origins(flags: Vec<Origin>, file: &ConfigFile) -> AllowedOrigins {
    let others = match file.only_configured_origins {
        Some(true) => OtherOrigins::Forbidden,
        Some(false) | None => OtherOrigins::AskUser,
    };
    let allowed: AllowedOrigins = flags.into_iter().chain(file.allow_origins.clone()).collect();
    allowed.without(file.block_origins.clone(), others)
}

/// The configuration, the folder of the state file, and this program. A configuration file in a
/// place of the user's choice is protected without its folder.
fn protected(config: Option<&Path>, state_file: Option<&StateFile>) -> Vec<PathBuf> {
    let default_folder = default_path().and_then(|path| Some(path.parent()?.to_owned()));
    let config = config.and_then(|path| std::path::absolute(path).ok());
    let state = state_file.map(|file| file.folder().to_owned());
    [default_folder, config, state, std::env::current_exe().ok()].into_iter().flatten().collect()
}

/// The pinentry programs to try. The environment names the only one, so that the user can choose it
/// for one run.
fn pinentry(from_file: Option<PathBuf>) -> PinentryPrograms {
    let from_environment = std::env::var_os("PINENTRY_PROGRAM").filter(|name| !name.is_empty());
    match (from_environment, from_file) {
        (Some(program), _) => PinentryPrograms::Only(program.into()),
        (None, program) => pinentry_of_file(program),
    }
}

fn pinentry_of_file(program: Option<PathBuf>) -> PinentryPrograms {
    program.map_or(PinentryPrograms::Found, PinentryPrograms::First)
}

fn seconds(key: Key, value: Option<u64>, default: u64) -> Result<Duration, ConfigError> {
    in_range(key, value, default, 1..=24 * 60 * 60).map(|value| Duration::from_secs(value.into()))
}

fn in_range(
    key: Key,
    value: Option<u64>,
    default: u64,
    range: RangeInclusive<u64>,
) -> Result<u32, ConfigError> {
    let value = value.unwrap_or(default);
    u32::try_from(value).ok().filter(|_| range.contains(&value)).ok_or(ConfigError::OutOfRange {
        key,
        value,
        range,
    })
}

fn listen(address: Option<SocketAddr>) -> Result<Listen, ConfigError> {
    match address {
        Some(address) if !is_loopback(address.ip()) => Err(ConfigError::NotLoopback(address)),
        Some(address) => Ok(Listen::Address(address)),
        None => Ok(Listen::FirstFree),
    }
}

/// Where the bridge listens by the configuration file in its usual place.
#[cfg(target_os = "linux")]
pub(crate) fn listen_setting() -> Result<Listen, ConfigError> {
    let (file, _) = layers(None)?.join(&mut ServeArgs::default());
    listen(file.listen)
}

/// The origins that the configuration allows, and the days that an approval lasts.
pub(crate) fn origin_settings(config: Option<&Path>) -> Result<(AllowedOrigins, u64), ConfigError> {
    let layers = layers(config)?;
    let (file, _) = layers.join(&mut ServeArgs::default());
    let days = in_range(Key::ApprovalDays, file.approval_days, 30, 1..=3650);
    let days = days.map_err(|error| layers.locate(error))?;
    Ok((origins(Vec::new(), &file), days.into()))
}

fn layers(config: Option<&Path>) -> Result<Layers, ConfigError> {
    let user = match config {
        Some(path) => Some(Source::read(path)?),
        None => match default_path().map(|path| Source::read(&path)).transpose() {
            Err(ConfigError::Read { source, .. }) if source.kind() == NotFound => None,
            user => user?,
        },
    };
    Layers::new(user, administrator::read()?)
}

fn merge_modules(
    flags: &[(ModuleName, PathBuf)],
    file: &ConfigFile,
) -> Result<Modules, ConfigError> {
    let (mut modules, mut refused) = (Vec::new(), Vec::new());
    for (name, path) in flags {
        let from_file = file.modules.iter().find(|module| module.name == *name).cloned();
        let path = absolute(name, path)?;
        add(&mut modules, configured(name.clone(), path, from_file))?;
    }
    for module in file.modules.iter().cloned() {
        if flags.iter().all(|(flag, _)| *flag != module.name) {
            let path = absolute(&module.name, &module.path)?;
            add(&mut modules, configured(module.name.clone(), path, Some(module)))?;
        }
    }
    if file.detect_modules.unwrap_or(modules.is_empty()) {
        let nss = match file.detect_nss_databases {
            Some(true) => NssDatabases::Detect,
            Some(false) | None => NssDatabases::Ignore,
        };
        let detected = modules::detect(nss);
        refused = detected.refused;
        for found in detected.modules {
            // A configured module with the same name takes precedence.
            let _ = add(&mut modules, found);
        }
    }
    if let (Some(default), true) = (&file.default_module, flags.is_empty()) {
        let index = modules
            .iter()
            .position(|module| module.name == *default)
            .ok_or_else(|| ConfigError::UnknownDefault(default.clone()))?;
        modules[..=index].rotate_right(1);
    }
    Ok(Modules::new(modules).with_refused(refused))
}

/// A module with what the file says of it.
fn configured(name: ModuleName, path: PathBuf, entry: Option<ModuleEntry>) -> Module {
    let confinement = entry.as_ref().map(ModuleEntry::confinement).unwrap_or_default();
    let (description, env, init_args) = entry
        .map(|entry| (entry.description, entry.env, entry.init_args.map(|args| args.0)))
        .unwrap_or_default();
    Module { name, path, description, env, confinement, init_args }
}

fn add(modules: &mut Vec<Module>, module: Module) -> Result<(), ConfigError> {
    if modules.iter().any(|known| known.name == module.name) {
        return Err(ConfigError::DuplicateModule(module.name));
    }
    modules.push(module);
    Ok(())
}

fn absolute(name: &ModuleName, path: &Path) -> Result<PathBuf, ConfigError> {
    std::path::absolute(path)
        .map_err(|source| ConfigError::ModulePath { name: name.clone(), source })
}

pub(crate) fn is_loopback(address: IpAddr) -> bool {
    address == Ipv4Addr::LOCALHOST || address == Ipv6Addr::LOCALHOST
}

pub(crate) fn default_path() -> Option<PathBuf> {
    folders().map(|folders| folders.in_config_dir("config.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(flags: &[&str], text: &str) -> Result<Settings, ConfigError> {
        let args = ServeArgs {
            modules: flags
                .iter()
                .map(|flag| flag.split_once('=').unwrap())
                .map(|(name, path)| (name.parse().unwrap(), path.into()))
                .collect(),
            ..ServeArgs::default()
        };
        Settings::merge(args, toml::from_str(text).unwrap())
    }

    fn names(settings: &Settings) -> Vec<&str> {
        settings.modules.iter().map(|module| module.name.as_str()).collect()
    }

    const FILE: &str = r#"
        default_module = "b"
        [[modules]]
        name = "a"
        path = "/a.so"
        env = { KEY = "value" }
        init_args = "configdir='sql:/a'"
        [[modules]]
        name = "b"
        path = "/b.so"
    "#;

    #[test]
    fn the_default_module_comes_first() {
        assert_eq!(names(&merge(&[], FILE).unwrap()), ["b", "a"]);
        assert_eq!(names(&merge(&["c=/c.so"], FILE).unwrap()), ["c", "a", "b"]);
        let error = merge(&[], r#"default_module = "c""#).unwrap_err();
        assert!(matches!(error, ConfigError::UnknownDefault(_)), "{error}");
    }

    #[test]
    fn the_path_of_a_flag_and_the_other_keys_of_the_file_are_joined() {
        let settings = merge(&["a=/other.so"], FILE).unwrap();
        let module = settings.modules.resolve(Some("a")).unwrap();
        assert_eq!(module.path, std::path::absolute("/other.so").unwrap());
        assert_eq!(module.env["KEY"], "value");
        assert_eq!(module.init_args.as_deref(), Some("configdir='sql:/a'"));
    }

    #[test]
    fn two_modules_with_the_same_name_are_an_error() {
        assert!(matches!(merge(&["a=/1", "a=/2"], ""), Err(ConfigError::DuplicateModule(_))));
        let twice = format!("{FILE}[[modules]]\nname = \"a\"\npath = \"/c.so\"");
        assert!(matches!(merge(&[], &twice), Err(ConfigError::DuplicateModule(_))));
    }

    #[test]
    fn the_bridge_listens_on_loopback_addresses_only() {
        for address in ["127.0.0.1:0", "[::1]:24911"] {
            assert!(merge(&[], &format!("listen = \"{address}\"")).is_ok());
        }
        for address in ["0.0.0.0:1", "[::]:1", "192.168.1.1:1", "127.0.0.2:1"] {
            let result = merge(&[], &format!("listen = \"{address}\""));
            assert!(matches!(result, Err(ConfigError::NotLoopback(_))), "{address}");
        }
    }
}
