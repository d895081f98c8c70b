//! What a screen reader knows of the windows on a desktop: a session bus and an accessibility bus
//! (AT-SPI) of their own, which a test reads as a screen reader does.

use std::time::Duration;

use tempfile::TempDir;
use zbus::blocking::{Connection, Proxy, connection, proxy};
use zbus::proxy::CacheProperties;
use zbus::zvariant::OwnedObjectPath;

use crate::desktop::Desktop;
use crate::processes::wait_until;
use crate::program::{Program, tool};

/// The buses. Dropping them ends them.
pub struct Accessibility {
    _bus: Program,
    _folder: TempDir,
    session: String,
    connection: Connection,
}

/// A control or a text of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// What a screen reader says.
    pub name: String,
    /// What kind of control it is.
    pub role: Role,
}

/// The role of a control (`AtspiRole` in `atspi-constants.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `ATSPI_ROLE_LABEL`
    Label,
    /// `ATSPI_ROLE_PASSWORD_TEXT`
    PasswordText,
    /// `ATSPI_ROLE_BUTTON`
    Button,
    /// `ATSPI_ROLE_ENTRY`, `ATSPI_ROLE_TEXT`
    Entry,
    /// Another role, with its number.
    Other(u32),
}

impl Role {
    fn new(number: u32) -> Self {
        match number {
            29 => Self::Label,
            40 => Self::PasswordText,
            43 => Self::Button,
            61 | 79 => Self::Entry,
            other => Self::Other(other),
        }
    }
}

impl Accessibility {
    /// Starts the buses, with a screen reader that wants to know of all windows of the desktop.
    pub fn start(desktop: &Desktop) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("pkcs11-bridge-test-accessibility-")
            .tempdir()
            .expect("a folder");
        let mut command = tool("dbus-daemon");
        command.args(["--session", "--nofork", "--print-address=1"]);
        // The bus starts the accessibility bus and its registry with the same environment.
        command.env("HOME", folder.path()).env("XDG_RUNTIME_DIR", folder.path());
        command.env("DISPLAY", desktop.display());
        let mut bus = Program::start(&mut command);
        let session = format!("unix:{}", bus.expect_line("unix:"));
        let connection = connect(&enable(&session));
        Self { _bus: bus, _folder: folder, session, connection }
    }

    /// The address of the session bus, for `DBUS_SESSION_BUS_ADDRESS`.
    pub fn session_bus(&self) -> &str {
        &self.session
    }

    /// Waits until the windows have a control like this, and returns it.
    pub fn wait_for(&self, wanted: impl Fn(&Control) -> bool) -> Control {
        let mut found = None;
        wait_until(LIMIT, || {
            found = self.controls().into_iter().find(&wanted);
            found.is_some()
        });
        found.unwrap_or_else(|| panic!("not found among {:#?}", self.controls()))
    }

    /// Waits until the controls of all windows are like this.
    pub fn wait_until(&self, wanted: impl Fn(&[Control]) -> bool) {
        let are_so = wait_until(LIMIT, || wanted(&self.controls()));
        assert!(are_so, "not so: {:#?}", self.controls());
    }

    /// All controls and texts of all windows, in their order.
    pub fn controls(&self) -> Vec<Control> {
        self.objects().into_iter().map(|object| object.control).collect()
    }

    /// Presses the first control like this, as a user of a screen reader does.
    pub fn press(&self, wanted: impl Fn(&Control) -> bool) {
        let objects = self.objects();
        let Some(object) = objects.iter().find(|object| wanted(&object.control)) else {
            panic!("not found among {objects:#?}");
        };
        let action = self.proxy(&object.owner, &object.path, "org.a11y.atspi.Action");
        let done: bool = action.and_then(|action| action.call("DoAction", &0)).expect("an action");
        assert!(done, "{object:?}");
    }

    fn objects(&self) -> Vec<Object> {
        let mut objects = Vec::new();
        let root = OwnedObjectPath::try_from(ROOT).expect("a path");
        let registry = "org.a11y.atspi.Registry".to_owned();
        // A window may close meanwhile.
        if let Err(error) = self.collect(registry.clone(), root.clone(), &mut objects) {
            let control = Control { name: error.to_string(), role: Role::Other(0) };
            objects.push(Object { control, owner: registry, path: root });
        }
        objects
    }

    fn collect(
        &self,
        owner: String,
        path: OwnedObjectPath,
        objects: &mut Vec<Object>,
    ) -> zbus::Result<()> {
        let object = self.proxy(&owner, &path, "org.a11y.atspi.Accessible")?;
        let children: Vec<(String, OwnedObjectPath)> = object.call("GetChildren", &())?;
        // The registry, which is the parent of all windows, has neither.
        let name = object.get_property("Name").unwrap_or_default();
        let role = Role::new(object.call("GetRole", &()).unwrap_or_default());
        objects.push(Object { control: Control { name, role }, owner, path });
        for (owner, path) in children {
            self.collect(owner, path, objects)?;
        }
        Ok(())
    }

    fn proxy(
        &self,
        owner: &str,
        path: &OwnedObjectPath,
        interface: &'static str,
    ) -> zbus::Result<Proxy<'static>> {
        proxy::Builder::new(&self.connection)
            .destination(owner.to_owned())?
            .path(path.clone())?
            .interface(interface)?
            .cache_properties(CacheProperties::No)
            .build()
    }
}

/// A control and where it is on the accessibility bus.
#[derive(Debug)]
struct Object {
    control: Control,
    owner: String,
    path: OwnedObjectPath,
}

fn connect(address: &str) -> Connection {
    let builder = connection::Builder::address(address).expect("an address");
    builder.build().expect("a connection")
}

/// Says, as a screen reader does, that windows have to be accessible. Returns the address of the
/// accessibility bus.
fn enable(session: &str) -> String {
    let session = connect(session);
    let proxy = |interface| Proxy::new(&session, "org.a11y.Bus", "/org/a11y/bus", interface);
    let status = proxy("org.a11y.Status").expect("a name");
    for property in ["IsEnabled", "ScreenReaderEnabled"] {
        status.set_property(property, true).expect("AT-SPI; Debian's package is at-spi2-core");
    }
    let bus = proxy("org.a11y.Bus").expect("a name");
    bus.call("GetAddress", &()).expect("an accessibility bus")
}

const ROOT: &str = "/org/a11y/atspi/accessible/root";
const LIMIT: Duration = Duration::from_secs(60);
