//! A desktop portal on a private D-Bus daemon, as far as the bridge uses it: it tells whether the
//! desktop is dark (XDG Desktop Portal, "Settings").

use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;
use zbus::interface;
use zbus::zvariant::{OwnedValue, Value};

use crate::bridge::Setup;
use crate::private_bus::PrivateBus;

/// The bus with the portal. Dropping it ends both.
pub struct DesktopPortal {
    _portal: Connection,
    bus: PrivateBus,
}

/// What a desktop prefers.
#[derive(Clone, Copy, Debug)]
pub enum ColorScheme {
    /// Nothing.
    NoPreference,
    /// Dark windows.
    Dark,
    /// Light windows.
    Light,
}

/// The version of the portal's settings.
#[derive(Clone, Copy, Debug)]
pub enum Version {
    /// With the method `Read`, as in Debian 12.
    One,
    /// With the method `ReadOne`, which replaces `Read`.
    Two,
}

impl DesktopPortal {
    /// Starts it.
    pub fn start(version: Version, scheme: ColorScheme) -> Self {
        let bus = PrivateBus::start();
        let builder = Builder::address(bus.address().as_str()).expect("an address");
        let builder = builder.name("org.freedesktop.portal.Desktop").expect("a name");
        let path = "/org/freedesktop/portal/desktop";
        let builder = match version {
            Version::One => builder.serve_at(path, SettingsOne(scheme as u32)),
            Version::Two => builder.serve_at(path, SettingsTwo(scheme as u32)),
        };
        let portal = builder.expect("a path").build().expect("the portal");
        Self { _portal: portal, bus }
    }

    /// Lets a bridge use the portal.
    pub fn with(&self, setup: Setup) -> Setup {
        setup.environment("DBUS_SESSION_BUS_ADDRESS", self.bus.address())
    }
}

struct SettingsOne(u32);

#[interface(name = "org.freedesktop.portal.Settings")]
impl SettingsOne {
    /// The value is enclosed twice.
    fn read(&self, namespace: &str, key: &str) -> OwnedValue {
        assert_eq!((namespace, key), COLOR_SCHEME);
        let value = Value::Value(Box::new(self.0.into()));
        value.try_into().expect("a value without a file")
    }
}

struct SettingsTwo(u32);

#[interface(name = "org.freedesktop.portal.Settings")]
impl SettingsTwo {
    fn read_one(&self, namespace: &str, key: &str) -> OwnedValue {
        assert_eq!((namespace, key), COLOR_SCHEME);
        self.0.into()
    }
}

const COLOR_SCHEME: (&str, &str) = ("org.freedesktop.appearance", "color-scheme");
