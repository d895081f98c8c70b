//! From the bridge's reply to the `data` of the response.

use js_sys::Array;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use wasm_bindgen::JsCast;

use crate::certificate;
use crate::connection::{PendingReply, unreadable};
use crate::responder::Data;

/// Waits for a reply, and passes its result on as it is.
pub(crate) fn result(reply: Result<PendingReply, ErrorObject>) -> Data {
    Box::pin(async move { reply?.result().await })
}

/// Waits for the reply to `certificates`, and adds the content of each certificate.
pub(crate) fn certificates(reply: Result<PendingReply, ErrorObject>) -> Data {
    Box::pin(async move {
        let result = reply?.result().await?;
        let list: Array = result.dyn_into().map_err(|_| unreadable())?;
        for certificate in list.iter() {
            certificate::describe(&certificate).ok_or_else(unreadable)?;
        }
        Ok(list.into())
    })
}
