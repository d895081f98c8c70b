//! Texts of a module, as people read them. The standard wants UTF-8, padded with spaces (PKCS#11
//! 3.2, section 3.1). Modules also pad with NUL, write Latin-1, or cut a text within a character.

use cryptoki_sys::CK_VERSION;

/// The text in a field: up to the first NUL, without spaces at its ends. Bytes that are not UTF-8
/// are read as Latin-1.
pub(super) fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    let field = field[..end].trim_ascii();
    match std::str::from_utf8(field) {
        Ok(text) => text.to_owned(),
        // The field ends within a character.
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            String::from_utf8_lossy(&field[..error.valid_up_to()]).trim_end().to_owned()
        }
        Err(_) => field.iter().copied().map(char::from).collect(),
    }
}

/// A version, as "major.minor".
pub(super) fn version(version: CK_VERSION) -> String {
    format!("{}.{}", version.major, version.minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_and_other_encodings_do_not_show() {
        for (field, expected) in [
            (&b"Alice's card    "[..], "Alice's card"),
            (b"Alice\0\0\0\0", "Alice"),
            (b"Alice \0garbage", "Alice"),
            (b"   1234", "1234"),
            (b"\0\0\0", ""),
            (b"   ", ""),
            (b"", ""),
            ("Ærøskøbing  ".as_bytes(), "Ærøskøbing"),
            (b"Jos\xe9 Garc\xeda  ", "José García"),
            // The last character needs one more byte.
            (b"Universit\xc3", "Universit"),
            (b"\xe9", "é"),
        ] {
            assert_eq!(text(field), expected, "{field:?}");
        }
    }
}
