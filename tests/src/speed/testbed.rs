//! What the benchmark runs on: one token, the bridge, and the programs that the bridge is compared
//! with. Those are the module called directly, p11-kit, and a WebSocket server that only echoes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use futures_util::{SinkExt, StreamExt};
use pkcs11_bridge_protocol::SUBPROTOCOL;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::direct::Direct;
use super::page::Page;
use super::this_program;
use crate::bridge::{Bridge, ORIGIN, Setup};
use crate::program::Program;
use crate::token::{MODULE, TestToken};

pub(super) struct Testbed {
    /// A page that is logged in to the token.
    pub(super) page: Page,
    pub(super) echo_page: Page,
    pub(super) direct: Direct,
    /// The same program as `direct`, with p11-kit's client module.
    pub(super) p11_kit: Direct,
    pub(super) bridge: Bridge,
    pub(super) echo_server: EchoServer,
    _p11_kit_server: P11KitServer,
    pub(super) token: TestToken,
}

impl Testbed {
    pub(super) async fn new() -> Self {
        let token = TestToken::new();
        let softhsm = [("SOFTHSM2_CONF", token.configuration())];
        let direct = Direct::start(MODULE, &softhsm);
        let p11_kit_server = P11KitServer::start(&token);
        let p11_kit = Direct::start(p11_kit_client_module(), &p11_kit_server.environment());
        let bridge = setup(&token).start();
        let mut page = Page::open(bridge.address(), ORIGIN).await;
        page.log_in(token.slot()).await;
        let echo_server = EchoServer::start();
        let echo_page = Page::open(echo_server.address(), ORIGIN).await;
        Self {
            page,
            echo_page,
            direct,
            p11_kit,
            bridge,
            echo_server,
            _p11_kit_server: p11_kit_server,
            token,
        }
    }
}

/// A bridge that logs as little as an installed one.
pub(super) fn setup(token: &TestToken) -> Setup {
    Setup::on(token).environment("PKCS11_BRIDGE_LOG", "info")
}

/// A process with a WebSocket server that sends back each message. It shows what the WebSocket
/// alone costs. Dropping it ends the process.
pub(super) struct EchoServer {
    _program: Program,
    address: SocketAddr,
}

impl EchoServer {
    fn start() -> Self {
        let mut program = Program::start(&mut this_program(ECHO));
        let address = program.expect_line(LISTENING).parse().expect("an address");
        Self { _program: program, address }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The argument that makes this program an echo server.
pub const ECHO: &str = "echo";

const LISTENING: &str = "echo on ";

/// Runs the echo server until the process ends.
pub async fn serve_echo() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{LISTENING}{}", listener.local_addr().expect("its address"));
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(echo(stream));
    }
}

async fn echo(stream: TcpStream) {
    stream.set_nodelay(true).expect("a socket option");
    #[allow(clippy::result_large_err)]
    let accept = |_: &Request, mut response: Response| {
        let name = HeaderValue::from_static(SUBPROTOCOL);
        response.headers_mut().insert("sec-websocket-protocol", name);
        Ok(response)
    };
    let mut socket = accept_hdr_async(stream, accept).await.expect("a WebSocket");
    while let Some(Ok(message)) = socket.next().await {
        if !message.is_text() || socket.send(message).await.is_err() {
            return;
        }
    }
}

/// p11-kit's server with SoftHSM2's module, on a socket of its own. It is the usual way to use a
/// module in another process. Dropping it ends the process.
struct P11KitServer {
    _program: Program,
    folder: TempDir,
}

impl P11KitServer {
    fn start(token: &TestToken) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("pkcs11-bridge-bench-p11-kit-")
            .tempdir()
            .expect("a folder");
        let mut command = Command::new("p11-kit");
        command
            .args(["server", "--foreground", "--sh", "--provider", MODULE, "--name"])
            .arg(folder.path().join(SOCKET))
            .arg("pkcs11:")
            .env("SOFTHSM2_CONF", token.configuration());
        let mut program = Program::start(&mut command);
        program.expect_line("P11_KIT_SERVER_ADDRESS");
        Self { _program: program, folder }
    }

    /// The environment by which the client module finds the server.
    fn environment(&self) -> [(&'static str, PathBuf); 1] {
        let socket = self.folder.path().join(SOCKET);
        [("P11_KIT_SERVER_ADDRESS", format!("unix:path={}", socket.display()).into())]
    }
}

const SOCKET: &str = "socket";

/// p11-kit's client module in one of the folders that its packages use.
fn p11_kit_client_module() -> &'static str {
    let folders =
        ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
    let modules = folders.map(|folder| format!("{folder}/pkcs11/p11-kit-client.so"));
    let module = modules.into_iter().find(|module| Path::new(module).is_file());
    module.expect("p11-kit-client.so; install the package p11-kit-modules").leak()
}
