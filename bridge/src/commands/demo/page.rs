//! Serves the playground page, the npm package and the port of the bridge, on a loopback port of
//! its own. Refuses requests whose `Host` is not that address.

use std::io;
use std::net::Ipv4Addr;

use aws_lc_rs::digest;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use pkcs11_bridge_protocol::base64_bytes::Base64Bytes;
use rust_embed::{EmbeddedFile, RustEmbed};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::token;
use crate::access::host;

// The published crate is without both folders. Then there is no demo.
#[derive(RustEmbed)]
#[folder = "../www"]
#[allow_missing = true]
struct Www;

#[derive(RustEmbed)]
#[folder = "../pkg"]
#[allow_missing = true]
#[include = "*.js"]
#[include = "dist/*.js"]
#[include = "dist/*.wasm"]
#[include = "dist/snippets/*"]
#[exclude = "node_modules/*"]
#[exclude = "tests/*"]
struct Pkg;

/// Whether the build of this program included the npm client.
pub(super) fn has_client() -> bool {
    Pkg::iter().any(|path| path.ends_with(".wasm"))
}

/// A page server that is bound to its port.
pub(super) struct PageServer {
    listener: TcpListener,
    port: u16,
}

/// The content of `/bridge.json`: how the page finds the bridge.
#[derive(Clone, Serialize)]
struct BridgeInfo {
    /// The first and the last port to try.
    ports: [u16; 2],
    /// The fingerprint of the bridge's key. The page may know another demo's from the same origin.
    key: String,
    demo: DemoInfo,
}

#[derive(Clone, Serialize)]
struct DemoInfo {
    pin: &'static str,
}

#[derive(Clone)]
struct Site {
    port: u16,
    policy: HeaderValue,
    bridge: BridgeInfo,
}

impl PageServer {
    pub(super) async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    pub(super) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) async fn serve(
        self,
        bridge_port: u16,
        key: String,
        stop: CancellationToken,
    ) -> io::Result<()> {
        let site = Site {
            port: self.port,
            policy: content_security_policy(bridge_port)?,
            bridge: BridgeInfo {
                ports: [bridge_port, bridge_port],
                key,
                demo: DemoInfo { pin: token::PIN },
            },
        };
        let routes = Router::new().fallback(respond).with_state(site);
        let server = axum::serve(self.listener, routes);
        // Browsers keep idle connections open, so do not wait until they close.
        tokio::select! {
            served = server.into_future() => served,
            () = stop.cancelled() => Ok(()),
        }
    }
}

async fn respond(State(site): State<Site>, request: Request) -> Response {
    let has_own_host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .is_some_and(|host| host::is_loopback(host, site.port));
    if !has_own_host {
        return StatusCode::FORBIDDEN.into_response();
    }
    if request.method() != Method::GET {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let mut response = match request.uri().path() {
        "/bridge.json" => axum::Json(site.bridge).into_response(),
        "/" => file(Www::get("index.html")),
        path => match path.strip_prefix("/pkg/") {
            Some(path) => file(Pkg::get(path)),
            None => file(Www::get(path.trim_start_matches('/'))),
        },
    };
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, site.policy);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in SECURITY_HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

fn file(file: Option<EmbeddedFile>) -> Response {
    match file {
        Some(file) => {
            let kind = file.metadata.mimetype().to_owned();
            ([(CONTENT_TYPE, kind)], file.data.into_owned()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Allows only the page's own files and the bridge. Browsers need the import map inside the page,
/// so the policy allows it by its hash.
fn content_security_policy(bridge_port: u16) -> io::Result<HeaderValue> {
    let page = Www::get("index.html").ok_or_else(|| io::Error::other("index.html is missing"))?;
    let import_map =
        import_map(&String::from_utf8_lossy(&page.data)).map_or_else(String::new, |map| {
            let hash = digest::digest(&digest::SHA256, map.as_bytes());
            format!(" 'sha256-{}'", Base64Bytes::from(hash.as_ref().to_vec()).to_base64())
        });
    let policy = format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'{import_map}; style-src 'self'; \
         img-src 'self' data:; connect-src 'self' ws://127.0.0.1:{bridge_port}; \
         form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).map_err(io::Error::other)
}

fn import_map(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("<script type=\"importmap\">")?;
    rest.split_once("</script>").map(|(map, _)| map)
}

const SECURITY_HEADERS: [(&str, &str); 3] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(windows, ignore = "a debug build for Windows from Unix does not find the files")]
    fn the_policy_allows_the_import_map_of_the_page() {
        let page = Www::get("index.html").unwrap();
        let page = String::from_utf8_lossy(&page.data).into_owned();
        let map: serde_json::Value = serde_json::from_str(import_map(&page).unwrap()).unwrap();
        assert_eq!(map["imports"]["pkcs11-bridge-client"], "/pkg/index.js");
        let policy = content_security_policy(1).unwrap();
        assert!(policy.to_str().unwrap().contains("'sha256-"));
    }
}
