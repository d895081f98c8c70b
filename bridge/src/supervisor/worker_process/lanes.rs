//! The ways to a worker. Each of its threads has one of its own, where the system allows it, so that neither
//! the threads nor the calls have to take turns: a job goes to a thread that waits for it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::BytesMut;
use futures_util::{Stream, StreamExt};
use tokio::process::{Child, Command};
use tokio_util::task::TaskTracker;

use crate::ipc::frame::{self, Frame, FrameReader};
use crate::process::lock::lock;

#[cfg(unix)]
type Reports = tokio::net::unix::pipe::Receiver;
#[cfg(not(unix))]
type Reports = tokio::process::ChildStdout;

/// What comes from a worker.
pub(super) struct Incoming(Vec<FrameReader<Reports>>);

impl Incoming {
    /// The next frame, over whichever lane; `None` once one has come to its end, with the worker.
    pub(super) async fn next(&mut self) -> Option<io::Result<BytesMut>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<BytesMut>>> {
        let mut has_ended = false;
        for lane in &mut self.0 {
            match Pin::new(lane).poll_next(cx) {
                // What was said over another one before is heard first.
                Poll::Ready(None) => has_ended = true,
                Poll::Ready(frame) => return Poll::Ready(frame),
                Poll::Pending => {}
            }
        }
        if has_ended { Poll::Ready(None) } else { Poll::Pending }
    }
}

/// Both directions of all lanes. The greeting comes over the first.
pub(super) struct Lanes {
    outputs: Vec<Output>,
    incoming: Vec<FrameReader<Reports>>,
}

impl Lanes {
    /// The first frame.
    pub(super) async fn greeting(&mut self) -> Option<io::Result<BytesMut>> {
        self.incoming.first_mut()?.next().await
    }

    /// As many lanes as there are threads to wait on them.
    pub(super) fn split(mut self, threads: usize) -> (Vec<Output>, Incoming) {
        self.outputs.truncate(threads);
        self.incoming.truncate(threads);
        (self.outputs, Incoming(self.incoming))
    }
}

/// Starts a worker with its lanes, which go over its standard input.
#[cfg(unix)]
pub(super) fn spawn(command: &mut Command) -> io::Result<(Child, Lanes)> {
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::net::UnixStream;

    use tokio::net::unix::pipe::Sender;

    use crate::ipc::descriptors;
    use crate::worker;

    let (near, far) = UnixStream::pair()?;
    let child = command.stdin(OwnedFd::from(far)).stdout(Stdio::null()).spawn()?;
    let mut lanes = Lanes { outputs: Vec::new(), incoming: Vec::new() };
    let mut theirs = Vec::new();
    for _ in 0..worker::most_threads() {
        // Two pipes: a socket would wake the bridge each time that the worker has read.
        let (jobs, output) = io::pipe()?;
        let (input, reports) = io::pipe()?;
        theirs.extend([OwnedFd::from(jobs), OwnedFd::from(reports)]);
        lanes.outputs.push(Output(Arc::new(Sender::from_owned_fd(output.into())?)));
        lanes.incoming.push(frame::reader(Reports::from_owned_fd(input.into())?));
    }
    descriptors::send(near, &theirs.iter().map(AsFd::as_fd).collect::<Vec<_>>())?;
    Ok((child, lanes))
}

#[cfg(not(unix))]
pub(super) fn spawn(command: &mut Command) -> io::Result<(Child, Lanes)> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (Some(output), Some(input)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("it has no pipes"));
    };
    let output = Output(Arc::new(tokio::sync::Mutex::new(output)));
    Ok((child, Lanes { outputs: vec![output], incoming: vec![frame::reader(input)] }))
}

/// Where jobs are written to.
#[cfg(unix)]
pub(super) struct Output(Arc<tokio::net::unix::pipe::Sender>);

#[cfg(unix)]
impl Output {
    /// Writes a frame whole, whatever becomes of the caller: at once where there is room for it, as there is
    /// for most, and else in a task of its own. Where nobody reads any more the worker has ended.
    pub(super) fn send(&self, frame: Frame, tasks: &TaskTracker) {
        let Some(written) = self.write(&frame) else { return };
        if written == frame.len() {
            return;
        }
        let output = Self(Arc::clone(&self.0));
        tasks.spawn(async move {
            let mut rest = &frame[written..];
            while !rest.is_empty() {
                if output.0.writable().await.is_err() {
                    return;
                }
                let Some(written) = output.write(rest) else { return };
                rest = &rest[written..];
            }
        });
    }

    fn write(&self, bytes: &[u8]) -> Option<usize> {
        match self.0.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(0),
            written => written.ok(),
        }
    }
}

/// Where jobs are written to.
#[cfg(not(unix))]
pub(super) struct Output(Arc<tokio::sync::Mutex<tokio::process::ChildStdin>>);

#[cfg(not(unix))]
impl Output {
    /// Writes a frame whole, whatever becomes of the caller. Where nobody reads any more the worker has ended.
    pub(super) fn send(&self, frame: Frame, tasks: &TaskTracker) {
        use tokio::io::AsyncWriteExt;

        let output = Arc::clone(&self.0);
        tasks.spawn(async move {
            let _ = output.lock().await.write_all(&frame).await;
        });
    }
}

/// The lanes whose threads wait for a job. One that had one last is given the next: it is still warm.
pub(super) struct IdleLanes(Mutex<Vec<usize>>);

impl IdleLanes {
    /// Where there are fewer lanes than threads, threads take turns at a lane.
    pub(super) fn new(lanes: usize, threads: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new((0..threads).rev().map(|thread| thread % lanes).collect())))
    }

    /// Takes one; `None` where more calls were let in than there are threads.
    pub(super) fn take(self: &Arc<Self>) -> Option<BusyLane> {
        let number = lock(&self.0).pop()?;
        Some(BusyLane { number, idle: Arc::clone(self) })
    }
}

/// A lane on which a job is, until its report has come.
pub(super) struct BusyLane {
    pub(super) number: usize,
    idle: Arc<IdleLanes>,
}

impl Drop for BusyLane {
    fn drop(&mut self) {
        lock(&self.idle.0).push(self.number);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use tokio::net::unix;

    use super::*;

    #[tokio::test]
    async fn what_was_said_before_the_end_is_heard_over_all_lanes() {
        let ((first, input), (second, more)) =
            (unix::pipe::pipe().unwrap(), unix::pipe::pipe().unwrap());
        let mut incoming = Incoming(vec![frame::reader(input), frame::reader(more)]);
        let frame = frame::encode(&"report").unwrap();
        second.writable().await.unwrap();
        assert_eq!(second.try_write(&frame).unwrap(), frame.len());
        drop((first, second));
        let heard = incoming.next().await.unwrap().unwrap();
        assert_eq!(frame::decode::<String>(&heard).unwrap(), "report");
        assert!(incoming.next().await.is_none());
    }

    #[tokio::test]
    async fn a_long_frame_is_written_whole_while_others_go_on() {
        let (sender, input) = unix::pipe::pipe().unwrap();
        let (output, tasks) = (Output(Arc::new(sender)), TaskTracker::new());
        let mut incoming = Incoming(vec![frame::reader(input)]);
        let long = "long".repeat(1 << 18);
        output.send(frame::encode(&long).unwrap(), &tasks);
        let heard = incoming.next().await.unwrap().unwrap();
        assert_eq!(frame::decode::<String>(&heard).unwrap(), long);
    }
}
