//! Finds and configures SoftHSM2 on this computer.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::modules::{self, NssDatabases};

/// The path of SoftHSM2, if the detection of modules finds it.
pub(super) fn find() -> Option<PathBuf> {
    modules::detect(NssDatabases::Ignore)
        .modules
        .into_iter()
        .find(|module| module.name.as_str() == "softhsm")
        .map(|module| module.path)
}

/// Creates a token store in `folder`. Returns the environment that makes SoftHSM2 use it.
pub(super) fn configure(folder: &Path) -> io::Result<BTreeMap<String, String>> {
    let tokens = folder.join("tokens");
    std::fs::create_dir(&tokens)?;
    let file = folder.join("softhsm2.conf");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        tokens.display()
    );
    std::fs::write(&file, text)?;
    Ok(BTreeMap::from([("SOFTHSM2_CONF".to_owned(), file.display().to_string())]))
}

/// How the user installs SoftHSM2 on this system.
pub(super) fn how_to_install() -> String {
    let command = match std::env::consts::OS {
        "macos" => "brew install softhsm",
        "linux" => match std::fs::read_to_string("/etc/os-release") {
            Ok(release) => linux_command(&release),
            Err(_) => return GENERAL.to_owned(),
        },
        _ => return GENERAL.to_owned(),
    };
    if command.is_empty() { GENERAL.to_owned() } else { format!("Install it with `{command}`") }
}

/// The command for a distribution, from the text of `/etc/os-release` (os-release(5)). Empty if the
/// distribution is not known.
fn linux_command(release: &str) -> &'static str {
    let value = |key: &str| {
        release
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .map(|value| value.trim_matches('"'))
            .unwrap_or_default()
    };
    let like = format!("{} {}", value("ID"), value("ID_LIKE"));
    let is = |name: &str| like.split(' ').any(|word| word == name);
    if is("debian") || is("ubuntu") {
        "sudo apt install softhsm2"
    } else if is("fedora") || is("rhel") {
        "sudo dnf install softhsm"
    } else if is("arch") {
        "sudo pacman -S softhsm"
    } else if is("suse") || is("opensuse") {
        "sudo zypper install softhsm"
    } else if is("alpine") {
        "sudo apk add softhsm"
    } else {
        ""
    }
}

const GENERAL: &str = "Install the package softhsm2 or softhsm of your system";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_distribution_gets_its_own_command() {
        for (release, command) in [
            ("ID=debian\nVERSION_ID=\"12\"", "sudo apt install softhsm2"),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"", "sudo apt install softhsm2"),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"", "sudo dnf install softhsm"),
            ("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"", "sudo zypper install softhsm"),
            ("ID=nixos", ""),
            ("", ""),
        ] {
            assert_eq!(linux_command(release), command, "{release}");
        }
    }
}
