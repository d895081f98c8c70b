//! What the bridge and a worker say to each other: frames of a length (32 bits, little-endian) and
//! that many bytes of JSON. Both ends are this program, so that a frame that cannot be decoded means
//! that the module has damaged its process.

#[cfg(unix)]
pub(crate) mod descriptors;
pub(crate) mod token_snapshot;

use std::io::{self, Read, Write};
use std::num::NonZeroU8;
use std::time::SystemTime;

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::pin::Pin;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use tokio::io::AsyncRead;
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};
use zeroize::{Zeroize, Zeroizing};

/// A call for the worker: a `Call`, by reference where it is sent.
///
/// A `watchSlots` is the job to look once, and is answered by [`crate::ipc::token_snapshot::Tokens`].
///
/// A `signDataBatch` is the job that makes everything ready for the batch, which logs in and answers
/// whether the key wants a PIN for every signature; each of the hashes is a `signData` of its own.
#[derive(Serialize, Deserialize)]
pub(crate) struct Job<C, L> {
    /// Chosen by the bridge; the report carries it.
    pub(crate) id: u64,
    /// When the bridge took it, in microseconds since 1970.
    pub(crate) arrived: u64,
    pub(crate) call: C,
    /// A `PinPermission`, by reference where it is sent.
    pub(crate) leave: L,
}

/// Which PIN the worker may send to the token for a job. The bridge gives leave once it is the turn of
/// the origin, so that a page cannot try several at once. No `Debug`: it may hold a PIN.
#[derive(Serialize, Deserialize)]
pub(crate) enum PinPermission {
    /// None: a job that needs one is answered by `Outcome::PinNeeded`.
    Nothing,
    /// The one that the call brings.
    OfPage,
    /// The one that the user entered on the desktop, having been told of so many tries.
    Entered(Pin, Tries),
    /// The one that the user enters on the reader's own pinpad.
    Pinpad,
}

/// What a worker says after its greeting.
#[derive(Serialize, Deserialize)]
pub(crate) enum Told {
    Report(Report),
    /// The module says that a token was put into one of its slots or taken out of one.
    SlotEvent,
}

/// What became of a job.
#[derive(Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) id: u64,
    pub(crate) outcome: Outcome,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// The result, encoded as it goes to the page.
    Done(Box<RawValue>),
    Failed(ErrorObject),
    /// The token wants a PIN for which there was no leave. Nothing was sent to the token.
    PinNeeded(PinRequest),
    /// Another call is logging in, which may take as long as a person does. Nothing was sent to the token.
    LoggingIn,
    /// The module says that it is not initialised any more. Nothing was done that must not be done again.
    ModuleLost(ErrorObject),
}

impl Outcome {
    /// Whether another call of this worker would fail because the module is not initialised.
    pub(crate) fn says_module_lost(&self) -> bool {
        match self {
            Self::ModuleLost(_) => true,
            Self::Failed(error) => error.data.pkcs11.as_deref() == Some(NOT_INITIALIZED),
            Self::Done(_) | Self::PinNeeded(_) | Self::LoggingIn => false,
        }
    }
}

/// The token and the key that want a PIN, as far as whoever is asked for it has to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PinRequest {
    pub(crate) token_label: String,
    pub(crate) token_serial: String,
    /// The subject of the certificate (RFC 4514), or its label where it cannot be read.
    pub(crate) certificate: String,
    pub(crate) tries: Tries,
    pub(crate) entry: Entry,
    pub(crate) want: Want,
}

/// How many tries are left, as far as the token's flags tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tries {
    NotKnown,
    /// A wrong PIN was entered since the last right one (`CKF_USER_PIN_COUNT_LOW`).
    Fewer,
    /// `CKF_USER_PIN_FINAL_TRY`
    Last,
}

/// Where the token takes its PIN from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Entry {
    /// From the caller.
    Software,
    /// From the reader (`CKF_PROTECTED_AUTHENTICATION_PATH`).
    Pinpad,
}

/// What the PIN is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Want {
    /// To log in.
    Login,
    /// For this one signature (`CKA_ALWAYS_AUTHENTICATE`).
    Signature,
}

/// The first frame of a worker: whether the module could be loaded and initialised.
#[derive(Serialize, Deserialize)]
pub(crate) enum Greeting {
    /// It can be, and so many calls can run side by side.
    Ready {
        #[serde(deserialize_with = "some_threads")]
        threads: usize,
    },
    Failed(ErrorObject),
}

/// At least one, and not many: what a call waits for is made for so many, and cannot be made for any number.
fn some_threads<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    NonZeroU8::deserialize(deserializer).map(|threads| threads.get().into())
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.into())
    }
}

/// A result as it goes to the page.
pub(crate) fn encode_result(result: &impl Serialize) -> Result<Box<RawValue>, Failure> {
    to_raw_value(result).map_err(|error| {
        Failure::new(ErrorCode::Internal, format!("The result cannot be encoded: {error}."))
    })
}

/// Bytes ready to be written in one piece. Wiped when dropped, because they may hold a PIN.
pub(crate) type Frame = Zeroizing<Vec<u8>>;

/// Frames without their length, as they come to the end that serves many workers.
pub(crate) type FrameReader<R> = FramedRead<R, LengthDelimitedCodec>;

pub(crate) fn encode(message: &impl Serialize) -> io::Result<Frame> {
    let mut frame = Zeroizing::new(Vec::with_capacity(1024));
    frame.extend_from_slice(&[0; HEADER_LEN]);
    serde_json::to_writer(&mut *frame, message)?;
    let len = u32::try_from(frame.len() - HEADER_LEN).ok().filter(|len| *len <= MAX_LEN);
    let len = len.ok_or_else(|| io::Error::other("the message is too long for the pipe"))?;
    frame[..HEADER_LEN].copy_from_slice(&len.to_le_bytes());
    Ok(frame)
}

/// Reads frames at the end that serves many workers. Giving up on the next frame loses nothing.
pub(crate) fn reader<R: AsyncRead>(input: R) -> FrameReader<R> {
    LengthDelimitedCodec::builder()
        .little_endian()
        .length_field_length(HEADER_LEN)
        .max_frame_length(MAX_LEN as usize)
        .new_read(input)
}

/// The message in a frame of a [`reader`]. The error says where it is none, and not what stands there: it
/// may be a part of a PIN.
pub(crate) fn decode<M: DeserializeOwned>(frame: &[u8]) -> io::Result<M> {
    serde_json::from_slice(frame).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        let problem = format!("a frame of {} bytes is no message ({place})", frame.len());
        io::Error::new(io::ErrorKind::InvalidData, problem)
    })
}

/// The time of day in microseconds since 1970, which bridge and worker have in common.
pub(crate) fn unix_micros() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Writes one frame.
pub(crate) fn write(writer: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    writer.write_all(&encode(message)?)?;
    writer.flush()
}

/// Reads frames at the end that has nothing else to do: a short one, as most are, with a single system call.
pub(crate) struct Input<R> {
    reader: R,
    /// What has come and was not read yet. Wiped, because it may hold a PIN.
    buffer: Zeroizing<Vec<u8>>,
}

impl<R: Read> Input<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, buffer: Zeroizing::default() }
    }

    /// The next message; `None` at the end of the stream.
    pub(crate) fn next<M: DeserializeOwned>(&mut self) -> io::Result<Option<M>> {
        loop {
            let len = self.buffer.first_chunk().map(|header| body_len(*header)).transpose()?;
            let missing = match len {
                None => PIECE_LEN,
                Some(len) if self.buffer.len() >= HEADER_LEN + len => {
                    return self.take(HEADER_LEN + len).map(Some);
                }
                Some(len) => HEADER_LEN + len - self.buffer.len(),
            };
            // No more than a piece is reserved for what is only announced.
            if self.fill(missing.min(PIECE_LEN))? == 0 {
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
        if self.buffer.len() > len || len > PIECE_LEN {
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
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame of an impossible length"));
    }
    Ok(len as usize)
}

/// Said by a module that has lost its state.
pub(crate) const NOT_INITIALIZED: &str = "CKR_CRYPTOKI_NOT_INITIALIZED";
const HEADER_LEN: usize = 4;
/// Room for most messages.
const PIECE_LEN: usize = 8 << 10;
/// Room for the certificates of a very full token.
const MAX_LEN: u32 = 64 << 20;

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    #[test]
    fn frames_follow_each_other() {
        let mut pipe = Vec::new();
        write(&mut pipe, &"one").unwrap();
        write(&mut pipe, &"two").unwrap();
        let mut input = Input::new(pipe.as_slice());
        assert_eq!(input.next::<String>().unwrap().unwrap(), "one");
        assert_eq!(input.next::<String>().unwrap().unwrap(), "two");
        assert!(input.next::<String>().unwrap().is_none());
    }

    #[test]
    fn a_frame_may_come_in_any_pieces() {
        struct ByteByByte<'a>(&'a [u8]);
        impl Read for ByteByByte<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let len = buffer.len().min(1);
                self.0.read(&mut buffer[..len])
            }
        }
        let (short, long) = ("short".to_owned(), "long".repeat(PIECE_LEN));
        let mut pipe = Vec::new();
        for text in [&short, &long, &short] {
            write(&mut pipe, text).unwrap();
        }
        let mut pieces = Input::new(ByteByByte(&pipe));
        let mut whole = Input::new(pipe.as_slice());
        for text in [&short, &long, &short] {
            assert_eq!(pieces.next::<String>().unwrap().as_ref(), Some(text));
            assert_eq!(whole.next::<String>().unwrap().as_ref(), Some(text));
        }
        assert!(pieces.next::<String>().unwrap().is_none());
    }

    #[tokio::test]
    async fn both_ends_understand_each_other() {
        let mut pipe = Vec::new();
        write(&mut pipe, &"one").unwrap();
        write(&mut pipe, &"two").unwrap();
        let frames: Vec<_> = reader(pipe.as_slice()).collect().await;
        let texts: Vec<String> =
            frames.into_iter().map(|frame| decode(&frame.unwrap()).unwrap()).collect();
        assert_eq!(texts, ["one", "two"]);
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        for bytes in [&[0xff; 8][..], &[4, 0, 0, 0, b'"'], &[2, 0, 0, 0, b'"', b'x']] {
            assert!(Input::new(bytes).next::<String>().is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_worker_has_a_thread_and_not_countless_ones() {
        let threads = |text: &str| match decode(text.as_bytes()) {
            Ok(Greeting::Ready { threads }) => Some(threads),
            _ => None,
        };
        assert_eq!(threads(r#"{"Ready":{"threads":8}}"#), Some(8));
        for text in ["0", "256", "18446744073709551615", "-1", "1.5"] {
            assert_eq!(threads(&format!(r#"{{"Ready":{{"threads":{text}}}}}"#)), None, "{text}");
        }
    }

    #[test]
    fn an_error_repeats_no_value() {
        for text in [r#""47114711""#, "47114711", r#"{"Entered":47114711}"#, r#"{"47114711":0}"#] {
            let error = decode::<PinPermission>(text.as_bytes()).err().unwrap().to_string();
            assert!(error.contains("column") && !error.contains("47114711"), "{error}");
        }
    }
}
