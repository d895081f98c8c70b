//! Long inputs in shapes that a fuzzer does not reach. The memory for each is in proportion to its
//! length. A decoder whose time grows with the square of the length would block the tests for
//! minutes.

use std::iter::repeat_n;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[test]
fn long_json_of_each_shape() {
    let _alone = alone();
    for (start, piece, end) in [
        ("", "[", ""),
        ("", "{\"a\":", ""),
        ("\"", "a", "\""),
        ("\"", "\\u0000", "\""),
        ("\"", "\\ud83d\\ude00", "\""),
        ("", "1", ""),
        ("1e", "1", ""),
        ("0.", "1", ""),
        ("[", "0,", "0]"),
        ("[", "\"\",", "\"\"]"),
        ("[", "[],", "[]]"),
        ("[", "{},", "{}]"),
        ("{\"", "a", "\":0}"),
        ("{", "\"a\":0,", "\"a\":0}"),
        ("", " ", "0"),
    ] {
        let value = fill(start, piece, end);
        for (target, text) in [
            ("request", value.clone()),
            ("request", format!(r#"{{"jsonrpc":"2.0","id":1,"method":"info","params":{value}}}"#)),
            ("request", format!(r#"{{"jsonrpc":"2.0","id":{value},"method":{value}}}"#)),
            ("request", batch(&value)),
            ("reply", format!(r#"{{"jsonrpc":"2.0","id":1,"result":{value}}}"#)),
            ("reply", format!(r#"{{"jsonrpc":"2.0","method":"slot","params":{value}}}"#)),
            (
                "worker-message",
                format!(
                    r#"{{"Response":{{"id":1,"outcome":{{"Done":{value}}},"pin":"NotSent"}}}}"#
                ),
            ),
            ("task", format!(r#"{{"id":1,"task":{{"Sign":{{"data":{value}}}}}}}"#)),
            ("answer", format!(r#"{{"Pin":{value}}}"#)),
            ("pin-tries", format!(r#"{{"version":1,"tries":{value}}}"#)),
            ("state-file", format!(r#"{{"version":1,"origins":{value}}}"#)),
        ] {
            pkcs11_bridge_fuzz::check(target, text.as_bytes());
        }
    }
}

fn batch(data: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"signDataBatch","params":{{"data":{data}}}}}"#)
}

#[test]
fn long_text_of_each_shape() {
    let _alone = alone();
    for (start, piece, end) in [
        ("https://", "a", ".example"),
        ("https://", "a.", "example"),
        ("https://", "\u{e4}", ".example"),
        ("https://", "%61", ""),
        ("https://", "@", "a.example"),
        ("https://", ":", ""),
        ("https://[", "0:", "1]"),
        ("https:", "/", "a.example"),
        ("", "\u{202e}", ""),
        ("", "%", ""),
        ("", "\u{1f600}", ""),
        ("a", "\u{301}", ""),
        ("", "<", ""),
        ("allow_origins = ", "[", ""),
        ("allow_origins = [", "\"https://a.example\",", "]"),
        ("", "[[modules]]\nname = \"a\"\npath = \"/a\"\n", ""),
        ("", "a.", "a = 1"),
        ("", "\n", "a = 1"),
        ("description = \"\"\"", "\\\n", "\"\"\""),
        ("GET / HTTP/1.1\r\n", "a: b\r\n", "\r\n"),
        ("GET / HTTP/1.1\r\nHost: ", "a", "\r\n\r\n"),
        ("GET /", "a", " HTTP/1.1\r\n\r\n"),
        ("", "\r\n", ""),
        ("", "\u{2}\0\0\0{}", ""),
    ] {
        let text = fill(start, piece, end);
        for target in ["origin", "shown-text", "config-file", "handshake", "pipe", "signature"] {
            pkcs11_bridge_fuzz::check(target, text.as_bytes());
        }
    }
}

#[test]
fn long_certificates_of_each_shape() {
    let _alone = alone();
    let whole = include_bytes!("../corpus/certificate/client.rsa-2048");
    let common_name = der(0x30, &[&[0x06, 3, 0x55, 4, 3][..], &der(0x0c, b",")].concat());
    let rdn = der(0x31, &common_name);
    let extension = der(0x30, &[&[0x06, 3, 0x55, 29, 15][..], &der(4, &[3, 2, 0, 1])].concat());
    for piece in [&common_name, &rdn, &extension, &vec![0x30, 0x80], &vec![0], &vec![0xff]] {
        let many: Vec<u8> = repeat_n(piece, LEN / piece.len()).flatten().copied().collect();
        let set = der(0x31, &many);
        for name in [der(0x30, &many), der(0x30, &set), many, set] {
            for certificate in [name.clone(), der(0x30, &name), with_subject(whole, &name)] {
                pkcs11_bridge_fuzz::check("certificate", &certificate);
            }
        }
    }
}

/// The targets count the memory of the whole process.
fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fill(start: &str, piece: &str, end: &str) -> String {
    let room = LEN - start.len() - end.len();
    format!("{start}{}{end}", piece.repeat(room / piece.len()))
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x84][..], &len, content].concat()
}

/// Replaces the issuer and the subject of the certificate.
fn with_subject(certificate: &[u8], name: &[u8]) -> Vec<u8> {
    let fields = children(children(certificate)[0]);
    let mut fields: Vec<_> = fields.into_iter().map(<[u8]>::to_vec).collect();
    (fields[3], fields[5]) = (name.to_vec(), name.to_vec());
    let rest = children(certificate)[1..].concat();
    der(0x30, &[der(0x30, &fields.concat()), rest].concat())
}

/// The elements inside a constructed element, each with its tag and length.
fn children(element: &[u8]) -> Vec<&[u8]> {
    let (start, len) = content(element);
    let (mut rest, mut found) = (&element[start..start + len], Vec::new());
    while !rest.is_empty() {
        let (start, len) = content(rest);
        let (child, after) = rest.split_at(start + len);
        found.push(child);
        rest = after;
    }
    found
}

/// The start and the length of the first element's content.
fn content(element: &[u8]) -> (usize, usize) {
    match usize::from(element[1]) {
        len @ 0..0x80 => (2, len),
        form => {
            let start = 2 + (form & 0x7f);
            (start, element[2..start].iter().fold(0, |len, byte| len << 8 | usize::from(*byte)))
        }
    }
}

/// An eighth of the longest frame, because tests are not optimised.
const LEN: usize = 128 << 10;
