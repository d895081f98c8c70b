//! What an outcome says against the process of its worker. After the token's daemon was restarted,
//! or after sleep, many modules answer with an error for ever, or find nothing any more. Only a
//! fresh process helps.

use pkcs11_bridge_protocol::rv::Rv;

use crate::ipc::frame;
use crate::ipc::message::Outcome;
use crate::ipc::task::Task;
use crate::ipc::token_snapshot::TokenSnapshot;

/// Why a fresh worker may do better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suspicion {
    /// The module failed in a way that may last.
    Error,
    /// The module says that there is no such slot, or no token in it.
    Absent,
    /// The module lists no slot.
    NoSlots,
    /// The module finds no token in any slot.
    NoTokens,
}

impl Suspicion {
    /// What the outcome of a task says; `None` if it says nothing.
    pub(super) fn of(task: &Task, outcome: &Outcome) -> Option<Self> {
        match outcome {
            Outcome::Done(result) => {
                let nothing_found = match task {
                    Task::Slots { token_present: false } => Self::NoSlots,
                    Task::Slots { token_present: true } | Task::ListTokens => Self::NoTokens,
                    Task::SnapshotTokens => {
                        let tokens: TokenSnapshot = frame::decode(result.get().as_bytes()).ok()?;
                        return tokens.values().all(Option::is_none).then_some(Self::NoTokens);
                    }
                    _ => return None,
                };
                (result.get() == "[]").then_some(nothing_found)
            }
            Outcome::Failed(failure) => failure.rv.and_then(Self::of_return_value),
            Outcome::PinRefused(refusal) => refusal.failure.rv.and_then(Self::of_return_value),
            Outcome::PinNeeded(_) | Outcome::LoggingIn | Outcome::ModuleLost(_) => None,
        }
    }

    fn of_return_value(rv: Rv) -> Option<Self> {
        if ABSENT.contains(&rv) {
            Some(Self::Absent)
        } else if LASTING.contains(&rv) || rv.entry().is_none() {
            // A value of the vendor, or one that PKCS#11 does not define, can mean anything.
            Some(Self::Error)
        } else {
            None
        }
    }
}

const ABSENT: [Rv; 4] =
    [Rv::DEVICE_REMOVED, Rv::SLOT_ID_INVALID, Rv::TOKEN_NOT_PRESENT, Rv::TOKEN_NOT_RECOGNIZED];

const LASTING: [Rv; 9] = [
    Rv::BUFFER_TOO_SMALL,
    Rv::CANT_LOCK,
    Rv::DEVICE_ERROR,
    Rv::FUNCTION_FAILED,
    Rv::GENERAL_ERROR,
    Rv::HOST_MEMORY,
    Rv::OPERATION_ACTIVE,
    Rv::SESSION_CLOSED,
    Rv::SESSION_HANDLE_INVALID,
];

#[cfg(test)]
mod tests {
    use pkcs11_bridge_protocol::failure::Failure;
    use serde_json::value::to_raw_value;

    use super::*;

    fn of_error(rv: Rv) -> Option<Suspicion> {
        Suspicion::of(&Task::Info, &Failure::from_rv(rv, "reading").into())
    }

    #[test]
    fn errors_of_the_module_and_its_token_may_last() {
        for rv in [Rv::GENERAL_ERROR, Rv::DEVICE_ERROR, Rv::FUNCTION_FAILED, Rv(0x8000_0102)] {
            assert_eq!(of_error(rv), Some(Suspicion::Error), "{rv:?}");
        }
        for rv in [Rv::TOKEN_NOT_PRESENT, Rv::SLOT_ID_INVALID] {
            assert_eq!(of_error(rv), Some(Suspicion::Absent), "{rv:?}");
        }
        for rv in [Rv::PIN_INCORRECT, Rv::MECHANISM_INVALID, Rv::USER_NOT_LOGGED_IN] {
            assert_eq!(of_error(rv), None, "{rv:?}");
        }
    }

    #[test]
    fn an_empty_list_may_last() {
        let of = |task: &Task, result: &str| {
            let result = serde_json::from_str::<serde_json::Value>(result).unwrap();
            Suspicion::of(task, &Outcome::Done(to_raw_value(&result).unwrap()))
        };
        let slots = |token_present| Task::Slots { token_present };
        assert_eq!(of(&slots(false), "[]"), Some(Suspicion::NoSlots));
        assert_eq!(of(&slots(true), "[]"), Some(Suspicion::NoTokens));
        assert_eq!(of(&Task::ListTokens, "[]"), Some(Suspicion::NoTokens));
        assert_eq!(of(&Task::ListTokens, "[1]"), None);
        assert_eq!(of(&Task::SnapshotTokens, r#"{"1":null}"#), Some(Suspicion::NoTokens));
        assert_eq!(of(&Task::SnapshotTokens, "{}"), Some(Suspicion::NoTokens));
        assert_eq!(of(&Task::Info, "[]"), None);
    }
}
