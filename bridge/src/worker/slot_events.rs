//! Reports the module's slot events (`C_WaitForSlotEvent`, PKCS#11 3.2, section 5.5.4) to the
//! bridge, from a thread of its own. Many modules have no slot events, or wrong ones, so the bridge
//! polls the slots as well.

use std::thread;
use std::time::{Duration, Instant};

use cryptoki::context::Pkcs11;

use super::channels::Channel;
use crate::ipc::message::WorkerMessage;

/// Starts a thread that reports events until the module refuses to wait, or the process ends.
pub(super) fn report(context: Pkcs11, channel: Channel) {
    let wait = move || {
        let mut immediate = 0;
        while immediate < MAX_IMMEDIATE {
            let start = Instant::now();
            if let Err(error) = context.wait_for_slot_event() {
                tracing::debug!(%error, "the module does not report slot events");
                return;
            }
            if channel.send(&WorkerMessage::SlotEvent).is_err() {
                return;
            }
            // A module that returns immediately again and again reports nothing. It must not keep
            // the bridge busy.
            immediate = if start.elapsed() < IMMEDIATE { immediate + 1 } else { 0 };
            thread::sleep(PAUSE);
        }
    };
    if let Err(error) = thread::Builder::new().spawn(wait) {
        tracing::warn!(%error, "the thread that reports slot events could not be started");
    }
}

const IMMEDIATE: Duration = Duration::from_millis(10);
/// More than a reader has events in a row.
const MAX_IMMEDIATE: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);
