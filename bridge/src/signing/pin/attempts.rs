//! Lets one PIN at a time be tried on a token, whatever its origin. Otherwise two origins could
//! both see that two tries are left, and use up both. If a token does not report its tries, pages
//! may send two wrong PINs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::rv::Rv;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::messages;
use crate::ipc::message::Outcome;
use crate::ipc::pin::{TokenPinState, TriesLeft};
use crate::modules::ModuleName;
use crate::process::lock::lock;

/// Who chose the PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PinSource {
    Page,
    User,
}

/// The tokens on which a PIN is being tried, or for which pages sent wrong PINs.
#[derive(Default)]
pub(super) struct Attempts(Mutex<HashMap<String, Arc<AsyncMutex<TokenAttempts>>>>);

#[derive(Default)]
pub(super) struct TokenAttempts {
    /// How many wrong PINs pages sent since the last right one.
    wrong_page_pins: u32,
}

impl Attempts {
    /// Waits until no other PIN is being tried on the token. The serial number identifies the
    /// token, because several modules may reach it. If it has none, its module identifies it.
    pub(super) async fn turn(
        &self,
        token: &TokenPinState,
        module: &ModuleName,
    ) -> OwnedMutexGuard<TokenAttempts> {
        let name = match token.serial.trim() {
            "" => format!("module {module}"),
            serial => format!("token {serial}"),
        };
        let attempts = {
            let mut tokens = lock(&self.0);
            tokens.retain(|_, attempts| {
                Arc::strong_count(attempts) > 1
                    || attempts.try_lock().is_ok_and(|attempts| attempts.wrong_page_pins > 0)
            });
            Arc::clone(tokens.entry(name).or_default())
        };
        attempts.lock_owned().await
    }
}

impl TokenAttempts {
    /// Refuses a PIN of a page if the token does not report its tries and this may be the last one.
    pub(super) fn check(&self, token: &TokenPinState, source: PinSource) -> Result<(), Failure> {
        let may_be_last =
            token.tries == TriesLeft::Unknown && self.wrong_page_pins >= MAX_WRONG_IF_UNKNOWN;
        if source == PinSource::Page && may_be_last {
            return Err(messages::tries_not_known(&token.label));
        }
        Ok(())
    }

    /// Records how the token answered a PIN.
    pub(super) fn record(&mut self, source: PinSource, outcome: &Result<Outcome, Failure>) {
        match outcome {
            Ok(Outcome::Done(_)) => self.wrong_page_pins = 0,
            Ok(Outcome::Failed(failure))
                if source == PinSource::Page && failure.rv == Some(Rv::PIN_INCORRECT) =>
            {
                self.wrong_page_pins = self.wrong_page_pins.saturating_add(1);
            }
            _ => {}
        }
    }
}

/// Almost every card allows at least three tries.
const MAX_WRONG_IF_UNKNOWN: u32 = 2;
