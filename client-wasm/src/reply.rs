//! From the bridge's reply to the `data` of the response.

use js_sys::Array;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::failure::Failure;
use wasm_bindgen::JsCast;

use crate::callback::Work;
use crate::certificate;
use crate::connection::Reply;

/// Waits for a reply and passes its result on as it is.
pub(crate) fn result(reply: Result<Reply, ErrorObject>) -> Work {
    Box::pin(async move { reply?.result().await })
}

/// Waits for the reply to `certificates` and adds what each one says.
pub(crate) fn certificates(reply: Result<Reply, ErrorObject>) -> Work {
    Box::pin(async move {
        let result = reply?.result().await?;
        let list: Array = result.dyn_into().map_err(|_| unreadable())?;
        for certificate in list.iter() {
            certificate::describe(&certificate).ok_or_else(unreadable)?;
        }
        Ok(list.into())
    })
}

pub(crate) fn unreadable() -> Failure {
    let message = "The reply of the bridge cannot be read. The bridge and this page may be of \
                   versions that do not fit; update both.";
    Failure::new(ErrorCode::Internal, message)
}
