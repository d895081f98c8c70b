//! Linux: units of systemd, an entry that runs at the start of the desktop, and the launch link.
//!
//! systemd listens on the port from the log-in on. If another user holds the port, that fails. So
//! the entry of the desktop starts a bridge then, which takes the next port. On computers without
//! systemd, the entry always starts the bridge.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use etcetera::BaseStrategy;
use etcetera::base_strategy::choose_native_strategy;

use super::files::Files;
use super::program::InstalledProgram;
use super::systemd::{self, SERVICE, SOCKET};
use super::{InstallError, Setup, Started, start};
use crate::config::{ConfigError, Listen, listen_setting};

/// Where the start files of a user are.
struct Places {
    units: PathBuf,
    autostart: PathBuf,
    applications: PathBuf,
}

impl Places {
    fn of_user() -> Result<Self, InstallError> {
        let folders = choose_native_strategy().map_err(|_| InstallError::NoHome)?;
        Ok(Self {
            units: folders.config_dir().join("systemd/user"),
            autostart: folders.config_dir().join("autostart").join(ENTRY),
            applications: folders.data_dir().join("applications"),
        })
    }

    fn socket(&self) -> PathBuf {
        self.units.join(SOCKET)
    }

    fn service(&self) -> PathBuf {
        self.units.join(SERVICE)
    }

    /// The link by which systemd listens from the log-in on, as `systemctl enable` makes it.
    fn enabled(&self) -> PathBuf {
        self.units.join("sockets.target.wants").join(SOCKET)
    }

    fn link(&self) -> PathBuf {
        self.applications.join(ENTRY)
    }

    /// The desktop's list of what opens which links.
    fn link_cache(&self) -> PathBuf {
        self.applications.join("mimeinfo.cache")
    }
}

pub(super) fn install(
    files: &mut Files,
    program: &InstalledProgram,
) -> Result<Vec<String>, InstallError> {
    let places = Places::of_user()?;
    let mut said = Vec::new();
    if systemd::runs_this_computer() {
        let packaged = Path::new("/usr/lib/systemd/user");
        let socket = if program.is_started_by(&packaged.join(SERVICE)) {
            packaged.join(SOCKET)
        } else {
            let service = program.in_file(include_str!("../../desktop/pkcs11-bridge.service"));
            files.write(&places.service(), &service, "how systemd runs the bridge")?;
            files.write(&places.socket(), &socket_unit()?, "the port for pages")?;
            places.socket()
        };
        files.link(&places.enabled(), &socket, "systemd listens from the log-in on")?;
        systemd::reload();
        said.extend(systemd::missing_display());
    }
    if !program.is_started_by(&Path::new("/etc/xdg/autostart").join(ENTRY)) {
        let entry = program.in_file(include_str!("../../desktop/autostart.desktop"));
        files.write(&places.autostart, &entry, "the desktop starts the bridge")?;
    }
    if !program.is_started_by(&Path::new("/usr/share/applications").join(ENTRY)) {
        let entry = program.in_file(include_str!("../../desktop/link.desktop"));
        files.write(&places.link(), &entry, "pages can start the bridge by a link")?;
        let had_cache = places.link_cache().exists();
        match update_links(&places.applications) {
            true if !had_cache => files.adopt(&places.link_cache()),
            true => {}
            false => said.push(
                "The desktop does not know the link pkcs11-bridge://start yet. Install the package \
                 desktop-file-utils, and run the command again."
                    .to_owned(),
            ),
        }
    }
    said.push(match start(program.path())? {
        Started::Now(running) => format!("The bridge listens at ws://{}.", running.address),
        Started::Before(running) => format!(
            "A bridge runs already, at ws://{}, as process {}. The next one starts as it is set \
             up here.",
            running.address, running.process
        ),
        Started::AtConnection => {
            "systemd listens on the port of the bridge, and starts the bridge \
                                  when a page connects."
                .to_owned()
        }
    });
    Ok(said)
}

/// The unit, with the port of the configuration.
fn socket_unit() -> Result<String, InstallError> {
    let unit = include_str!("../../desktop/pkcs11-bridge.socket");
    let Listen::Address(address) = listen_setting()? else { return Ok(unit.to_owned()) };
    if address.port() == 0 {
        return Err(ConfigError::NoPort(address).into());
    }
    let mut lines: Vec<_> = unit.lines().filter(|line| !line.starts_with(LISTEN)).collect();
    let listen = format!("{LISTEN}{address}");
    let section = lines.iter().position(|line| *line == "[Socket]").unwrap_or_default();
    lines.insert(section + 1, &listen);
    Ok(lines.join("\n") + "\n")
}

pub(super) fn uninstall(files: &mut Files) -> Result<Vec<String>, InstallError> {
    let places = Places::of_user()?;
    let had_units = files.has(&places.enabled());
    if had_units {
        systemd::stop();
    }
    for path in [places.enabled(), places.socket(), places.service(), places.autostart.clone()] {
        files.remove(&path)?;
    }
    if had_units {
        systemd::reload();
    }
    if files.has(&places.link()) {
        files.remove(&places.link())?;
        update_links(&places.applications);
    }
    files.remove_adopted(&places.link_cache());
    Ok(Vec::new())
}

pub(super) fn setup(files: &Files) -> Setup {
    let Ok(places) = Places::of_user() else { return Setup::default() };
    let system =
        |folder: &str, name: &str| Some(Path::new(folder).join(name)).filter(|path| path.exists());
    let own = |path: PathBuf| Some(path).filter(|path| files.has(path));
    let enabled = Some(places.enabled()).filter(|path| path.is_symlink());
    let autostart = own(places.autostart.clone()).or(system("/etc/xdg/autostart", ENTRY));
    let link = own(places.link()).or(system("/usr/share/applications", ENTRY));
    let starts_by = match (&enabled, &autostart) {
        (Some(_), _) => Some("systemd, when a page connects".to_owned()),
        (None, Some(_)) => Some("the desktop, at log-in".to_owned()),
        (None, None) => None,
    };
    let has_launch_link = link.is_some();
    let found = [own(places.service()), own(places.socket()), enabled, autostart, link];
    let places = found.into_iter().flatten().map(|path| path.display().to_string()).collect();
    Setup { starts_by, is_listening: is_listening(), has_launch_link, places }
}

pub(super) fn is_listening() -> bool {
    systemd::is_listening()
}

/// Starts the bridge through systemd; `None` if systemd does not start the bridge of this user.
pub(super) fn start_by_service_manager() -> Option<Result<(), String>> {
    let places = Places::of_user().ok()?;
    (places.enabled().is_symlink() && systemd::answers()).then(systemd::start)
}

/// Tells the desktop which program opens which links. Returns whether that worked.
fn update_links(applications: &Path) -> bool {
    let Ok(tool) = which::which("update-desktop-database") else { return false };
    let mut command = Command::new(tool);
    command.arg("--quiet").arg(applications);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The name of the desktop's files.
const ENTRY: &str = "pkcs11-bridge.desktop";
const LISTEN: &str = "ListenStream=";
