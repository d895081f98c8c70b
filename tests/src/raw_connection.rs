//! A raw TCP connection to the bridge. It sends any bytes, and reports how the bridge
//! ended the connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use pkcs11_bridge_protocol::SUBPROTOCOL;

/// A raw TCP connection to the bridge.
pub struct RawConnection {
    socket: TcpStream,
    received: Vec<u8>,
}

/// How the bridge ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an HTTP response of this status.
    HttpStatus(u16),
    /// With a close frame of this code (RFC 6455, section 7.4).
    CloseCode(u16),
    /// By closing the socket, without a response or close frame.
    Dropped,
}

/// What the bridge sent until it ended the connection.
pub struct Received {
    /// The payloads of the text frames.
    pub texts: Vec<String>,
    /// The number of pongs.
    pub pongs: usize,
    /// How the connection ended.
    pub ending: Ending,
}

/// The opcodes of RFC 6455, section 5.2.
pub mod opcode {
    #![allow(missing_docs)]
    pub const CONTINUATION: u8 = 0;
    pub const TEXT: u8 = 1;
    pub const BINARY: u8 = 2;
    pub const CLOSE: u8 = 8;
    pub const PING: u8 = 9;
}

/// The bit in the first byte that marks the last frame of a message.
pub const FIN: u8 = 0x80;

/// The header of a frame with this first byte and payload length. The frame is masked with zeros.
pub fn header(first: u8, len: u64) -> Vec<u8> {
    let mut head = vec![first];
    match len {
        0..126 => head.push(0x80 | len as u8),
        126..0x1_0000 => {
            head.push(0x80 | 126);
            head.extend(u16::try_from(len).expect("it fits").to_be_bytes());
        }
        _ => {
            head.push(0x80 | 127);
            head.extend(len.to_be_bytes());
        }
    }
    head.extend([0; 4]);
    head
}

/// A masked frame that ends its message.
pub fn frame(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame_with_first_byte(FIN | opcode, payload)
}

/// A masked frame with any first byte.
pub fn frame_with_first_byte(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut frame = header(first, payload.len() as u64);
    frame.extend(payload);
    frame
}

/// A valid request of a WebSocket handshake.
pub fn upgrade(address: SocketAddr, origin: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\nOrigin: {origin}\r\n\r\n"
    )
}

impl RawConnection {
    /// Connects without sending anything.
    pub fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).expect("the bridge listens");
        socket.set_nodelay(true).expect("a socket option");
        Self { socket, received: Vec::new() }
    }

    /// Connects and opens a WebSocket.
    pub fn open(address: SocketAddr, origin: &str) -> Self {
        let mut connection = Self::connect(address);
        connection.send(upgrade(address, origin)).expect("the bridge reads");
        let response = connection.read_headers();
        assert!(response.starts_with("HTTP/1.1 101"), "{response}");
        connection
    }

    /// Sends bytes. Fails if the bridge has closed the socket.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.socket.write_all(bytes.as_ref())
    }

    /// The socket itself.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Reads until the bridge ends the connection. Panics if it does not within a minute.
    pub fn read_to_end(&mut self) -> Received {
        self.read_for(READ_LIMIT).expect("the bridge ends the connection")
    }

    /// Reads until the bridge ends the connection. Returns `None` if nothing arrives for
    /// the given time.
    pub fn read_for(&mut self, silence: Duration) -> Option<Received> {
        self.socket.set_read_timeout(Some(silence)).expect("a socket option");
        // `read_to_end` keeps what it has read before an error.
        match self.socket.read_to_end(&mut self.received) {
            Ok(_) => Some(decode(&self.received)),
            Err(error) if is_end(&error) => Some(decode(&self.received)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("cannot read from the socket: {error}"),
        }
    }

    /// Waits until the bridge ends the connection. Panics if it does not within a minute.
    pub fn ending(&mut self) -> Ending {
        self.read_to_end().ending
    }

    fn read_headers(&mut self) -> String {
        let mut headers = Vec::new();
        let mut byte = [0];
        while !headers.ends_with(b"\r\n\r\n")
            && self.socket.read(&mut byte).is_ok_and(|len| len == 1)
        {
            headers.push(byte[0]);
        }
        String::from_utf8(headers).expect("an HTTP response")
    }
}

fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

/// Decodes an HTTP response, if any, and the bridge's frames, which are not masked.
fn decode(mut bytes: &[u8]) -> Received {
    let mut received = Received { texts: Vec::new(), pongs: 0, ending: Ending::Dropped };
    if let Some(rest) = bytes.strip_prefix(b"HTTP/1.1 ") {
        let status = rest.get(..3).and_then(|status| std::str::from_utf8(status).ok());
        let status = status.and_then(|status| status.parse().ok()).expect("a status");
        if status != 101 {
            return Received { ending: Ending::HttpStatus(status), ..received };
        }
        let head = rest.windows(4).position(|window| window == b"\r\n\r\n");
        bytes = &rest[head.map_or(rest.len(), |at| at + 4)..];
    }
    while let Some((first, payload, rest)) = split(bytes) {
        match first & 0x0f {
            opcode::TEXT => {
                received.texts.push(String::from_utf8(payload.to_vec()).expect("UTF-8"))
            }
            PONG => received.pongs += 1,
            opcode::CLOSE => {
                let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                received.ending = Ending::CloseCode(code.expect("a close code"));
            }
            other => panic!("the bridge sent a frame of opcode {other}"),
        }
        bytes = rest;
    }
    received
}

/// Splits off the first frame. Returns its first byte, its payload, and the rest.
fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(2)?;
    let (len, rest) = match head[1] {
        126 => {
            let (len, rest) = rest.split_first_chunk()?;
            (u64::from(u16::from_be_bytes(*len)), rest)
        }
        127 => {
            let (len, rest) = rest.split_first_chunk()?;
            (u64::from_be_bytes(*len), rest)
        }
        len => (u64::from(len), rest),
    };
    let (payload, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    Some((head[0], payload, rest))
}

const PONG: u8 = 10;
const READ_LIMIT: Duration = Duration::from_secs(60);
