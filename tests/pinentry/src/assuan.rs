//! The lines of the Assuan protocol, as far as a pinentry needs them
//! (<https://www.gnupg.org/documentation/manuals/assuan/>).

use std::io::{self, BufRead, Read};

/// The most bytes in a line of the client, without the line end.
const LINE_LIMIT: usize = 1000;

/// A line of the client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Command {
        name: String,
        parameter: String,
        /// If this is false, `parameter` contains U+FFFD instead of the invalid bytes.
        is_utf8: bool,
    },
    TooLong,
    Closed,
}

/// Reads the next line up to the limit.
pub(crate) fn receive(input: &mut impl BufRead) -> io::Result<Received> {
    let mut line = Vec::new();
    let limit = u64::try_from(LINE_LIMIT + 1).unwrap_or(u64::MAX);
    input.by_ref().take(limit).read_until(b'\n', &mut line)?;
    if line.pop_if(|last| *last == b'\n').is_none() {
        let more = line.len() > LINE_LIMIT;
        return Ok(if more { Received::TooLong } else { Received::Closed });
    }
    line.pop_if(|last| *last == b'\r');
    let (name, parameter) = match line.iter().position(|byte| *byte == b' ') {
        Some(space) => (&line[..space], &line[space + 1..]),
        None => (&line[..], &[][..]),
    };
    let parameter = unescape(parameter);
    let is_utf8 = std::str::from_utf8(&parameter).is_ok();
    Ok(Received::Command {
        name: String::from_utf8_lossy(name).to_ascii_uppercase(),
        parameter: String::from_utf8_lossy(&parameter).into_owned(),
        is_utf8,
    })
}

/// Encodes a data line with the necessary escapes.
pub(crate) fn data_line(data: &str) -> Vec<u8> {
    let mut line = b"D ".to_vec();
    for byte in data.bytes() {
        match byte {
            b'%' | b'\r' | b'\n' => line.extend(format!("%{byte:02X}").bytes()),
            _ => line.push(byte),
        }
    }
    line.push(b'\n');
    line
}

/// Decodes `%XX` to a byte. As in a real pinentry, any other percent sign stays.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        if let (b'%', [high, low, ..]) = (first, after)
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            bytes.push(high << 4 | low);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(name: &str, parameter: &str) -> Received {
        Received::Command { name: name.into(), parameter: parameter.into(), is_utf8: true }
    }

    #[test]
    fn lines_are_split_into_command_and_parameter() {
        let mut input: &[u8] = b"getpin\nSETDESC a%0Ab 100%25 %zz %\r\nOPTION \n\nBYE";
        for expected in [
            command("GETPIN", ""),
            command("SETDESC", "a\nb 100% %zz %"),
            command("OPTION", ""),
            command("", ""),
            Received::Closed,
        ] {
            assert_eq!(receive(&mut input).unwrap(), expected);
        }
    }

    #[test]
    fn a_line_has_at_most_1000_bytes() {
        let longest = format!("SETDESC {}\n", "x".repeat(992));
        assert_eq!(receive(&mut longest.as_bytes()).unwrap(), command("SETDESC", &"x".repeat(992)));
        for too_long in [1001, 1002, 5000] {
            let line = "x".repeat(too_long);
            assert_eq!(receive(&mut line.as_bytes()).unwrap(), Received::TooLong, "{too_long}");
            let line = line + "\n";
            assert_eq!(receive(&mut line.as_bytes()).unwrap(), Received::TooLong, "{too_long}");
        }
    }

    #[test]
    fn data_lines_escape_percent_signs_and_line_ends() {
        assert_eq!(data_line("1%2\r\n\\ü"), "D 1%252%0D%0A\\ü\n".as_bytes());
    }
}
