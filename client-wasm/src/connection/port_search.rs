//! Finds the bridge among its ports.

use std::future::poll_fn;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::task::Poll;

use gloo_timers::future::TimeoutFuture;

use crate::socket::Socket;

/// The ports to try. The port that answered last comes first.
pub(super) struct PortSearch {
    ports: Vec<u16>,
    /// The time for a search in milliseconds.
    limit: u32,
}

type Attempt = Pin<Box<dyn Future<Output = Option<(u16, Socket)>>>>;

impl PortSearch {
    pub(super) fn new(ports: RangeInclusive<u16>, limit: u32) -> Self {
        Self { ports: ports.collect(), limit }
    }

    /// Tries the ports one after the other. A slow attempt goes on while the next port is tried.
    pub(super) async fn run(&mut self) -> Option<Socket> {
        let others = (self.ports.len() - 1) as u32;
        let patience = PATIENCE.min(self.limit / (others + 1));
        let mut attempts = Vec::new();
        let mut winner = None;
        for (at, &port) in self.ports.iter().enumerate() {
            attempts.push(attempt(port));
            let last = at as u32 == others;
            let time = if last { self.limit - patience * others } else { patience };
            winner = race(&mut attempts, time).await;
            if winner.is_some() {
                break;
            }
        }
        let (port, socket) = winner?;
        self.ports.retain(|&other| other != port);
        self.ports.insert(0, port);
        Some(socket)
    }
}

fn attempt(port: u16) -> Attempt {
    Box::pin(async move { Some((port, Socket::open(port).await?)) })
}

/// Waits until an attempt succeeds, all have failed, or `time` milliseconds have passed.
async fn race(attempts: &mut Vec<Attempt>, time: u32) -> Option<(u16, Socket)> {
    let mut time = TimeoutFuture::new(time);
    poll_fn(|cx| {
        let mut winner = None;
        attempts.retain_mut(|attempt| match attempt.as_mut().poll(cx) {
            Poll::Ready(outcome) => {
                winner = winner.take().or(outcome);
                false
            }
            Poll::Pending => true,
        });
        let over =
            winner.is_some() || attempts.is_empty() || Pin::new(&mut time).poll(cx).is_ready();
        if over { Poll::Ready(winner) } else { Poll::Pending }
    })
    .await
}

/// How long the client waits for a port before it tries the next one too, in milliseconds.
///
/// Most systems refuse a port without a listener at once, but Windows takes two seconds. While the
/// browser asks the user for permission, every port waits for the answer.
const PATIENCE: u32 = 500;
