//! Decoders of the bridge's dialogs: the user's answer, and texts from pages and tokens.

use futures_util::FutureExt;
use pkcs11_bridge::dialog::{self, text};

use crate::{Decoded, round_trips};

/// The answer that the dialog process sends to the bridge.
pub(crate) fn answer(json: &[u8]) -> Decoded {
    let len = u32::try_from(json.len()).unwrap_or(u32::MAX);
    let framed = [&len.to_le_bytes(), json].concat();
    let answer = dialog::read_answer(&mut framed.as_slice())
        .now_or_never()
        .expect("memory is always ready")
        .map_err(|error| error.to_string())?;
    round_trips(&answer);
    Ok(())
}

/// Text that a page, a token or a certificate chose, made safe for a dialog.
pub(crate) fn shown_text(bytes: &[u8]) -> Decoded {
    let foreign = String::from_utf8_lossy(bytes);
    for max in [40, 120, 300] {
        let shown = text::make_safe(&foreign, max);
        assert!(!shown.contains(|c: char| c.is_control() || "<>\u{202e}\u{200b}".contains(c)));
        assert!(assuan_len(&shown) <= max, "the text is longer than its part of a line");
        assert!(text::make_safe(&shown, max) == shown, "the text changes the second time");
    }
    let lines = text::join_lines([foreign.to_string(), text::make_safe(&foreign, 400)]);
    assert!(assuan_len(&lines) < 1000, "the text is longer than a line");
    Ok(())
}

/// The length of a text in an Assuan line, which escapes some bytes.
fn assuan_len(text: &str) -> usize {
    text.bytes().map(|byte| if b"%\n\r\\".contains(&byte) { 3 } else { 1 }).sum()
}
