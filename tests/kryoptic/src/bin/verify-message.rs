//! Verifies a signature over a message with OpenSSL. The `openssl` of the machine may be too old
//! for ML-DSA.
//!
//!     verify-message CERTIFICATE_DER MESSAGE SIGNATURE
//!
//! It prints `true` or `false`.

use std::error::Error;
use std::fs;

use openssl::sign::Verifier;
use openssl::x509::X509;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [certificate, message, signature] = &arguments[..] else {
        return Err("use: verify-message CERTIFICATE_DER MESSAGE SIGNATURE".into());
    };
    let key = X509::from_der(&fs::read(certificate)?)?.public_key()?;
    let mut verifier = Verifier::new_without_digest(&key)?;
    println!("{}", verifier.verify_oneshot(&fs::read(signature)?, &fs::read(message)?)?);
    Ok(())
}
