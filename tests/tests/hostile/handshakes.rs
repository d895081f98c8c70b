//! Before there is a WebSocket: peers that say nothing, too little, too much, or something else.

use std::thread::sleep;
use std::time::{Duration, Instant};

use pkcs11_bridge_protocol::{HANDSHAKE_SECONDS, MAX_UNAPPROVED_CONNECTIONS};
use pkcs11_bridge_tests::raw_connection::{Ending, RawConnection, upgrade};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::testbed::Testbed;

/// Opens 10,000 sockets that say something each, in waves where they cannot be open together. They come in bursts,
/// each when the bridge has taken the one before, so that a busy machine is not measured instead.
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
        // Those that came before may have pushed it out already.
        let _ = peer.send(words(number));
        peers.push(peer);
    }
    peers
}

/// As many sockets as this process may have beside those of the fixtures.
fn allowed() -> usize {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("a limit");
    let most = limit.maximum.unwrap_or(u64::MAX).saturating_sub(1000);
    usize::try_from(most).unwrap_or(usize::MAX)
}

const TEN_THOUSAND: usize = 10_000;
const BURST: usize = 100;

#[test]
fn ten_thousand_peers_that_say_nothing() {
    let testbed = Testbed::open();
    for mut peer in ten_thousand(&testbed, |_| String::new()) {
        assert_eq!(peer.ending(), Ending::Dropped);
    }
    testbed.expect_served();
}

#[test]
fn ten_thousand_half_open_handshakes() {
    let testbed = Testbed::open();
    let request = upgrade(testbed.address(), "https://half.example");
    let half = &request[..request.len() / 2];
    for mut peer in ten_thousand(&testbed, |_| half.to_owned()) {
        assert_eq!(peer.ending(), Ending::Dropped);
    }
    testbed.expect_served();
}

#[test]
fn ten_thousand_websockets_of_a_hundred_origins() {
    let testbed = Testbed::open();
    let address = testbed.address();
    let words = |number| upgrade(address, &format!("https://{}.example", number % 100));
    let mut kept = ten_thousand(&testbed, words);
    let mut refused = 0;
    // The bridge may not have come to them all yet.
    for _ in 0..2 {
        sleep(Duration::from_secs(2));
        let silence = Duration::from_millis(1);
        kept.retain_mut(|peer| match peer.read_for(silence).map(|received| received.ending) {
            None => true,
            // Others have pushed it out before its turn.
            Some(Ending::Dropped) => false,
            Some(ending) => {
                assert_eq!(ending, Ending::CloseCode(TRY_LATER));
                refused += 1;
                false
            }
        });
    }
    println!("{} kept, {refused} refused", kept.len());
    assert!(kept.len() <= MAX_UNAPPROVED_CONNECTIONS, "{} have a place", kept.len());
    assert!(refused > 0, "nobody was told to come later");
    testbed.expect_served();
}

#[test]
fn what_is_no_handshake() {
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
fn headers_that_do_not_end() {
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
            assert!(begun.elapsed() < Duration::from_secs(30), "{what}: the bridge takes it all");
        }
        assert_eq!(peer.ending(), Ending::Dropped, "{what}");
    }
    testbed.expect_served();
}

/// Each byte comes long before the handshake's time is over.
#[test]
fn headers_byte_by_byte() {
    let testbed = Testbed::open();
    let request = upgrade(testbed.address(), "https://slow.example");
    let begun = Instant::now();
    let mut peers: Vec<_> = (0..100).map(|_| RawConnection::connect(testbed.address())).collect();
    let mut bytes = request.bytes().cycle();
    while !peers.is_empty() {
        assert!(begun.elapsed() < HANDSHAKE_LIMIT, "{} are waited for", peers.len());
        let byte = bytes.next().expect("there is always one");
        peers.retain_mut(|peer| peer.send([byte]).is_ok());
        sleep(Duration::from_millis(200));
    }
    testbed.expect_served();
}

/// A busy machine may be late.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(4 * HANDSHAKE_SECONDS);
const TRY_LATER: u16 = 1013;
