//! What reads the bytes of a peer, for the fuzz targets. The rest of what the bridge sends is read by the
//! browser.

use crate::certificate;

/// A certificate in DER: what a page is told of it. The text of the error where it is none.
pub fn certificate(der: &[u8]) -> Result<(), String> {
    certificate::parse(der).map(drop)
}
