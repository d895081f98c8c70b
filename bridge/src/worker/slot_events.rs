//! Passes on what the module says of its slots (`C_WaitForSlotEvent`, PKCS#11 3.2, section 5.5.4), from a
//! thread of its own. Many modules cannot do it, or do it wrongly: the bridge looks for itself, too.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use cryptoki::context::Pkcs11;

use crate::lock::lock;
use crate::pipe::{self, Told};

/// Waits for events until the module refuses to, or the process ends.
pub(super) fn tell(context: Pkcs11, output: Arc<Mutex<impl Write + Send + 'static>>) {
    let wait = move || {
        loop {
            if let Err(error) = context.wait_for_slot_event() {
                tracing::debug!(%error, "the module does not tell of slot events");
                return;
            }
            let told = pipe::encode(&Told::SlotEvent);
            if told.and_then(|frame| lock(&output).write_all(&frame)).is_err() {
                return;
            }
            // One that returns at once, again and again, keeps nobody busy.
            thread::sleep(PAUSE);
        }
    };
    if let Err(error) = thread::Builder::new().spawn(wait) {
        tracing::warn!(%error, "slot events cannot be waited for");
    }
}

const PAUSE: Duration = Duration::from_millis(100);
