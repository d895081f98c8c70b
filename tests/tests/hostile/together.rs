//! All attacks at the same time.

use std::io::{copy, sink};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use pkcs11_bridge_protocol::MAX_FRAME_LEN;
use pkcs11_bridge_tests::bridge::ORIGIN;
use pkcs11_bridge_tests::raw_connection::opcode::{CONTINUATION, PING, TEXT};
use pkcs11_bridge_tests::raw_connection::{RawConnection, frame, frame_with_first_byte, upgrade};

use super::testbed::Testbed;

#[test]
fn the_page_is_served_during_all_attacks() {
    let testbed = Testbed::open();
    let address = testbed.address();
    let over = &AtomicBool::new(false);
    let goes_on = move || !over.load(Ordering::Relaxed);
    let key = frame(TEXT, format!(r#"{{"{}":1}}"#, "x".repeat(MAX_FRAME_LEN - 10)));
    let deep = frame(TEXT, "[".repeat(100_000));
    let piece = frame_with_first_byte(CONTINUATION, "").repeat(100);
    let pings = frame(PING, [0; 125]).repeat(10);
    let begun = frame_with_first_byte(TEXT, "");
    // The pauses leave room on the machine, so that the page waits for the bridge and
    // not for the machine. Without optimisation, a megabyte takes the bridge a while.
    let pause = |millis| sleep(Duration::from_millis(millis));
    scope(|scope| {
        scope.spawn(|| {
            let mut half_open = Vec::new();
            for number in 0.. {
                let mut peer = RawConnection::connect(address);
                let request = upgrade(address, &format!("https://{}.example", number % 100));
                let _ = peer.send(if number % 2 == 0 { &request } else { &request[..40] });
                half_open.push(peer);
                if half_open.len() > 300 {
                    half_open.clear();
                }
                if !goes_on() {
                    return;
                }
                pause(5);
            }
        });
        let attacks =
            [(&[][..], &key, 200), (&[], &deep, 25), (&begun, &piece, 5), (&[], &pings, 5)];
        for (first, bytes, millis) in attacks {
            scope.spawn(move || {
                while goes_on() {
                    let mut peer = RawConnection::open(address, ORIGIN);
                    let reader = peer.socket().try_clone().expect("a second handle");
                    let reading = std::thread::spawn(move || copy(&mut &reader, &mut sink()));
                    let _ = peer.send(first);
                    for _ in 0..20 {
                        if peer.send(bytes).is_err() {
                            break;
                        }
                        pause(millis);
                    }
                    let _ = peer.socket().shutdown(Shutdown::Both);
                    let _ = reading.join();
                }
            });
        }
        sleep(Duration::from_secs(10));
        over.store(true, Ordering::Relaxed);
    });
    testbed.expect_served();
}
