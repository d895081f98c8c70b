//! Unsigned integers, big-endian.

/// The integer without leading zeros.
pub(crate) fn minimal(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

/// The integer with this many bytes; `None` if it needs more, or if there are no bytes at all.
pub(crate) fn full_length(bytes: &[u8], len: usize) -> Option<Vec<u8>> {
    let digits = minimal(bytes);
    let padding = len.checked_sub(digits.len()).filter(|_| !bytes.is_empty())?;
    Some([&vec![0; padding][..], digits].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_gets_the_wanted_length() {
        for (bytes, expected) in [
            (&[1, 2][..], Some([0, 1, 2])),
            (&[0, 0, 0, 0, 1, 2], Some([0, 1, 2])),
            (&[0], Some([0, 0, 0])),
            (&[1, 2, 3, 4], None),
            (&[], None),
        ] {
            assert_eq!(full_length(bytes, 3).as_deref(), expected.as_ref().map(|all| &all[..]));
        }
    }
}
