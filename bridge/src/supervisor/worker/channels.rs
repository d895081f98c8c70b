//! The channels to a worker. Each of its threads has a channel of its own, if the system allows it.
//! So neither the threads nor the tasks take turns: a task goes to a thread that waits for it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::process::Stdio;
#[cfg(unix)]
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use futures_util::{Stream, StreamExt};
use tokio::process::{Child, Command};
use tokio_util::task::TaskTracker;

use crate::ipc::frame::{self, Frame, FrameReader};

#[cfg(unix)]
type Input = tokio::net::unix::pipe::Receiver;
#[cfg(windows)]
type Input = tokio::process::ChildStdout;

/// Both directions of all channels. The greeting comes over the first channel.
pub(super) struct Channels {
    outputs: Vec<Output>,
    inputs: Vec<FrameReader<Input>>,
}

impl Channels {
    /// The first frame.
    pub(super) async fn greeting(&mut self) -> Option<io::Result<BytesMut>> {
        self.inputs.first_mut()?.next().await
    }

    /// Keeps as many channels as the worker has threads that read them.
    pub(super) fn split(mut self, threads: usize) -> (Outgoing, Incoming) {
        self.outputs.truncate(threads);
        self.inputs.truncate(threads);
        (Outgoing::new(self.outputs, threads), Incoming(self.inputs))
    }
}

/// Starts a worker with its channels, which the bridge passes over the worker's standard input.
#[cfg(unix)]
pub(super) fn spawn(command: &mut Command) -> io::Result<(Child, Channels)> {
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::net::UnixStream;

    use tokio::net::unix::pipe::Sender;

    use crate::ipc::descriptors;
    use crate::worker;

    let (near, far) = UnixStream::pair()?;
    let child = command.stdin(OwnedFd::from(far)).stdout(Stdio::null()).spawn()?;
    let mut channels = Channels { outputs: Vec::new(), inputs: Vec::new() };
    let mut ends_of_worker = Vec::new();
    for _ in 0..worker::max_threads() {
        // Two pipes: a socket would wake the bridge each time the worker has read.
        let (tasks, output) = io::pipe()?;
        let (input, messages) = io::pipe()?;
        ends_of_worker.extend([OwnedFd::from(tasks), OwnedFd::from(messages)]);
        channels.outputs.push(Output(Arc::new(Sender::from_owned_fd(output.into())?)));
        channels.inputs.push(frame::reader(Input::from_owned_fd(input.into())?));
    }
    descriptors::send(near, &ends_of_worker.iter().map(AsFd::as_fd).collect::<Vec<_>>())?;
    Ok((child, channels))
}

/// Starts a worker with one channel, its standard input and output. The worker waits for a byte
/// before it loads its module, so that it always ends with the bridge.
#[cfg(windows)]
pub(super) fn spawn(command: &mut Command) -> io::Result<(Child, Channels)> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (Some(output), Some(input)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("it has no pipes"));
    };
    crate::process::program::end_with_this(&child);
    let outputs = vec![Output::starting_with(output, START)];
    Ok((child, Channels { outputs, inputs: vec![frame::reader(input)] }))
}

#[cfg(windows)]
const START: &[u8] = &[0];

/// The bridge's reading ends.
pub(super) struct Incoming(Vec<FrameReader<Input>>);

impl Incoming {
    /// The next frame of any channel. `None` once the worker has closed a channel, and all frames
    /// that it wrote before were returned.
    pub(super) async fn next(&mut self) -> Option<io::Result<BytesMut>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<BytesMut>>> {
        let mut has_ended = false;
        for channel in &mut self.0 {
            match Pin::new(channel).poll_next(cx) {
                // Another channel may still hold frames that the worker wrote before.
                Poll::Ready(None) => has_ended = true,
                Poll::Ready(frame) => return Poll::Ready(frame),
                Poll::Pending => {}
            }
        }
        if has_ended { Poll::Ready(None) } else { Poll::Pending }
    }
}

/// The bridge's writing ends, and which of them belong to threads that wait for a task.
pub(super) struct Outgoing {
    outputs: Vec<Output>,
    /// A stack: the thread that worked last gets the next task, because its memory is still cached.
    idle: Vec<usize>,
}

impl Outgoing {
    /// If there are fewer channels than threads, several threads read from one channel in turn.
    fn new(outputs: Vec<Output>, threads: usize) -> Self {
        let channels = outputs.len().max(1);
        Self { outputs, idle: (0..threads).rev().map(|thread| thread % channels).collect() }
    }

    /// Takes the channel of an idle thread; `None` if all are busy.
    pub(super) fn take_idle(&mut self) -> Option<usize> {
        self.idle.pop()
    }

    /// Returns a channel whose thread has sent its response.
    pub(super) fn return_idle(&mut self, channel: usize) {
        self.idle.push(channel);
    }

    /// Writes a frame. What does not fit into the pipe now is written by one of `tasks`.
    pub(super) fn send(&self, channel: usize, frame: Frame, tasks: &TaskTracker) {
        if let Some(output) = self.outputs.get(channel) {
            output.send(frame, tasks);
        }
    }
}

#[cfg(unix)]
struct Output(Arc<tokio::net::unix::pipe::Sender>);

#[cfg(unix)]
impl Output {
    /// Writes a frame whole: at once if there is room for it, as for most frames, and otherwise in
    /// a task of its own. A write fails only after the worker has ended, which the process task
    /// notices itself.
    fn send(&self, frame: Frame, tasks: &TaskTracker) {
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

#[cfg(windows)]
struct Output(tokio::sync::mpsc::UnboundedSender<Frame>);

#[cfg(windows)]
impl Output {
    /// Writes these bytes, and then the frames in their order.
    fn starting_with(mut input: tokio::process::ChildStdin, first: &'static [u8]) -> Self {
        use tokio::io::AsyncWriteExt;

        let (sender, mut frames) = tokio::sync::mpsc::unbounded_channel::<Frame>();
        tokio::spawn(async move {
            if input.write_all(first).await.is_err() {
                return;
            }
            while let Some(frame) = frames.recv().await {
                if input.write_all(&frame).await.is_err() {
                    return;
                }
            }
        });
        Self(sender)
    }

    /// Writes a frame whole. A write fails only after the worker has ended, which the process task
    /// notices itself.
    fn send(&self, frame: Frame, _: &TaskTracker) {
        let _ = self.0.send(frame);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use tokio::net::unix;

    use super::*;

    #[tokio::test]
    async fn frames_of_all_channels_come_before_the_end() {
        let ((first, input), (second, more)) =
            (unix::pipe::pipe().unwrap(), unix::pipe::pipe().unwrap());
        let mut incoming = Incoming(vec![frame::reader(input), frame::reader(more)]);
        let message = frame::encode(&"response").unwrap();
        second.writable().await.unwrap();
        assert_eq!(second.try_write(&message).unwrap(), message.len());
        drop((first, second));
        let received = incoming.next().await.unwrap().unwrap();
        assert_eq!(frame::decode::<String>(&received).unwrap(), "response");
        assert!(incoming.next().await.is_none());
    }

    #[tokio::test]
    async fn a_long_frame_is_written_whole() {
        let (sender, input) = unix::pipe::pipe().unwrap();
        let (output, tasks) = (Output(Arc::new(sender)), TaskTracker::new());
        let mut incoming = Incoming(vec![frame::reader(input)]);
        let long = "long".repeat(1 << 18);
        output.send(frame::encode(&long).unwrap(), &tasks);
        let received = incoming.next().await.unwrap().unwrap();
        assert_eq!(frame::decode::<String>(&received).unwrap(), long);
    }

    #[tokio::test]
    async fn a_task_goes_to_the_thread_that_worked_last() {
        let (sender, _input) = unix::pipe::pipe().unwrap();
        let sender = Arc::new(sender);
        let output = || Output(Arc::clone(&sender));
        let mut outgoing = Outgoing::new(vec![output(), output()], 2);
        let first = outgoing.take_idle().unwrap();
        let second = outgoing.take_idle().unwrap();
        assert_ne!(first, second);
        assert_eq!(outgoing.take_idle(), None);
        outgoing.return_idle(second);
        outgoing.return_idle(first);
        assert_eq!(outgoing.take_idle(), Some(first));
    }
}
