//! A well-behaved page that runs in parallel with hostile ones. It calls the bridge all the
//! time, from a thread of its own. It measures how long it waits, and the bridge's memory
//! and file descriptors.

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

/// The page. It calls the bridge until [`ParallelPage::finish`].
pub struct ParallelPage {
    bridge: u32,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<ServiceReport>,
}

/// What the page has measured.
#[derive(Clone, Debug, Default)]
pub struct ServiceReport {
    /// The number of its calls.
    pub calls: usize,
    /// The number of calls that took longer than [`SERVED_WITHIN`].
    pub slow_calls: usize,
    /// The longest wait, and what the page waited for.
    pub slowest: (Duration, &'static str),
    /// How often a new connection was cut before it was open. The page tried again.
    pub cut_off: usize,
    /// The peak memory of the bridge in bytes.
    pub memory: u64,
    /// The most open file descriptors of the bridge.
    pub file_descriptors: u64,
}

/// The time limit for nine of ten calls of the page.
pub const SERVED_WITHIN: Duration = Duration::from_secs(1);

/// The time limit for each call of the page, on a machine that is busy with other tests. A call
/// takes longer if a hostile client blocks the bridge until the client's time limit. The shortest
/// of these limits is [`HANDSHAKE_SECONDS`].
pub const MAX_WAIT: Duration = Duration::from_secs(HANDSHAKE_SECONDS - 1);

/// The most memory that the bridge may take.
pub const MAX_MEMORY: u64 = 100_000_000;

/// The most file descriptors that the bridge may have open. They belong to connections, also those
/// being opened or closed, and to workers.
pub const MAX_FILE_DESCRIPTORS: u64 = 400;

impl ParallelPage {
    /// Starts a page of an approved origin and logs it in to a token.
    pub fn start(bridge: &Bridge, token: &TestToken, origin: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (address, pid, origin) = (bridge.address(), bridge.pid(), origin.to_owned());
        let params = sign_data(token, KeyType::P256.id(), "sha256");
        let (ready, is_ready) = channel();
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let page =
                Page { address, origin, bridge: pid, params, report: ServiceReport::default() };
            runtime.expect("a runtime").block_on(page.run(&ready, &stopped))
        });
        is_ready.recv().expect("the page starts");
        Self { bridge: pid, stop, thread }
    }

    /// Ends the page and returns its measurements.
    pub fn finish(self) -> ServiceReport {
        self.stop.store(true, Ordering::Relaxed);
        let mut report = self.thread.join().expect("the page does not panic");
        report.memory = processes::memory(self.bridge).expect("the bridge runs").1;
        println!("{report:?}");
        report
    }

    /// Ends the page. Panics if it waited too long or the bridge used too much.
    #[track_caller]
    pub fn expect_served(self) {
        let report = self.finish();
        assert!(report.slowest.0 < MAX_WAIT, "the page waited too long: {report:?}");
        let mostly_fast = report.slow_calls * 10 <= report.calls;
        assert!(mostly_fast, "the page waited too long too often: {report:?}");
        assert!(report.memory < MAX_MEMORY, "the bridge used too much memory: {report:?}");
        let bounded = report.file_descriptors < MAX_FILE_DESCRIPTORS;
        assert!(bounded, "the bridge opened too many file descriptors: {report:?}");
    }
}

struct Page {
    address: SocketAddr,
    origin: String,
    bridge: u32,
    params: Value,
    report: ServiceReport,
}

impl Page {
    async fn run(mut self, ready: &Sender<()>, stopped: &AtomicBool) -> ServiceReport {
        let mut page = self.open().await;
        page.result("signData", self.params.clone()).await;
        let sign = without(&self.params, "pin");
        self.report = ServiceReport::default();
        ready.send(()).expect("the test waits");
        loop {
            self.call(&mut page, "hello", json!({})).await;
            self.call(&mut page, "slots", json!({})).await;
            self.call(&mut page, "signData", sign.clone()).await;
            let start = Instant::now();
            let mut extra = self.open().await;
            extra.result("hello", json!({})).await;
            self.record_wait(start, "a connection");
            extra.close().await;
            let open = processes::file_descriptors(self.bridge).unwrap_or_default();
            self.report.file_descriptors = self.report.file_descriptors.max(open);
            if stopped.load(Ordering::Relaxed) {
                return self.report;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn call(&mut self, page: &mut Socket, method: &'static str, params: Value) {
        let start = Instant::now();
        page.result(method, params).await;
        self.record_wait(start, method);
    }

    /// Opens a connection. Tries again at once if it is cut before it is open.
    async fn open(&mut self) -> Socket {
        loop {
            let socket = TcpStream::connect(self.address).await.expect("the bridge listens");
            let handshake = Handshake::of(self.address).origin(Some(&self.origin));
            match handshake.upgrade(socket).await {
                Ok(socket) => return Socket::new(socket),
                Err(Error::Http(response)) => panic!("refused with {}", response.status()),
                Err(_) => self.report.cut_off += 1,
            }
        }
    }

    fn record_wait(&mut self, start: Instant, what: &'static str) {
        let wait = start.elapsed();
        self.report.calls += 1;
        self.report.slow_calls += usize::from(wait > SERVED_WITHIN);
        self.report.slowest = self.report.slowest.max((wait, what));
    }
}

const PAUSE: Duration = Duration::from_millis(20);
