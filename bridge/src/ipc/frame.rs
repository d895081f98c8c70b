//! Frames on a pipe: a length (32 bits, little-endian) and that many bytes of JSON.
//!
//! This program is at both ends. If a frame cannot be decoded, a module has damaged the memory of
//! its worker.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncRead;
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};
use zeroize::{Zeroize, Zeroizing};

/// A whole frame, ready to be written. Wiped when dropped, because it may hold a PIN.
pub(crate) type Frame = Zeroizing<Vec<u8>>;

/// Yields the JSON of each frame. The bridge uses it, because it reads from many workers at once.
pub type FrameReader<R> = FramedRead<R, LengthDelimitedCodec>;

pub(crate) fn encode(message: &impl Serialize) -> io::Result<Frame> {
    let mut frame = Zeroizing::new(Vec::with_capacity(1024));
    frame.extend_from_slice(&[0; HEADER_LEN]);
    serde_json::to_writer(&mut *frame, message)?;
    let len = u32::try_from(frame.len() - HEADER_LEN).ok().filter(|len| *len <= MAX_LEN);
    let len =
        len.ok_or_else(|| io::Error::other(format!("the message exceeds {MAX_LEN} bytes")))?;
    frame[..HEADER_LEN].copy_from_slice(&len.to_le_bytes());
    Ok(frame)
}

/// A reader for the bridge, which reads from many workers at once. Dropping the future of the next
/// frame loses no bytes.
pub fn reader<R: AsyncRead>(input: R) -> FrameReader<R> {
    LengthDelimitedCodec::builder()
        .little_endian()
        .length_field_length(HEADER_LEN)
        .max_frame_length(MAX_LEN as usize)
        .new_read(input)
}

/// Decodes the message in a frame of a [`reader`]. The error names the position of the fault. It
/// repeats no part of the frame, which may hold a PIN.
pub fn decode<M: DeserializeOwned>(frame: &[u8]) -> io::Result<M> {
    serde_json::from_slice(frame).map_err(|error| {
        let (len, line, column) = (frame.len(), error.line(), error.column());
        let problem =
            format!("a frame of {len} bytes is malformed at line {line}, column {column}");
        io::Error::new(io::ErrorKind::InvalidData, problem)
    })
}

/// Writes one frame.
pub(crate) fn write(writer: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    writer.write_all(&encode(message)?)?;
    writer.flush()
}

/// Reads frames from a blocking stream, for a thread that only waits for its next task. It reads a
/// short frame, as most are, with a single system call.
pub struct BlockingFrameReader<R> {
    reader: R,
    /// The bytes that were received and not decoded yet. Wiped, because they may hold a PIN.
    buffer: Zeroizing<Vec<u8>>,
}

impl<R: Read> BlockingFrameReader<R> {
    pub fn new(reader: R) -> Self {
        Self { reader, buffer: Zeroizing::default() }
    }

    /// The next message; `None` at the end of the stream.
    pub fn read<M: DeserializeOwned>(&mut self) -> io::Result<Option<M>> {
        loop {
            let len = self.buffer.first_chunk().map(|header| body_len(*header)).transpose()?;
            let missing = match len {
                None => CHUNK_LEN,
                Some(len) if self.buffer.len() >= HEADER_LEN + len => {
                    return self.take(HEADER_LEN + len).map(Some);
                }
                Some(len) => HEADER_LEN + len - self.buffer.len(),
            };
            // A header may claim any length. Reserve memory only as the bytes arrive.
            if self.fill(missing.min(CHUNK_LEN))? == 0 {
                return if len.is_none() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    fn fill(&mut self, room: usize) -> io::Result<usize> {
        let filled = self.buffer.len();
        self.buffer.resize(filled + room, 0);
        let read = loop {
            match self.reader.read(&mut self.buffer[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(filled + *read.as_ref().unwrap_or(&0));
        read
    }

    fn take<M: DeserializeOwned>(&mut self, len: usize) -> io::Result<M> {
        let message = decode(&self.buffer[HEADER_LEN..len]);
        if self.buffer.len() > len || len > CHUNK_LEN {
            self.buffer = Zeroizing::new(self.buffer[len..].to_vec());
        } else {
            self.buffer.zeroize();
        }
        message
    }
}

fn body_len(header: [u8; HEADER_LEN]) -> io::Result<usize> {
    let len = u32::from_le_bytes(header);
    if len > MAX_LEN {
        let problem = format!("a frame claims {len} bytes, and the limit is {MAX_LEN}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    Ok(len as usize)
}

const HEADER_LEN: usize = 4;
/// Enough for most messages.
const CHUNK_LEN: usize = 8 << 10;
/// Enough for the certificates of a very full token.
const MAX_LEN: u32 = 64 << 20;

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    #[test]
    fn reads_one_frame_after_another() {
        let mut pipe = Vec::new();
        write(&mut pipe, &"one").unwrap();
        write(&mut pipe, &"two").unwrap();
        let mut input = BlockingFrameReader::new(pipe.as_slice());
        assert_eq!(input.read::<String>().unwrap().unwrap(), "one");
        assert_eq!(input.read::<String>().unwrap().unwrap(), "two");
        assert!(input.read::<String>().unwrap().is_none());
    }

    #[test]
    fn reads_frames_that_arrive_byte_by_byte() {
        struct ByteByByte<'a>(&'a [u8]);
        impl Read for ByteByByte<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let len = buffer.len().min(1);
                self.0.read(&mut buffer[..len])
            }
        }
        let (short, long) = ("short".to_owned(), "long".repeat(CHUNK_LEN));
        let mut pipe = Vec::new();
        for text in [&short, &long, &short] {
            write(&mut pipe, text).unwrap();
        }
        let mut byte_by_byte = BlockingFrameReader::new(ByteByByte(&pipe));
        let mut whole = BlockingFrameReader::new(pipe.as_slice());
        for text in [&short, &long, &short] {
            assert_eq!(byte_by_byte.read::<String>().unwrap().as_ref(), Some(text));
            assert_eq!(whole.read::<String>().unwrap().as_ref(), Some(text));
        }
        assert!(byte_by_byte.read::<String>().unwrap().is_none());
    }

    #[tokio::test]
    async fn the_async_reader_reads_what_the_writer_wrote() {
        let mut pipe = Vec::new();
        write(&mut pipe, &"one").unwrap();
        write(&mut pipe, &"two").unwrap();
        let frames: Vec<_> = reader(pipe.as_slice()).collect().await;
        let texts: Vec<String> =
            frames.into_iter().map(|frame| decode(&frame.unwrap()).unwrap()).collect();
        assert_eq!(texts, ["one", "two"]);
    }

    #[test]
    fn malformed_frames_are_errors() {
        for bytes in [&[0xff; 8][..], &[4, 0, 0, 0, b'"'], &[2, 0, 0, 0, b'"', b'x']] {
            assert!(BlockingFrameReader::new(bytes).read::<String>().is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn decoding_errors_repeat_no_value() {
        #[derive(serde::Deserialize)]
        enum Secret {
            #[allow(dead_code)]
            Entered(bool),
        }

        for text in [r#""47114711""#, "47114711", r#"{"Entered":47114711}"#, r#"{"47114711":0}"#] {
            let error = decode::<Secret>(text.as_bytes()).err().unwrap().to_string();
            assert!(error.contains("column") && !error.contains("47114711"), "{error}");
        }
    }
}
