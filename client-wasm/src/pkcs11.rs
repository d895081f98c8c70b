//! `AbstractPkcs11`: one method for each call of the protocol, for one module.

use std::rc::Rc;

use js_sys::Promise;
use pkcs11_bridge_protocol::call::{
    Authenticate, Certificates, Info, Keys, Logout, Method, SignData, SignDataBatch, Slots, Token,
    VerifySignedData,
};
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::pin::Pin;
use pkcs11_bridge_protocol::slot_id::SlotId;
use wasm_bindgen::prelude::*;

use crate::arguments;
use crate::batch::{Batch, Options};
use crate::connection::Connection;
use crate::object::is_absent;
use crate::reply;
use crate::responder::{respond, respond_with};
use crate::signature_check::{SignatureCheck, SignatureChecks};

/// The functions of one PKCS#11 module.
///
/// Each method returns a promise of `{ data, success: true }`, and also calls
/// `callback(error, response)` if the page passes a callback. A failure is a `RestException`.
#[wasm_bindgen]
pub struct AbstractPkcs11 {
    connection: Rc<Connection>,
    /// The checks of the client, and what reads certificates for them: this object again, without
    /// checks. `None` if the page wants no checks.
    checks: Option<(SignatureChecks, JsValue)>,
    module: Option<String>,
}

#[wasm_bindgen]
impl AbstractPkcs11 {
    /// The module's information about itself.
    pub fn info(&self, callback: JsValue) -> Promise {
        self.call(Ok(Info { module: self.module.clone() }), callback)
    }

    /// The slots of the module.
    pub fn slots(&self, callback: JsValue) -> Promise {
        self.call(Ok(Slots { module: self.module.clone(), token_present: None }), callback)
    }

    /// The slots with a token.
    #[wasm_bindgen(js_name = slotsWithTokenPresent)]
    pub fn slots_with_token_present(&self, callback: JsValue) -> Promise {
        self.call(Ok(Slots { module: self.module.clone(), token_present: Some(true) }), callback)
    }

    /// The token in a slot. Without `slotId` an array of all tokens.
    pub fn token(
        &self,
        #[wasm_bindgen(js_name = slotId)] slot_id: JsValue,
        callback: JsValue,
    ) -> Promise {
        let (slot_id, callback) = callback_last(slot_id, callback);
        let params =
            optional_slot(slot_id).map(|slot_id| Token { module: self.module.clone(), slot_id });
        self.call(params, callback)
    }

    /// The certificates on the token in a slot. `options` is `{ parseCerts?: boolean, login?:
    /// boolean }`. The response has `login_required` beside `data`.
    pub fn certificates(
        &self,
        #[wasm_bindgen(js_name = slotId)] slot_id: JsValue,
        options: JsValue,
        callback: JsValue,
    ) -> Promise {
        let (options, callback) = callback_last(options, callback);
        let (slot_id, callback) = callback_last(slot_id, callback);
        let note = self.checks.clone().map(|(checks, _)| {
            let (module, slot_id) = (self.module.clone(), slot_id.clone());
            move |list: &JsValue| checks.note(module.as_deref(), &slot_id, list)
        });
        let reply = arguments::alone("slotId", slot_id).and_then(|slot_id| {
            let [parse, login] = arguments::fields("options", &options, ["parseCerts", "login"])?;
            let parse: Option<bool> = arguments::alone("parseCerts", parse)?;
            let login = arguments::alone("login", login)?;
            let params = Certificates { module: self.module.clone(), slot_id, login };
            Ok((self.connection.call(params, |_| ())?, parse.unwrap_or(false)))
        });
        respond_with(callback, reply::certificates(reply, note))
    }

    /// The keys without a certificate on the token in a slot. `options` is `{ login?: boolean }`.
    /// The response has `login_required` beside `data`.
    pub fn keys(
        &self,
        #[wasm_bindgen(js_name = slotId)] slot_id: JsValue,
        options: JsValue,
        callback: JsValue,
    ) -> Promise {
        let (options, callback) = callback_last(options, callback);
        let (slot_id, callback) = callback_last(slot_id, callback);
        let note = self.checks.clone().map(|(checks, _)| {
            let (module, slot_id) = (self.module.clone(), slot_id.clone());
            move |list: &JsValue| checks.note_keys(module.as_deref(), &slot_id, list)
        });
        let reply = arguments::alone("slotId", slot_id).and_then(|slot_id| {
            let [login] = arguments::fields("options", &options, ["login"])?;
            let login = arguments::alone("login", login)?;
            let params = Keys { module: self.module.clone(), slot_id, login };
            self.connection.call(params, |_| ())
        });
        respond_with(callback, reply::keys(reply, note))
    }

    /// Signs a hash: `{ slot_id, cert_id, algorithm_reference, data, pin?, signature_format?,
    /// document? }`. The response's data is the base64 of the signature.
    #[wasm_bindgen(js_name = signData)]
    pub fn sign_data(&self, data: &JsValue, callback: JsValue) -> Promise {
        let params = arguments::object("data", data).and_then(|mut params: SignData| {
            params.check_input()?;
            self.choose_module(&mut params.module)?;
            Ok(params)
        });
        let reply = params
            .and_then(|params| self.connection.call(params, |shown| hide(shown.pin.as_mut())))
            .map(|reply| (reply, self.check(data)));
        respond(callback, reply::signature(reply))
    }

    /// Signs many hashes with one PIN. Takes the object of `signData` with an array as `data`.
    /// `options` is `{ onProgress, signal }`. The response's data is an array of `{ signature }`
    /// and `{ error }`.
    #[wasm_bindgen(js_name = signDataBatch)]
    pub fn sign_data_batch(&self, data: &JsValue, options: JsValue, callback: JsValue) -> Promise {
        let (options, callback) = callback_last(options, callback);
        let params = arguments::object("data", data).and_then(|mut params: SignDataBatch| {
            self.choose_module(&mut params.module)?;
            Ok(params)
        });
        let batch = params.and_then(|params| {
            let Options { on_progress, signal } = Options::from_js(&options)?;
            let batch = Batch::start(&self.connection, signal, || {
                let hide = |shown: &mut SignDataBatch| hide(shown.pin.as_mut());
                self.connection.call_with_progress(params, hide, on_progress)
            });
            Ok((batch?, self.check(data)))
        });
        respond(
            callback,
            Box::pin(async move {
                let (batch, check) = batch?;
                batch.items(check).await
            }),
        )
    }

    /// Proves to the site's server who the user is: `{ slot_id, cert_id, challenge }`. The
    /// response's data is `{ format, algorithm, signature, certificate }`.
    pub fn authenticate(&self, request: &JsValue, callback: JsValue) -> Promise {
        let params = arguments::object("request", request).and_then(|mut params: Authenticate| {
            self.choose_module(&mut params.module)?;
            Ok(params)
        });
        let reply = params
            .and_then(|params| self.connection.call(params, |_| ()))
            .map(|reply| (reply, self.check(request)));
        respond(callback, reply::signature(reply))
    }

    /// Verifies a signature. Takes the object of `signData` with `signature` instead of `pin`. The
    /// response's data is a boolean.
    #[wasm_bindgen(js_name = verifySignedData)]
    pub fn verify_signed_data(&self, data: &JsValue, callback: JsValue) -> Promise {
        let params = arguments::object("data", data).and_then(|mut params: VerifySignedData| {
            self.choose_module(&mut params.module)?;
            Ok(params)
        });
        self.call(params, callback)
    }

    /// Ends the page's login to the token in a slot. Without `slotId` ends all logins. The
    /// response's data says whether the page was logged in.
    pub fn logout(
        &self,
        #[wasm_bindgen(js_name = slotId)] slot_id: JsValue,
        callback: JsValue,
    ) -> Promise {
        let (slot_id, callback) = callback_last(slot_id, callback);
        let params =
            optional_slot(slot_id).map(|slot_id| Logout { module: self.module.clone(), slot_id });
        self.call(params, callback)
    }
}

impl AbstractPkcs11 {
    pub(crate) fn new(
        connection: Rc<Connection>,
        checks: Option<SignatureChecks>,
        module: Option<String>,
    ) -> Self {
        let checks = checks.map(|checks| {
            let (connection, module) = (connection.clone(), module.clone());
            (checks, Self { connection, checks: None, module }.into())
        });
        Self { connection, checks, module }
    }

    /// Prepares the check of the signatures that a call makes.
    fn check(&self, request: &JsValue) -> SignatureCheck {
        SignatureCheck::start(self.checks.as_ref(), self.module.as_deref(), request)
    }

    fn call<M: Method>(&self, params: Result<M, ErrorObject>, callback: JsValue) -> Promise {
        let reply = params.and_then(|params| self.connection.call(params, |_| ()));
        respond(callback, reply::result(reply))
    }

    /// Sets the module of this object. The page must not set it in the arguments.
    fn choose_module(&self, module: &mut Option<String>) -> Result<(), Failure> {
        if module.is_some() {
            let problem = "is not an argument; choose the module with client.pkcs11(name).";
            return Err(Failure::bad_argument("module", problem));
        }
        module.clone_from(&self.module);
        Ok(())
    }
}

fn optional_slot(slot_id: JsValue) -> Result<Option<SlotId>, ErrorObject> {
    if is_absent(&slot_id) { Ok(None) } else { arguments::alone("slotId", slot_id).map(Some) }
}

/// Hides the PIN from the page's "traffic" listeners.
fn hide(pin: Option<&mut Pin>) {
    if let Some(pin) = pin {
        *pin = Pin::from("•••".to_owned());
    }
}

/// If the page passes a function in the place of an argument, takes it as the callback.
fn callback_last(argument: JsValue, callback: JsValue) -> (JsValue, JsValue) {
    if argument.is_function() { (JsValue::UNDEFINED, argument) } else { (argument, callback) }
}
