//! One HTTP request. It sends the path unchanged, even with `..` in it.

use axum::http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// The response to a GET request.
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header `Content-Type`, or an empty text without it.
    pub content_type: String,
    /// The content.
    pub body: Bytes,
}

impl Response {
    /// The content as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// Gets a page of a server on this machine. Panics if no server listens.
pub async fn get(url: &str) -> Response {
    try_get(url).await.unwrap_or_else(|| panic!("no server listens at {url}"))
}

/// As [`get`], but returns `None` if no server listens.
pub async fn try_get(url: &str) -> Option<Response> {
    let rest = url.strip_prefix("http://").expect("an http address");
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let stream = TcpStream::connect(host).await.ok()?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.expect("a connection");
    tokio::spawn(connection);
    let path = if path.is_empty() { "/" } else { path };
    let request = Request::get(path).header("host", host).body(Empty::<Bytes>::new());
    let response = sender.send_request(request.expect("a request")).await.expect("an answer");
    let status = response.status().as_u16();
    let content_type = response.headers().get("content-type");
    let content_type = content_type.map(|kind| kind.to_str().expect("text").to_owned());
    let body = response.into_body().collect().await.expect("the whole answer").to_bytes();
    Some(Response { status, content_type: content_type.unwrap_or_default(), body })
}
