//! Texts for dialogs. Text from a page, a token or a certificate must not deceive the user. This
//! module replaces invisible characters, characters that move other text, and markup. It also cuts
//! texts to the length that a pinentry accepts.

/// Makes text from an untrusted source safe to show, in at most `max` bytes of an Assuan line. A
/// longer text keeps both ends, because the end of an origin says who owns it.
pub fn make_safe(text: &str, max: usize) -> String {
    // Do not process more characters than can be shown: the text may be very long.
    let shown: String = if text.len() <= 4 * max {
        text.chars().map(harmless).collect()
    } else {
        let head = text.chars().take(2 * max);
        let tail: Vec<_> = text.chars().rev().take(2 * max).collect();
        head.chain(tail.into_iter().rev()).map(harmless).collect()
    };
    if text.len() <= 4 * max && encoded_len(&shown) <= max {
        return shown;
    }
    let half = max.saturating_sub(ELLIPSIS.len()) / 2;
    let tail: String = within(shown.chars().rev(), half).chars().rev().collect();
    within(shown.chars(), half) + ELLIPSIS + &tail
}

/// Encloses a name, so that its direction of writing does not move the text around it (Unicode
/// Standard Annex 9, FSI and PDI).
pub fn isolate(name: &str) -> String {
    format!("\u{2068}{name}\u{2069}")
}

/// Joins lines to a text that a pinentry accepts.
pub fn join_lines(lines: impl AsRef<[String]>) -> String {
    let text = lines.as_ref().join("\n");
    if encoded_len(&text) <= MAX_LEN {
        return text;
    }
    within(text.chars(), MAX_LEN - ELLIPSIS.len()) + ELLIPSIS.trim_end()
}

/// Replaces markup, and characters that a person cannot see or recognise.
fn harmless(c: char) -> char {
    match c {
        // Qt renders a text that looks like HTML as HTML.
        '<' => '‹',
        '>' => '›',
        // Unicode counts these as letters or symbols, but they are invisible: Hangul fillers and
        // blank Braille.
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}' => '\u{fffd}',
        c if is_plain(c) => c,
        _ => '\u{fffd}',
    }
}

/// Whether a character is visible. Rust escapes characters that are not: controls, direction marks,
/// zero-width spaces, unassigned code points and combining marks.
fn is_plain(c: char) -> bool {
    matches!(c, '"' | '\'' | '\\') || c.escape_debug().len() == 1
}

/// Returns as many characters as fit into `max` bytes of an Assuan line.
fn within(chars: impl Iterator<Item = char>, max: usize) -> String {
    let mut len = 0;
    chars
        .take_while(|c| {
            len += encoded_char_len(*c);
            len <= max
        })
        .collect()
}

fn encoded_len(text: &str) -> usize {
    text.chars().map(encoded_char_len).sum()
}

/// The length of a character after the escaping of the crate `pinentry`.
fn encoded_char_len(c: char) -> usize {
    match c {
        '%' | '\n' | '\r' | '\\' => 3,
        c => c.len_utf8(),
    }
}

const ELLIPSIS: &str = " … ";
/// An Assuan line has at most 1000 bytes, including the command and the line feed.
const MAX_LEN: usize = 960;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_plain_text_is_unchanged() {
        for text in ["https://app.example", "Åse's \"card\" \\ 50%", "證書", "CN=Żółć,O=Ω & Co."]
        {
            assert_eq!(make_safe(text, 200), text);
        }
    }

    #[test]
    fn invisible_characters_and_markup_are_replaced() {
        for c in [
            '\0',
            '\n',
            '\r',
            '\t',
            '\x1b',
            '\x7f',
            '\u{85}',
            '\u{200b}',
            '\u{200e}',
            '\u{200f}',
            '\u{202e}',
            '\u{2028}',
            '\u{2066}',
            '\u{2069}',
            '\u{61c}',
            '\u{ad}',
            '\u{feff}',
            '\u{a0}',
            '\u{301}',
            '\u{e0041}',
            '\u{3164}',
            '\u{2800}',
        ] {
            assert_eq!(make_safe(&format!("a{c}b"), 200), "a\u{fffd}b", "{:x}", u32::from(c));
        }
        assert_eq!(make_safe("<b>bold</b>", 200), "‹b›bold‹/b›");
    }

    #[test]
    fn a_long_origin_keeps_both_ends() {
        let origin = format!("https://bank.example.{}.evil.test:8443", "a".repeat(4096));
        let shown = make_safe(&origin, 300);
        assert!(shown.starts_with("https://bank.example.aaa"), "{shown}");
        assert!(shown.ends_with("aaa.evil.test:8443"), "{shown}");
        assert!(encoded_len(&shown) <= 300);
    }

    #[test]
    fn every_text_fits_into_an_assuan_line() {
        for piece in ["%", "\n", "\\", "x", "é", "\u{202e}", "證", "😀"] {
            let long = piece.repeat(4096);
            assert!(encoded_len(&make_safe(&long, 300)) <= 300, "{piece}");
            let text = join_lines([long.clone(), long]);
            assert!(encoded_len(&text) <= MAX_LEN, "{piece}");
        }
    }
}
