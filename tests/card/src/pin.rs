//! The user's PIN: its counter of tries, and whether it was verified (NIST SP 800-73-4, part 2,
//! section 3.2.1).

use crate::apdu::Status;
use crate::slot::PinPolicy;

/// The PIN of a card.
pub(crate) struct Pin {
    padded: [u8; LENGTH],
    tries_left: u8,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    NotVerified,
    /// Verified, and one signature with a key that always wants the PIN was made since.
    Verified,
    /// Verified, and not used for such a key yet.
    JustVerified,
}

impl Pin {
    pub(crate) fn new(pin: &str) -> Self {
        let mut padded = [PADDING; LENGTH];
        padded[..pin.len()].copy_from_slice(pin.as_bytes());
        Self { padded, tries_left: TRIES, state: State::NotVerified }
    }

    pub(crate) fn tries_left(&self) -> u8 {
        self.tries_left
    }

    /// Compares a padded PIN. A wrong one takes a try.
    pub(crate) fn verify(&mut self, padded: &[u8]) -> Result<(), Status> {
        if self.tries_left == 0 {
            return Err(Status::PinLocked);
        }
        // A value without the form of a PIN takes no try.
        if padded.len() != LENGTH {
            return Err(Status::WrongData);
        }
        if padded == self.padded {
            self.tries_left = TRIES;
            self.state = State::JustVerified;
            return Ok(());
        }
        self.state = State::NotVerified;
        self.tries_left -= 1;
        Err(self.refusal())
    }

    /// Says whether the PIN was verified. Takes no try.
    pub(crate) fn status(&self) -> Result<(), Status> {
        if self.state == State::NotVerified { Err(self.refusal()) } else { Ok(()) }
    }

    /// Uses a key. Fails if the key needs the PIN first.
    pub(crate) fn use_key(&mut self, policy: PinPolicy) -> Result<(), Status> {
        match (policy, self.state) {
            (PinPolicy::Never, _) | (PinPolicy::Once, State::Verified | State::JustVerified) => {}
            (PinPolicy::Always, State::JustVerified) => self.state = State::Verified,
            (PinPolicy::Once, State::NotVerified)
            | (PinPolicy::Always, State::NotVerified | State::Verified) => {
                return Err(Status::SecurityStatusNotSatisfied);
            }
        }
        Ok(())
    }

    /// Forgets that the PIN was verified.
    pub(crate) fn reset(&mut self) {
        self.state = State::NotVerified;
    }

    fn refusal(&self) -> Status {
        if self.tries_left == 0 { Status::PinLocked } else { Status::TriesLeft(self.tries_left) }
    }
}

/// The length of a PIN with its padding.
const LENGTH: usize = 8;
const PADDING: u8 = 0xFF;
/// As a YubiKey has.
pub(crate) const TRIES: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &[u8] = b"123456\xFF\xFF";
    const WRONG: &[u8] = b"654321\xFF\xFF";

    #[test]
    fn wrong_pins_take_tries_and_the_right_one_gives_them_back() {
        let mut pin = Pin::new("123456");
        assert_eq!(pin.status(), Err(Status::TriesLeft(3)));
        assert_eq!(pin.verify(WRONG), Err(Status::TriesLeft(2)));
        assert_eq!(pin.verify(b"123456"), Err(Status::WrongData));
        assert_eq!(pin.verify(RIGHT), Ok(()));
        assert_eq!(pin.status(), Ok(()));
        for left in [Status::TriesLeft(2), Status::TriesLeft(1), Status::PinLocked] {
            assert_eq!(pin.verify(WRONG), Err(left));
        }
        assert_eq!(pin.verify(RIGHT), Err(Status::PinLocked));
    }

    #[test]
    fn a_key_uses_the_pin_as_its_policy_says() {
        let refused = Err(Status::SecurityStatusNotSatisfied);
        let mut pin = Pin::new("123456");
        assert_eq!(pin.use_key(PinPolicy::Never), Ok(()));
        assert_eq!(pin.use_key(PinPolicy::Once), refused);
        pin.verify(RIGHT).expect("the PIN");
        assert_eq!(pin.use_key(PinPolicy::Once), Ok(()));
        assert_eq!(pin.use_key(PinPolicy::Always), Ok(()));
        assert_eq!(pin.use_key(PinPolicy::Always), refused);
        assert_eq!(pin.use_key(PinPolicy::Once), Ok(()));
        pin.reset();
        assert_eq!(pin.use_key(PinPolicy::Once), refused);
    }
}
