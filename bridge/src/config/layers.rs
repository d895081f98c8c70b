//! The configuration files of the user and of the administrators, joined. The user's file wins,
//! except for the keys that administrators have locked. A setting that is not used is never
//! ignored silently.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::ConfigError;
use super::file::{ConfigFile, Key};
use super::source::Source;
use crate::cli::ServeArgs;

/// The files that were read.
#[derive(Debug, Default)]
pub(super) struct Layers {
    user: Option<(Source, ConfigFile)>,
    /// Those that take precedence come first.
    administrators: Vec<(Source, ConfigFile)>,
    /// The keys that the user cannot set, and the file that locks each of them.
    locked: BTreeMap<Key, PathBuf>,
}

/// A setting of the user that is not used, because an administrator has locked its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LockedSetting {
    pub(crate) key: Key,
    /// The user's file, with the line. `None` for a flag.
    pub(crate) file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<usize>,
    /// The file that locks the key.
    pub(crate) locked_by: PathBuf,
}

impl fmt::Display for LockedSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, file, line, locked_by } = self;
        match (file, line) {
            (Some(file), Some(line)) => write!(f, "{}, line {line}: ", file.display())?,
            (Some(file), None) => write!(f, "{}: ", file.display())?,
            (None, _) => f.write_str("the command line: ")?,
        }
        let locked_by = locked_by.display();
        write!(f, "{key} is not used, because the administrator has locked it in {locked_by}")
    }
}

impl Layers {
    pub(super) fn new(
        user: Option<(Source, ConfigFile)>,
        administrators: Vec<(Source, ConfigFile)>,
    ) -> Result<Self, ConfigError> {
        if let Some((source, file)) = &user
            && !file.locked.is_empty()
        {
            let locked = Box::new(ConfigError::LockedByUser);
            return Err(located(source, source.line_of("locked"), locked));
        }
        let mut locked = BTreeMap::new();
        for (source, file) in administrators.iter().rev() {
            for key in &file.locked {
                locked.extend(
                    key.with_those_it_needs().iter().map(|key| (*key, source.path().to_owned())),
                );
            }
        }
        Ok(Self { user, administrators, locked })
    }

    /// Joins the files. Removes flags for locked keys. Returns what of the user's is not used too.
    pub(super) fn join(&self, args: &mut ServeArgs) -> (ConfigFile, Vec<LockedSetting>) {
        let mut unused = Vec::new();
        for (key, locked_by) in &self.locked {
            let locked_by = locked_by.clone();
            let line = self.user.as_ref().and_then(|(user, _)| user.line_of(key.as_str()));
            if let (Some((user, _)), Some(line)) = (&self.user, line) {
                let (file, line) = (Some(user.path().to_owned()), Some(line));
                let locked_by = locked_by.clone();
                unused.push(LockedSetting { key: *key, file, line, locked_by });
            }
            let is_flag_removed = match key {
                Key::Modules => !std::mem::take(&mut args.modules).is_empty(),
                Key::AllowOrigins => !std::mem::take(&mut args.allow_origins).is_empty(),
                Key::Listen => args.listen.take().is_some(),
                _ => false,
            };
            if is_flag_removed {
                unused.push(LockedSetting { key: *key, file: None, line: None, locked_by });
            }
        }
        let administrators = self.administrators.iter().map(|(_, file)| file.clone());
        let nothing = BTreeSet::new();
        let administrator =
            administrators.reduce(|first, second| first.over(second, &nothing)).unwrap_or_default();
        let user = self.user.as_ref().map(|(_, file)| file.clone()).unwrap_or_default();
        (user.over(administrator, &self.locked.keys().copied().collect()), unused)
    }

    /// Says where the mistake is.
    pub(super) fn locate(&self, error: ConfigError) -> ConfigError {
        let Some((key, mut index)) = error.place() else { return error };
        let is_users = !self.locked.contains_key(&key);
        let user = self.user.iter().filter(|_| is_users);
        for (source, file) in user.chain(&self.administrators) {
            let name = key.as_str();
            let line = match (&mut index, &error) {
                (_, ConfigError::DuplicateModule(module)) => {
                    let last = file.modules.iter().rposition(|entry| entry.name == *module);
                    last.and_then(|last| source.line_of_element(name, last))
                }
                (Some(index), _) => {
                    let line = source.line_of_element(name, *index);
                    *index = index.saturating_sub(source.count_of(name));
                    line
                }
                (None, _) => source.line_of(name),
            };
            if line.is_some() {
                return located(source, line, Box::new(error));
            }
        }
        error
    }

    /// Whether an administrator has locked a key.
    pub(super) fn is_locked(&self, key: Key) -> bool {
        self.locked.contains_key(&key)
    }

    pub(super) fn locked(&self) -> Vec<Key> {
        self.locked.keys().copied().collect()
    }

    /// The files of administrators.
    pub(super) fn administrators(&self) -> Vec<PathBuf> {
        self.administrators.iter().map(|(source, _)| source.path().to_owned()).collect()
    }
}

fn located(source: &Source, line: Option<usize>, error: Box<ConfigError>) -> ConfigError {
    let path: &Path = source.path();
    ConfigError::Located { path: path.to_owned(), line: line.unwrap_or(1), source: error }
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;

    fn layer(text: &str, path: &str) -> (Source, ConfigFile) {
        Source::parse(text.to_owned(), Path::new(path)).unwrap()
    }

    fn layers(user: &str, administrator: &str) -> Result<Layers, ConfigError> {
        Layers::new(
            Some(layer(user, "/home/config.toml")),
            vec![layer(administrator, "/etc/config.toml")],
        )
    }

    fn problem(user: &str, administrator: &str) -> String {
        let layers = layers(user, administrator).unwrap();
        let mut args = ServeArgs::default();
        let (file, _) = layers.join(&mut args);
        layers.locate(Settings::merge(args, file).unwrap_err()).to_string()
    }

    /// For each kind of key: the user's value, the administrator's, and what is in force without
    /// and with a lock.
    #[test]
    fn the_user_wins_except_for_locked_keys() {
        for (key, user, administrator, open, locked) in [
            ("approval_days", "3", "7", "3", "7"),
            ("approval_days", "", "7", "7", "7"),
            ("approval_days", "3", "", "3", ""),
            ("approval_days", "", "", "", ""),
            ("pin_entry", "\"page-or-native\"", "\"native\"", "\"page-or-native\"", "\"native\""),
            (
                "allow_origins",
                "[\"https://u.example\"]",
                "[\"https://a.example\"]",
                "[\"https://u.example\", \"https://a.example\"]",
                "[\"https://a.example\"]",
            ),
            ("allow_origins", "[\"https://u.example\"]", "", "[\"https://u.example\"]", "[]"),
            (
                "block_origins",
                "[]",
                "[\"https://a.example\"]",
                "[\"https://a.example\"]",
                "[\"https://a.example\"]",
            ),
            ("only_configured_origins", "false", "true", "false", "true"),
        ] {
            let line = |value: &str| match value {
                "" => String::new(),
                value => format!("{key} = {value}\n"),
            };
            for (lock, expected) in [("", open), (&format!("locked = [\"{key}\"]\n"), locked)] {
                let layers =
                    layers(&line(user), &(lock.to_owned() + &line(administrator))).unwrap();
                let (file, unused) = layers.join(&mut ServeArgs::default());
                let wanted: ConfigFile = toml::from_str(&line(expected)).unwrap();
                let shown = |file: &ConfigFile| {
                    let ConfigFile { approval_days, pin_entry, allow_origins, .. } = file;
                    let ConfigFile { block_origins, only_configured_origins, .. } = file;
                    let origins = (allow_origins, block_origins, only_configured_origins);
                    format!("{approval_days:?} {pin_entry:?} {origins:?}")
                };
                assert_eq!(shown(&file), shown(&wanted), "{key} {user} {administrator} {lock}");
                assert_eq!(unused.len(), usize::from(!lock.is_empty() && !user.is_empty()));
            }
        }
    }

    #[test]
    fn a_locked_setting_is_told_with_its_place() {
        let layers = layers("\npin_entry = \"native\"\n", "locked = [\"pin_entry\", \"listen\"]\n");
        let mut args =
            ServeArgs { listen: Some("127.0.0.1:1".parse().unwrap()), ..ServeArgs::default() };
        let (_, unused) = layers.unwrap().join(&mut args);
        let told: Vec<_> = unused.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "the command line: listen is not used, because the administrator has locked it in \
                 /etc/config.toml",
                "/home/config.toml, line 2: pin_entry is not used, because the administrator has \
                 locked it in /etc/config.toml",
            ]
        );
        assert_eq!(args.listen, None);
    }

    #[test]
    fn locked_modules_are_found_nowhere_else() {
        let user = "detect_modules = true\ndetect_nss_databases = true\n\
                    [[modules]]\nname = \"evil\"\npath = \"/evil.so\"\n";
        let administrator = "locked = [\"modules\"]\ndetect_modules = false\n\
                             [[modules]]\nname = \"card\"\npath = \"/card.so\"\n";
        let layers = layers(user, administrator).unwrap();
        let mut args = ServeArgs {
            modules: vec![("flag".parse().unwrap(), "/evil.so".into())],
            ..ServeArgs::default()
        };
        let (file, unused) = layers.join(&mut args);
        assert_eq!(unused.len(), 4);
        assert!(args.modules.is_empty());
        let settings = Settings::merge(args, file).unwrap();
        let names: Vec<_> = settings.modules.iter().map(|module| module.name.as_str()).collect();
        assert_eq!(names, ["card"]);
    }

    #[test]
    fn only_administrators_lock_keys() {
        let error = layers("\nlocked = [\"listen\"]\n", "").unwrap_err().to_string();
        assert!(error.contains("/home/config.toml, line 2: locked"), "{error}");
        let text = "listen = \"127.0.0.1:1\"\nlocked = [\"lisen\"]\n";
        let error = Source::parse(text.to_owned(), Path::new("/etc/config.toml")).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("/etc/config.toml") && error.contains("line 2"), "{error}");
        assert!(error.contains("lisen"), "{error}");
    }

    #[test]
    fn a_wrong_value_is_told_with_file_line_and_key() {
        let rule = "[[rules]]\norigin = \"https://a.example\"\nask = \"each\"\n";
        let module = "[[modules]]\nname = \"a\"\npath = \"/a\"\n";
        for (user, administrator, place) in [
            ("\napproval_days = 0", "", "/home/config.toml, line 2: approval_days"),
            ("", "\n\napproval_days = 0", "/etc/config.toml, line 3: approval_days"),
            (
                "approval_days = 3",
                "locked = [\"approval_days\"]\napproval_days = 0",
                "/etc/config.toml, line 2: approval_days",
            ),
            ("listen = \"0.0.0.0:1\"", "", "/home/config.toml, line 1: cannot listen"),
            ("dialog_seconds = 0", "", "/home/config.toml, line 1: dialog_seconds"),
            (
                "detect_modules = false\ndefault_module = \"x\"",
                "",
                "/home/config.toml, line 2: default_module",
            ),
            (&format!("{module}{module}"), "", "/home/config.toml, line 4: two modules"),
            (&format!("{rule}[[rules]]\nask = \"each\""), rule, "/home/config.toml, line 4: rule"),
            (rule, &format!("{rule}[[rules]]\nask = \"each\""), "/etc/config.toml, line 4: rule"),
            (
                &format!("{rule}login_seconds = 0"),
                "",
                "/home/config.toml, line 1: rule 1: login_seconds",
            ),
        ] {
            let problem = problem(user, administrator);
            assert!(problem.contains(place), "no `{place}` in: {problem}");
        }
    }
}
