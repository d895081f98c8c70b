//! The bridge's window is dark if the desktop is: by the desktop portal, or by the GTK theme.

use std::time::Duration;

use pkcs11_bridge_tests::bridge::Setup;
use pkcs11_bridge_tests::desktop::Desktop;
use pkcs11_bridge_tests::desktop_portal::ColorScheme::{Dark, Light, NoPreference};
use pkcs11_bridge_tests::desktop_portal::{DesktopPortal, Version};
use pkcs11_bridge_tests::processes::wait_until;
use serde_json::json;

#[tokio::test]
async fn the_window_is_as_dark_as_the_desktop() {
    let desktop = Desktop::start();
    for (portal, gtk_theme, dark) in [
        (None, "", false),
        (None, "Adwaita:dark", true),
        (Some((Version::Two, Dark)), "", true),
        (Some((Version::Two, Light)), "Adwaita:dark", false),
        (Some((Version::Two, NoPreference)), "Adwaita:dark", true),
        (Some((Version::One, Dark)), "", true),
        (Some((Version::One, Light)), "Adwaita:dark", false),
    ] {
        let setup = Setup::new().own_window(&desktop).environment("GTK_THEME", gtk_theme);
        let started = portal.map(|(version, scheme)| DesktopPortal::start(version, scheme));
        let bridge = match &started {
            Some(portal) => portal.with(setup),
            None => setup,
        }
        .start();
        let mut page = bridge.connect_as("https://new.example").await;
        page.request("hello", json!({})).await;
        desktop.wait_for_window();
        let ground = if dark { DARK_GROUND } else { LIGHT_GROUND };
        let is_right = wait_until(DRAWN, || desktop.window_color() == ground);
        assert!(is_right, "{portal:?} {gtk_theme:?}: {:x?}", desktop.window_color());
        drop(bridge);
        desktop.wait_for_no_window();
    }
}

// Behind everything, in `dialog/src/window/style.rs`: blue, green and red.
const DARK_GROUND: [u8; 3] = [0x17, 0x12, 0x0d];
const LIGHT_GROUND: [u8; 3] = [0xf8, 0xf6, 0xf4];

/// How long the first picture of a window may take.
const DRAWN: Duration = Duration::from_secs(10);
