//! Finds the bridge among its ports, and says how long to pause before the next search.

use std::future::poll_fn;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::task::Poll;

use gloo_timers::future::TimeoutFuture;

use crate::socket::Socket;

/// The ports, the one that answered last in front.
pub(crate) struct Dialer {
    ports: Vec<u16>,
}

type Attempt = Pin<Box<dyn Future<Output = Option<(u16, Socket)>>>>;

impl Dialer {
    pub(crate) fn new(ports: RangeInclusive<u16>) -> Self {
        Self { ports: ports.collect() }
    }

    /// Tries the ports one after the other, for at most `limit` milliseconds. A port that takes
    /// long stays in the race while the next ones are tried.
    pub(crate) async fn dial(&mut self, limit: u32) -> Option<Socket> {
        let others = (self.ports.len() - 1) as u32;
        let patience = PATIENCE.min(limit / (others + 1));
        let mut attempts = Vec::new();
        let mut winner = None;
        for (at, &port) in self.ports.iter().enumerate() {
            attempts.push(attempt(port));
            let last = at as u32 == others;
            let time = if last { limit - patience * others } else { patience };
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

/// Waits until an attempt succeeds, all have failed, or the time in milliseconds is over.
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

/// The growing pauses between searches for a bridge that is gone.
pub(crate) struct Pauses(u32);

impl Pauses {
    pub(crate) fn new() -> Self {
        Self(FIRST_PAUSE)
    }

    /// The next pause in milliseconds. Chance spreads the pages that lost the same bridge.
    pub(crate) fn next(&mut self) -> u32 {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST_PAUSE);
        pause / 2 + (f64::from(pause / 2) * js_sys::Math::random()) as u32
    }
}

/// How long a port keeps the next one waiting, in milliseconds. A port without a listener refuses
/// at once on most systems, but takes two seconds on Windows; and while the browser asks the user
/// for permission, each port takes until the answer.
const PATIENCE: u32 = 500;

const FIRST_PAUSE: u32 = 500;
const LONGEST_PAUSE: u32 = 30_000;
