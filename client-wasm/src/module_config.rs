//! Names a PKCS#11 module by its path on each platform.

use js_sys::global;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use wasm_bindgen::prelude::*;

use crate::arguments;
use crate::object::field;

#[wasm_bindgen(module = "/js/module_config.js")]
extern "C" {
    /// The paths of a PKCS#11 module on each platform.
    #[derive(Clone, Debug)]
    pub type ModuleConfig;

    /// The paths on Linux, macOS and Windows. The bridge accepts only modules that are configured
    /// or detected there.
    #[wasm_bindgen(constructor)]
    pub fn new(linux: Option<&str>, mac: Option<&str>, win: Option<&str>) -> ModuleConfig;
}

/// The path for the platform of the page. `None` if the page names none, and means the bridge's
/// default module.
pub(crate) fn path_here(config: &JsValue) -> Result<Option<String>, ErrorObject> {
    let [linux, mac, win] = arguments::fields("moduleConfig", config, ["linux", "mac", "win"])?;
    let path = |name, path| arguments::alone::<Option<String>>(name, path);
    let (linux, mac, win) = (path("linux", linux)?, path("mac", mac)?, path("win", win)?);
    let path = match platform().as_deref() {
        Some(name) if name.starts_with("Win") => win,
        Some(name) if name.starts_with("Mac") || name.starts_with("mac") => mac,
        Some(name) if name.starts_with("Linux") => linux,
        _ => None,
    };
    Ok(path.filter(|path| !path.is_empty()))
}

/// `navigator.userAgentData.platform` ("Windows", "macOS", "Linux") if the browser has it,
/// otherwise `navigator.platform` ("Win32", "MacIntel", "Linux x86_64").
fn platform() -> Option<String> {
    let navigator = field(&global(), "navigator");
    let name = |of: &JsValue| field(of, "platform").as_string().filter(|name| !name.is_empty());
    name(&field(&navigator, "userAgentData")).or_else(|| name(&navigator))
}
