//! Whether the desktop is dark. Windows and macOS tell the window. On Linux the desktop portal
//! knows (`org.freedesktop.appearance`, XDG Desktop Portal, "Settings"), or the GTK theme.

use eframe::egui::ThemePreference;

/// The theme to use. Takes at most [`LIMIT`].
#[cfg(target_os = "linux")]
pub(super) fn preferred() -> ThemePreference {
    use std::sync::mpsc;
    use std::time::Duration;

    /// A portal that has to be started may take longer. Then the window does not wait for it.
    const LIMIT: Duration = Duration::from_secs(1);

    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(from_portal()));
    let from_portal = receiver.recv_timeout(LIMIT).ok().flatten();
    from_portal.or_else(from_gtk).unwrap_or(ThemePreference::Light)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn preferred() -> ThemePreference {
    ThemePreference::System
}

#[cfg(target_os = "linux")]
fn from_portal() -> Option<ThemePreference> {
    use zbus::zvariant::{OwnedValue, Value};

    let bus = zbus::blocking::Connection::session().ok()?;
    let portal = zbus::blocking::Proxy::new(
        &bus,
        "org.freedesktop.portal.Desktop",
        "/org/freedesktop/portal/desktop",
        "org.freedesktop.portal.Settings",
    )
    .ok()?;
    let setting = &("org.freedesktop.appearance", "color-scheme");
    // Portals of version 1 have only `Read`, which encloses the value twice.
    let read = |method: &'static str| portal.call::<_, _, OwnedValue>(method, setting).ok();
    let value = read("ReadOne").or_else(|| read("Read"))?;
    let value = match &*value {
        Value::Value(inner) => u32::try_from(&**inner),
        value => u32::try_from(value),
    };
    match value.ok()? {
        1 => Some(ThemePreference::Dark),
        2 => Some(ThemePreference::Light),
        _ => None,
    }
}

#[cfg(target_os = "linux")]
fn from_gtk() -> Option<ThemePreference> {
    let theme = std::env::var("GTK_THEME").ok()?.to_lowercase();
    theme.ends_with("dark").then_some(ThemePreference::Dark)
}
