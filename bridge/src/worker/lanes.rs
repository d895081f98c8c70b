//! The worker's ends of the lanes to its bridge: what it gets jobs from and sends reports to.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

use serde::Serialize;

use crate::ipc::frame::{self, Input};
use crate::ipc::task::TaskRequest;
use crate::process::lock::lock;

/// One way to the bridge, over which a job goes and then its report.
#[derive(Clone)]
pub(super) struct Lane {
    input: Arc<Mutex<Input<Box<dyn Read + Send>>>>,
    output: Arc<Mutex<Box<dyn Write + Send>>>,
}

impl Lane {
    fn new(input: impl Read + Send + 'static, output: impl Write + Send + 'static) -> Self {
        Self {
            input: Arc::new(Mutex::new(Input::new(Box::new(input)))),
            output: Arc::new(Mutex::new(Box::new(output))),
        }
    }

    /// Waits for the next job; `None` at the end.
    pub(super) fn next(&self) -> io::Result<Option<TaskRequest>> {
        lock(&self.input).next()
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

/// Takes the lanes for the worker alone: what a module reads from standard input is empty, and what it
/// writes to standard output goes to the log.
///
/// They come over standard input, each as a pipe for jobs and one for reports.
#[cfg(unix)]
pub(super) fn open() -> io::Result<Vec<Lane>> {
    use std::fs::File;

    use crate::ipc::descriptors;

    let mut pipes = descriptors::receive(io::stdin())?.into_iter().map(File::from);
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    let mut lanes = Vec::new();
    while let (Some(jobs), Some(reports)) = (pipes.next(), pipes.next()) {
        lanes.push(Lane::new(jobs, reports));
    }
    if lanes.is_empty() { Err(io::ErrorKind::InvalidInput.into()) } else { Ok(lanes) }
}

#[cfg(not(unix))]
pub(super) fn open() -> io::Result<Vec<Lane>> {
    Ok(vec![Lane::new(io::stdin(), io::stdout())])
}
