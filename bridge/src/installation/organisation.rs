//! The setting for organisations: the bridge takes PINs on the desktop only, never from a page.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use pkcs11_bridge_protocol::result::PinEntry;

use super::InstallError;
use crate::config::default_path;
use crate::config::file::ConfigFile;

/// Sets `pin_entry = "native"` in the user's configuration file. Returns what was done.
pub(crate) fn take_pins_on_desktop_only() -> Result<String, InstallError> {
    set(&default_path().ok_or(InstallError::NoHome)?)
}

fn set(path: &Path) -> Result<String, InstallError> {
    let shown = path.display();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(InstallError::system("read", shown.to_string())(error)),
    };
    let file = ConfigFile::parse(&text, path)?;
    match file.pin_entry() {
        Some(PinEntry::Native) => {
            return Ok(format!("{shown} lets pages pass no PIN already."));
        }
        Some(PinEntry::PageOrNative) => return Err(InstallError::PinEntry(path.to_owned())),
        None => {}
    }
    // Before the first table, and before any other key.
    let text = format!("pin_entry = \"native\"\n{}", text.trim_start_matches('\u{feff}'));
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        fs::write(path, text)
    };
    write().map_err(InstallError::system("write", shown.to_string()))?;
    Ok(format!("Set pin_entry = \"native\" in {shown}: the bridge takes no PIN from a page."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_is_added_once_and_never_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pkcs11-bridge/config.toml");
        assert!(set(&path).unwrap().starts_with("Set pin_entry"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "pin_entry = \"native\"\n");
        assert!(set(&path).unwrap().contains("already"));

        let rules = "# Ours\n[[modules]]\nname = \"a\"\npath = \"/a.so\"\n";
        fs::write(&path, rules).unwrap();
        set(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("pin_entry = \"native\"\n{rules}"));
        assert_eq!(ConfigFile::parse(&text, &path).unwrap().pin_entry(), Some(PinEntry::Native));

        for wrong in ["pin_entry = \"page-or-native\"\n", "pin_entri = 1\n"] {
            fs::write(&path, wrong).unwrap();
            assert!(set(&path).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), wrong);
        }
    }
}
