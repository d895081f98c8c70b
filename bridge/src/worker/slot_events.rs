//! Passes on what the module says of its slots (`C_WaitForSlotEvent`, PKCS#11 3.2, section 5.5.4), from a
//! thread of its own. Many modules cannot do it, or do it wrongly: the bridge looks for itself, too.

use std::thread;
use std::time::{Duration, Instant};

use cryptoki::context::Pkcs11;

use super::lanes::Lane;
use crate::ipc::message::WorkerMessage;

/// Waits for events until the module refuses to, or the process ends.
pub(super) fn tell(context: Pkcs11, lane: Lane) {
    let wait = move || {
        let mut at_once = 0;
        while at_once < MAX_AT_ONCE {
            let begun = Instant::now();
            if let Err(error) = context.wait_for_slot_event() {
                tracing::debug!(%error, "the module does not tell of slot events");
                return;
            }
            if lane.send(&WorkerMessage::SlotEvent).is_err() {
                return;
            }
            // One that returns at once, again and again, has nothing to tell, and keeps nobody busy.
            at_once = if begun.elapsed() < AT_ONCE { at_once + 1 } else { 0 };
            thread::sleep(PAUSE);
        }
    };
    if let Err(error) = thread::Builder::new().spawn(wait) {
        tracing::warn!(%error, "slot events cannot be waited for");
    }
}

const AT_ONCE: Duration = Duration::from_millis(10);
/// More than there are events of one reader in a row.
const MAX_AT_ONCE: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);
