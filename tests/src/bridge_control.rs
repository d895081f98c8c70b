//! A control server by which a browser test stops and starts its bridge. It listens on
//! a loopback port.
//!
//! Pages send `POST /stop`, `POST /start` or `POST /restart`. The answer is 204, after the command
//! is done.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, spawn_blocking};
use tower_http::cors::CorsLayer;

use crate::bridge::Bridge;

/// A bridge and its control server. Dropping this ends both.
pub struct BridgeControl {
    url: String,
    bridge: Arc<Mutex<Bridge>>,
    server: JoinHandle<()>,
}

impl BridgeControl {
    /// Starts a control server for a bridge.
    pub async fn serve(bridge: Bridge) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let bridge = Arc::new(Mutex::new(bridge));
        let route = |command: fn(&mut Bridge)| {
            let bridge = Arc::clone(&bridge);
            post(move || run(bridge, command))
        };
        let routes = Router::new()
            .route("/stop", route(stop))
            .route("/start", route(start))
            .route("/restart", route(restart))
            .layer(CorsLayer::permissive());
        let server =
            tokio::spawn(async move { axum::serve(listener, routes).await.expect("a server") });
        Self { url, bridge, server }
    }

    /// The address of the control server, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port of the bridge.
    pub fn port(&self) -> u16 {
        self.bridge.lock().expect("no command panicked").address().port()
    }

    /// The number of worker processes of the bridge.
    pub fn workers(&self) -> usize {
        self.bridge.lock().expect("no command panicked").workers().len()
    }

    /// Stops the bridge.
    pub async fn stop(&self) {
        run(Arc::clone(&self.bridge), stop).await;
    }

    /// Starts the bridge on the same port.
    pub async fn start(&self) {
        run(Arc::clone(&self.bridge), start).await;
    }

    /// Stops the bridge and starts it again.
    pub async fn restart(&self) {
        run(Arc::clone(&self.bridge), restart).await;
    }
}

impl Drop for BridgeControl {
    fn drop(&mut self) {
        self.server.abort();
        // The bridge is stopped in this thread, so that a secret in its output fails the test.
        if !std::thread::panicking() {
            stop(&mut self.bridge.lock().expect("no command panicked"));
        }
    }
}

async fn run(bridge: Arc<Mutex<Bridge>>, command: fn(&mut Bridge)) -> StatusCode {
    let work = move || command(&mut bridge.lock().expect("no command panicked"));
    spawn_blocking(work).await.expect("the command does not panic");
    StatusCode::NO_CONTENT
}

fn stop(bridge: &mut Bridge) {
    if bridge.is_running() {
        bridge.stop();
    }
}

fn start(bridge: &mut Bridge) {
    if !bridge.is_running() {
        bridge.start_on_same_port();
    }
}

fn restart(bridge: &mut Bridge) {
    stop(bridge);
    start(bridge);
}
