//! Before there is a WebSocket: peers that say nothing, too little, too much, or something else.

use std::thread::sleep;
use std::time::{Duration, Instant};

use pkcs11_bridge_protocol::{HANDSHAKE_SECONDS, MAX_UNAPPROVED_CONNECTIONS};
use pkcs11_bridge_tests::raw::{Farewell, RawPeer, upgrade};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::ground::Ground;

/// Opens 10,000 sockets that say something each, in waves where they cannot be open together. They come in bursts,
/// each when the bridge has taken the one before, so that a busy machine is not measured instead.
fn ten_thousand(ground: &Ground, words: impl Fn(usize) -> String) -> Vec<RawPeer> {
    let together = allowed();
    let mut peers = Vec::new();
    for number in 0..TEN_THOUSAND {
        if number % together == 0 {
            peers.clear();
        }
        if number % BURST == 0 {
            RawPeer::open(ground.address(), "https://burst.example");
        }
        let mut peer = RawPeer::connect(ground.address());
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
    let ground = Ground::open();
    for mut peer in ten_thousand(&ground, |_| String::new()) {
        assert_eq!(peer.farewell(), Farewell::Silence);
    }
    ground.expect_served();
}

#[test]
fn ten_thousand_half_open_handshakes() {
    let ground = Ground::open();
    let request = upgrade(ground.address(), "https://half.example");
    let half = &request[..request.len() / 2];
    for mut peer in ten_thousand(&ground, |_| half.to_owned()) {
        assert_eq!(peer.farewell(), Farewell::Silence);
    }
    ground.expect_served();
}

#[test]
fn ten_thousand_websockets_of_a_hundred_origins() {
    let ground = Ground::open();
    let address = ground.address();
    let words = |number| upgrade(address, &format!("https://{}.example", number % 100));
    let mut kept = ten_thousand(&ground, words);
    let mut refused = 0;
    // The bridge may not have come to them all yet.
    for silence in [Duration::from_millis(1), Duration::from_secs(3)] {
        kept.retain_mut(|peer| match peer.read_for(silence).map(|received| received.farewell) {
            None => true,
            // Others have pushed it out before its turn.
            Some(Farewell::Silence) => false,
            Some(farewell) => {
                assert_eq!(farewell, Farewell::Code(TRY_LATER));
                refused += 1;
                false
            }
        });
    }
    println!("{} kept, {refused} refused", kept.len());
    assert!(kept.len() <= MAX_UNAPPROVED_CONNECTIONS, "{} have a place", kept.len());
    assert!(refused > 0, "nobody was told to come later");
    ground.expect_served();
}

#[test]
fn what_is_no_handshake() {
    let ground = Ground::open();
    let host = ground.address();
    let good = upgrade(host, "https://app.example");
    for (what, words, farewell) in [
        ("no upgrade", format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), Farewell::Silence),
        ("a POST", good.replace("GET", "POST"), Farewell::Silence),
        ("HTTP/1.0", good.replace("HTTP/1.1", "HTTP/1.0"), Farewell::Silence),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), Farewell::Silence),
        ("TLS", "\x16\x03\x01\x02\0\x01\0\x01".repeat(100), Farewell::Silence),
        ("another version", good.replace("Version: 13", "Version: 8"), Farewell::Silence),
        ("no key", good.replace("Sec-WebSocket-Key", "Key"), Farewell::Silence),
        ("another host", good.replace(&host.to_string(), "evil.test"), Farewell::Status(403)),
        ("no sub-protocol", good.replace("-Protocol", ""), Farewell::Status(403)),
        (
            "a path for an origin",
            good.replace("app.example", "app.example/x"),
            Farewell::Status(403),
        ),
    ] {
        let mut peer = RawPeer::connect(host);
        let _ = peer.send(words);
        assert_eq!(peer.farewell(), farewell, "{what}");
    }
    ground.expect_served();
}

#[test]
fn headers_that_do_not_end() {
    let ground = Ground::open();
    let start = "GET / HTTP/1.1\r\n";
    for (what, words) in [
        ("many headers", "X: y\r\n".to_owned()),
        ("one long header", "x".repeat(1000)),
        ("many long headers", format!("X: {}\r\n", "y".repeat(1000))),
        ("empty lines", "\r\n".to_owned()),
    ] {
        let mut peer = RawPeer::connect(ground.address());
        let _ = peer.send(start);
        let begun = Instant::now();
        while peer.send(&words).is_ok() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{what}: the bridge takes it all");
        }
        assert_eq!(peer.farewell(), Farewell::Silence, "{what}");
    }
    ground.expect_served();
}

/// Each byte comes long before the handshake's time is over.
#[test]
fn headers_byte_by_byte() {
    let ground = Ground::open();
    let request = upgrade(ground.address(), "https://slow.example");
    let begun = Instant::now();
    let mut peers: Vec<_> = (0..100).map(|_| RawPeer::connect(ground.address())).collect();
    let mut bytes = request.bytes().cycle();
    while !peers.is_empty() {
        assert!(begun.elapsed() < HANDSHAKE_LIMIT, "{} are waited for", peers.len());
        let byte = bytes.next().expect("there is always one");
        peers.retain_mut(|peer| peer.send([byte]).is_ok());
        sleep(Duration::from_millis(200));
    }
    ground.expect_served();
}

/// A busy machine may be late.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(4 * HANDSHAKE_SECONDS);
const TRY_LATER: u16 = 1013;
