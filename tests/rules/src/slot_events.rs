//! The behaviour of `C_WaitForSlotEvent` (PKCS#11 3.2, section 5.5.4).

use serde::{Deserialize, Serialize};

/// How the module reports removed and inserted tokens. It never reports a change from before the
/// process initialized the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SlotEvents {
    /// Forwards the call to the wrapped module. SoftHSM does not support it.
    #[default]
    Forwarded,
    /// Waits for the next change, as PKCS#11 demands, unless the flags forbid it.
    Working,
    /// As `Working`, but every other call waits until it returns.
    HoldingLock,
    /// Returns at once and reports a change, even if there was no change.
    Spurious,
}
