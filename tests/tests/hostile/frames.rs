//! Frames that violate RFC 6455, or that do not end.

use std::net::SocketAddr;
use std::thread::scope;
use std::time::{Duration, Instant};

use pkcs11_bridge_protocol::{MAX_FRAME_LEN, WRITE_SECONDS};
use pkcs11_bridge_tests::bridge::ORIGIN;
use pkcs11_bridge_tests::raw_connection::opcode::{BINARY, CLOSE, CONTINUATION, PING, TEXT};
use pkcs11_bridge_tests::raw_connection::{
    Ending, FIN, RawConnection, frame, frame_with_first_byte, header,
};

use super::testbed::Testbed;

const PARALLEL_PEERS: usize = 32;

const HELLO: &str = r#"{"jsonrpc":"2.0","id":1,"method":"hello"}"#;

const RESERVED: [u8; 3] = [0x40, 0x20, 0x10];

const PROTOCOL: u16 = 1002;
const NOT_UTF_8: u16 = 1007;
const TOO_LONG: u16 = 1009;

#[test]
fn invalid_frames_close_the_connection() {
    let testbed = Testbed::open();
    let unmasked = |frame: Vec<u8>| {
        let payload = frame[6..].to_vec();
        [&[frame[0], frame[1] & 0x7f], payload.as_slice()].concat()
    };
    let mut cases = vec![
        ("a frame that is not masked", unmasked(frame(TEXT, HELLO)), PROTOCOL),
        ("a ping that is not masked", unmasked(frame(PING, "x")), PROTOCOL),
        ("a continuation without a message", frame(CONTINUATION, HELLO), PROTOCOL),
        (
            "a message within a message",
            [frame_with_first_byte(TEXT, "{"), frame(TEXT, HELLO)].concat(),
            PROTOCOL,
        ),
        ("a ping in pieces", frame_with_first_byte(PING, "x"), PROTOCOL),
        ("a close frame in pieces", frame_with_first_byte(CLOSE, "x"), PROTOCOL),
        ("a ping that is too long", frame(PING, [0; 126]), PROTOCOL),
        ("a close frame that is too long", frame(CLOSE, [0; 126]), PROTOCOL),
        ("a close frame of one byte", frame(CLOSE, [3]), PROTOCOL),
        ("a reserved close code", frame(CLOSE, 1006u16.to_be_bytes()), PROTOCOL),
        ("an undefined close code", frame(CLOSE, 7u16.to_be_bytes()), PROTOCOL),
        ("a close reason that is not UTF-8", frame(CLOSE, [3, 232, 0xff]), NOT_UTF_8),
        ("text that is not UTF-8", frame(TEXT, b"{\"jsonrpc\":\"\xff\""), NOT_UTF_8),
        ("text that ends within a character", frame(TEXT, "é".as_bytes().split_at(1).0), NOT_UTF_8),
        ("a lone surrogate", frame(TEXT, [0xed, 0xa0, 0x80]), NOT_UTF_8),
        ("a character in too many bytes", frame(TEXT, [0xc0, 0xaf]), NOT_UTF_8),
        ("a piece that is not UTF-8", frame_with_first_byte(TEXT, [0xff]), NOT_UTF_8),
        ("one byte too many", header(FIN | TEXT, MAX_FRAME_LEN as u64 + 1), TOO_LONG),
        ("4 GiB", header(FIN | TEXT, 1 << 32), TOO_LONG),
        ("a length of 63 bits", header(FIN | BINARY, u64::MAX >> 1), TOO_LONG),
        ("a length of 64 bits", header(FIN | TEXT, u64::MAX), TOO_LONG),
        ("a ping of 1 EiB", header(FIN | PING, 1 << 60), TOO_LONG),
        (
            "pieces that are too long together",
            {
                let piece = vec![b' '; MAX_FRAME_LEN / 2 + 1];
                [frame_with_first_byte(TEXT, &piece), frame(CONTINUATION, &piece)].concat()
            },
            TOO_LONG,
        ),
    ];
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        cases.push(("an undefined opcode", frame(opcode, HELLO), PROTOCOL));
    }
    for bit in RESERVED {
        // The first of these bits says that the frame is compressed (RFC 7692), which
        // was not negotiated.
        for opcode in [TEXT, BINARY, CONTINUATION, PING] {
            cases.push((
                "a reserved bit",
                frame_with_first_byte(FIN | bit | opcode, HELLO),
                PROTOCOL,
            ));
        }
    }
    // After a close frame the bridge waits a second for the peer's, so the peers come in parallel.
    let address = testbed.address();
    for cases in cases.chunks(PARALLEL_PEERS) {
        scope(|scope| {
            for (what, bytes, code) in cases {
                scope.spawn(move || assert_closed(address, what, bytes, *code));
            }
        });
    }
    testbed.expect_served();
}

/// Asserts that the bridge closes a connection for these bytes, alone and after a valid request.
fn assert_closed(address: SocketAddr, what: &str, bytes: &[u8], code: u16) {
    let mut peer = RawConnection::open(address, ORIGIN);
    let _ = peer.send(bytes);
    let shown = &bytes[..bytes.len().min(14)];
    assert_eq!(peer.ending(), Ending::CloseCode(code), "{what}: {shown:02x?}");
    let mut peer = RawConnection::open(address, ORIGIN);
    let _ = peer.send([&frame(TEXT, HELLO), bytes].concat());
    assert_eq!(peer.ending(), Ending::CloseCode(code), "{what} behind a request");
}

#[test]
fn random_frames_close_the_connection() {
    let testbed = Testbed::open();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..300 {
        let len = random.usize(1..2000);
        let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(len).collect();
        let mut peer = testbed.peer();
        let _ = peer.send(&noise);
        // The bridge waits for the rest of an incomplete frame, so the test closes the socket.
        let _ = peer.socket().shutdown(std::net::Shutdown::Write);
        let ending = peer.ending();
        let documented = [PROTOCOL, NOT_UTF_8, TOO_LONG].map(Ending::CloseCode);
        let gone = ending == Ending::Dropped;
        assert!(gone || documented.contains(&ending), "{ending:?} for {noise:02x?}");
    }
    testbed.expect_served();
}

#[test]
fn endless_fragments_are_cut_off() {
    let testbed = Testbed::open();
    for (what, piece) in [
        ("long pieces", frame_with_first_byte(CONTINUATION, [b' '; 10_000])),
        ("pieces of one byte", frame_with_first_byte(CONTINUATION, " ").repeat(1000)),
    ] {
        let mut peer = testbed.peer();
        let _ = peer.send(frame_with_first_byte(TEXT, "{"));
        let begun = Instant::now();
        while peer.send(&piece).is_ok() {
            assert!(begun.elapsed() < LIMIT, "{what}: the bridge accepts all of them");
        }
        let ending = peer.ending();
        // If the bridge closes with unread bytes, the system may drop its close frame.
        let allowed = [Ending::CloseCode(TOO_LONG), Ending::Dropped];
        assert!(allowed.contains(&ending), "{what}: {ending:?}");
    }
    testbed.expect_served();
}

/// The message stays empty, but its headers exceed the limit.
#[test]
fn endless_empty_fragments_are_cut_off() {
    let testbed = Testbed::open();
    let mut peer = testbed.peer();
    let _ = peer.send(frame_with_first_byte(TEXT, "{"));
    let pieces = frame_with_first_byte(CONTINUATION, "").repeat(1000);
    let begun = Instant::now();
    while peer.send(&pieces).is_ok() {
        assert!(begun.elapsed() < LIMIT, "the bridge accepts all of them");
    }
    assert!([Ending::CloseCode(TOO_LONG), Ending::Dropped].contains(&peer.ending()));
    testbed.expect_served();
}

#[test]
fn a_flood_of_pings_is_answered() {
    let testbed = Testbed::open();
    let mut peer = testbed.peer();
    let reader = peer.socket().try_clone().unwrap();
    let reading = std::thread::spawn(move || std::io::copy(&mut &reader, &mut std::io::sink()));
    let pings = frame(PING, [0; 125]).repeat(100);
    for _ in 0..1000 {
        peer.send(&pings).expect("the bridge reads them");
    }
    peer.send(frame(CLOSE, 1000u16.to_be_bytes())).expect("the bridge reads it");
    assert!(reading.join().unwrap().is_ok_and(|read| read > 0));
    testbed.expect_served();
}

#[test]
fn a_flood_of_pings_with_unread_pongs_is_cut_off() {
    let testbed = Testbed::open();
    let mut peer = testbed.peer();
    let pings = frame(PING, [0; 125]).repeat(100);
    let begun = Instant::now();
    peer.socket().set_write_timeout(Some(LIMIT)).unwrap();
    while peer.send(&pings).is_ok() {
        assert!(begun.elapsed() < LIMIT, "the bridge accepts all of them");
    }
    // The bridge has waited until the write deadline.
    assert!(begun.elapsed() >= Duration::from_secs(WRITE_SECONDS / 2));
    testbed.expect_served();
}

/// The bridge closes an endless message within 30 s. A busy machine may be late.
const LIMIT: Duration = Duration::from_secs(60);
