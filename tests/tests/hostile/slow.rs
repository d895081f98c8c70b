//! Slow peers: the bridge closes each at its deadline. A silent connection may stay.

use std::io::ErrorKind;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use pkcs11_bridge_protocol::{MAX_FRAME_LEN, MESSAGE_SECONDS, WRITE_SECONDS};
use pkcs11_bridge_tests::raw_connection::opcode::{CONTINUATION, TEXT};
use pkcs11_bridge_tests::raw_connection::{
    Ending, FIN, RawConnection, frame, frame_with_first_byte, header,
};
use rustix::net::sockopt::set_socket_recv_buffer_size;
use serde_json::json;

use super::testbed::Testbed;

const TOO_SLOW: Ending = Ending::CloseCode(1008);

/// Sends an incomplete message and then nothing. Gives the end of the connection and
/// the time until then.
fn sends_only(mut peer: RawConnection, bytes: &[u8]) -> (Ending, Duration) {
    let begun = Instant::now();
    peer.send(bytes).expect("the bridge reads it");
    (peer.ending(), begun.elapsed())
}

/// Sends one byte a second until the bridge closes the connection.
fn sends_by_the_second(mut peer: RawConnection, bytes: &[u8]) -> (Ending, Duration) {
    let begun = Instant::now();
    for byte in bytes {
        if let Some(received) = peer.read_for(Duration::from_secs(1)) {
            return (received.ending, begun.elapsed());
        }
        let _ = peer.send([*byte]);
    }
    panic!("the bridge waits for the whole message")
}

#[test]
fn incomplete_messages_are_closed_at_their_deadline() {
    let testbed = Testbed::open();
    let message = frame(TEXT, json!({ "jsonrpc": "2.0", "id": 1, "method": "hello" }).to_string());
    let mut large = header(FIN | TEXT, MAX_FRAME_LEN as u64);
    large.resize(large.len() + MAX_FRAME_LEN - 1, b' ');
    let pieces =
        [frame_with_first_byte(TEXT, "{"), frame_with_first_byte(CONTINUATION, " ")].concat();
    let mut attempts = Vec::new();
    for (what, bytes) in [
        ("one byte of a frame", message[..1].to_vec()),
        ("half a header", message[..4].to_vec()),
        ("a header", message[..6].to_vec()),
        ("half a frame", message[..20].to_vec()),
        ("all of a frame but a byte", large),
        ("all of a message but its last piece", pieces),
    ] {
        let peer = testbed.peer();
        attempts.push((what, spawn(move || sends_only(peer, &bytes))));
    }
    let (peer, bytes) = (testbed.peer(), message.clone());
    attempts.push(("a byte a second", spawn(move || sends_by_the_second(peer, &bytes))));
    let mut silent = testbed.peer();
    for (what, attempt) in attempts {
        let (ending, after) = attempt.join().expect(what);
        assert_eq!(ending, TOO_SLOW, "{what}");
        assert!(after >= Duration::from_secs(MESSAGE_SECONDS - 1), "{what}: after {after:?}");
    }
    silent.send(&message).expect("the connection is open");
    // A page that sends a close frame at once gets no reply.
    assert!(silent.read_for(Duration::from_secs(2)).is_none(), "the connection is open");
    silent.send(frame(8, 1000u16.to_be_bytes())).expect("the connection is open");
    assert_eq!(silent.read_to_end().texts.len(), 1, "a page that was silent for long");
    testbed.expect_served();
}

#[test]
fn a_peer_that_does_not_read_is_closed() {
    let testbed = Testbed::open();
    let mut peer = testbed.peer();
    // A small buffer lets the system keep few replies.
    set_socket_recv_buffer_size(peer.socket(), 4096).expect("a socket option");
    let wait = Duration::from_millis(50);
    peer.socket().set_write_timeout(Some(wait)).expect("a socket option");
    let params = json!({ "slot_id": testbed.token().slot() });
    let begun = Instant::now();
    let mut stuck_since = None;
    for id in 0.. {
        let request =
            json!({ "jsonrpc": "2.0", "id": id, "method": "certificates", "params": params });
        match peer.send(frame(TEXT, request.to_string())) {
            Ok(()) => sleep(Duration::from_millis(1)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                stuck_since.get_or_insert_with(Instant::now);
            }
            Err(_) => break,
        }
        assert!(begun.elapsed() < LIMIT, "the bridge waits for it: {stuck_since:?}");
    }
    println!("given up {:?} after it was stuck", stuck_since.map(|since| since.elapsed()));
    assert!(begun.elapsed() >= Duration::from_secs(WRITE_SECONDS), "given up too soon");
    testbed.expect_served();
}

/// A busy machine takes a while to fill the system's buffers.
const LIMIT: Duration = Duration::from_secs(9 * WRITE_SECONDS);
