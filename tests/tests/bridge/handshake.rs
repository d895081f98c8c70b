//! The WebSocket handshake: the bridge refuses some peers before a connection exists.

use axum::http::StatusCode;
use pkcs11_bridge_tests::bridge::{Bridge, ORIGIN, Setup};
use pkcs11_bridge_tests::handshake::Handshake;
use pkcs11_bridge_tests::token::TestToken;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

fn good(bridge: &Bridge) -> Handshake {
    Handshake::of(bridge.address()).origin(Some(ORIGIN))
}

async fn assert_forbidden(what: &str, handshake: Handshake) {
    let refused = handshake.open().await.err();
    assert_eq!(refused, Some(StatusCode::FORBIDDEN), "{what}");
}

async fn assert_serves(bridge: &Bridge) {
    bridge.connect().await.result("slots", json!({})).await;
}

#[tokio::test]
async fn a_host_that_is_not_loopback_with_the_port_is_refused() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    let port = bridge.address().port();
    for host in ["127.0.0.1", "localhost", "[::1]", "LOCALHOST"] {
        let page = good(&bridge).host(&format!("{host}:{port}")).open().await;
        page.unwrap_or_else(|status| panic!("{host}: {status}")).result("slots", json!({})).await;
    }
    for host in [
        "",
        "127.0.0.1",
        "localhost",
        &format!("localhost:{}", port ^ 1),
        "localhost:",
        "localhost:0",
        &format!("evil.test:{port}"),
        &format!("localhost.evil.test:{port}"),
        &format!("127.0.0.1.evil.test:{port}"),
        &format!("localhost.:{port}"),
        &format!("127.0.0.2:{port}"),
        &format!("0.0.0.0:{port}"),
        &format!("192.168.1.1:{port}"),
        &format!("[::]:{port}"),
        &format!("[::ffff:127.0.0.1]:{port}"),
        &format!("localhost:{port}@evil.test"),
        &format!("evil@localhost:{port}"),
        &format!("evil.test,localhost:{port}"),
        &format!("localhost:{port}/"),
        &format!("localhost:{port} evil.test"),
    ] {
        assert_forbidden(host, good(&bridge).host(host)).await;
    }
    let two = format!("Host: localhost:{port}\r\nHost: evil.test:{port}");
    assert_eq!(status_with(&bridge, &two).await, "403", "two Host headers");
    assert_eq!(status_with(&bridge, "X-Host: x").await, "403", "no Host header");
    assert_eq!(status_with(&bridge, &format!("Host: localhost:{port}")).await, "101");
    assert_serves(&bridge).await;
}

/// The status of the response to a handshake with these header lines and no other `Host`.
async fn status_with(bridge: &Bridge, lines: &str) -> String {
    let mut socket = TcpStream::connect(bridge.address()).await.unwrap();
    let request = format!(
        "GET / HTTP/1.1\r\n{lines}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: pkcs11-bridge.v1\r\nOrigin: {ORIGIN}\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; "HTTP/1.1 101".len()];
    timeout(Duration::from_secs(20), socket.read_exact(&mut answer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer[9..]).into_owned()
}

#[tokio::test]
async fn a_handshake_needs_exactly_one_origin() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    assert_forbidden("no Origin", good(&bridge).origin(None)).await;
    let two = good(&bridge).header("origin", "https://evil.test");
    assert_forbidden("two Origin headers", two).await;
    let twice = good(&bridge).header("origin", ORIGIN);
    assert_forbidden("the same Origin header twice", twice).await;
    assert_serves(&bridge).await;
}

#[tokio::test]
async fn the_sub_protocol_must_be_offered() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    for protocol in [
        None,
        Some("other"),
        Some("pkcs11-bridge.v2"),
        Some("pkcs11-bridge"),
        Some("PKCS11-BRIDGE.V1"),
    ] {
        assert_forbidden(&format!("{protocol:?}"), good(&bridge).protocol(protocol)).await;
    }
    assert_serves(&bridge).await;
}

#[tokio::test]
async fn the_bridge_chooses_its_sub_protocol_among_several() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    let handshake = good(&bridge).protocol(Some("other, pkcs11-bridge.v1"));
    let mut page = handshake.open().await.unwrap();
    page.result("slots", json!({})).await;
}

#[tokio::test]
async fn other_requests_are_refused() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    let host = bridge.address();
    for request in [
        format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\n{{}}"),
        "\x16\x03\x01\x02\x00\x01\x00\x01".to_owned(),
        "nonsense\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nX: {}\r\n\r\n", "x".repeat(200_000)),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\n{}\r\n", "X: x\r\n".repeat(5_000)),
    ] {
        let mut socket = TcpStream::connect(host).await.unwrap();
        // The bridge may close the connection before the test has sent everything.
        let _ = socket.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let end = timeout(Duration::from_secs(20), socket.read_to_end(&mut answer)).await;
        assert!(end.is_ok(), "the bridge keeps the connection of {request:.80}");
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.starts_with("HTTP/1.1 101"), "{request:.80}: {answer}");
        assert_serves(&bridge).await;
    }
}

#[tokio::test]
async fn a_slow_handshake_is_closed_and_delays_no_other() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    let mut slow = Vec::new();
    for _ in 0..80 {
        let mut socket = TcpStream::connect(bridge.address()).await.unwrap();
        socket.write_all(b"GET / HTTP/1.1\r\nHost: 127").await.unwrap();
        slow.push(socket);
    }
    assert_serves(&bridge).await;
    for socket in &mut slow {
        let mut rest = Vec::new();
        let end = timeout(Duration::from_secs(30), socket.read_to_end(&mut rest)).await;
        assert!(end.is_ok(), "the bridge waits for a handshake for ever");
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    }
    assert_serves(&bridge).await;
}
