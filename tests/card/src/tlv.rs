//! Data objects: tag, length and value (ISO/IEC 7816-4, section 6.3).

/// Encodes a data object.
pub(crate) fn encode(tag: u32, value: &[u8]) -> Vec<u8> {
    let tag = tag.to_be_bytes();
    let start = tag.iter().position(|byte| *byte != 0).unwrap_or(tag.len() - 1);
    let mut object = tag[start..].to_vec();
    match u16::try_from(value.len()).expect("a short value").to_be_bytes() {
        [0, length @ ..=0x7F] => object.push(length),
        [0, length] => object.extend([0x81, length]),
        [high, low] => object.extend([0x82, high, low]),
    }
    object.extend(value);
    object
}

/// Decodes a data object whose tag has one byte. Returns its tag, its value and the bytes after it.
pub(crate) fn decode(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (length, rest): (usize, _) = match *rest {
        [length @ ..=0x7F, ref rest @ ..] => (length.into(), rest),
        [0x81, length, ref rest @ ..] => (length.into(), rest),
        [0x82, high, low, ref rest @ ..] => (u16::from_be_bytes([high, low]).into(), rest),
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}

/// The value of the first data object with this tag of one byte.
pub(crate) fn find(mut bytes: &[u8], wanted: u8) -> Option<&[u8]> {
    loop {
        let (tag, value, rest) = decode(bytes)?;
        if tag == wanted {
            return Some(value);
        }
        bytes = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_all_lengths_are_read_back() {
        for length in [0, 1, 127, 128, 255, 256, 5000] {
            let value = vec![7; length];
            let object = [encode(0x70, &[1]), encode(0x53, &value)].concat();
            assert_eq!(find(&object, 0x53), Some(&value[..]), "{length}");
        }
        assert_eq!(encode(0x5F_C105, &[]), [0x5F, 0xC1, 0x05, 0]);
        assert_eq!(find(&[0x53, 2, 0], 0x53), None);
    }
}
