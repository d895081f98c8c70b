//! What a module shows that passes calls on to SoftHSM.

use crate::conformance::family::Key;
use crate::token::{KeyType, TestToken};

/// The keys of a SoftHSM token.
pub(super) fn keys(token: &TestToken) -> Vec<Key> {
    KeyType::ALL.map(|key_type| Key::of(&token.certified_key(key_type), key_type)).to_vec()
}
