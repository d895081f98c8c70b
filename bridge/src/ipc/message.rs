//! The messages that a worker sends to the bridge.

use std::num::NonZeroU8;

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::rv::Rv;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::pin::{PinRefusal, PinRequest, PinUse};

/// The first message of a worker. It says whether the worker could load and initialise the module.
#[derive(Serialize, Deserialize)]
pub enum Greeting {
    /// The worker is ready, and runs up to `threads` tasks at the same time.
    Ready {
        #[serde(deserialize_with = "thread_count")]
        threads: usize,
    },
    /// The module cannot be used.
    Failed(Failure),
}

/// A message after the greeting.
#[derive(Serialize, Deserialize)]
pub enum WorkerMessage {
    /// The outcome of one task.
    Response(Response),
    /// The token has accepted the PIN of the task with this id. The worker says so before it goes
    /// on, because the module may crash or hang over the rest of the task.
    PinAccepted { id: u64 },
    /// The module reports that a token was inserted or removed (`C_WaitForSlotEvent`).
    SlotEvent,
}

/// The outcome of the task with this id.
#[derive(Serialize, Deserialize)]
pub struct Response {
    pub(crate) id: u64,
    pub outcome: Outcome,
    /// What became of the PIN that the task had permission for.
    pub(crate) pin: PinUse,
}

/// How a task ended.
#[derive(Serialize, Deserialize)]
pub enum Outcome {
    /// The result, encoded as the page gets it.
    Done(Box<RawValue>),
    /// The task failed.
    Failed(Failure),
    /// The token needs a PIN that the task has no permission for. The worker sent no PIN.
    PinNeeded(PinRequest),
    /// The worker sent the PIN, and the token did not accept it.
    PinRefused(PinRefusal),
    /// Another task is logging in, which may take as long as the user needs. The worker sent no
    /// PIN.
    LoggingIn,
    /// The module says that it is no longer initialised. The bridge may send the task again.
    ModuleLost(Failure),
}

impl Outcome {
    /// Whether further tasks of this worker would fail because the module is not initialised.
    pub(crate) fn says_module_lost(&self) -> bool {
        match self {
            Self::ModuleLost(_) => true,
            Self::Failed(failure) => failure.rv == Some(Rv::CRYPTOKI_NOT_INITIALIZED),
            Self::PinRefused(refusal) => refusal.failure.rv == Some(Rv::CRYPTOKI_NOT_INITIALIZED),
            Self::Done(_) | Self::PinNeeded(_) | Self::LoggingIn => false,
        }
    }

    /// The result of a task that needs no login, or that the worker is logged in for.
    pub(crate) fn result(self) -> Result<Box<RawValue>, Failure> {
        match self {
            Self::Done(result) => Ok(result),
            Self::Failed(failure) | Self::ModuleLost(failure) => Err(failure),
            Self::PinRefused(refusal) => Err(refusal.failure),
            Self::PinNeeded(_) | Self::LoggingIn => Err(login_ended()),
        }
    }
}

/// The error of a call if the login ends before the call does.
pub(crate) fn login_ended() -> Failure {
    Failure::with_rv(
        ErrorCode::SessionEnded,
        Rv::USER_NOT_LOGGED_IN,
        "The login to the token ended during the call, because the token was removed or reset. \
         Sign again.",
    )
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Encodes a result as the page gets it.
pub(crate) fn encode_result(result: &impl Serialize) -> Result<Box<RawValue>, Failure> {
    to_raw_value(result).map_err(|error| {
        Failure::new(ErrorCode::Internal, format!("The result cannot be encoded: {error}."))
    })
}

/// Refuses numbers above 255. The bridge reserves memory for each thread, and a damaged worker
/// could name any number.
fn thread_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    NonZeroU8::deserialize(deserializer).map(|threads| threads.get().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::frame::decode;

    #[test]
    fn a_worker_has_1_to_255_threads() {
        let threads = |text: &str| match decode(text.as_bytes()) {
            Ok(Greeting::Ready { threads }) => Some(threads),
            _ => None,
        };
        assert_eq!(threads(r#"{"Ready":{"threads":8}}"#), Some(8));
        for text in ["0", "256", "18446744073709551615", "-1", "1.5"] {
            assert_eq!(threads(&format!(r#"{{"Ready":{{"threads":{text}}}}}"#)), None, "{text}");
        }
    }
}
