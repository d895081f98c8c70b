//! What the bridge reads from a certificate before it lets a page use the certificate's key.

pub mod fingerprint;
pub mod key_purpose;
