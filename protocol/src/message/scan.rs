//! Finds the members of a JSON object, and decodes strings (RFC 8259).
//!
//! The client decodes with it. serde_json's decoder would make the client a quarter larger: its
//! errors bring code and tables that write numbers.

use std::borrow::Cow;
use std::str::{Chars, FromStr};

/// Calls `visit` with the name and the encoded value of each member of an object.
///
/// Checks values only as far as it has to, to find their ends. `None` if the text is not an
/// object, or if `visit` returns `None`.
pub(super) fn members<'a>(
    object: &'a str,
    mut visit: impl FnMut(&str, &'a str) -> Option<()>,
) -> Option<()> {
    let mut scanner = Scanner { rest: object };
    scanner.expect(b'{')?;
    if scanner.next_is(b'}') {
        scanner.expect(b'}')?;
        return scanner.end();
    }
    loop {
        let name = string(scanner.value()?)?;
        scanner.expect(b':')?;
        visit(&name, scanner.value()?)?;
        if !scanner.next_is(b',') {
            break;
        }
        scanner.expect(b',')?;
    }
    scanner.expect(b'}')?;
    scanner.end()
}

/// Decodes a string. `None` if the value is not a string.
pub(super) fn string(value: &str) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    if inner.bytes().any(|byte| byte < b' ') {
        return None;
    }
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    let mut decoded = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        decoded.push(if char == '\\' { escape(&mut chars)? } else { char });
    }
    Some(Cow::Owned(decoded))
}

/// Decodes a whole number. `None` if the value is not one, or out of range.
pub(super) fn number<T: FromStr>(value: &str) -> Option<T> {
    // Rust also reads a leading `+`.
    value.parse().ok().filter(|_| !value.starts_with('+'))
}

fn escape(chars: &mut Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        char @ ('"' | '\\' | '/') => char,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => match code_unit(chars)? {
            high @ 0xd800..0xdc00 => {
                (chars.next()? == '\\' && chars.next()? == 'u').then_some(())?;
                let low = code_unit(chars).filter(|unit| (0xdc00..0xe000).contains(unit))?;
                char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))?
            }
            unit => char::from_u32(unit)?,
        },
        _ => return None,
    })
}

fn code_unit(chars: &mut Chars<'_>) -> Option<u32> {
    let mut unit = 0;
    for _ in 0..4 {
        unit = unit << 4 | chars.next()?.to_digit(16)?;
    }
    Some(unit)
}

struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn next_is(&mut self, byte: u8) -> bool {
        self.rest = self.rest.trim_ascii_start();
        self.rest.as_bytes().first() == Some(&byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.next_is(byte).then(|| self.rest = &self.rest[1..])
    }

    fn end(&self) -> Option<()> {
        self.rest.trim_ascii_start().is_empty().then_some(())
    }

    /// Takes the next value.
    fn value(&mut self) -> Option<&'a str> {
        self.rest = self.rest.trim_ascii_start();
        let (value, rest) = self.rest.split_at_checked(length(self.rest.as_bytes())?)?;
        self.rest = rest;
        Some(value)
    }
}

/// The length of the value at the start of the text.
fn length(text: &[u8]) -> Option<usize> {
    match text.first()? {
        b'"' => string_length(text),
        b'{' | b'[' => {
            let (mut depth, mut at) = (0_usize, 0);
            loop {
                match text.get(at)? {
                    b'"' => {
                        at += string_length(&text[at..])?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
        }
        _ => {
            let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
            let length = text.iter().take_while(|byte| is_part(byte)).count();
            (length > 0).then_some(length)
        }
    }
}

/// The length of the string at the start of the text, with its quotation marks.
fn string_length(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(object: &str) -> Option<Vec<(String, String)>> {
        let mut list = Vec::new();
        members(object, |name, value| {
            list.push((name.to_owned(), value.to_owned()));
            Some(())
        })?;
        Some(list)
    }

    #[test]
    fn members_are_found_in_objects_of_every_shape() {
        let object = r#" { "a" : 1 , "b\n":[{"x":"]}\""},[ ]], "":null,"c":"\\" , "d":-1.5e+3}	"#;
        let expected = [
            ("a", "1"),
            ("b\n", r#"[{"x":"]}\""},[ ]]"#),
            ("", "null"),
            ("c", r#""\\""#),
            ("d", "-1.5e+3"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(list(object).unwrap(), expected);
        assert_eq!(list(" { } ").unwrap(), []);
    }

    #[test]
    fn other_texts_have_no_members() {
        for text in [
            "",
            " ",
            "1",
            "[]",
            "null",
            "{",
            "{}}",
            "{} x",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":1 "b":2}"#,
            r#"{a:1}"#,
            r#"{1:1}"#,
            r#"{"a":"1}"#,
            r#"{"a":[1}"#,
            r#"{"a":"\"#,
            "{\"\u{1}\":1}",
            r#"{"\x":1}"#,
        ] {
            assert_eq!(list(text), None, "{text}");
        }
    }

    #[test]
    fn strings_are_decoded_as_serde_json_does() {
        for value in [
            r#""""#,
            r#""a""#,
            r#""ä€😀""#,
            r#""\"\\\/\b\f\n\r\t""#,
            r#""\u00e4\u20AC""#,
            r#""\ud83d\ude00""#,
            r#""\ud83d""#,
            r#""\ud83dx""#,
            r#""\ude00""#,
            r#""\ud83d\u0041""#,
            r#""\u12""#,
            r#""\x""#,
            r#""\""#,
            "\"\n\"",
            "\"\u{7f}\"",
            "1",
            "null",
            "\"",
            "",
        ] {
            let expected = serde_json::from_str::<String>(value).ok();
            assert_eq!(string(value).map(Cow::into_owned), expected, "{value}");
        }
    }
}
