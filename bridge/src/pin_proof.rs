//! Remembers which PIN a login was made with, without keeping it: a keyed hash that only this process
//! can make and that is gone with the login.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::pin::Pin;
use secrecy::ExposeSecret;

/// Tells whether a PIN is the one of the login.
pub(crate) struct PinProof {
    key: hmac::Key,
    tag: hmac::Tag,
}

impl PinProof {
    pub(crate) fn of(pin: &Pin) -> Result<Self, Failure> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| Failure::new(ErrorCode::Internal, "The system has no random numbers."))?;
        let tag = hmac::sign(&key, pin.secret().expose_secret().as_bytes());
        Ok(Self { key, tag })
    }

    /// Compares in a time that does not tell how much is alike.
    pub(crate) fn matches(&self, pin: &Pin) -> bool {
        let pin = pin.secret().expose_secret().as_bytes();
        hmac::verify(&self.key, pin, self.tag.as_ref()).is_ok()
    }
}

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
