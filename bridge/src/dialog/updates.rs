//! The frames that follow a question on the input of its process. The process ends when the bridge
//! closes this input.

use std::io::Stdin;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use pkcs11_bridge_dialog::question::Update;

use crate::ipc::frame::BlockingFrameReader;

/// The updates of a question, in their order.
pub(super) type Updates = Receiver<Update>;

/// Receives the updates. Runs `end` when the bridge no longer needs the answer, or has ended.
pub(super) fn receive(
    mut input: BlockingFrameReader<Stdin>,
    end: impl FnOnce() + Send + 'static,
) -> Updates {
    let (sender, updates) = channel();
    thread::spawn(move || {
        while let Ok(Some(update)) = input.read() {
            // The question may be one that takes no updates.
            let _ = sender.send(update);
        }
        end();
    });
    updates
}
