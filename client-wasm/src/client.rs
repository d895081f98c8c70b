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

/// A connection to the bridge. It finds the bridge again where that was restarted, until
/// [`Client::close`] ends it.
#[wasm_bindgen]
pub struct Client {
    connection: Rc<Connection>,
    /// What the page's `ModuleConfig` says for this platform.
    module: Option<String>,
}

/// Connects to the bridge.
///
/// `options` is an object, or `undefined`: `ports` (`[first, last]`, 24911 to 24915 where it is
/// missing), `moduleConfig`, and `timeout`, for how many milliseconds the bridge may be silent about
/// a call (600000 where it is missing). Fails with 400/801 for other options and 500/999 where no bridge answers.
#[wasm_bindgen]
pub async fn connect(options: JsValue) -> Result<Client, RestException> {
    let Options { ports, module, limits } = Options::from_js(&options)?;
    let connection = Connection::open(ports, limits, module.clone()).await?;
    Ok(Client { connection, module })
}

#[wasm_bindgen]
impl Client {
    /// The functions of a PKCS#11 module: the one of that name, else that of the `ModuleConfig`
    /// given to `connect`, else the bridge's default. Throws 400/801 where the name is no string.
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

    /// Who the bridge is and what it can do.
    pub fn hello(&self, callback: JsValue) -> Promise {
        respond(callback, result(self.connection.call(Hello {}, |_| ())))
    }

    /// The modules that the page may name.
    pub fn modules(&self, callback: JsValue) -> Promise {
        respond(callback, result(self.connection.call(Modules {}, |_| ())))
    }

    /// Ends the connection. Calls that wait fail with 500/999, and so does every later one.
    pub fn close(&self) {
        self.connection.close();
    }

    /// As `EventTarget.addEventListener`, for "open", "close", "slot", "watch" and
    /// "traffic".
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

/// A page looks for the bridge, it does not scan the computer.
const MAX_PORTS: u16 = 32;

/// Where the page sets none. Any call may be the one that has the user asked, for a minute, whether
/// the site may use tokens; then for the PIN, a minute each time; and other sites' questions come
/// before. The bridge limits all that and always answers: this is for one that hangs.
const LIMITS: Limits = Limits { search: 60_000, silence: 600_000 };

/// The longest time that a browser's `setTimeout` can wait.
const MAX_TIMEOUT: u32 = i32::MAX as u32;
