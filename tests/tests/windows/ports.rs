//! Ports that another program holds, and programs that connect.

use pkcs11_bridge_tests::bridge::ORIGIN;
use pkcs11_bridge_tests::handshake::Handshake;
use pkcs11_bridge_tests::wine::bridge::Setup;
use tokio::net::TcpListener;

#[tokio::test]
async fn a_port_of_another_program_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let finished = Setup::new("").listen(Some(&address)).run_to_end();
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    assert!(finished.stderr.contains(&address), "{}", finished.stderr);
}

#[tokio::test]
async fn a_program_whose_user_is_not_known_is_refused() {
    let bridge = Setup::new("").origin(ORIGIN).start();
    // Wine does not see programs of Linux.
    let handshake = Handshake::of(bridge.address()).origin(Some(ORIGIN));
    assert_eq!(handshake.open().await.err().map(|status| status.as_u16()), Some(403));
    bridge.connect().await;
}
