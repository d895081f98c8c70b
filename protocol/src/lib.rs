//! The wire between a web page and pkcs11-bridge. This page is its specification.
//!
//! # Connection
//! A WebSocket (RFC 6455) on a loopback address, with the sub-protocol [`SUBPROTOCOL`]. The bridge
//! refuses the upgrade with 403 where `Host` is not a loopback name with its port, where `Origin`
//! is missing or malformed, where the sub-protocol is not offered, or where the peer's socket belongs
//! to another user of the computer.
//!
//! # Messages
//! Each text frame holds one message of JSON-RPC 2.0. There are no batches and no binary frames.
//! Requests may be pipelined and replies come in any order; ids are chosen by the page, are unique
//! among the requests in flight, and belong to the connection. `params` is an object; a field that
//! the method does not have is an error that names it. A frame without an `id` from the bridge is
//! an event. A client ignores the events that it does not know.
//!
//! ```text
//! → {"jsonrpc":"2.0","id":7,"method":"signData","params":{"slot_id":1,"cert_id":"01","algorithm_reference":"sha256","data":"…","pin":"1234"}}
//! ← {"jsonrpc":"2.0","id":7,"result":"MEUCIQ…"}
//! ← {"jsonrpc":"2.0","id":7,"error":{"code":-32000,"message":"Wrong PIN …","data":{"status":412,"code":"106","pkcs11":"CKR_PIN_INCORRECT"}}}
//! ```
//!
//! The methods, with their parameters and results, are the structs of [`call`]; every message has a
//! sample in the folder `samples`.
//!
//! # Events
//! The notifications of the bridge are the structs of [`event`]. While a `signDataBatch` is carried
//! out it sends `progress`, with the id of the request.
//!
//! ```text
//! ← {"jsonrpc":"2.0","method":"progress","params":{"id":7,"done":250,"total":1000}}
//! ```
//!
//! After a `watchSlots` it sends `slot` whenever a token is put into a slot of that module or taken out of
//! one, until `unwatchSlots` or the end of the connection. Where the module was ended meanwhile, what has
//! changed since is told once it is there again.
//!
//! ```text
//! ← {"jsonrpc":"2.0","method":"slot","params":{"kind":"inserted","module":"card","slot_id":1,"token":{…}}}
//! ```
//!
//! # The user
//! The first call of an origin that is not approved waits until the user has said yes or no, for at
//! most [`USER_SECONDS`] from when the question is shown; so does one that needs a PIN which it does
//! not bring. A connection whose origin is revoked is closed with 1008.
//!
//! # Errors
//! `error.data` holds the status and code of an [`error_code::ErrorCode`] and, if there is one, the `CKR_*`
//! value ([`rv::TABLE`]). `error.message` says what happened and what to do.
//!
//! # Limits
//! | limit | at it |
//! |---|---|
//! | a frame of [`MAX_FRAME_LEN`] bytes from the page | the connection is closed with 1009 |
//! | [`MAX_IN_FLIGHT`] requests in flight per connection | the request fails with 429/802 |
//! | [`MAX_IN_FLIGHT_LEN`] bytes of requests in flight per connection | the request fails with 429/802 |
//! | [`MAX_UNAPPROVED_LEN`] bytes of requests in flight on a connection whose origin is not approved yet | the request fails with 429/802 |
//! | [`MAX_CONNECTIONS`] connections, [`MAX_UNAPPROVED_CONNECTIONS`] of them of origins that are not approved, [`MAX_UNAPPROVED_CONNECTIONS_PER_ORIGIN`] of one such origin | a further one is closed with 1013 |
//! | [`MAX_BATCH`] hashes in a `signDataBatch` | the request fails with 400/801 |
//! | [`MAX_WORKERS`] modules in use at the same time, each pair of module and origin counted | the request fails with 429/802 |
//! | [`HANDSHAKE_SECONDS`] for the handshake | the socket is closed |
//! | [`MAX_PARTIAL_LEN`] bytes of messages that are not whole yet, over all connections | the rest of a long one is read when there is room |
//! | [`MESSAGE_SECONDS`] from the first byte of a message to its last | the connection is closed with 1008 |
//! | [`WRITE_SECONDS`] for the peer to take what was sent to it | the socket is closed |
//!
//! A bridge that stops takes no more requests, answers those in flight within [`STOP_SECONDS`], the rest with
//! 500/900, and closes its connections with 1001.
//!
//! Each request is answered once, on the connection that it came from, unless that is closed before. A module
//! that crashes or hangs fails the requests in flight on it (500/900, 408/900), and the next one starts it
//! afresh; one that does so three times within a minute is set aside for the origin (412/300).

#![forbid(unsafe_code)]

pub mod algorithm;
pub mod base64_bytes;
pub mod call;
pub mod error_code;
pub mod error_object;
pub mod event;
pub mod failure;
pub mod message;
pub mod pin;
pub mod result;
pub mod rv;
pub mod slot_id;

use std::ops::RangeInclusive;

/// The WebSocket sub-protocol (RFC 6455, section 1.9).
pub const SUBPROTOCOL: &str = "pkcs11-bridge.v1";

/// The ports that the bridge listens on: the first of them that is free.
pub const PORTS: RangeInclusive<u16> = 24911..=24915;

/// The longest frame in bytes that the bridge takes. Its replies may be longer, such as the
/// certificates of a full token.
pub const MAX_FRAME_LEN: usize = 1 << 20;

/// How many requests of one connection may be waiting for their replies.
pub const MAX_IN_FLIGHT: usize = 64;

/// How many bytes they may have together: as many as the longest one alone.
pub const MAX_IN_FLIGHT_LEN: usize = MAX_FRAME_LEN;

/// How many bytes the messages may have that are not whole yet, over all connections. Short ones do not count.
pub const MAX_PARTIAL_LEN: usize = 16 << 20;

/// How many connections the bridge serves at a time.
pub const MAX_CONNECTIONS: usize = 64;

/// How many of them may be of origins that are not approved: any page can open such connections.
pub const MAX_UNAPPROVED_CONNECTIONS: usize = 16;

/// How many of those may be of one origin.
pub const MAX_UNAPPROVED_CONNECTIONS_PER_ORIGIN: usize = 4;

/// How many hashes one `signDataBatch` may have.
pub const MAX_BATCH: usize = 1000;

/// How many seconds the user has to answer a question of the bridge.
pub const USER_SECONDS: u64 = 60;

/// How many bytes of requests may wait on a connection while the user is asked about its origin.
pub const MAX_UNAPPROVED_LEN: usize = 256 << 10;

/// How many seconds a peer has for the handshake.
pub const HANDSHAKE_SECONDS: u64 = 5;

/// How many seconds a peer has for a message, from its first byte to its last.
pub const MESSAGE_SECONDS: u64 = 30;

/// How many seconds a peer has to take what was sent to it.
pub const WRITE_SECONDS: u64 = 10;

/// How many seconds a bridge that stops gives the requests in flight.
pub const STOP_SECONDS: u64 = 5;

/// How many workers the bridge runs at a time: one for each module and origin in use.
pub const MAX_WORKERS: usize = 16;
