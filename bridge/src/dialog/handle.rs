//! The bridge's side of the process that shows a question.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::watch;
use tokio::time::sleep;
use zeroize::Zeroizing;

use pkcs11_bridge_dialog::question::{Answer, Update};

use super::request::DialogRequest;
use crate::ipc::frame;
use crate::process::program;

/// A running dialog process. Dropping it ends the process and its pinentry.
pub(super) struct DialogHandle {
    #[cfg_attr(windows, expect(dead_code, reason = "dropping it ends the process"))]
    child: Child,
    output: ChildStdout,
    /// The process ends when this pipe closes.
    input: ChildStdin,
}

impl DialogHandle {
    pub(super) async fn start<Q: Serialize>(request: &DialogRequest<Q>) -> io::Result<Self> {
        let mut child = program::this()?
            .arg("dialog")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        program::end_with_this(&child);
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the dialog process has no pipes"));
        };
        let sent = input.write_all(&frame::encode(request)?).await;
        let process = Self { child, output, input };
        sent.map(|()| process)
    }

    /// Waits for the user's answer.
    pub(super) async fn answer(&mut self) -> io::Result<Answer> {
        let answer = read_answer(&mut self.output).await;
        self.or_cancelled(answer).await
    }

    /// Waits for the user's answer, and meanwhile tells the dialog how many signatures are made.
    pub(super) async fn answer_to_progress(
        &mut self,
        mut done: watch::Receiver<usize>,
    ) -> io::Result<Answer> {
        let answer = read_answer(&mut self.output);
        tokio::pin!(answer);
        loop {
            tokio::select! {
                answer = &mut answer => return answer,
                changed = done.changed() => {
                    if changed.is_err() {
                        return answer.await;
                    }
                    let update = Update::Done(*done.borrow_and_update());
                    self.input.write_all(&frame::encode(&update)?).await?;
                    sleep(UPDATE_INTERVAL).await;
                }
            }
        }
    }

    async fn or_cancelled(&mut self, answer: io::Result<Answer>) -> io::Result<Answer> {
        match answer {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                if self.was_interrupted().await {
                    Ok(Answer::Cancelled)
                } else {
                    Err(io::Error::other("the dialog ended without an answer"))
                }
            }
            answer => answer,
        }
    }

    /// Whether the user pressed Ctrl-C at a question in the terminal.
    #[cfg(unix)]
    async fn was_interrupted(&mut self) -> bool {
        use std::os::unix::process::ExitStatusExt;
        let interrupt = Some(rustix::process::Signal::INT.as_raw());
        self.child.wait().await.is_ok_and(|status| status.signal() == interrupt)
    }

    #[cfg(windows)]
    async fn was_interrupted(&mut self) -> bool {
        false
    }
}

/// Reads the answer from the output of the process.
pub async fn read_answer(output: &mut (impl AsyncRead + Unpin)) -> io::Result<Answer> {
    let mut len = [0; 4];
    output.read_exact(&mut len).await?;
    let len = u32::from_le_bytes(len) as usize;
    if len > MAX_LEN {
        return Err(io::Error::other("the answer is too long"));
    }
    let mut frame = Zeroizing::new(vec![0; len]);
    output.read_exact(&mut frame).await?;
    frame::decode(&frame)
}

/// Ends the process group, which includes the pinentry.
#[cfg(unix)]
impl Drop for DialogHandle {
    fn drop(&mut self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

const MAX_LEN: usize = 64 << 10;
const UPDATE_INTERVAL: Duration = Duration::from_millis(100);
