//! One PIN at a time for each token, whichever origin it comes from: two that are tried at once could both
//! be told that two tries are left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::lock::lock;
use crate::modules::Module;
use crate::pipe::PinRequest;

/// The tokens on which a PIN is tried or waits to be.
#[derive(Default)]
pub(super) struct Attempts(Mutex<HashMap<String, Weak<AsyncMutex<()>>>>);

impl Attempts {
    /// Waits until no other PIN is tried on the token. A token is known by its serial number, because
    /// several modules may reach the same one; by its module where it has none.
    pub(super) async fn turn(&self, request: &PinRequest, module: &Module) -> OwnedMutexGuard<()> {
        let name = match request.token_serial.trim() {
            "" => format!("module {}", module.name),
            serial => format!("token {serial}"),
        };
        let token = {
            let mut tokens = lock(&self.0);
            tokens.retain(|_, token| token.strong_count() > 0);
            tokens.get(&name).and_then(Weak::upgrade).unwrap_or_else(|| {
                let token = Arc::default();
                tokens.insert(name, Arc::downgrade(&token));
                token
            })
        };
        token.lock_owned().await
    }
}
