//! The opening handshake of a WebSocket (RFC 6455, section 4.1). Tests choose every header, also
//! those that a browser does not let a page choose.

use std::net::SocketAddr;

use pkcs11_bridge_protocol::SUBPROTOCOL;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Request, StatusCode};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::socket::{Socket, within};

/// The request of a WebSocket handshake.
#[derive(Clone)]
pub struct Handshake {
    address: SocketAddr,
    host: String,
    origin: Option<String>,
    protocol: Option<String>,
    more: Vec<(&'static str, String)>,
}

impl Handshake {
    /// A complete request, except for the origin.
    pub fn of(address: SocketAddr) -> Self {
        Self {
            address,
            host: address.to_string(),
            origin: None,
            protocol: Some(SUBPROTOCOL.to_owned()),
            more: Vec::new(),
        }
    }

    /// Sets the header `Host`.
    pub fn host(mut self, host: &str) -> Self {
        self.host = host.to_owned();
        self
    }

    /// Sets the header `Origin`.
    pub fn origin(mut self, origin: Option<&str>) -> Self {
        self.origin = origin.map(str::to_owned);
        self
    }

    /// Sets the header `Sec-WebSocket-Protocol`.
    pub fn protocol(mut self, protocol: Option<&str>) -> Self {
        self.protocol = protocol.map(str::to_owned);
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.more.push((name, value.to_owned()));
        self
    }

    /// Opens the WebSocket. Returns the HTTP status if the bridge refuses it, and panics on any
    /// other error.
    pub async fn open(self) -> Result<Socket, StatusCode> {
        let stream = TcpStream::connect(self.address).await.expect("the bridge listens");
        match self.upgrade(stream).await {
            Ok(stream) => Ok(Socket::new(stream)),
            Err(Error::Http(response)) => Err(response.status()),
            Err(error) => panic!("neither a WebSocket nor a refusal: {error}"),
        }
    }

    /// Opens the WebSocket on a connected socket.
    pub async fn upgrade(self, stream: TcpStream) -> Result<WebSocketStream<TcpStream>, Error> {
        // As browsers do. Otherwise a second small frame would wait for the answer to the first.
        stream.set_nodelay(true).expect("a socket option");
        let (stream, response) = within(client_async(self.request(), stream)).await?;
        let protocol = response.headers().get("sec-websocket-protocol");
        assert_eq!(protocol.and_then(|name| name.to_str().ok()), Some(SUBPROTOCOL));
        Ok(stream)
    }

    fn request(&self) -> Request<()> {
        let mut request = Request::new(());
        *request.uri_mut() = format!("ws://{}/", self.address).parse().expect("an address");
        let mut headers = vec![
            ("host", self.host.clone()),
            ("connection", "Upgrade".to_owned()),
            ("upgrade", "websocket".to_owned()),
            ("sec-websocket-version", "13".to_owned()),
            ("sec-websocket-key", generate_key()),
        ];
        headers.extend(self.origin.clone().map(|origin| ("origin", origin)));
        headers.extend(self.protocol.clone().map(|name| ("sec-websocket-protocol", name)));
        headers.extend(self.more.iter().cloned());
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header's value");
            request.headers_mut().append(HeaderName::from_static(name), value);
        }
        request
    }
}
