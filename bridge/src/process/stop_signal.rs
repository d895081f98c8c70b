//! The signals that stop the bridge: SIGTERM, Ctrl-C, and the end of its terminal.

use std::io;

use tokio_util::sync::CancellationToken;

/// A token that the first signal cancels. Later signals have no effect: the clean stop has
/// deadlines of its own.
pub(crate) struct StopSignal(CancellationToken);

impl StopSignal {
    /// Starts to listen for the signals. Must be called inside the Tokio runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        let token = CancellationToken::new();
        let signalled = signals()?;
        tokio::spawn({
            let token = token.clone();
            async move {
                signalled.await;
                token.cancel();
                tracing::info!("stopping");
            }
        });
        Ok(Self(token))
    }

    pub(crate) fn token(&self) -> CancellationToken {
        self.0.clone()
    }
}

#[cfg(unix)]
fn signals() -> io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn signals() -> io::Result<impl Future<Output = ()> + Send> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
