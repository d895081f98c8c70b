//! What `connect` resolves to: the connection as the page sees it.

use std::ops::RangeInclusive;
use std::rc::Rc;

use js_sys::{Array, Function, Promise};
use pkcs11_bridge_protocol::PORTS;
use pkcs11_bridge_protocol::call::{Hello, Modules};
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::failure::Failure;
use wasm_bindgen::prelude::*;

use crate::arguments;
use crate::bridge_search::BridgeSearch;
use crate::connection::{Connection, Limits};
use crate::module_config;
use crate::object::is_absent;
use crate::pkcs11::AbstractPkcs11;
use crate::reply::result;
use crate::responder::respond;
use crate::rest_exception::RestException;
use crate::signature_check::SignatureChecks;

/// A connection to the bridge. If the bridge restarts, the client finds it again, until
/// [`Client::close`] ends the connection.
#[wasm_bindgen]
pub struct Client {
    connection: Rc<Connection>,
    search: BridgeSearch,
    /// `None` if the page wants no checks.
    checks: Option<SignatureChecks>,
    /// The path in the page's `ModuleConfig` for this platform.
    module: Option<String>,
}

/// Connects to the bridge.
///
/// `options` is an object or `undefined`. Its fields:
///
/// - `ports`: `[first, last]`, by default 24911 to 24915.
/// - `moduleConfig`: a module by its path on each platform.
/// - `timeout`: how many milliseconds the bridge may be silent about a call, by default 600000.
/// - `bridgeKey`: the fingerprint of the bridge's key, or several. By default the remembered one.
/// - `verify`: whether the page checks signatures, by default `true`.
///
/// Fails with 400/801 for other options, with 500/999 if no bridge answers, and with 409 if the
/// program that answers is not the bridge of the page. `load_verifier` loads the verifier of the
/// package.
#[wasm_bindgen]
pub async fn connect(
    options: JsValue,
    load_verifier: Option<Function>,
) -> Result<Client, RestException> {
    let Options { ports, module, limits, keys, verify } = Options::from_js(&options)?;
    let (first, last) = ports.into_inner();
    let search = BridgeSearch::new(first, last, limits.search, &keys, load_verifier.as_ref());
    let connection = Connection::open(search.clone(), limits, module.clone()).await?;
    let load_verifier = load_verifier.filter(|_| verify);
    let checks = load_verifier.map(|load| SignatureChecks::new(&load));
    Ok(Client { connection, search, checks, module })
}

#[wasm_bindgen]
impl Client {
    /// The functions of a PKCS#11 module. Without a name it is the module of the `ModuleConfig`
    /// given to `connect`, or the bridge's default. Throws 400/801 if the name is not a string.
    pub fn pkcs11(
        &self,
        #[wasm_bindgen(js_name = moduleName)] module_name: JsValue,
    ) -> Result<AbstractPkcs11, RestException> {
        let module = match module_name {
            name if is_absent(&name) => self.module.clone(),
            name => Some(arguments::alone("moduleName", name)?),
        };
        self.connection.add_module(&module);
        Ok(AbstractPkcs11::new(self.connection.clone(), self.checks.clone(), module))
    }

    /// The fingerprint of the bridge's key. `undefined` until the bridge has proved it.
    #[wasm_bindgen(getter, js_name = bridgeKey)]
    pub fn bridge_key(&self) -> JsValue {
        self.search.proved_key()
    }

    /// The name, version and methods of the bridge.
    pub fn hello(&self, callback: JsValue) -> Promise {
        respond(callback, result(self.connection.call(Hello::default(), |_| ())))
    }

    /// The modules that the page may name.
    pub fn modules(&self, callback: JsValue) -> Promise {
        respond(callback, result(self.connection.call(Modules {}, |_| ())))
    }

    /// Ends the connection. Waiting calls and all later calls fail with 500/999.
    pub fn close(&self) {
        self.connection.close();
    }

    /// As `EventTarget.addEventListener`, for "open", "close", "slot", "watch" and "traffic".
    #[wasm_bindgen(js_name = addEventListener)]
    pub fn add_event_listener(
        &self,
        #[wasm_bindgen(js_name = type)] kind: &JsValue,
        listener: &JsValue,
        options: &JsValue,
    ) -> Result<(), JsValue> {
        self.connection.events().add(kind, listener, options)
    }

    /// As `EventTarget.removeEventListener`.
    #[wasm_bindgen(js_name = removeEventListener)]
    pub fn remove_event_listener(
        &self,
        #[wasm_bindgen(js_name = type)] kind: &JsValue,
        listener: &JsValue,
        options: &JsValue,
    ) -> Result<(), JsValue> {
        self.connection.events().remove(kind, listener, options)
    }
}

struct Options {
    ports: RangeInclusive<u16>,
    module: Option<String>,
    limits: Limits,
    keys: Array,
    verify: bool,
}

impl Options {
    fn from_js(options: &JsValue) -> Result<Self, ErrorObject> {
        let names = ["ports", "moduleConfig", "timeout", "bridgeKey", "verify"];
        let [ports, module_config, timeout, keys, verify] =
            arguments::fields("options", options, names)?;
        Ok(Self {
            ports: port_range(arguments::alone("ports", ports)?)?,
            module: module_config::path_here(&module_config)?,
            limits: limits(arguments::alone("timeout", timeout)?)?,
            keys: pinned(keys)?,
            verify: arguments::alone::<Option<bool>>("verify", verify)?.unwrap_or(true),
        })
    }
}

fn port_range(ports: Option<Vec<u16>>) -> Result<RangeInclusive<u16>, Failure> {
    match ports.as_deref() {
        None => Ok(PORTS),
        Some(&[first, last]) if 0 < first && first <= last && last - first < MAX_PORTS => {
            Ok(first..=last)
        }
        Some(_) => {
            let problem = format!(
                "has to be the first and the last of at most {MAX_PORTS} ports, such as [{}, {}].",
                PORTS.start(),
                PORTS.end()
            );
            Err(Failure::bad_argument("ports", problem))
        }
    }
}

/// The fingerprints of `bridgeKey`, in lower case.
fn pinned(keys: JsValue) -> Result<Array, Failure> {
    fingerprints(&keys).ok_or_else(|| {
        let problem = "has to be the fingerprint that `pkcs11-bridge key` shows, or an array of \
                       fingerprints.";
        Failure::bad_argument("bridgeKey", problem)
    })
}

#[wasm_bindgen(module = "/js/bridge_key.js")]
extern "C" {
    /// `undefined` if the page passes something else.
    fn fingerprints(keys: &JsValue) -> Option<Array>;
}

fn limits(timeout: Option<u32>) -> Result<Limits, Failure> {
    match timeout {
        None => Ok(LIMITS),
        Some(timeout @ 1..=MAX_TIMEOUT) => Ok(Limits { search: timeout, silence: timeout }),
        Some(_) => {
            let problem = format!("has to be a number of milliseconds from 1 to {MAX_TIMEOUT}.");
            Err(Failure::bad_argument("timeout", problem))
        }
    }
}

/// Enough to find the bridge, too few to scan the computer.
const MAX_PORTS: u16 = 32;

/// The limits if the page sets none. A call may make the bridge ask the user for approval and then
/// for the PIN, a minute each time, and dialogs of other sites may come first. The bridge limits
/// all of that and always answers: this limit is for a bridge that hangs.
const LIMITS: Limits = Limits { search: 60_000, silence: 600_000 };

/// The longest time that a browser's `setTimeout` can wait.
const MAX_TIMEOUT: u32 = i32::MAX as u32;
