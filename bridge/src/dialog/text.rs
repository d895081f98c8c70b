//! Texts for dialogs. What a page, a token or a certificate says in them is made harmless: no
//! character that is not seen or that moves others, no markup, and never longer than a pinentry takes.

/// Text that somebody else chose, in at most `max` bytes of an Assuan line. Where it is longer, both ends
/// of it are left, because the end of an origin says whose it is.
pub fn foreign(text: &str, max: usize) -> String {
    // SlotPoller at more than could be shown is a waste, however long it is.
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

/// Lines as one text that a pinentry takes.
pub fn lines<const N: usize>(lines: [String; N]) -> String {
    let text = lines.join("\n");
    if encoded_len(&text) <= MAX_LEN {
        return text;
    }
    within(text.chars(), MAX_LEN - ELLIPSIS.len()) + ELLIPSIS.trim_end()
}

/// The same text in an error of the dialog.
pub fn one_line(text: &str) -> String {
    foreign(text, MAX_ERROR)
}

/// Whatever a person cannot see as what it is, or what a toolkit may take for markup, becomes `?`-like.
fn harmless(c: char) -> char {
    match c {
        // Qt takes a text that looks like it for HTML.
        '<' => '‹',
        '>' => '›',
        // Letters by their category, and yet not seen: Hangul fillers, blank Braille.
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}' => '\u{fffd}',
        c if is_plain(c) => c,
        _ => '\u{fffd}',
    }
}

/// Rust escapes what is no letter, mark, number, punctuation or symbol: controls, marks of the direction
/// of writing, spaces of no width, unassigned code points; and marks that go over other letters.
fn is_plain(c: char) -> bool {
    matches!(c, '"' | '\'' | '\\') || c.escape_debug().len() == 1
}

/// As many characters as fit into `max` bytes of an Assuan line.
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

/// The length that the character has where it is escaped, as the crate `pinentry` does it.
fn encoded_char_len(c: char) -> usize {
    match c {
        '%' | '\n' | '\r' | '\\' => 3,
        c => c.len_utf8(),
    }
}

const ELLIPSIS: &str = " … ";
/// An Assuan line has 1000 bytes, with the command and the line feed.
const MAX_LEN: usize = 960;
const MAX_ERROR: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_and_plain_stays_as_it_is() {
        for text in ["https://app.example", "Åse's \"card\" \\ 50%", "證書", "CN=Żółć,O=Ω & Co."]
        {
            assert_eq!(foreign(text, 200), text);
        }
    }

    #[test]
    fn nothing_that_cannot_be_seen_is_left() {
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
            assert_eq!(foreign(&format!("a{c}b"), 200), "a\u{fffd}b", "{:x}", u32::from(c));
        }
        assert_eq!(foreign("<b>bold</b>", 200), "‹b›bold‹/b›");
    }

    #[test]
    fn both_ends_of_a_long_origin_are_shown() {
        let origin = format!("https://bank.example.{}.evil.test:8443", "a".repeat(4096));
        let shown = foreign(&origin, 300);
        assert!(shown.starts_with("https://bank.example.aaa"), "{shown}");
        assert!(shown.ends_with("aaa.evil.test:8443"), "{shown}");
        assert!(encoded_len(&shown) <= 300);
    }

    #[test]
    fn no_text_is_longer_than_a_line() {
        for piece in ["%", "\n", "\\", "x", "é", "\u{202e}", "證", "😀"] {
            let long = piece.repeat(4096);
            assert!(encoded_len(&foreign(&long, 300)) <= 300, "{piece}");
            assert!(encoded_len(&one_line(&long)) <= MAX_ERROR);
            let text = lines([long.clone(), long]);
            assert!(encoded_len(&text) <= MAX_LEN, "{piece}");
        }
    }
}
