//! All of it at the same time.

use std::io::{copy, sink};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use pkcs11_bridge_protocol::MAX_FRAME_LEN;
use pkcs11_bridge_tests::bridge::ORIGIN;
use pkcs11_bridge_tests::raw::opcode::{CONTINUATION, PING, TEXT};
use pkcs11_bridge_tests::raw::{RawPeer, frame, frame_of, upgrade};

use super::ground::Ground;

#[test]
fn everything_at_once() {
    let ground = Ground::open();
    let address = ground.address();
    let over = &AtomicBool::new(false);
    let goes_on = move || !over.load(Ordering::Relaxed);
    let key = frame(TEXT, format!(r#"{{"{}":1}}"#, "x".repeat(MAX_FRAME_LEN - 10)));
    let deep = frame(TEXT, "[".repeat(100_000));
    let piece = frame_of(CONTINUATION, "").repeat(100);
    let pings = frame(PING, [0; 125]).repeat(10);
    let begun = frame_of(TEXT, "");
    // Each leaves the machine a little room, so that the page waits for the bridge and not for the machine.
    let pause = || sleep(Duration::from_millis(5));
    scope(|scope| {
        scope.spawn(|| {
            let mut half_open = Vec::new();
            for number in 0.. {
                let mut peer = RawPeer::connect(address);
                let request = upgrade(address, &format!("https://{}.example", number % 100));
                let _ = peer.send(if number % 2 == 0 { &request } else { &request[..40] });
                half_open.push(peer);
                if half_open.len() > 300 {
                    half_open.clear();
                }
                if !goes_on() {
                    return;
                }
                pause();
            }
        });
        for (first, bytes) in [(&[][..], &key), (&[], &deep), (&begun, &piece), (&[], &pings)] {
            scope.spawn(move || {
                while goes_on() {
                    let mut peer = RawPeer::open(address, ORIGIN);
                    let reader = peer.socket().try_clone().expect("a second handle");
                    let reading = std::thread::spawn(move || copy(&mut &reader, &mut sink()));
                    let _ = peer.send(first);
                    for _ in 0..20 {
                        if peer.send(bytes).is_err() {
                            break;
                        }
                        pause();
                    }
                    let _ = peer.socket().shutdown(Shutdown::Both);
                    let _ = reading.join();
                }
            });
        }
        sleep(Duration::from_secs(10));
        over.store(true, Ordering::Relaxed);
    });
    ground.expect_served();
}
