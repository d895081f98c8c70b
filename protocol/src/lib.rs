//! The wire between a web page and pkcs11-bridge. This page is its specification.
//!
//! # Connection
//! The connection is a WebSocket (RFC 6455) to a loopback address, with the sub-protocol
//! [`SUBPROTOCOL`]. The bridge refuses the upgrade with HTTP status 403 in these cases:
//!
//! - `Host` is not a loopback name with the bridge's port.
//! - `Origin` is missing or malformed.
//! - The page does not offer the sub-protocol.
//! - The page's socket belongs to another user of the computer.
//!
//! # Messages
//! Each text frame holds one JSON-RPC 2.0 message. Batches and binary frames are not supported.
//!
//! The page may send requests without waiting for replies. Replies come in any order. The page
//! chooses the id of each request. An id belongs to its connection and must be unique among the
//! requests in flight. `params` is an object. If it has a field that the method does not have, the
//! request fails with an error that names the field.
//!
//! A frame from the bridge without an `id` is an event. A client ignores events that it does not
//! know.
//!
//! ```text
//! → {"jsonrpc":"2.0","id":7,"method":"signData","params":{"slot_id":1,"cert_id":"01",
//!    "algorithm_reference":"sha256","data":"…","pin":"1234"}}
//! ← {"jsonrpc":"2.0","id":7,"result":"MEUCIQ…"}
//! ← {"jsonrpc":"2.0","id":7,"error":{"code":-32000,"message":"Wrong PIN …",
//!    "data":{"status":412,"code":"106","pkcs11":"CKR_PIN_INCORRECT"}}}
//! ```
//!
//! The structs in [`call`] document the methods, their parameters and their results. The folder
//! `samples` has a sample of every message.
//!
//! # The bridge's key
//! Any program can listen on a port of the bridge. A page knows its bridge by a key: each bridge
//! has an ECDSA key pair on P-256 of its own. A page sends 32 random bytes as `nonce` with `hello`.
//! The reply has `identity` with the public key and a signature.
//!
//! ```text
//! → {"jsonrpc":"2.0","id":0,"method":"hello","params":{"nonce":"4Xq…","ask_user":false}}
//! ← {"jsonrpc":"2.0","id":0,"result":{"name":"pkcs11-bridge",…,
//!    "identity":{"public_key":"MFkwEwYHKoZIzj0CAQYI…","signature":"Jh3…"}}}
//! ```
//!
//! The signature is ECDSA with SHA-256, with r and s side by side. It signs these bytes:
//!
//! | offset | length | content |
//! |---|---|---|
//! | 0 | 26 | `pkcs11-bridge identity v1` in ASCII, and a zero byte |
//! | 26 | 32 | the nonce |
//! | 58 | 2 | the port of the bridge's end of the connection, big-endian |
//! | 60 | the rest | the `Origin` header of the handshake, as the page sent it |
//!
//! A page compares the port with the port that it connected to, and the origin with its own. So a
//! false bridge cannot pass the nonce on to the true one, which listens on another port. The page
//! must not send a PIN or data before the proof. The key stays the same until the user deletes it,
//! so the bridge gives it only to approved origins: no other site can recognise the user by it.
//! With `ask_user: false`, the bridge does not ask the user for the approval, but fails with
//! 401/500.
//!
//! # Authentication
//! `authenticate` proves to the page's server who the user is. The page sends a challenge of its
//! server, of [`MIN_CHALLENGE_LEN`] to [`MAX_CHALLENGE_LEN`] bytes. The bridge puts together the
//! bytes that the key signs:
//!
//! | length | content |
//! |---|---|
//! | 30 | `pkcs11-bridge authenticate v1` in ASCII, and a zero byte |
//! | 2 | the length of the origin in bytes, big-endian |
//! | that many | the `Origin` header of the handshake, as the page sent it |
//! | 2 | the length of the challenge in bytes, big-endian |
//! | that many | the challenge |
//!
//! So the signature is never one of a document or of a TLS handshake, and never holds for another
//! site. The bridge chooses the algorithm by the key, and `algorithm` in the result names it:
//!
//! | key | `algorithm` | signature (RFC 7518, RFC 8037) |
//! |---|---|---|
//! | RSA | `PS256` | RSASSA-PSS with SHA-256, MGF1 with SHA-256, and a salt of 32 bytes |
//! | RSA, on a token without PSS | `RS256` | RSASSA-PKCS1-v1_5 with SHA-256 |
//! | P-256, P-384, P-521 | `ES256`, `ES384`, `ES512` | ECDSA with SHA-256, SHA-384, SHA-512 |
//! | Ed25519 | `EdDSA` | Ed25519 of the bytes themselves |
//!
//! ```text
//! → {"jsonrpc":"2.0","id":7,"method":"authenticate","params":{"slot_id":1,"cert_id":"01",
//!    "challenge":"AAECAwQFBgcICQoLDA0ODw=="}}
//! ← {"jsonrpc":"2.0","id":7,"result":{"format":"pkcs11-bridge authenticate v1",
//!    "algorithm":"ES256","signature":"Jh3…","certificate":"MIIB…"}}
//! ```
//!
//! The server puts the bytes together from its own origin and from the challenge that it sent. It
//! takes neither from the page.
//!
//! # Events
//! The structs in [`event`] document the events. While the bridge executes a `signDataBatch`, it
//! sends `progress` events with the id of the request.
//!
//! ```text
//! ← {"jsonrpc":"2.0","method":"progress","params":{"id":7,"done":250,"total":1000}}
//! ```
//!
//! After `watchSlots`, the bridge sends a `slot` event for each token that the user inserts into a
//! slot of the module or removes. The events end with `unwatchSlots` or with the connection. If the
//! module stops in between, the bridge reports the changes once the module runs again.
//!
//! ```text
//! ← {"jsonrpc":"2.0","method":"slot","params":{"kind":"inserted","module":"card","slot_id":1,
//!    "token":{…}}}
//! ```
//!
//! # The user
//! Two kinds of calls wait for the user: the first call of an origin that is not approved, and a
//! call that needs a PIN but brings none. The bridge waits at most [`USER_SECONDS`], counted from
//! when it shows the question. If the user revokes an approval, the bridge closes the connections
//! of that origin with 1008.
//!
//! # Errors
//! `error.data` holds the status and the code of an [`error_code::ErrorCode`]. It also holds the
//! `CKR_*` value, if the failure has one ([`rv::TABLE`]). `error.message` says what happened and
//! what to do.
//!
//! # Limits
//! | limit | what happens beyond it |
//! |---|---|
//! | [`MAX_FRAME_LEN`] bytes in a frame from the page | the connection is closed with 1009 |
//! | [`MAX_IN_FLIGHT`] requests in flight on a connection | the request fails with 429/802 |
//! | [`MAX_IN_FLIGHT_LEN`] bytes of requests in flight on a connection | the same |
//! | [`MAX_UNAPPROVED_LEN`] of those bytes, before the origin is approved | the same |
//! | [`MAX_CONNECTIONS`] connections | a new connection is closed with 1013 |
//! | [`CONNECTION_SHARE`] of them from one origin, while others wait | one is closed with 1013 |
//! | [`MAX_UNAPPROVED_CONNECTIONS`] of them from origins that are not approved | the same |
//! | [`MAX_UNAPPROVED_CONNECTIONS_PER_ORIGIN`] of those from one origin | the same |
//! | [`MAX_BATCH`] hashes in a `signDataBatch` | the request fails with 400/801 |
//! | [`MAX_WORKERS`] pairs of module and origin in use | the request fails with 429/802 |
//! | [`WORKER_SHARE`] of them for one origin, while others wait | a worker of it ends |
//! | [`HANDSHAKE_SECONDS`] for the handshake | the socket is closed |
//! | [`MAX_PARTIAL_LEN`] bytes of incomplete messages, over all connections | reading pauses |
//! | [`MESSAGE_SECONDS`] from the first to the last byte of a message | closed with 1008 |
//! | [`WRITE_SECONDS`] until the page has taken what the bridge sent | the socket is closed |
//!
//! When the bridge stops, it takes no more requests. Requests in flight have [`STOP_SECONDS`] to
//! finish; the bridge then answers the others with 500/900. It closes its connections with 1001.
//!
//! The bridge answers each request once, on the request's own connection, unless that connection
//! is closed first. A module that crashes fails its requests in flight with 500/900; a module that
//! hangs fails them with 408/900. The next request starts the module again. After three such
//! failures within a minute, the bridge suspends the module for that origin (412/300).

#![forbid(unsafe_code)]

pub mod algorithm;
pub mod authentication;
pub mod base64_bytes;
pub mod call;
pub mod document;
pub mod error_code;
pub mod error_object;
pub mod event;
pub mod failure;
pub mod identity;
pub mod message;
pub mod pin;
pub mod result;
pub mod rv;
pub mod slot_id;
pub mod whole_number;

use std::ops::RangeInclusive;

/// The WebSocket sub-protocol (RFC 6455, section 1.9).
pub const SUBPROTOCOL: &str = "pkcs11-bridge.v1";

/// The ports of the bridge. It listens on the first free one.
pub const PORTS: RangeInclusive<u16> = 24911..=24915;

/// The most bytes in a frame from the page. Replies may be longer: the certificates of a full token
/// can be.
pub const MAX_FRAME_LEN: usize = 1 << 20;

/// The most requests of one connection that wait for their replies.
pub const MAX_IN_FLIGHT: usize = 64;

/// The most bytes of those requests together: as many as the longest frame.
pub const MAX_IN_FLIGHT_LEN: usize = MAX_FRAME_LEN;

/// The most bytes of incomplete messages, over all connections. Messages below 64 KiB do not count.
pub const MAX_PARTIAL_LEN: usize = 16 << 20;

/// The most connections at the same time.
pub const MAX_CONNECTIONS: usize = 64;

/// The connections that an origin keeps if others wait for one.
pub const CONNECTION_SHARE: usize = 8;

/// The most connections from origins that are not approved. Any page can open such connections.
pub const MAX_UNAPPROVED_CONNECTIONS: usize = 16;

/// The most connections from one origin that is not approved.
pub const MAX_UNAPPROVED_CONNECTIONS_PER_ORIGIN: usize = 4;

/// The most hashes in a `signDataBatch`.
pub const MAX_BATCH: usize = 1000;

/// The fewest bytes in the challenge of `authenticate`. Fewer could repeat by chance.
pub const MIN_CHALLENGE_LEN: usize = 16;

/// The most bytes in the challenge of `authenticate`.
pub const MAX_CHALLENGE_LEN: usize = 1024;

/// The seconds that the user has to answer a question of the bridge.
pub const USER_SECONDS: u64 = 60;

/// The most bytes of requests that wait on a connection while the bridge asks the user about its
/// origin.
pub const MAX_UNAPPROVED_LEN: usize = 256 << 10;

/// The seconds that a peer has for the handshake.
pub const HANDSHAKE_SECONDS: u64 = 5;

/// The seconds that a peer has for a message, from its first byte to its last.
pub const MESSAGE_SECONDS: u64 = 30;

/// The seconds that a peer has to take what the bridge sent.
pub const WRITE_SECONDS: u64 = 10;

/// The seconds that requests in flight have to finish when the bridge stops.
pub const STOP_SECONDS: u64 = 5;

/// The most workers at the same time. Each pair of module and origin in use has one worker.
pub const MAX_WORKERS: usize = 16;

/// The workers that an origin keeps if others wait for one.
pub const WORKER_SHARE: usize = 4;
