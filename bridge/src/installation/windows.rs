//! Windows: a value that starts the bridge at log-on, and the launch link, both in the user's part
//! of the registry.

use std::io;

use windows_registry::CURRENT_USER;

use super::files::Files;
use super::program::InstalledProgram;
use super::{InstallError, Setup, Started, start};

pub(super) fn install(
    _files: &mut Files,
    program: &InstalledProgram,
) -> Result<Vec<String>, InstallError> {
    let mut said = Vec::new();
    let path = program.path().display();
    let at_log_on = format!("\"{path}\" start");
    let on_link = format!("\"{path}\" start -- \"%1\"");
    let link = "URL:pkcs11-bridge".to_owned();
    for (key, name, value, what) in [
        (RUN, NAME, at_log_on, "Windows starts the bridge at log-on"),
        (LINK, "", link, "the name of the launch link"),
        (LINK, "URL Protocol", String::new(), "pkcs11-bridge:// is a launch link"),
        (COMMAND, "", on_link, "pages can start the bridge by a link"),
    ] {
        if text(key, name).as_ref() == Some(&value) {
            continue;
        }
        CURRENT_USER
            .create(key)
            .and_then(|key| key.set_string(name, &value))
            .map_err(|error| failed("write", key, error))?;
        said.push(format!("Wrote HKEY_CURRENT_USER\\{key}: {what}."));
    }
    said.push(match start(program.path())? {
        Started::Now(running) => format!("The bridge listens at ws://{}.", running.address),
        Started::Before(running) => format!(
            "A bridge runs already, at ws://{}, as process {}.",
            running.address, running.process
        ),
        Started::AtConnection => "Windows starts the bridge.".to_owned(),
    });
    Ok(said)
}

pub(super) fn uninstall(_files: &mut Files) -> Result<Vec<String>, InstallError> {
    let mut said = Vec::new();
    if text(RUN, NAME).is_some() {
        let key = CURRENT_USER.options().read().write().open(RUN);
        key.and_then(|key| key.remove_value(NAME)).map_err(|error| failed("change", RUN, error))?;
        said.push(format!("Removed the value {NAME} of HKEY_CURRENT_USER\\{RUN}."));
    }
    if text(COMMAND, "").is_some_and(|command| command.contains(" start -- ")) {
        CURRENT_USER.remove_tree(LINK).map_err(|error| failed("remove", LINK, error))?;
        said.push(format!("Removed HKEY_CURRENT_USER\\{LINK}."));
    }
    Ok(said)
}

pub(super) fn setup(_files: &Files) -> Setup {
    let starts = text(RUN, NAME).is_some();
    let has_launch_link = text(COMMAND, "").is_some();
    let place = |is_there: bool, key: &str| is_there.then(|| format!("HKEY_CURRENT_USER\\{key}"));
    Setup {
        starts_by: starts.then(|| "Windows, at log-on".to_owned()),
        is_listening: false,
        has_launch_link,
        places: [place(starts, RUN), place(has_launch_link, LINK)].into_iter().flatten().collect(),
    }
}

/// Windows listens for no program.
pub(super) fn is_listening() -> bool {
    false
}

pub(super) fn start_by_service_manager() -> Option<Result<(), String>> {
    None
}

fn text(key: &str, name: &str) -> Option<String> {
    CURRENT_USER.open(key).ok()?.get_string(name).ok()
}

fn failed(action: &'static str, key: &str, error: impl std::fmt::Display) -> InstallError {
    let place = format!("HKEY_CURRENT_USER\\{key}");
    InstallError::system(action, place)(io::Error::other(error.to_string()))
}

/// `CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP` (process creation flags).
pub(super) const HIDDEN: u32 = 0x0800_0000 | 0x0000_0200;
const NAME: &str = "pkcs11-bridge";
const RUN: &str = r"Software\Microsoft\Windows\CurrentVersion\Run";
const LINK: &str = r"Software\Classes\pkcs11-bridge";
const COMMAND: &str = r"Software\Classes\pkcs11-bridge\shell\open\command";
