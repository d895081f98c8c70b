//! Messages of the greatest length and depth.

use pkcs11_bridge_protocol::MAX_FRAME_LEN;
use pkcs11_bridge_tests::raw_connection::opcode::{CLOSE, TEXT};
use pkcs11_bridge_tests::raw_connection::{Ending, frame};
use serde_json::{Value, json};

use super::testbed::Testbed;

/// The codes of JSON-RPC's own errors and of wrong parameters.
const NOT_JSON: i64 = -32700;
const NOT_REQUEST: i64 = -32600;
const UNKNOWN_METHOD: i64 = -32601;
const BAD_ARGUMENT: i64 = -32602;

fn nested(open: &str, inner: &str, close: &str, depth: usize) -> String {
    [&open.repeat(depth), inner, &close.repeat(depth)].concat()
}

fn request(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"slots","params":{params}}}"#)
}

#[test]
fn too_deep_and_too_large_messages_get_an_error() {
    let testbed = Testbed::open();
    let long = "x".repeat(MAX_FRAME_LEN - 200);
    let digits = "9".repeat(MAX_FRAME_LEN - 200);
    let many = (0..60_000).map(|n| format!(r#""{n}":[]"#)).collect::<Vec<_>>().join(",");
    let members = MAX_FRAME_LEN / r#""id":1,"#.len() - 20;
    for (what, text, codes) in [
        ("100 arrays", nested("[", "", "]", 100), &[NOT_REQUEST][..]),
        ("100,000 arrays", nested("[", "", "]", 100_000), &[NOT_JSON, NOT_REQUEST]),
        ("100,000 arrays that do not end", "[".repeat(100_000), &[NOT_JSON]),
        ("1 MiB of arrays that do not end", "[".repeat(MAX_FRAME_LEN), &[NOT_JSON]),
        ("100,000 objects", nested(r#"{"a":"#, "1", "}", 100_000), &[NOT_JSON, NOT_REQUEST]),
        ("100 arrays as params", request(&nested("[", "", "]", 100)), &[BAD_ARGUMENT]),
        ("100,000 arrays as params", request(&nested("[", "", "]", 100_000)), &[BAD_ARGUMENT]),
        (
            "100,000 arrays as a parameter",
            request(&format!(r#"{{"module":{}}}"#, nested("[", "", "]", 100_000))),
            &[BAD_ARGUMENT],
        ),
        (
            "100,000 arrays as the id",
            format!(
                r#"{{"jsonrpc":"2.0","id":{},"method":"slots"}}"#,
                nested("[", "", "]", 100_000)
            ),
            &[NOT_JSON, NOT_REQUEST],
        ),
        ("a key of 1 MB", format!(r#"{{"{long}":1}}"#), &[NOT_REQUEST]),
        ("a key of 1 MB as a parameter", request(&format!(r#"{{"{long}":1}}"#)), &[BAD_ARGUMENT]),
        (
            "a method of 1 MB",
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{long}"}}"#),
            &[UNKNOWN_METHOD],
        ),
        (
            "an id of 1 MB",
            format!(r#"{{"jsonrpc":"2.0","id":"{long}","method":"slots"}}"#),
            &[NOT_REQUEST],
        ),
        (
            "an id of a million digits",
            format!(r#"{{"jsonrpc":"2.0","id":{digits},"method":"slots"}}"#),
            &[NOT_JSON, NOT_REQUEST],
        ),
        (
            "a version of 1 MB",
            format!(r#"{{"jsonrpc":"{long}","id":1,"method":"slots"}}"#),
            &[NOT_REQUEST],
        ),
        ("60,000 parameters", request(&format!("{{{many}}}")), &[BAD_ARGUMENT]),
        (
            "a member many times",
            format!("{{{}}}", vec![r#""id":1"#; members].join(",")),
            &[NOT_REQUEST],
        ),
        ("1 MiB of blanks", " ".repeat(MAX_FRAME_LEN), &[NOT_JSON]),
        (
            "1 MB of escapes",
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}"}}"#, r"\u0000".repeat(170_000)),
            &[UNKNOWN_METHOD],
        ),
        (
            "an escape that does not end",
            r#"{"jsonrpc":"2.0","id":1,"method":"\u"#.to_owned(),
            &[NOT_JSON],
        ),
        ("a number that is too large", request(r#"{"token_present":1e999999}"#), &[BAD_ARGUMENT]),
        ("a zero byte", "\0".to_owned(), &[NOT_JSON]),
        ("nothing", String::new(), &[NOT_JSON]),
    ] {
        assert!(text.len() <= MAX_FRAME_LEN, "{what}: {} bytes", text.len());
        let mut peer = testbed.peer();
        let close = frame(CLOSE, 1000u16.to_be_bytes());
        peer.send([frame(TEXT, &text), close].concat()).expect("the bridge reads it");
        let received = peer.read_to_end();
        assert_eq!(received.ending, Ending::CloseCode(1000), "{what}");
        let [reply] = received.texts.as_slice() else {
            panic!("{what}: {} replies", received.texts.len())
        };
        assert!(reply.len() < 2000, "{what}: a reply of {} bytes", reply.len());
        let reply: Value = serde_json::from_str(reply).expect("JSON");
        let code = reply["error"]["code"].as_i64();
        assert!(code.is_some_and(|code| codes.contains(&code)), "{what}: {reply}");
        assert_eq!(reply["error"]["data"]["status"], json!(400), "{what}: {reply}");
    }
    testbed.expect_served();
}
