//! What `connect` resolves to: the connection as the page sees it.

use std::ops::RangeInclusive;
use std::rc::Rc;

use js_sys::Promise;
use pkcs11_bridge_protocol::PORTS;
use pkcs11_bridge_protocol::call::{Hello, Modules};
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::failure::Failure;
use wasm_bindgen::prelude::*;

use crate::arguments;
use crate::connection::{Connection, Limits};
use crate::module_config;
use crate::object::is_absent;
use crate::pkcs11::AbstractPkcs11;
use crate::reply::result;
use crate::responder::respond;
use crate::rest_exception::RestException;

/// A connection to the bridge. If the bridge restarts, the client finds it again, until
/// [`Client::close`] ends the connection.
#[wasm_bindgen]
pub struct Client {
    connection: Rc<Connection>,
    /// The path in the page's `ModuleConfig` for this platform.
    module: Option<String>,
}

/// Connects to the bridge.
///
/// `options` is an object or `undefined`. Its fields are `ports` (`[first, last]`, by default 24911
/// to 24915), `moduleConfig`, and `timeout`: how many milliseconds the bridge may be silent about a
/// call (by default 600000). Fails with 400/801 for other options, and with 500/999 if no bridge
/// answers.
#[wasm_bindgen]
pub async fn connect(options: JsValue) -> Result<Client, RestException> {
    let Options { ports, module, limits } = Options::from_js(&options)?;
    let connection = Connection::open(ports, limits, module.clone()).await?;
    Ok(Client { connection, module })
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
        Ok(AbstractPkcs11::new(self.connection.clone(), module))
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
}

impl Options {
    fn from_js(options: &JsValue) -> Result<Self, ErrorObject> {
        let names = ["ports", "moduleConfig", "timeout"];
        let [ports, module_config, timeout] = arguments::fields("options", options, names)?;
        Ok(Self {
            ports: port_range(arguments::alone("ports", ports)?)?,
            module: module_config::path_here(&module_config)?,
            limits: limits(arguments::alone("timeout", timeout)?)?,
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
