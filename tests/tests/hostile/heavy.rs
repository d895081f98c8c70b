//! Pages of an approved origin that hold as much of the bridge's memory as possible.

use pkcs11_bridge_protocol::{MAX_CONNECTIONS, MAX_FRAME_LEN, MAX_IN_FLIGHT};
use pkcs11_bridge_tests::bridge::ORIGIN;
use pkcs11_bridge_tests::params::sign_data;
use pkcs11_bridge_tests::processes;
use pkcs11_bridge_tests::raw_connection::opcode::{CONTINUATION, TEXT};
use pkcs11_bridge_tests::raw_connection::{
    FIN, RawConnection, frame, frame_with_first_byte, header,
};
use pkcs11_bridge_tests::token::KeyType;
use rustix::process::Signal;
use serde_json::json;

use super::testbed::Testbed;

/// The parallel page needs room, because it opens a second connection now and then.
const CONNECTIONS: usize = MAX_CONNECTIONS - 4;

#[test]
fn incomplete_frames_on_all_connections_bound_memory() {
    let testbed = Testbed::open();
    let mut frame = header(FIN | TEXT, MAX_FRAME_LEN as u64);
    frame.resize(frame.len() + MAX_FRAME_LEN - 1, b' ');
    let mut peers: Vec<_> = (0..CONNECTIONS).map(|_| testbed.peer()).collect();
    for peer in &mut peers {
        peer.send(&frame).expect("the bridge reads it");
    }
    testbed.expect_served();
}

#[test]
fn incomplete_messages_on_all_connections_bound_memory() {
    let testbed = Testbed::open();
    let first = frame_with_first_byte(TEXT, vec![b' '; MAX_FRAME_LEN / 2 + 1]);
    let mut second = header(CONTINUATION, MAX_FRAME_LEN as u64);
    second.resize(second.len() + MAX_FRAME_LEN - 1, b' ');
    let mut peers: Vec<_> = (0..CONNECTIONS).map(|_| testbed.peer()).collect();
    for peer in &mut peers {
        peer.send(&first).expect("the bridge reads it");
        let _ = peer.send(&second);
    }
    testbed.expect_served();
}

#[test]
fn requests_of_1_mb_to_a_hanging_module_bound_memory() {
    let testbed = Testbed::of("https://other.example");
    let mut params = sign_data(testbed.token(), KeyType::Rsa2048.id(), "sha256");
    params.as_object_mut().unwrap().remove("pin");
    params["signature"] = json!("A".repeat(MAX_FRAME_LEN - 1000));
    let open = || RawConnection::open(testbed.address(), ORIGIN);
    let before = testbed.bridge.workers();
    let mut peers: Vec<_> = (0..8).map(|_| open()).collect();
    let slots = json!({ "jsonrpc": "2.0", "id": "first", "method": "slots" }).to_string();
    peers[0].send(frame(TEXT, slots)).expect("the bridge reads it");
    testbed.bridge.expect_workers(before.len() + 1);
    let own = testbed.bridge.workers().into_iter().find(|worker| !before.contains(worker));
    processes::signal(own.expect("a worker").pid, Signal::STOP);
    // Encoded once, because that takes long without optimisation.
    let params = params.to_string();
    for peer in &mut peers {
        for id in 0..MAX_IN_FLIGHT {
            let method = r#""method":"verifySignedData""#;
            let request = format!(r#"{{"jsonrpc":"2.0","id":{id},{method},"params":{params}}}"#);
            let _ = peer.send(frame(TEXT, request));
        }
    }
    testbed.expect_served();
}
