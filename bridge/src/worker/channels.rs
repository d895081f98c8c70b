//! The worker's ends of the channels to its bridge: it receives tasks and sends messages over them.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

use serde::Serialize;

use crate::ipc::frame::{self, BlockingFrameReader};
use crate::ipc::task::TaskRequest;
use crate::process::lock::lock;

/// A channel carries one task at a time, then messages about it.
#[derive(Clone)]
pub(super) struct Channel {
    input: Arc<Mutex<BlockingFrameReader<Box<dyn Read + Send>>>>,
    output: Arc<Mutex<Box<dyn Write + Send>>>,
}

impl Channel {
    fn new(input: impl Read + Send + 'static, output: impl Write + Send + 'static) -> Self {
        Self {
            input: Arc::new(Mutex::new(BlockingFrameReader::new(Box::new(input)))),
            output: Arc::new(Mutex::new(Box::new(output))),
        }
    }

    /// Waits for the next task; `None` once the bridge has closed the channel.
    pub(super) fn receive(&self) -> io::Result<Option<TaskRequest>> {
        lock(&self.input).read()
    }

    pub(super) fn send(&self, message: &impl Serialize) -> io::Result<()> {
        self.send_frame(&frame::encode(message)?)
    }

    pub(super) fn send_frame(&self, frame: &[u8]) -> io::Result<()> {
        let mut output = lock(&self.output);
        output.write_all(frame)?;
        output.flush()
    }
}

/// Takes the channels for the worker alone: standard input is empty for the module, and what the
/// module writes to standard output goes to the log.
///
/// The bridge passes the channels over standard input, each as a pipe for tasks and a pipe for
/// messages.
#[cfg(unix)]
pub(super) fn open() -> io::Result<Vec<Channel>> {
    use std::fs::File;

    use crate::ipc::descriptors;

    let mut pipes = descriptors::receive(io::stdin())?.into_iter().map(File::from);
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    let mut channels = Vec::new();
    while let (Some(tasks), Some(messages)) = (pipes.next(), pipes.next()) {
        channels.push(Channel::new(tasks, messages));
    }
    if channels.is_empty() { Err(io::ErrorKind::InvalidInput.into()) } else { Ok(channels) }
}

/// The bridge sends one byte before all else, after it has made sure that the worker ends with it.
#[cfg(windows)]
pub(super) fn open() -> io::Result<Vec<Channel>> {
    let mut taken = crate::windows::standard_streams::take()?;
    taken.input.read_exact(&mut [0])?;
    Ok(vec![Channel::new(taken.input, taken.output)])
}
