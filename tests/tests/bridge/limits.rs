//! The limits of the wire: each has a reply of its own, and pages within the limits are
//! not affected.

use std::time::Duration;

use pkcs11_bridge_protocol::{
    CONNECTION_SHARE, HANDSHAKE_SECONDS, MAX_CONNECTIONS, MAX_FRAME_LEN, MAX_IN_FLIGHT,
    MAX_UNAPPROVED_CONNECTIONS, MAX_UNAPPROVED_CONNECTIONS_PER_ORIGIN,
};
use pkcs11_bridge_tests::bridge::{Bridge, ORIGIN, Setup};
use pkcs11_bridge_tests::handshake::Handshake;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::sign_data;
use pkcs11_bridge_tests::processes::memory;
use pkcs11_bridge_tests::socket::{Message, Socket};
use pkcs11_bridge_tests::token::{KeyType, TestToken};
use serde_json::json;

fn open() -> (TestToken, Bridge) {
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    (token, bridge)
}

/// A request in a frame of exactly this number of bytes.
fn request_of(len: usize) -> String {
    let request = |module: &str| {
        let params = json!({ "module": module });
        json!({ "jsonrpc": "2.0", "id": 1, "method": "info", "params": params }).to_string()
    };
    let text = request(&"x".repeat(len - request("").len()));
    assert_eq!(text.len(), len);
    text
}

#[tokio::test]
async fn a_frame_above_the_limit_closes_the_connection() {
    let (_token, bridge) = open();
    let mut page = bridge.connect().await;
    let mut parallel_page = bridge.connect().await;
    let (_, outcome) = page.exchange(&request_of(MAX_FRAME_LEN)).await;
    assert_error("a frame of 1 MiB", &outcome, (412, "300"), &["module"]);

    for message in [
        Message::text(request_of(MAX_FRAME_LEN + 1)),
        Message::text(request_of(8 * MAX_FRAME_LEN)),
        Message::binary(vec![0; MAX_FRAME_LEN + 1]),
    ] {
        let mut page = bridge.connect().await;
        // The bridge may close the connection before the test has sent everything.
        let _ = page.send(message).await;
        assert_eq!(page.close_code().await, 1009);
        parallel_page.result("slots", json!({})).await;
    }
}

#[tokio::test]
async fn a_fragmented_message_has_the_same_limit() {
    let (_token, bridge) = open();
    let mut page = bridge.connect().await;
    let piece = "x".repeat(MAX_FRAME_LEN / 4);
    page.send_fragments(&[piece.as_str(); 5]).await;
    assert_eq!(page.close_code().await, 1009);

    let mut page = bridge.connect().await;
    let hello = r#"{"jsonrpc":"2.0","id":1,"method":"hello"}"#;
    let (first, second) = hello.split_at(20);
    page.send_fragments(&[first, second]).await;
    page.reply().await.1.expect("a message in pieces is a message");
}

#[tokio::test]
async fn text_that_is_not_utf_8_closes_the_connection() {
    let (_token, bridge) = open();
    let mut page = bridge.connect().await;
    page.send_bytes_as_text(b"{\"jsonrpc\":\"\xff\xfe\"}").await;
    assert_eq!(page.close_code().await, 1007);
    bridge.connect().await.result("slots", json!({})).await;
}

#[tokio::test]
async fn one_connection_too_many_gets_try_again_later() {
    let (_token, bridge) = open();
    let mut pages: Vec<Socket> = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        pages.push(bridge.connect().await);
    }
    for _ in 0..3 {
        assert_eq!(bridge.connect().await.close_code().await, 1013);
    }
    for page in &mut pages {
        page.result("hello", json!({})).await;
    }
    pages.pop().unwrap().close().await;
    // The bridge may need a moment to see that the connection has closed.
    let mut tries = 0;
    while bridge.connect().await.call_if_open("hello").await.is_none() {
        tries += 1;
        assert!(tries < 1000, "no connection becomes free");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn an_origin_with_many_connections_gives_way_to_others() {
    let token = TestToken::new();
    let others: Vec<_> = (0..MAX_CONNECTIONS).map(|n| format!("https://{n}.example")).collect();
    let setup = others.iter().fold(Setup::on(&token), |setup, other| setup.origin(other));
    let bridge = setup.start();
    let mut greedy: Vec<Socket> = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        greedy.push(bridge.connect().await);
    }
    // A call that is answered before its connection closes.
    let last = greedy.last_mut().unwrap();
    last.request("signData", sign_data(&token, KeyType::Rsa2048.id(), "sha256")).await;
    let mut pages = Vec::new();
    for other in &others[..MAX_CONNECTIONS - CONNECTION_SHARE] {
        let mut page = bridge.connect_as(other).await;
        page.result("hello", json!({})).await;
        pages.push(page);
    }
    assert_eq!(bridge.connect_as(&others[MAX_CONNECTIONS - 1]).await.close_code().await, 1013);
    greedy[MAX_CONNECTIONS - 1].reply().await.1.expect("a signature");
    let mut kept = 0;
    for page in &mut greedy {
        kept += usize::from(page.call_if_open("hello").await.is_some());
    }
    assert_eq!(kept, CONNECTION_SHARE);
}

#[tokio::test]
async fn rejected_messages_are_logged_once_a_minute() {
    let (_token, bridge) = open();
    for _ in 0..5 {
        let mut page = bridge.connect().await;
        for _ in 0..20 {
            page.send(Message::text("no request")).await.unwrap();
            assert!(page.reply().await.1.is_err());
        }
    }
    for _ in 0..20 {
        let handshake = Handshake::of(bridge.address()).origin(Some(ORIGIN)).protocol(None);
        assert!(handshake.open().await.is_err());
    }
    let lines = |text: &str| bridge.log().lines().filter(|line| line.contains(text)).count();
    bridge.expect_log("refused");
    assert_eq!((lines("rejected"), lines("refused")), (1, 1), "{}", bridge.log());
}

#[tokio::test]
async fn unapproved_pages_leave_room_for_approved_ones() {
    let (token, bridge) = open();
    let mut strangers = Vec::new();
    for number in 0..MAX_UNAPPROVED_CONNECTIONS {
        let stranger = format!("https://stranger-{number}.example");
        strangers.push(bridge.connect_as(&stranger).await);
    }
    for origin in ["https://one-more.example", "https://stranger-0.example", "null"] {
        assert_eq!(bridge.connect_as(origin).await.close_code().await, 1013, "{origin}");
    }
    for stranger in &mut strangers {
        let outcome = stranger.call("hello", json!({})).await;
        assert_error("a stranger", &outcome, (401, "500"), &["approved"]);
    }
    let mut page = bridge.connect().await;
    page.result("signData", sign_data(&token, KeyType::P256.id(), "sha256")).await;
}

#[tokio::test]
async fn an_unapproved_page_leaves_room_for_other_unapproved_ones() {
    let (_token, bridge) = open();
    let mut strangers = Vec::new();
    for _ in 0..MAX_UNAPPROVED_CONNECTIONS_PER_ORIGIN {
        strangers.push(bridge.connect_as("https://stranger.example").await);
    }
    let mut one_more = bridge.connect_as("https://stranger.example").await;
    assert_eq!(one_more.close_code().await, 1013);
    let outcome = bridge.connect_as("https://other.example").await.call("hello", json!({})).await;
    assert_error("another stranger", &outcome, (401, "500"), &["approved"]);
}

#[tokio::test]
async fn silent_sockets_do_not_block_pages() {
    let (_token, bridge) = open();
    let mut silent = Vec::new();
    for _ in 0..400 {
        silent.push(tokio::net::TcpStream::connect(bridge.address()).await.expect("a socket"));
    }
    let limit = Duration::from_secs(HANDSHAKE_SECONDS / 2);
    let page = tokio::time::timeout(limit, bridge.connect()).await;
    page.expect("a handshake before those of the silent ones time out")
        .result("slots", json!({}))
        .await;
}

#[tokio::test]
async fn one_request_too_many_fails_alone() {
    let (token, bridge) = open();
    let mut page = bridge.connect().await;
    // The worker has not started yet, so the bridge answers no request before all have arrived.
    let sent = 2 * MAX_IN_FLIGHT;
    let params = sign_data(&token, KeyType::Rsa2048.id(), "sha256");
    let mut open = page.request_many("signData", &params, sent).await;
    let mut refused = 0;
    for _ in 0..sent {
        let (id, outcome) = page.reply().await;
        assert!(open.remove(&id.as_u64().unwrap()), "a second reply to {id}");
        if outcome.is_err() {
            assert_error("one too many", &outcome, (429, "802"), &["64"]);
            refused += 1;
        }
    }
    assert!(refused > 0 && refused <= sent - MAX_IN_FLIGHT, "{refused} of {sent} were refused");
    page.result("signData", params).await;
}

#[tokio::test]
async fn a_page_that_reads_no_replies_delays_no_other() {
    let (token, bridge) = open();
    let mut greedy = bridge.connect().await;
    let params = json!({ "slot_id": token.slot() });
    for _ in 0..200 {
        // The replies exceed the system's buffers, and the page reads none of them.
        let sending = greedy.request_many("certificates", &params, 64);
        if tokio::time::timeout(std::time::Duration::from_millis(200), sending).await.is_err() {
            break;
        }
    }
    let mut page = bridge.connect().await;
    page.result("signData", sign_data(&token, KeyType::P256.id(), "sha256")).await;
}

#[tokio::test]
async fn pongs_are_not_queued_for_a_peer_that_does_not_read() {
    let (_token, bridge) = open();
    let memory = || memory(bridge.pid()).expect("the bridge runs").0;
    let (before, mut peer) = (memory(), bridge.connect_as("https://other.example").await);
    let ping = Message::Ping(vec![0; 125].into());
    for _ in 0..300_000 {
        let sending = peer.send(ping.clone());
        if !matches!(tokio::time::timeout(Duration::from_secs(1), sending).await, Ok(Ok(()))) {
            break;
        }
    }
    let grown = memory().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more");
    bridge.connect().await.result("slots", json!({})).await;
}
