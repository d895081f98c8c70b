//! Which PKCS#11 module a page means: the file that it named for its platform.

use js_sys::{Reflect, global};
use pkcs11_bridge_protocol::failure::ErrorObject;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

use crate::arguments;

#[wasm_bindgen(module = "/js/module_config.js")]
extern "C" {
    /// Where the PKCS#11 module stands on each platform.
    #[derive(Clone, Debug)]
    pub type ModuleConfig;

    /// The paths on Linux, macOS and Windows. The bridge takes only those that are configured or
    /// detected there.
    #[wasm_bindgen(constructor)]
    pub fn new(linux: Option<&str>, mac: Option<&str>, win: Option<&str>) -> ModuleConfig;
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Paths {
    #[serde(default)]
    linux: Option<String>,
    #[serde(default)]
    mac: Option<String>,
    #[serde(default)]
    win: Option<String>,
}

/// The path for the platform that the page runs on; `None` where there is none, and the bridge's
/// default module is meant.
pub(crate) fn path_here(config: &JsValue) -> Result<Option<String>, ErrorObject> {
    let Paths { linux, mac, win } = arguments::object("moduleConfig", config)?;
    let path = match platform().as_deref() {
        Some(name) if name.starts_with("Win") => win,
        Some(name) if name.starts_with("Mac") || name.starts_with("mac") => mac,
        Some(name) if name.starts_with("Linux") => linux,
        _ => None,
    };
    Ok(path.filter(|path| !path.is_empty()))
}

/// `navigator.userAgentData.platform` ("Windows", "macOS", "Linux") where the browser has it,
/// otherwise `navigator.platform` ("Win32", "MacIntel", "Linux x86_64").
fn platform() -> Option<String> {
    let member = |object: &JsValue, name: &str| Reflect::get(object, &JsValue::from(name)).ok();
    let navigator = member(&global(), "navigator")?;
    member(&navigator, "userAgentData")
        .and_then(|data| member(&data, "platform"))
        .and_then(|name| name.as_string())
        .filter(|name| !name.is_empty())
        .or_else(|| member(&navigator, "platform")?.as_string())
}
