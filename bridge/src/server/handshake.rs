//! The opening handshake (RFC 6455, section 4.2). The bridge refuses it with 403 in these cases:
//!
//! - `Host` is not a loopback name with the bridge's port.
//! - `Origin` is missing or malformed.
//! - The peer does not offer the sub-protocol.
//! - The peer is a program of another user.

use std::mem::{Discriminant, discriminant};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use pkcs11_bridge_protocol::{MAX_FRAME_LEN, SUBPROTOCOL};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::header::{
    HOST, HeaderName, ORIGIN, SEC_WEBSOCKET_PROTOCOL,
};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

use super::peer::{Ends, PeerUser};
use super::read_limits::{LimitedSocket, ReadBudget};
use crate::access::host;
use crate::access::origin::{OriginError, RequestOrigin};
use crate::process::log_limit::LogLimit;

pub(super) type Upgraded = (WebSocketStream<LimitedSocket>, RequestOrigin);

/// Upgrades a connection; `None` if the bridge refused it or it was lost.
pub(super) async fn upgrade(socket: TcpStream, port: u16, budget: ReadBudget) -> Option<Upgraded> {
    // Frames are small, and the page waits for each one.
    let _ = socket.set_nodelay(true);
    let mut origin = None;
    let ends = Ends::of(&socket).ok()?;
    // The type of the error is tungstenite's.
    #[allow(clippy::result_large_err)]
    let check = |request: &Request, mut response: Response| match check(request.headers(), port)
        // Looking up the user costs time, so do it only after all other checks.
        .and_then(|accepted| check_user(ends.peer_user()).map(|()| accepted))
    {
        Ok(accepted) => {
            origin = Some(accepted);
            let name = HeaderValue::from_static(SUBPROTOCOL);
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, name);
            Ok(response)
        }
        Err(refusal) => {
            let response = forbidden(&refusal);
            REFUSALS.event(&discriminant(&refusal), move |count| {
                tracing::warn!(%refusal, count, "refused handshakes");
            });
            Err(response)
        }
    };
    let config = WebSocketConfig::default()
        // Data stays in this buffer until later data overwrites it, PINs included. Keep it small.
        .read_buffer_size(READ_BUFFER_LEN)
        .max_message_size(Some(MAX_FRAME_LEN))
        .max_frame_size(Some(MAX_FRAME_LEN));
    let socket = LimitedSocket::new(socket, budget);
    match accept_hdr_async_with_config(socket, check, Some(config)).await {
        Ok(socket) => origin.map(|origin| (socket, origin)),
        Err(error) => {
            tracing::debug!(%error, "a handshake failed");
            None
        }
    }
}

/// Limits the log of refused handshakes: any page can cause them.
static REFUSALS: LazyLock<Arc<LogLimit<Discriminant<Refusal>>>> =
    LazyLock::new(|| LogLimit::new(Duration::from_secs(60)));

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the Host header is not a loopback name with the port of the bridge")]
    Host,
    #[error("the request has no Origin header, or several; use the bridge from a browser")]
    NoOrigin,
    #[error("the Origin header {0}")]
    Origin(OriginError),
    #[error("the request comes from a program of another user of this computer")]
    OtherUser,
    #[error("the system does not report which user's program sent the request")]
    UnknownUser,
    #[error("the request does not offer the sub-protocol {SUBPROTOCOL}; update the client")]
    Protocol,
}

/// The origin of a handshake, unless its headers are refused.
pub fn check(headers: &HeaderMap, port: u16) -> Result<RequestOrigin, Refusal> {
    if !single(headers, HOST).is_some_and(|header| host::is_loopback(header, port)) {
        return Err(Refusal::Host);
    }
    let origin = single(headers, ORIGIN).ok_or(Refusal::NoOrigin)?;
    let origin = RequestOrigin::from_header(origin).map_err(Refusal::Origin)?;
    let offered = headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(','))
        .any(|name| name.trim() == SUBPROTOCOL);
    if offered { Ok(origin) } else { Err(Refusal::Protocol) }
}

fn check_user(user: PeerUser) -> Result<(), Refusal> {
    match user {
        PeerUser::Same => Ok(()),
        PeerUser::Other => Err(Refusal::OtherUser),
        PeerUser::Unknown => Err(Refusal::UnknownUser),
    }
}

/// The value of a header; `None` if the request has it several times or not at all.
fn single(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn forbidden(refusal: &Refusal) -> ErrorResponse {
    let mut response =
        ErrorResponse::new(Some(format!("pkcs11-bridge refused the request: {refusal}.\n")));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

/// Large enough for the usual requests of a page.
const READ_BUFFER_LEN: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(HeaderName, &'static str)]) -> Result<RequestOrigin, Refusal> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .fold(HeaderMap::new(), |mut map, (name, value)| {
                map.append(name, value);
                map
            });
        super::check(&headers, 24911)
    }

    #[test]
    fn each_header_must_be_valid_and_single() {
        let host = (HOST, "127.0.0.1:24911");
        let origin = (ORIGIN, "https://app.example");
        let protocol = (SEC_WEBSOCKET_PROTOCOL, "other, pkcs11-bridge.v1");
        let [good_host, good_origin, good_protocol] = [host, origin, protocol];
        let with = |headers: &[&(HeaderName, &'static str)]| {
            check(&headers.iter().map(|header| (*header).clone()).collect::<Vec<_>>())
        };

        assert!(with(&[&good_host, &good_origin, &good_protocol]).is_ok());
        assert_eq!(with(&[&good_origin, &good_protocol]), Err(Refusal::Host));
        assert_eq!(
            with(&[&good_host, &good_host, &good_origin, &good_protocol]),
            Err(Refusal::Host)
        );
        assert_eq!(with(&[&good_host, &good_protocol]), Err(Refusal::NoOrigin));
        assert_eq!(
            with(&[&good_host, &good_origin, &good_origin, &good_protocol]),
            Err(Refusal::NoOrigin)
        );
        assert_eq!(
            with(&[&good_host, &(ORIGIN, "https://APP.example"), &good_protocol]),
            Err(Refusal::Origin(OriginError::NotAnOrigin))
        );
        assert_eq!(with(&[&good_host, &good_origin]), Err(Refusal::Protocol));
        assert_eq!(
            with(&[&good_host, &good_origin, &(SEC_WEBSOCKET_PROTOCOL, "pkcs11-bridge.v12")]),
            Err(Refusal::Protocol)
        );
        assert_eq!(
            with(&[&good_host, &(ORIGIN, "null"), &good_protocol]),
            Ok(RequestOrigin::Opaque)
        );
    }
}
