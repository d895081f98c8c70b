//! Frames that are not messages, and messages that are not requests. The connection
//! survives all of them.

use pkcs11_bridge_tests::bridge::{Bridge, Setup};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::token::TestToken;
use serde_json::{Value, json};

async fn open() -> (TestToken, Bridge, Socket) {
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    let page = bridge.connect().await;
    (token, bridge, page)
}

/// The JSON-RPC code, and the status and code of the error.
const NOT_JSON: (i32, (u16, &str)) = (-32700, (400, "800"));
const NOT_A_REQUEST: (i32, (u16, &str)) = (-32600, (400, "800"));
const NO_SUCH_METHOD: (i32, (u16, &str)) = (-32601, (400, "801"));
const BAD_PARAMS: (i32, (u16, &str)) = (-32602, (400, "801"));

#[tokio::test]
async fn malformed_calls_get_distinct_errors() {
    let (_token, _bridge, mut page) = open().await;
    let hello = r#"{"jsonrpc":"2.0","id":1,"method":"hello"}"#;
    let batch = format!("[{hello},{hello}]");
    let null = Value::Null;
    let seven = json!(7);
    for (text, id, (rpc_code, expected), words) in [
        ("", &null, NOT_JSON, "JSON"),
        ("hello", &null, NOT_JSON, "JSON"),
        ("{\"jsonrpc\":\"2.0\",", &null, NOT_JSON, "JSON"),
        ("{\"jsonrpc\":\"2.0\"} {}", &null, NOT_JSON, "JSON"),
        ("null", &null, NOT_A_REQUEST, "object"),
        ("\"hello\"", &null, NOT_A_REQUEST, "object"),
        ("[]", &null, NOT_A_REQUEST, "batch"),
        (&batch, &null, NOT_A_REQUEST, "batch"),
        ("{}", &null, NOT_A_REQUEST, "jsonrpc"),
        (r#"{"id":7,"method":"hello"}"#, &seven, NOT_A_REQUEST, "jsonrpc"),
        (r#"{"jsonrpc":"1.0","id":7,"method":"hello"}"#, &seven, NOT_A_REQUEST, "jsonrpc"),
        (r#"{"jsonrpc":"2.0","id":7}"#, &seven, NOT_A_REQUEST, "method"),
        (r#"{"jsonrpc":"2.0","id":7,"method":1}"#, &seven, NOT_A_REQUEST, "method"),
        (r#"{"jsonrpc":"2.0","method":"hello"}"#, &null, NOT_A_REQUEST, "id"),
        (r#"{"jsonrpc":"2.0","id":null,"method":"hello"}"#, &null, NOT_A_REQUEST, "id"),
        (r#"{"jsonrpc":"2.0","id":{},"method":"hello"}"#, &null, NOT_A_REQUEST, "id"),
        (r#"{"jsonrpc":"2.0","id":7,"result":true}"#, &seven, NOT_A_REQUEST, "result"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"hello","x":1}"#, &seven, NOT_A_REQUEST, "`x`"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"Hello"}"#, &seven, NO_SUCH_METHOD, "`Hello`"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"sign"}"#, &seven, NO_SUCH_METHOD, "signData"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"info","params":[]}"#, &seven, BAD_PARAMS, "object"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"info","params":"x"}"#, &seven, BAD_PARAMS, "object"),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"hello","params":{"a":1}}"#,
            &seven,
            BAD_PARAMS,
            "`a`",
        ),
    ] {
        let (replied, outcome) = page.exchange(text).await;
        assert_eq!(replied, *id, "the id that is replied to {text}");
        assert_error(text, &outcome, expected, &[words]);
        assert_eq!(outcome.unwrap_err().code, rpc_code, "{text}");
        page.result("hello", json!({})).await;
    }
}

#[tokio::test]
async fn a_binary_frame_is_refused() {
    let (_token, _bridge, mut page) = open().await;
    for bytes in [&b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hello\"}"[..], &[0xff; 64], &[]] {
        page.send_binary(bytes).await;
        let (id, outcome) = page.reply().await;
        assert_eq!(id, Value::Null);
        assert_error("a binary frame", &outcome, (400, "800"), &["binary"]);
        page.result("hello", json!({})).await;
    }
}

#[tokio::test]
async fn params_may_be_missing_and_ids_may_be_strings() {
    let (_token, _bridge, mut page) = open().await;
    for id in [json!(0), json!(9007199254740991_u64), json!("seven"), json!("")] {
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": "info" });
        let (replied, outcome) = page.exchange(&request.to_string()).await;
        assert_eq!(replied, id);
        outcome.unwrap();
    }
}

#[tokio::test]
async fn an_id_in_flight_is_refused_and_the_first_call_is_answered() {
    let (_token, _bridge, mut page) = open().await;
    // The worker must start first, so the second request arrives before the first has ended.
    let request = r#"{"jsonrpc":"2.0","id":7,"method":"slots"}"#;
    page.send_text(request).await;
    page.send_text(request).await;
    let (id, outcome) = page.reply().await;
    assert_error("the same id twice", &outcome, (400, "800"), &["id"]);
    assert_eq!(id, Value::Null);
    let (id, outcome) = page.reply().await;
    assert_eq!(id, json!(7));
    outcome.unwrap();
    // After the reply the id may be used again.
    let (id, outcome) = page.exchange(request).await;
    assert_eq!(id, json!(7));
    outcome.unwrap();
}

#[tokio::test]
async fn a_deeply_nested_message_is_refused() {
    let (_token, bridge, mut page) = open().await;
    let deep = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"info\",\"params\":{{\"module\":{}",
        "[".repeat(500_000)
    );
    let (_, outcome) = page.exchange(&deep).await;
    assert_error("half a million brackets", &outcome, (400, "800"), &["JSON"]);
    page.result("hello", json!({})).await;
    bridge.connect().await.result("hello", json!({})).await;
}

#[tokio::test]
async fn long_values_are_not_echoed() {
    let (_token, _bridge, mut page) = open().await;
    let long = "x".repeat(900_000);
    let outcome = page.call(&long, json!({})).await;
    assert_error("a long method", &outcome, (400, "801"), &["xxx"]);
    assert!(outcome.unwrap_err().message.len() < 1000);
    let outcome = page.call("info", json!({ long: 1 })).await;
    assert_error("a long field", &outcome, (400, "801"), &["xxx"]);
    assert!(outcome.unwrap_err().message.len() < 1000);
}
