//! Remembers a PIN without keeping it, so that a later PIN can be compared with it. A keyed hash
//! stands for the PIN. Only this process has the key, and the key is dropped with the hash.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::pin::Pin;
use secrecy::ExposeSecret;

/// A keyed hash of a PIN.
pub(crate) struct PinProof {
    key: hmac::Key,
    tag: hmac::Tag,
}

impl PinProof {
    pub(crate) fn of(pin: &Pin) -> Result<Self, Failure> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| Failure::new(ErrorCode::Internal, NO_RANDOMNESS))?;
        let tag = hmac::sign(&key, pin.secret().expose_secret().as_bytes());
        Ok(Self { key, tag })
    }

    /// Whether `pin` is the remembered PIN. Compares in constant time, so that the duration does
    /// not reveal how much of the PIN is right.
    pub(crate) fn matches(&self, pin: &Pin) -> bool {
        let pin = pin.secret().expose_secret().as_bytes();
        hmac::verify(&self.key, pin, self.tag.as_ref()).is_ok()
    }
}

const NO_RANDOMNESS: &str =
    "The operating system gave the bridge no random numbers. Try again, or restart the computer.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_pin_matches() {
        let pin = |text: &str| Pin::from(text.to_owned());
        let proof = PinProof::of(&pin("123456")).unwrap();
        assert!(proof.matches(&pin("123456")));
        for other in ["", "12345", "1234567", "123457"] {
            assert!(!proof.matches(&pin(other)), "{other}");
        }
    }
}
