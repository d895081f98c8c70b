//! A web site for browser tests: it serves folders on a loopback port.

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

/// A running web site. Dropping it ends the site.
pub struct Site {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Site {
    /// Reserves a port, so that the origin is known before the site is complete.
    pub async fn reserve() -> ReservedSite {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        ReservedSite { listener, address, routes: Router::new() }
    }

    /// The URL of a page.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A site that has a port but does not serve yet.
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
        assert!(folder.is_dir(), "{} is not a folder", folder.display());
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

    /// Isolates the pages added so far from other origins. Browsers give such pages a clock with a
    /// resolution of 5 µs instead of 100 µs.
    pub fn isolated(mut self) -> Self {
        self.routes = self.routes.layer(map_response(async |response: Response| {
            let opener = ("cross-origin-opener-policy", "same-origin");
            let embedder = ("cross-origin-embedder-policy", "require-corp");
            ([opener, embedder], response)
        }));
        self
    }

    /// Starts the server.
    pub fn serve(self) -> Site {
        let Self { listener, address, routes } = self;
        let serving = async move { axum::serve(listener, routes).await.expect("a server") };
        Site { address, server: tokio::spawn(serving) }
    }
}
