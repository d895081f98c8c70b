//! Before a WebSocket exists: peers that send nothing, too little, too much, or something else.

use std::thread::sleep;
use std::time::{Duration, Instant};

use pkcs11_bridge_protocol::{HANDSHAKE_SECONDS, MAX_UNAPPROVED_CONNECTIONS};
use pkcs11_bridge_tests::raw_connection::{Ending, RawConnection, upgrade};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::testbed::Testbed;

/// Opens 10,000 sockets, each of which sends a text. If the process may not have as
/// many open, they come in waves. Each burst comes after the bridge has accepted the
/// one before. Otherwise the test would measure how busy the machine is.
fn ten_thousand(testbed: &Testbed, words: impl Fn(usize) -> String) -> Vec<RawConnection> {
    let together = allowed();
    let mut peers = Vec::new();
    for number in 0..TEN_THOUSAND {
        if number % together == 0 {
            peers.clear();
        }
        if number % BURST == 0 {
            RawConnection::open(testbed.address(), "https://burst.example");
        }
        let mut peer = RawConnection::connect(testbed.address());
        // Later sockets may already have displaced it.
        let _ = peer.send(words(number));
        peers.push(peer);
    }
    peers
}

/// How many sockets a test may have open. The tests of this file run side by side and share the
/// limit of the process with the fixtures.
fn allowed() -> usize {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("a limit");
    let most = limit.maximum.unwrap_or(u64::MAX).saturating_sub(1000) / TESTS_WITH_MANY_SOCKETS;
    usize::try_from(most).unwrap_or(usize::MAX)
}

const TESTS_WITH_MANY_SOCKETS: u64 = 3;
const TEN_THOUSAND: usize = 10_000;
const BURST: usize = 100;

#[test]
fn ten_thousand_silent_sockets_are_closed() {
    let testbed = Testbed::open();
    for mut peer in ten_thousand(&testbed, |_| String::new()) {
        assert_eq!(peer.ending(), Ending::Dropped);
    }
    testbed.expect_served();
}

#[test]
fn ten_thousand_half_open_handshakes_are_closed() {
    let testbed = Testbed::open();
    let request = upgrade(testbed.address(), "https://half.example");
    let half = &request[..request.len() / 2];
    for mut peer in ten_thousand(&testbed, |_| half.to_owned()) {
        assert_eq!(peer.ending(), Ending::Dropped);
    }
    testbed.expect_served();
}

#[test]
fn ten_thousand_websockets_of_unapproved_origins_are_bounded() {
    let testbed = Testbed::open();
    let address = testbed.address();
    let words = |number| upgrade(address, &format!("https://{}.example", number % 100));
    let mut kept = ten_thousand(&testbed, words);
    let mut refused = 0;
    // The bridge may not have handled all of them yet.
    for _ in 0..2 {
        sleep(Duration::from_secs(2));
        let silence = Duration::from_millis(1);
        kept.retain_mut(|peer| match peer.read_for(silence).map(|received| received.ending) {
            None => true,
            // Other sockets have displaced it.
            Some(Ending::Dropped) => false,
            Some(ending) => {
                assert_eq!(ending, Ending::CloseCode(TRY_LATER));
                refused += 1;
                false
            }
        });
    }
    println!("{} kept, {refused} refused", kept.len());
    assert!(kept.len() <= MAX_UNAPPROVED_CONNECTIONS, "{} connections are open", kept.len());
    assert!(refused > 0, "no peer was asked to try again later");
    testbed.expect_served();
}

#[test]
fn other_requests_are_refused() {
    let testbed = Testbed::open();
    let host = testbed.address();
    let good = upgrade(host, "https://app.example");
    for (what, words, ending) in [
        ("no upgrade", format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), Ending::Dropped),
        ("a POST", good.replace("GET", "POST"), Ending::Dropped),
        ("HTTP/1.0", good.replace("HTTP/1.1", "HTTP/1.0"), Ending::Dropped),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), Ending::Dropped),
        ("TLS", "\x16\x03\x01\x02\0\x01\0\x01".repeat(100), Ending::Dropped),
        ("another version", good.replace("Version: 13", "Version: 8"), Ending::Dropped),
        ("no key", good.replace("Sec-WebSocket-Key", "Key"), Ending::Dropped),
        ("another host", good.replace(&host.to_string(), "evil.test"), Ending::HttpStatus(403)),
        ("no sub-protocol", good.replace("-Protocol", ""), Ending::HttpStatus(403)),
        (
            "a path for an origin",
            good.replace("app.example", "app.example/x"),
            Ending::HttpStatus(403),
        ),
    ] {
        let mut peer = RawConnection::connect(host);
        let _ = peer.send(words);
        assert_eq!(peer.ending(), ending, "{what}");
    }
    testbed.expect_served();
}

#[test]
fn endless_headers_are_cut_off() {
    let testbed = Testbed::open();
    let start = "GET / HTTP/1.1\r\n";
    for (what, words) in [
        ("many headers", "X: y\r\n".to_owned()),
        ("one long header", "x".repeat(1000)),
        ("many long headers", format!("X: {}\r\n", "y".repeat(1000))),
        ("empty lines", "\r\n".to_owned()),
    ] {
        let mut peer = RawConnection::connect(testbed.address());
        let _ = peer.send(start);
        let begun = Instant::now();
        while peer.send(&words).is_ok() {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "{what}: the bridge accepts everything"
            );
        }
        assert_eq!(peer.ending(), Ending::Dropped, "{what}");
    }
    testbed.expect_served();
}

/// Each byte comes long before the time limit of the handshake.
#[test]
fn headers_byte_by_byte_are_cut_off() {
    let testbed = Testbed::open();
    let request = upgrade(testbed.address(), "https://slow.example");
    let begun = Instant::now();
    let mut peers: Vec<_> = (0..100).map(|_| RawConnection::connect(testbed.address())).collect();
    let mut bytes = request.bytes().cycle();
    while !peers.is_empty() {
        assert!(begun.elapsed() < HANDSHAKE_LIMIT, "{} are waited for", peers.len());
        let byte = bytes.next().expect("the bytes repeat");
        peers.retain_mut(|peer| peer.send([byte]).is_ok());
        sleep(Duration::from_millis(200));
    }
    testbed.expect_served();
}

/// A busy machine may be late.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(4 * HANDSHAKE_SECONDS);
const TRY_LATER: u16 = 1013;
