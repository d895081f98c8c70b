//! What `C_WaitForSlotEvent` (PKCS#11 3.2, section 5.5.4) does.

use serde::{Deserialize, Serialize};

/// How a module tells of tokens that are pulled or put back. None of them ever tells of a change that was
/// made before the process initialised the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SlotEvents {
    /// As the module below does: SoftHSM does not support it.
    #[default]
    Forwarded,
    /// By the standard: it waits for the next change where it may.
    Working,
    /// As `Working`, and every other call waits until it returns.
    HoldingLock,
    /// It returns at once and says that something has changed, whatever has.
    Spurious,
}
