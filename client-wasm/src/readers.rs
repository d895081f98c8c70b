//! What reads the bytes of a peer, for the fuzz targets. The rest of what the bridge sends is read by the
//! browser.

use pkcs11_bridge_protocol::result::CertificateInfo;

use crate::certificate::Certificate;

/// A certificate in DER: what a page is told of it. The text of the error where it is none.
pub fn certificate(der: &[u8]) -> Result<(), String> {
    let info =
        CertificateInfo { id: String::new(), base64: der.to_vec().into(), label: String::new() };
    Certificate::from(info).problem().map_or(Ok(()), |problem| Err(problem.to_owned()))
}
