//! The modules that p11-kit is configured for (pkcs11.conf(5)): one `.module` file for each, of the
//! user, of the administrator, or of a package. Ignores files that others could have written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::found::Found;

/// What the files say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Configured {
    pub(super) modules: Vec<Found>,
    /// The files of modules that are switched off for the bridge.
    pub(super) switched_off: Vec<PathBuf>,
}

/// The fields of a file.
type Fields = BTreeMap<String, String>;

/// Where p11-kit keeps its files.
pub(super) struct Places {
    /// The administrator's and the packages' folders, each with `pkcs11.conf` or `modules`, most
    /// important first.
    system: Vec<PathBuf>,
    /// The user's folder.
    user: Option<PathBuf>,
    /// Where modules with a relative path are.
    module_folders: Vec<PathBuf>,
}

impl Places {
    pub(super) fn of_this_computer(library_folders: &[PathBuf]) -> Self {
        let system = if cfg!(windows) { &[][..] } else { SYSTEM };
        let config = std::env::var_os("XDG_CONFIG_HOME").filter(|folder| !folder.is_empty());
        let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".config"));
        Self {
            system: system.iter().map(PathBuf::from).collect(),
            user: config.map(PathBuf::from).or_else(home).map(|folder| folder.join("pkcs11")),
            module_folders: library_folders.iter().map(|folder| folder.join("pkcs11")).collect(),
        }
    }

    /// Reads all files that `is_trusted` accepts.
    pub(super) fn read(&self, is_trusted: impl Fn(&Path) -> bool) -> Configured {
        let fields = |path: &Path| read_fields(path).filter(|_| is_trusted(path));
        let folders = self.folders(|path| fields(path));
        let mut files: BTreeMap<String, Vec<Fields>> = BTreeMap::new();
        for folder in folders {
            for (name, path) in module_files(&folder) {
                files.entry(name).or_default().extend(fields(&path));
            }
        }
        let mut configured = Configured::default();
        for (name, layers) in files {
            self.add(&mut configured, &name, &layers);
        }
        configured
    }

    /// The folders of `.module` files, most important first. `user-config` decides whether those of
    /// the user or of the system are left out.
    fn folders(&self, fields: impl Fn(&Path) -> Option<Fields>) -> Vec<PathBuf> {
        let mode_in = |folder: &Path| fields(&folder.join("pkcs11.conf"))?.remove("user-config");
        let system = self.system.iter().map(|folder| folder.join("modules"));
        let system_mode = self.system.iter().find_map(|folder| mode_in(folder));
        let Some(user) = self.user.as_ref().filter(|_| system_mode.as_deref() != Some("none"))
        else {
            return system.collect();
        };
        let own = std::iter::once(user.join("modules"));
        match mode_in(user).or(system_mode).as_deref() {
            Some("only") => own.collect(),
            Some("none") => system.collect(),
            _ => own.chain(system).collect(),
        }
    }

    /// Adds one module. Each field comes from the most important file that has it.
    fn add(&self, configured: &mut Configured, name: &str, layers: &[Fields]) {
        let field =
            |key: &str| layers.iter().find_map(|fields| fields.get(key)).map(String::as_str);
        let lists_bridge = |key| field(key).map(|list| names(list).any(|name| name == PROGRAM));
        let is_off = lists_bridge("enable-in") == Some(false)
            || lists_bridge("disable-in") == Some(true)
            || field("module").is_none_or(str::is_empty);
        if is_off {
            // The user's file may name no module, to switch off that of another file.
            let files = layers.iter().filter_map(|fields| fields.get("module"));
            configured.switched_off.extend(files.filter_map(|file| self.file(file)));
            return;
        }
        let Some(path) = field("module").and_then(|file| self.file(file)) else { return };
        configured.modules.push(Found {
            description: field("x-description").unwrap_or(name).to_owned(),
            init_args: field("x-init-reserved").filter(|text| !text.is_empty()).map(str::to_owned),
            priority: field("priority").and_then(|value| value.parse().ok()).unwrap_or(0),
            is_required: field("critical") == Some("yes"),
            ..Found::new(name, path)
        });
    }

    /// The path of a module. A relative path is in the first folder that has it.
    fn file(&self, file: &str) -> Option<PathBuf> {
        let file = Path::new(file);
        if file.as_os_str().is_empty() || file.is_absolute() {
            return file.is_absolute().then(|| file.to_owned());
        }
        let mut paths = self.module_folders.iter().map(|folder| folder.join(file));
        let first = paths.clone().next();
        paths.find(|path| path.is_file()).or(first)
    }
}

/// The elements of a list, which commas or spaces separate.
fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ' ', '\t']).filter(|name| !name.is_empty())
}

/// The `.module` files of a folder, each with its name.
fn module_files(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter_map(|entry| {
        let path = entry.path();
        let name = path.file_stem()?.to_str()?.to_owned();
        (path.extension()? == "module").then_some((name, path))
    });
    files.take(MAX_FILES).collect()
}

fn read_fields(path: &Path) -> Option<Fields> {
    let mut text = String::new();
    File::open(path).ok()?.take(MAX_LEN).read_to_string(&mut text).ok()?;
    Some(parse(&text))
}

/// Lines of `name: value`. Ignores comments, and lines in another form.
fn parse(text: &str) -> Fields {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

/// The name of the bridge in `enable-in` and `disable-in`.
const PROGRAM: &str = "pkcs11-bridge";
/// Of the administrator, of packages, and of Homebrew.
const SYSTEM: &[&str] = &[
    "/etc/pkcs11",
    "/usr/share/p11-kit",
    "/usr/local/etc/pkcs11",
    "/usr/local/share/p11-kit",
    "/opt/homebrew/etc/pkcs11",
    "/opt/homebrew/share/p11-kit",
];
const MAX_FILES: usize = 100;
const MAX_LEN: u64 = 1 << 16;

// p11-kit on Windows has no files for modules of the system.
#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    /// Folders of the system, the user and a package.
    struct Folders(TempDir);

    impl Folders {
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for (name, text) in files {
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(folder)
        }

        fn places(&self) -> Places {
            let path = |name| self.0.path().join(name);
            Places {
                system: vec![path("etc"), path("share")],
                user: Some(path("user")),
                module_folders: vec![path("lib")],
            }
        }

        fn read(&self) -> Configured {
            self.places().read(|_| true)
        }

        fn names(&self) -> Vec<String> {
            self.read().modules.into_iter().map(|module| module.name).collect()
        }
    }

    #[test]
    fn a_file_names_a_module() {
        let folders = Folders::new(&[(
            "share/modules/card.module",
            "# a comment\n\n module : /opt/card.so\npriority: 7\ncritical: yes\n\
             x-init-reserved: configdir='sql:/a'\nno field\n",
        )]);
        let expected = Found {
            description: "card".to_owned(),
            init_args: Some("configdir='sql:/a'".to_owned()),
            priority: 7,
            is_required: true,
            ..Found::new("card", "/opt/card.so".into())
        };
        let read = folders.read();
        assert_eq!(read.modules, [expected]);
        assert!(read.switched_off.is_empty());
    }

    #[test]
    fn a_relative_path_is_in_the_folder_of_modules() {
        let files = [("etc/modules/card.module", "module: card.so\n"), ("lib/card.so", "")];
        let folders = Folders::new(&files);
        assert_eq!(folders.read().modules[0].path, folders.0.path().join("lib/card.so"));
    }

    #[test]
    fn programs_that_a_module_is_for_are_honoured() {
        for (line, is_used) in [
            ("enable-in: firefox, pkcs11-bridge", true),
            ("enable-in: firefox ssh", false),
            ("disable-in: firefox", true),
            ("disable-in: firefox,pkcs11-bridge", false),
            ("disable-in: p11-kit-proxy", true),
            ("", true),
        ] {
            let text = format!("module: /opt/card.so\n{line}\n");
            let read = Folders::new(&[("etc/modules/card.module", &text)]).read();
            assert_eq!(!read.modules.is_empty(), is_used, "{line}");
            assert_eq!(!read.switched_off.is_empty(), !is_used, "{line}");
        }
    }

    #[test]
    fn the_user_overrides_fields_and_switches_modules_off() {
        let folders = Folders::new(&[
            ("share/modules/a.module", "module: /opt/a.so\npriority: 1\n"),
            ("user/modules/a.module", "priority: 2\n"),
            ("share/modules/b.module", "module: /opt/b.so\n"),
            ("user/modules/b.module", "module:\n"),
        ]);
        let read = folders.read();
        assert_eq!(folders.names(), ["a"]);
        assert_eq!((read.modules[0].priority, &read.modules[0].path), (2, &"/opt/a.so".into()));
        assert_eq!(read.switched_off, [PathBuf::from("/opt/b.so")]);
    }

    #[test]
    fn user_config_decides_whose_files_count() {
        for (system, user, names) in [
            (None, None, &["own", "system"][..]),
            (Some("merge"), None, &["own", "system"]),
            (Some("none"), None, &["system"]),
            (Some("none"), Some("only"), &["system"]),
            (Some("only"), None, &["own"]),
            (None, Some("only"), &["own"]),
            (None, Some("none"), &["system"]),
            (Some("only"), Some("merge"), &["own", "system"]),
        ] {
            let conf = |mode: Option<&str>| mode.map(|mode| format!("user-config: {mode}\n"));
            let folders = Folders::new(&[
                ("etc/modules/system.module", "module: /opt/system.so\n"),
                ("user/modules/own.module", "module: /opt/own.so\n"),
                ("etc/pkcs11.conf", &conf(system).unwrap_or_default()),
                ("user/pkcs11.conf", &conf(user).unwrap_or_default()),
            ]);
            assert_eq!(folders.names(), names, "{system:?} {user:?}");
        }
    }

    #[test]
    fn files_that_are_not_trusted_change_nothing() {
        let folders = Folders::new(&[
            ("etc/modules/good.module", "module: /opt/good.so\n"),
            ("user/modules/bad.module", "module: /tmp/bad.so\n"),
            ("user/modules/good.module", "module: /tmp/other.so\n"),
            ("user/pkcs11.conf", "user-config: only\n"),
        ]);
        let user = folders.0.path().join("user");
        let read = folders.places().read(|path| !path.starts_with(&user));
        let paths: Vec<_> = read.modules.iter().map(|module| module.path.clone()).collect();
        assert_eq!(paths, [PathBuf::from("/opt/good.so")]);
    }

    #[test]
    fn folders_that_do_not_exist_are_empty() {
        assert_eq!(Folders::new(&[]).read(), Configured::default());
    }
}
