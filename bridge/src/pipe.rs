//! What the bridge and a worker say to each other: frames of a length (32 bits, little-endian) and
//! that many bytes of JSON. Both ends are this program, so that a frame that cannot be decoded means
//! that the module has damaged its process.

use std::io::{self, Read, Write};

use pkcs11_bridge_protocol::failure::{ErrorObject, Failure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncReadExt};
use zeroize::Zeroizing;

/// A call for the worker: a `Call`, by reference where it is sent.
#[derive(Serialize, Deserialize)]
pub(crate) struct Job<C> {
    /// Chosen by the bridge; the report carries it.
    pub(crate) id: u64,
    pub(crate) call: C,
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
    /// The token wants a PIN that the call did not bring. Nothing was sent to the token.
    PinNeeded(PinRequest),
}

/// The token that wants a PIN, as far as whoever asks for it has to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PinRequest {
    pub(crate) token_label: String,
}

/// The first frame of a worker: whether the module could be loaded and initialised.
#[derive(Serialize, Deserialize)]
pub(crate) enum Greeting {
    Ready,
    Failed(ErrorObject),
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.into())
    }
}

/// A frame ready to be written in one piece. Wiped when dropped, because it may hold a PIN.
pub(crate) fn encode(message: &impl Serialize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut frame = Zeroizing::new(Vec::with_capacity(1024));
    frame.extend_from_slice(&[0; HEADER_LEN]);
    serde_json::to_writer(&mut *frame, message)?;
    let len = u32::try_from(frame.len() - HEADER_LEN).ok().filter(|len| *len <= MAX_LEN);
    let len = len.ok_or_else(|| io::Error::other("the message is too long for the pipe"))?;
    frame[..HEADER_LEN].copy_from_slice(&len.to_le_bytes());
    Ok(frame)
}

/// Reads one frame; `None` at the end of the stream.
pub(crate) fn read<M: DeserializeOwned>(reader: &mut impl Read) -> io::Result<Option<M>> {
    let mut header = [0; HEADER_LEN];
    match reader.read_exact(&mut header) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    }
    let mut body = Zeroizing::new(vec![0; body_len(header)?]);
    reader.read_exact(&mut body)?;
    Ok(Some(serde_json::from_slice(&body)?))
}

/// [`read`], for the end that serves many workers.
pub(crate) async fn read_async<M: DeserializeOwned>(
    reader: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<M>> {
    let mut header = [0; HEADER_LEN];
    match reader.read_exact(&mut header).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    };
    let mut body = vec![0; body_len(header)?];
    reader.read_exact(&mut body).await?;
    Ok(Some(serde_json::from_slice(&body)?))
}

/// Writes one frame.
pub(crate) fn write(writer: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    writer.write_all(&encode(message)?)?;
    writer.flush()
}

fn body_len(header: [u8; HEADER_LEN]) -> io::Result<usize> {
    let len = u32::from_le_bytes(header);
    if len > MAX_LEN {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame of an impossible length"));
    }
    Ok(len as usize)
}

const HEADER_LEN: usize = 4;
/// Room for the certificates of a very full token.
const MAX_LEN: u32 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_follow_each_other() {
        let mut pipe = Vec::new();
        write(&mut pipe, &"one").unwrap();
        write(&mut pipe, &"two").unwrap();
        let mut reader = pipe.as_slice();
        assert_eq!(read::<String>(&mut reader).unwrap().unwrap(), "one");
        assert_eq!(read::<String>(&mut reader).unwrap().unwrap(), "two");
        assert!(read::<String>(&mut reader).unwrap().is_none());
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        for bytes in [&[0xff; 8][..], &[4, 0, 0, 0, b'"'], &[2, 0, 0, 0, b'"', b'x']] {
            assert!(read::<String>(&mut &bytes[..]).is_err(), "{bytes:?}");
        }
    }
}
