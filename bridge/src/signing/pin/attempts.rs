//! One PIN at a time for each token, whichever origin it comes from: two that are tried at once could both
//! be told that two tries are left. Where a token does not tell, pages may be wrong twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use pkcs11_bridge_protocol::error_object::ErrorObject;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::messages;
use crate::ipc::{Outcome, PinPermission, PinRequest, Tries};
use crate::modules::Module;
use crate::process::lock::lock;

/// The tokens on which a PIN is tried or waits to be, or was wrong last.
#[derive(Default)]
pub(super) struct Attempts(Mutex<HashMap<String, Arc<AsyncMutex<Token>>>>);

#[derive(Default)]
pub(super) struct Token {
    /// Wrong PINs of pages since the last right one.
    wrong: u32,
}

impl Attempts {
    /// Waits until no other PIN is tried on the token. A token is known by its serial number, because
    /// several modules may reach the same one; by its module where it has none.
    pub(super) async fn turn(
        &self,
        request: &PinRequest,
        module: &Module,
    ) -> OwnedMutexGuard<Token> {
        let name = match request.token_serial.trim() {
            "" => format!("module {}", module.name),
            serial => format!("token {serial}"),
        };
        let token = {
            let mut tokens = lock(&self.0);
            tokens.retain(|_, token| {
                Arc::strong_count(token) > 1 || token.try_lock().is_ok_and(|token| token.wrong > 0)
            });
            Arc::clone(tokens.entry(name).or_default())
        };
        token.lock_owned().await
    }
}

impl Token {
    /// Refuses a page's PIN where it may be the last try, and the token would not say so.
    pub(super) fn check(
        &self,
        request: &PinRequest,
        leave: &PinPermission,
    ) -> Result<(), ErrorObject> {
        match (leave, request.tries) {
            (PinPermission::OfPage, Tries::NotKnown) if self.wrong >= MAX_WRONG_UNTOLD => {
                Err(messages::tries_not_told(request).into())
            }
            _ => Ok(()),
        }
    }

    /// Notes what became of a PIN.
    pub(super) fn note(&mut self, of_page: bool, outcome: &Result<Outcome, ErrorObject>) {
        match outcome {
            Ok(Outcome::Done(_)) => self.wrong = 0,
            Ok(Outcome::Failed(error))
                if of_page && error.data.pkcs11.as_deref() == Some("CKR_PIN_INCORRECT") =>
            {
                self.wrong = self.wrong.saturating_add(1);
            }
            _ => {}
        }
    }
}

/// Hardly any card gives fewer than three tries.
const MAX_WRONG_UNTOLD: u32 = 2;
