//! The signals that stop the bridge: SIGTERM, Ctrl-C, and the end of its terminal. Windows has
//! events in place of signals.

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

/// Ctrl-C, the end of the console or of the session, and the event by which other programs of the
/// user stop the bridge.
#[cfg(windows)]
fn signals() -> io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};

    let (mut interrupt, mut stop) = (ctrl_c()?, ctrl_break()?);
    let (mut close, mut log_off, mut shut_down) = (ctrl_close()?, ctrl_logoff()?, ctrl_shutdown()?);
    let event = stop_event();
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = stop.recv() => {}
            _ = close.recv() => {}
            _ = log_off.recv() => {}
            _ = shut_down.recv() => {}
            () = event => {}
        }
    })
}

/// Waits for the event in a thread of its own. Waits for ever if the event cannot be created.
#[cfg(windows)]
fn stop_event() -> impl Future<Output = ()> + Send {
    use crate::windows::stop_event::StopEvent;

    let (sender, receiver) = tokio::sync::oneshot::channel();
    let started = StopEvent::create().and_then(|event| {
        let wait = move || {
            event.wait();
            let _ = sender.send(());
        };
        std::thread::Builder::new().name("stop event".to_owned()).spawn(wait)
    });
    if let Err(error) = started {
        tracing::warn!(%error, "other programs of the user cannot stop the bridge");
    }
    async {
        if receiver.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
