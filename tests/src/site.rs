//! Web pages out of folders, served on a loopback port: the origin of a browser test.

use std::net::SocketAddr;
use std::path::Path;

use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_http::services::ServeDir;

/// A web site; it ends when this is dropped.
pub struct Site {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Site {
    /// Takes a port, so that the origin is known before there is anything to serve.
    pub async fn reserve() -> ReservedSite {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        ReservedSite { listener, address, routes: Router::new() }
    }

    /// The address of a page.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A site that does not serve yet.
pub struct ReservedSite {
    listener: TcpListener,
    address: SocketAddr,
    routes: Router,
}

impl ReservedSite {
    /// The origin of its pages.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves the files of a folder under a path that ends in `/`.
    pub fn folder(mut self, path: &str, folder: &Path) -> Self {
        assert!(folder.is_dir(), "there is no folder {}", folder.display());
        let files = ServeDir::new(folder);
        self.routes = match path {
            "/" => self.routes.fallback_service(files),
            _ => self.routes.nest_service(path, files),
        };
        self
    }

    /// Serves a JSON value at a path.
    pub fn json(mut self, path: &str, value: &Value) -> Self {
        let text = value.to_string();
        let answer = move || async move { ([("content-type", "application/json")], text) };
        self.routes = self.routes.route(path, get(answer));
        self
    }

    /// Isolates the pages served so far from other origins, for which browsers give them a clock that counts
    /// every 5 µs instead of every 100.
    pub fn isolated(mut self) -> Self {
        self.routes = self.routes.layer(map_response(async |response: Response| {
            let opener = ("cross-origin-opener-policy", "same-origin");
            let embedder = ("cross-origin-embedder-policy", "require-corp");
            ([opener, embedder], response)
        }));
        self
    }

    /// Starts to serve.
    pub fn serve(self) -> Site {
        let Self { listener, address, routes } = self;
        let serving = async move { axum::serve(listener, routes).await.expect("a server") };
        Site { address, server: tokio::spawn(serving) }
    }
}
