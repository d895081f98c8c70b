//! The asynchronous part of a connection: waits for frames, for the end of the connection, and for
//! the bridge to come back. Hands each of them to the driver.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use futures_channel::oneshot;
use gloo_timers::future::TimeoutFuture;

use super::Connection;
use super::backoff::Backoff;
use super::driver::{Driver, clock};
use super::link::Link;
use crate::bridge_search::{BridgeSearch, Found};
use crate::socket::{Arrival, Closed, Socket};

/// Receives until the connection is lost, finds the bridge again, and starts over. Ends when the
/// page has closed the connection.
pub(super) async fn run(connection: Rc<Connection>, search: BridgeSearch, mut socket: Socket) {
    let mut backoff = Backoff::new();
    loop {
        let opened = clock();
        let closed = receive(&connection, &mut socket).await;
        drop(socket);
        if clock() - opened >= STEADY {
            backoff = Backoff::new();
        }
        connection.step(|driver| driver.lose(closed));
        match find_again(&connection, &search, &mut backoff).await {
            Some(found) => socket = found,
            None => return,
        }
    }
}

async fn receive(connection: &Connection, socket: &mut Socket) -> Closed {
    loop {
        match socket.next().await {
            Arrival::Closed(closed) => return closed,
            Arrival::Text(text) => {
                if connection.step(|driver| driver.receive(&text)).is_err() {
                    // The client cannot know which call the frame answers, so all of them end.
                    socket.sender().refuse("a frame that cannot be read");
                }
            }
        }
    }
}

/// Searches until the bridge is found. Returns `None` if the page closes the connection.
async fn find_again(
    connection: &Connection,
    search: &BridgeSearch,
    backoff: &mut Backoff,
) -> Option<Socket> {
    loop {
        if let Some(woken) = connection.step(Driver::pause) {
            wait(backoff.next(), woken).await;
            connection.step(Driver::start_search);
        }
        if connection.step(|driver| driver.is_closed()) {
            return None;
        }
        let found = search.find().await;
        let link = found.as_ref().map(link).map_err(Clone::clone);
        if connection.step(|driver| driver.end_search(link)) {
            return found.ok().map(|found| found.socket);
        }
    }
}

/// The link to a program that was found.
pub(super) fn link(found: &Found) -> Link {
    let (sender, port) = (found.socket.sender(), found.port);
    if found.proved { Link::Open(sender) } else { Link::Unproved { sender, port } }
}

/// Waits for so many milliseconds, or until the driver wakes the search.
async fn wait(milliseconds: u32, mut woken: oneshot::Receiver<()>) {
    let mut time = TimeoutFuture::new(milliseconds);
    poll_fn(|cx| {
        let over =
            Pin::new(&mut woken).poll(cx).is_ready() || Pin::new(&mut time).poll(cx).is_ready();
        if over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// After a connection that lasted this many milliseconds the pauses are short again.
const STEADY: f64 = 10_000.0;
