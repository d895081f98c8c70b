//! Values in the basic encoding rules, BER (X.690, section 8). DER is a part of BER.
//!
//! Every function ends after one pass over its bytes, and copies at most those.

use std::borrow::Cow;

/// An encoded value: tag, length and contents.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    tag: u8,
    contents: &'a [u8],
    whole: &'a [u8],
}

/// The values in the contents of another. It ends before bytes that are not a value.
#[derive(Clone)]
pub(crate) struct Elements<'a>(&'a [u8]);

impl<'a> Element<'a> {
    /// Reads the value that `bytes` begin with.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let header = Header::read(bytes)?;
        let rest = bytes.get(header.size..)?;
        let (len, end) = match header.len {
            Some(len) => (len, 0),
            None => (len_until_end(rest)?, END_OF_CONTENTS.len()),
        };
        let contents = rest.get(..len)?;
        Some(Self { tag: header.tag, contents, whole: bytes.get(..header.size + len + end)? })
    }

    /// The first byte of the tag.
    pub(crate) fn tag(self) -> u8 {
        self.tag
    }

    pub(crate) fn contents(self) -> &'a [u8] {
        self.contents
    }

    /// Tag, length and contents.
    pub(crate) fn whole(self) -> &'a [u8] {
        self.whole
    }

    /// The values in this one, if it is constructed.
    pub(crate) fn elements(self) -> Elements<'a> {
        Elements(if self.is_constructed() { self.contents } else { &[] })
    }

    /// The bytes of an integer, as if it were positive, without leading zero bytes.
    pub(crate) fn magnitude(self) -> Option<&'a [u8]> {
        if self.tag != INTEGER || self.contents.is_empty() {
            return None;
        }
        let leading = self.contents.iter().take_while(|byte| **byte == 0).count();
        self.contents.get(leading.min(self.contents.len() - 1)..)
    }

    /// The bytes of a string. BER may split them (X.690, section 8.7.3).
    pub(crate) fn octets(self) -> Option<Cow<'a, [u8]>> {
        if !self.is_constructed() {
            return Some(self.contents.into());
        }
        let mut octets = Vec::new();
        for part in self.elements() {
            if part.is_constructed() {
                return None;
            }
            octets.extend_from_slice(part.contents);
        }
        Some(octets.into())
    }

    /// The bytes of a bit string; the last one may be filled up with zero bits (X.690, section
    /// 8.6).
    pub(crate) fn bits(self) -> Option<Bits<'a>> {
        if self.tag & !CONSTRUCTED != BIT_STRING {
            return None;
        }
        if !self.is_constructed() {
            let (unused, bytes) = self.contents.split_first()?;
            return Some(Bits { bytes: bytes.into(), unused: *unused });
        }
        let mut all = Bits { bytes: Cow::default(), unused: 0 };
        for part in self.elements() {
            if part.tag != BIT_STRING {
                return None;
            }
            let (unused, bytes) = part.contents.split_first()?;
            all.bytes.to_mut().extend_from_slice(bytes);
            all.unused = *unused;
        }
        Some(all)
    }

    fn is_constructed(self) -> bool {
        self.tag & CONSTRUCTED != 0
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let element = Element::read(self.0);
        self.0 = element.and_then(|element| self.0.get(element.whole.len()..)).unwrap_or_default();
        element
    }
}

/// A bit string.
pub(crate) struct Bits<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    /// How many bits of the last byte do not count.
    pub(crate) unused: u8,
}

/// Tag and length.
struct Header {
    tag: u8,
    /// The length of the contents; `None` if the end of the contents is marked.
    len: Option<usize>,
    /// The length of the header itself.
    size: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (&tag, mut rest) = bytes.split_first()?;
        if tag & LONG_TAG == LONG_TAG {
            let end = rest.iter().position(|byte| byte & MORE == 0)?;
            rest = rest.get(end + 1..)?;
        }
        let (&first, mut rest) = rest.split_first()?;
        let len = match first {
            0..=0x7F => Some(usize::from(first)),
            // The form without a length is for constructed values only (X.690, section 8.1.3.2).
            0x80 if tag & CONSTRUCTED != 0 => None,
            0x80 | 0xFF => return None,
            _ => {
                let (len, after) = rest.split_at_checked(usize::from(first & 0x7F))?;
                rest = after;
                Some(len.iter().try_fold(0_usize, |len, byte| {
                    len.checked_mul(0x100)?.checked_add(usize::from(*byte))
                })?)
            }
        };
        Some(Self { tag, len, size: bytes.len() - rest.len() })
    }
}

/// The length of contents that end with end-of-contents octets (X.690, section 8.1.5). Values in it
/// may end in the same way.
fn len_until_end(contents: &[u8]) -> Option<usize> {
    let mut rest = contents;
    let mut open = 0_usize;
    loop {
        if let Some(after) = rest.strip_prefix(END_OF_CONTENTS) {
            if open == 0 {
                return Some(contents.len() - rest.len());
            }
            open -= 1;
            rest = after;
            continue;
        }
        let header = Header::read(rest)?;
        rest = rest.get(header.size..)?;
        match header.len {
            Some(len) => rest = rest.get(len..)?,
            None => open += 1,
        }
    }
}

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const CONTEXT_0: u8 = 0xA0;
pub(crate) const CONTEXT_1: u8 = 0xA1;
pub(crate) const CONTEXT_2: u8 = 0xA2;
pub(crate) const CONTEXT_3: u8 = 0xA3;
/// Set in the tag of a value that is made of values.
pub(crate) const CONSTRUCTED: u8 = 0x20;
const LONG_TAG: u8 = 0x1F;
const MORE: u8 = 0x80;
const END_OF_CONTENTS: &[u8] = &[0, 0];

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(bytes: &[u8]) -> Option<(&[u8], usize)> {
        Element::read(bytes).map(|element| (element.contents(), element.whole().len()))
    }

    #[test]
    fn lengths_of_every_form() {
        let long = [&[4, 0x82, 1, 0][..], &[7; 256]].concat();
        assert_eq!(contents(&long), Some((&[7; 256][..], 260)));
        for same in [
            &[4, 1, 7][..],
            &[4, 0x81, 1, 7],
            &[4, 0x84, 0, 0, 0, 1, 7],
            &[4, 0x8A, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7],
            // A tag of two bytes.
            &[0x9F, 0x81, 0x02, 1, 7],
        ] {
            assert_eq!(contents(same), Some((&[7][..], same.len())), "{same:?}");
        }
    }

    #[test]
    fn ends_that_are_marked() {
        assert_eq!(contents(&[0x30, 0x80, 0, 0, 9]), Some((&[][..], 4)));
        let nested = [0x30, 0x80, 0x30, 0x80, 4, 2, 0, 0, 0, 0, 2, 1, 5, 0, 0, 9];
        assert_eq!(contents(&nested), Some((&nested[2..13], 15)));
        let tags: Vec<_> = Element::read(&nested).unwrap().elements().map(Element::tag).collect();
        assert_eq!(tags, [0x30, 2]);
    }

    #[test]
    fn bytes_that_are_not_a_value() {
        let endless = [0x30, 0x80].repeat(100_000);
        for bytes in [
            &[][..],
            &[0x30],
            &[0x30, 5, 7],
            &[0x30, 0x80, 7],
            &[0x30, 0x80, 4, 1, 0, 0],
            &[4, 0x80, 0, 0],
            &[4, 0xFF, 1],
            &[4, 0x82, 1],
            &[4, 0x88, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
            &[4, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x1F, 0x81],
            &endless,
        ] {
            assert_eq!(contents(bytes), None);
        }
    }

    #[test]
    fn strings_in_parts() {
        let octets = [0x24, 0x80, 4, 2, 1, 2, 4, 1, 3, 0, 0];
        assert_eq!(&*Element::read(&octets).unwrap().octets().unwrap(), [1, 2, 3]);
        let bits = [0x23, 8, 3, 2, 0, 1, 3, 2, 4, 0xF0];
        let bits = Element::read(&bits).unwrap().bits().unwrap();
        assert_eq!((&*bits.bytes, bits.unused), (&[1, 0xF0][..], 4));
        let no_parts = [0x23, 3, 4, 1, 0];
        assert!(Element::read(&no_parts).unwrap().bits().is_none());
    }

    #[test]
    fn integers_without_leading_zeros() {
        for (integer, magnitude) in [
            (&[2, 1, 0][..], Some(&[0][..])),
            (&[2, 2, 0, 0x80], Some(&[0x80])),
            (&[2, 4, 0, 0, 0, 1], Some(&[1])),
            (&[2, 1, 0xFF], Some(&[0xFF])),
            (&[2, 0], None),
            (&[4, 1, 1], None),
        ] {
            assert_eq!(Element::read(integer).unwrap().magnitude(), magnitude);
        }
    }
}
