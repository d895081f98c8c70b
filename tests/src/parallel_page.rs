//! A well-behaved page beside hostile ones: calls the bridge all the time, from a thread of its own, and keeps
//! account of how long it was served, and of what the others cost the bridge meanwhile.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pkcs11_bridge_protocol::HANDSHAKE_SECONDS;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;

use crate::bridge::Bridge;
use crate::handshake::Handshake;
use crate::params::{sign_data, without};
use crate::processes;
use crate::socket::Socket;
use crate::token::{KeyType, TestToken};

/// The page, which calls until it is asked how it was served.
pub struct ParallelPage {
    bridge: u32,
    over: Arc<AtomicBool>,
    thread: JoinHandle<ServiceReport>,
}

/// How the page was served.
#[derive(Clone, Debug, Default)]
pub struct ServiceReport {
    /// How often it called.
    pub calls: usize,
    /// How many of the calls took longer than [`SERVED_WITHIN`].
    pub slow_calls: usize,
    /// The longest that it waited, and for what.
    pub slowest: (Duration, &'static str),
    /// How often a new connection of it was cut off before it was open, so that it tried again.
    pub cut_off: usize,
    /// The most memory that the bridge took, in bytes.
    pub memory: u64,
    /// The most file descriptors that it had open.
    pub file_descriptors: u64,
}

/// How long nine of ten calls of the page may take.
pub const SERVED_WITHIN: Duration = Duration::from_secs(1);

/// How long each call of the page may take, on a machine that is busy with other tests. A bridge that
/// waits for a hostile peer until its time is over takes longer: the shortest of these limits is
/// [`HANDSHAKE_SECONDS`].
pub const MAX_WAIT: Duration = Duration::from_secs(HANDSHAKE_SECONDS - 1);

/// How much memory the bridge may take.
pub const MAX_MEMORY: u64 = 100_000_000;

/// How many file descriptors it may have open: its connections, those that are being opened or closed, and
/// its workers.
pub const MAX_FILE_DESCRIPTORS: u64 = 400;

impl ParallelPage {
    /// A page of an approved origin, which is logged in to a token, when this returns.
    pub fn start(bridge: &Bridge, token: &TestToken, origin: &str) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (address, pid, origin) = (bridge.address(), bridge.pid(), origin.to_owned());
        let params = sign_data(token, KeyType::P256.id(), "sha256");
        let (ready, is_ready) = channel();
        let until = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let page =
                Page { address, origin, bridge: pid, params, service: ServiceReport::default() };
            runtime.expect("a runtime").block_on(page.run(&ready, &until))
        });
        is_ready.recv().expect("the page is served before the others come");
        Self { bridge: pid, over, thread }
    }

    /// Ends it, and says how it was served.
    pub fn finish(self) -> ServiceReport {
        self.over.store(true, Ordering::Relaxed);
        let mut service = self.thread.join().expect("the page was served");
        service.memory = processes::memory(self.bridge).expect("the bridge runs").1;
        println!("{service:?}");
        service
    }

    /// Ends it. Panics where it had to wait, or where the bridge took too much.
    #[track_caller]
    pub fn expect_served(self) {
        let service = self.finish();
        assert!(service.slowest.0 < MAX_WAIT, "the page had to wait: {service:?}");
        assert!(service.slow_calls * 10 <= service.calls, "the page had to wait: {service:?}");
        assert!(service.memory < MAX_MEMORY, "the bridge took too much memory: {service:?}");
        let bounded = service.file_descriptors < MAX_FILE_DESCRIPTORS;
        assert!(bounded, "the bridge took too many file descriptors: {service:?}");
    }
}

struct Page {
    address: SocketAddr,
    origin: String,
    bridge: u32,
    params: Value,
    service: ServiceReport,
}

impl Page {
    async fn run(mut self, ready: &Sender<()>, over: &AtomicBool) -> ServiceReport {
        let mut page = self.open().await;
        page.result("signData", self.params.clone()).await;
        let sign = without(&self.params, "pin");
        self.service = ServiceReport::default();
        ready.send(()).expect("the test waits");
        loop {
            self.call(&mut page, "hello", json!({})).await;
            self.call(&mut page, "slots", json!({})).await;
            self.call(&mut page, "signData", sign.clone()).await;
            let start = Instant::now();
            let mut another = self.open().await;
            another.result("hello", json!({})).await;
            self.waited(start, "a connection");
            another.close().await;
            let open = processes::file_descriptors(self.bridge).unwrap_or_default();
            self.service.file_descriptors = self.service.file_descriptors.max(open);
            if over.load(Ordering::Relaxed) {
                return self.service;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn call(&mut self, page: &mut Socket, method: &'static str, params: Value) {
        let start = Instant::now();
        page.result(method, params).await;
        self.waited(start, method);
    }

    /// A new connection. One that is cut off before it is open is tried again at once.
    async fn open(&mut self) -> Socket {
        loop {
            let socket = TcpStream::connect(self.address).await.expect("the bridge listens");
            let handshake = Handshake::of(self.address).origin(Some(&self.origin));
            match handshake.upgrade(socket).await {
                Ok(socket) => return Socket::new(socket),
                Err(Error::Http(response)) => panic!("refused with {}", response.status()),
                Err(_) => self.service.cut_off += 1,
            }
        }
    }

    fn waited(&mut self, start: Instant, what: &'static str) {
        let waited = start.elapsed();
        self.service.calls += 1;
        self.service.slow_calls += usize::from(waited > SERVED_WITHIN);
        self.service.slowest = self.service.slowest.max((waited, what));
    }
}

const PAUSE: Duration = Duration::from_millis(20);
