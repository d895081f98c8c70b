//! A program that pretends to be the bridge. It listens on a port of its own, and keeps all that a
//! page sends to it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use futures_util::{SinkExt, StreamExt};
use pkcs11_bridge_protocol::SUBPROTOCOL;
use pkcs11_bridge_protocol::identity::{Nonce, signed_message};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use crate::digest::base64;
use crate::handshake::Handshake;
use crate::socket::ANSWER_LIMIT;

/// How the program answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pretence {
    /// Like a bridge that knows of no keys.
    NoKey,
    /// Passes each request on to the true bridge.
    Relay(SocketAddr),
    /// As `Relay`, but first says that the user has not approved the page.
    LateRelay(SocketAddr),
    /// Proves a key of its own.
    OwnKey,
    /// As `OwnKey`, passes the other requests on to the true bridge, and exchanges signatures.
    Forger(SocketAddr),
    /// Accepts connections and says nothing.
    Silent,
}

/// A running program. Dropping it ends it.
pub struct FalseBridge {
    port: u16,
    received: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

impl FalseBridge {
    /// Starts it on a free port.
    pub async fn start(pretence: Pretence) -> Self {
        Self::start_on(0, pretence).await
    }

    /// Starts it on a port. Waits until another program has left the port.
    pub async fn start_on(port: u16, pretence: Pretence) -> Self {
        let listener = timeout(ANSWER_LIMIT, async {
            loop {
                match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
                    Ok(listener) => return listener,
                    Err(_) => sleep(Duration::from_millis(10)).await,
                }
            }
        });
        let listener = listener.await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let received = Arc::default();
        let key = Arc::new(OwnKey::generate());
        let server = tokio::spawn({
            let received = Arc::clone(&received);
            async move {
                while let Ok((socket, _)) = listener.accept().await {
                    let connection = Connection {
                        port,
                        pretence,
                        key: Arc::clone(&key),
                        received: Arc::clone(&received),
                    };
                    tokio::spawn(connection.serve(socket));
                }
            }
        });
        Self { port, received, server }
    }

    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The methods that pages have called.
    pub fn methods(&self) -> Vec<String> {
        let received = self.received.lock().expect("no connection panicked");
        let method = |text: &String| {
            let request: Value = serde_json::from_str(text).expect("a request in JSON");
            request["method"].as_str().expect("a method").to_owned()
        };
        received.iter().map(method).collect()
    }
}

impl Drop for FalseBridge {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Connection {
    port: u16,
    pretence: Pretence,
    key: Arc<OwnKey>,
    received: Arc<Mutex<Vec<String>>>,
}

impl Connection {
    async fn serve(self, socket: TcpStream) {
        let mut origin = String::new();
        // The type of the error is tungstenite's.
        #[allow(clippy::result_large_err)]
        let accept = |request: &Request, mut response: Response| {
            let header = request.headers().get("origin").expect("a page has an origin");
            origin = header.to_str().expect("an origin in ASCII").to_owned();
            let protocol = SUBPROTOCOL.parse().expect("a header");
            response.headers_mut().insert("sec-websocket-protocol", protocol);
            Ok(response)
        };
        let Ok(mut page) = accept_hdr_async(socket, accept).await else { return };
        let mut bridge = match self.pretence {
            Pretence::Relay(bridge) | Pretence::LateRelay(bridge) | Pretence::Forger(bridge) => {
                Some(connect(bridge, &origin).await)
            }
            _ => None,
        };
        while let Some(Ok(message)) = page.next().await {
            let Message::Text(text) = message else { continue };
            self.received.lock().expect("no connection panicked").push(text.to_string());
            let request = serde_json::from_str(&text).expect("a request in JSON");
            let reply = match self.answer(&request, &origin) {
                Some(Value::Null) => continue,
                Some(reply) => reply,
                None => {
                    let bridge = bridge.as_mut().expect("a true bridge");
                    bridge.send(Message::text(text.as_str())).await.expect("it listens");
                    let Some(reply) = reply_of(bridge).await else { return };
                    self.altered(&request, reply)
                }
            };
            if page.send(Message::text(reply.to_string())).await.is_err() {
                return;
            }
        }
    }

    /// The reply of the program itself. `null` if it sends none; `None` if the bridge replies.
    fn answer(&self, request: &Value, origin: &str) -> Option<Value> {
        let params = &request["params"];
        let result = |result| json!({ "jsonrpc": "2.0", "id": request["id"], "result": result });
        let failure = |status, code| {
            let data = json!({ "status": status, "code": code });
            let error = json!({ "code": -32000, "message": "No.", "data": data });
            json!({ "jsonrpc": "2.0", "id": request["id"], "error": error })
        };
        match (self.pretence, request["method"].as_str()?) {
            (Pretence::Silent, _) => Some(Value::Null),
            (Pretence::LateRelay(_), "hello") if params["ask_user"] == false => {
                Some(failure(401, "500"))
            }
            (Pretence::NoKey, "hello") if params.get("nonce").is_some() => {
                Some(failure(400, "801"))
            }
            (Pretence::OwnKey | Pretence::Forger(_), "hello") => {
                let nonce = serde_json::from_value(params["nonce"].clone()).expect("a nonce");
                Some(result(json!({ "identity": self.key.prove(&nonce, self.port, origin) })))
            }
            (Pretence::NoKey | Pretence::OwnKey, "signData") => {
                Some(result(json!(base64(&[7; 64]))))
            }
            (Pretence::NoKey | Pretence::OwnKey, _) => Some(result(json!([]))),
            _ => None,
        }
    }

    fn forge_authentication(&self, result: &mut Value) {
        let received = self.received.lock().expect("no connection panicked");
        let calls = received.iter().filter(|text| text.contains("\"authenticate\"")).count();
        let (field, other) = match calls % FORGED_AUTHENTICATIONS {
            1 => ("signature", base64(&[7; 64])),
            2 => {
                result["signature"] = json!(base64(&[7; 2420]));
                ("algorithm", "ML-DSA-44".to_owned())
            }
            3 => ("certificate", base64(b"another certificate")),
            _ => ("format", "another format".to_owned()),
        };
        result[field] = json!(other);
    }

    /// The reply of the true bridge, with another signature.
    fn altered(&self, request: &Value, mut reply: Value) -> Value {
        if matches!(self.pretence, Pretence::Forger(_)) {
            match request["method"].as_str() {
                Some("signData") => reply["result"] = json!(base64(&[7; 64])),
                Some("signDataBatch") => {
                    reply["result"][0] = json!({ "signature": base64(&[7; 64]) });
                }
                Some("authenticate") => self.forge_authentication(&mut reply["result"]),
                _ => {}
            }
        }
        reply
    }
}

/// What a [`Pretence::Forger`] changes in the results of `authenticate`, in this order: the
/// signature; the signature and its algorithm, to one that pages cannot check; the certificate; the
/// format.
pub const FORGED_AUTHENTICATIONS: usize = 4;

/// The next reply of the true bridge. Leaves out its events.
async fn reply_of(bridge: &mut WebSocketStream<TcpStream>) -> Option<Value> {
    loop {
        let Some(Ok(Message::Text(text))) = bridge.next().await else { return None };
        let message: Value = serde_json::from_str(&text).expect("a message in JSON");
        if message.get("id").is_some() {
            return Some(message);
        }
    }
}

async fn connect(bridge: SocketAddr, origin: &str) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(bridge).await.expect("the true bridge listens");
    let handshake = Handshake::of(bridge).origin(Some(origin));
    handshake.upgrade(stream).await.expect("a WebSocket")
}

struct OwnKey(EcdsaKeyPair);

impl OwnKey {
    fn generate() -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).expect("a key");
        Self(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).expect("a key"))
    }

    fn prove(&self, nonce: &Nonce, port: u16, origin: &str) -> Value {
        let message = signed_message(nonce, port, origin);
        let signature = self.0.sign(&SystemRandom::new(), &message).expect("a signature");
        let public_key = self.0.public_key().as_der().expect("a key in DER");
        json!({
            "public_key": base64(public_key.as_ref()),
            "signature": base64(signature.as_ref()),
        })
    }
}
