//! A WebSocket that sends back what it gets, in a process of its own: what the way costs alone.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use pkcs11_bridge_protocol::SUBPROTOCOL;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::this;
use crate::program::Program;

/// The process; it ends when this is dropped.
pub struct Echo {
    _program: Program,
    address: SocketAddr,
}

impl Echo {
    /// Starts this program once more, to echo.
    pub fn start() -> Self {
        let mut program = Program::start(&mut this(ECHO));
        let address = program.expect_line(LISTENING).parse().expect("an address");
        Self { _program: program, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// What this program is started with for [`Echo`].
pub const ECHO: &str = "echo";

const LISTENING: &str = "echo on ";

/// Serves until the process is ended.
pub async fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{LISTENING}{}", listener.local_addr().expect("its address"));
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(echo(stream));
    }
}

async fn echo(stream: TcpStream) {
    stream.set_nodelay(true).expect("a socket option");
    #[allow(clippy::result_large_err)]
    let answer = |_: &Request, mut response: Response| {
        let name = HeaderValue::from_static(SUBPROTOCOL);
        response.headers_mut().insert("sec-websocket-protocol", name);
        Ok(response)
    };
    let mut socket = accept_hdr_async(stream, answer).await.expect("a WebSocket");
    while let Some(Ok(message)) = socket.next().await {
        if !message.is_text() || socket.send(message).await.is_err() {
            return;
        }
    }
}
