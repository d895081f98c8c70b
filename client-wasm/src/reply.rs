//! From the bridge's reply to the `data` of the response.

use js_sys::Array;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use wasm_bindgen::{JsCast, JsValue};

use crate::certificate;
use crate::connection::{PendingReply, unreadable};
use crate::object::field;
use crate::responder::{Data, response};
use crate::signature_check::SignatureCheck;

/// Waits for a reply, and passes its result on as it is.
pub(crate) fn result(reply: Result<PendingReply, ErrorObject>) -> Data {
    Box::pin(async move { reply?.result().await })
}

/// Waits for the reply to `certificates`, and passes the list to `note`. Adds the content of each
/// certificate if the page wants it. Makes the whole response.
pub(crate) fn certificates(
    reply: Result<(PendingReply, bool), ErrorObject>,
    note: Option<impl FnOnce(&JsValue) + 'static>,
) -> Data {
    Box::pin(async move {
        let (reply, parse) = reply?;
        let result = reply.result().await?;
        let list: Array = field(&result, "certificates").dyn_into().map_err(|_| unreadable())?;
        for certificate in list.iter() {
            if !certificate.is_object() {
                return Err(unreadable().into());
            }
            if parse {
                certificate::describe(&certificate).ok_or_else(unreadable)?;
            }
        }
        Ok(noted(&list, &result, note))
    })
}

/// Waits for the reply to `keys`, and passes the list to `note`. Makes the whole response.
pub(crate) fn keys(
    reply: Result<PendingReply, ErrorObject>,
    note: Option<impl FnOnce(&JsValue) + 'static>,
) -> Data {
    Box::pin(async move {
        let result = reply?.result().await?;
        let list: Array = field(&result, "keys").dyn_into().map_err(|_| unreadable())?;
        if !list.iter().all(|key| key.is_object()) {
            return Err(unreadable().into());
        }
        Ok(noted(&list, &result, note))
    })
}

/// The response with a list, after `note` has it.
fn noted(list: &Array, result: &JsValue, note: Option<impl FnOnce(&JsValue)>) -> JsValue {
    if let Some(note) = note {
        note(list);
    }
    let response = response(list);
    response.set_login_required(&field(result, "login_required"));
    response.into()
}

/// Waits for the reply to `signData` or `authenticate`, and checks the signature.
pub(crate) fn signature(reply: Result<(PendingReply, SignatureCheck), ErrorObject>) -> Data {
    Box::pin(async move {
        let (reply, check) = reply?;
        check.finish(reply.result().await?).await
    })
}
