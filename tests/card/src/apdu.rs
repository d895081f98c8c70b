//! Commands and responses (ISO/IEC 7816-4, section 5.1), with short and extended lengths.

/// A command.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) class: u8,
    pub(crate) instruction: u8,
    pub(crate) p1: u8,
    pub(crate) p2: u8,
    pub(crate) data: Vec<u8>,
    /// The most bytes that the response may have.
    pub(crate) max_response: usize,
}

impl Command {
    /// Decodes a command. Returns `None` if its lengths do not fit.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[class, instruction, p1, p2], body) = bytes.split_first_chunk::<4>()?;
        let (data, max_response) = decode_body(body)?;
        Some(Self { class, instruction, p1, p2, data: data.to_vec(), max_response })
    }
}

/// The data, and the most bytes of the response. A length of zero stands for the largest.
fn decode_body(body: &[u8]) -> Option<(&[u8], usize)> {
    let short = |length: u8| if length == 0 { SHORT } else { length.into() };
    let extended = |length: [u8; 2]| match u16::from_be_bytes(length) {
        0 => EXTENDED,
        length => length.into(),
    };
    match *body {
        [] => Some((&[], SHORT)),
        [length] => Some((&[], short(length))),
        [0, high, low] => Some((&[], extended([high, low]))),
        [0, high, low, ref rest @ ..] => {
            let length = u16::from_be_bytes([high, low]).into();
            match rest.split_at_checked(length)? {
                (data, []) => Some((data, SHORT)),
                (data, &[high, low]) => Some((data, extended([high, low]))),
                _ => None,
            }
        }
        [length, ref rest @ ..] => match rest.split_at_checked(length.into())? {
            (data, []) => Some((data, SHORT)),
            (data, &[length]) => Some((data, short(length))),
            _ => None,
        },
    }
}

const SHORT: usize = 256;
const EXTENDED: usize = 65536;

/// A response without an error, or the status of an error.
pub(crate) type Answer = Result<Vec<u8>, Status>;

/// The status words of errors (ISO/IEC 7816-4, section 5.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The PIN is wrong, or was not verified. Holds how many tries are left.
    TriesLeft(u8),
    WrongLength,
    SecurityStatusNotSatisfied,
    PinLocked,
    WrongData,
    NotFound,
    WrongParameters,
    ReferenceNotFound,
    InstructionNotSupported,
}

impl Status {
    /// The two bytes at the end of a response.
    pub(crate) fn word(self) -> u16 {
        match self {
            Self::TriesLeft(tries) => 0x63C0 | u16::from(tries.min(15)),
            Self::WrongLength => 0x6700,
            Self::SecurityStatusNotSatisfied => 0x6982,
            Self::PinLocked => 0x6983,
            Self::WrongData => 0x6A80,
            Self::NotFound => 0x6A82,
            Self::WrongParameters => 0x6A86,
            Self::ReferenceNotFound => 0x6A88,
            Self::InstructionNotSupported => 0x6D00,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
        Command::decode(bytes).map(|command| (command.data, command.max_response))
    }

    #[test]
    fn each_form_of_the_lengths_is_decoded() {
        for (body, data, max_response) in [
            (&[][..], &[][..], 256),
            (&[0], &[], 256),
            (&[8], &[], 8),
            (&[2, 7, 8], &[7, 8], 256),
            (&[2, 7, 8, 0], &[7, 8], 256),
            (&[2, 7, 8, 9], &[7, 8], 9),
            (&[0, 0, 0], &[], 65536),
            (&[0, 1, 2], &[], 258),
            (&[0, 0, 2, 7, 8], &[7, 8], 256),
            (&[0, 0, 2, 7, 8, 0, 0], &[7, 8], 65536),
        ] {
            let bytes = [&[0, 0xCB, 0x3F, 0xFF], body].concat();
            assert_eq!(decode(&bytes), Some((data.to_vec(), max_response)), "{body:?}");
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        for bytes in [&[][..], &[0, 1, 2], &[0, 1, 2, 3, 4, 5, 6], &[0, 1, 2, 3, 1, 5, 6, 7]] {
            assert_eq!(decode(bytes), None, "{bytes:?}");
        }
    }
}
