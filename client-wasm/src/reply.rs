//! From the bridge's reply to the `data` of the response.

use pkcs11_bridge_protocol::failure::{ErrorObject, Failure, Row};
use pkcs11_bridge_protocol::result::CertificateInfo;
use serde::Serialize;

use crate::callback::Work;
use crate::certificate::Certificate;
use crate::connection::Reply;

/// Waits for a reply and passes its result on as it is.
pub(crate) fn result(reply: Result<Reply, ErrorObject>) -> Work {
    Box::pin(async move { reply?.result().await })
}

/// Waits for the reply to `certificates` and parses each one.
pub(crate) fn certificates(reply: Result<Reply, ErrorObject>) -> Work {
    Box::pin(async move {
        let result = reply?.result().await?;
        let certificates: Vec<CertificateInfo> =
            serde_wasm_bindgen::from_value(result).map_err(|_| unreadable())?;
        let certificates: Vec<_> = certificates.into_iter().map(Certificate::from).collect();
        let serializer = serde_wasm_bindgen::Serializer::new().serialize_missing_as_null(true);
        certificates.serialize(&serializer).map_err(|_| unreadable().into())
    })
}

pub(crate) fn unreadable() -> Failure {
    let message = "The reply of the bridge cannot be read. The bridge and this page may be of \
                   versions that do not fit; update both.";
    Failure::new(Row::Internal, message)
}
