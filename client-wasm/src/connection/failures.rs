//! The failures that the client itself reports: what happened, and what to do.

use pkcs11_bridge_protocol::MAX_FRAME_LEN;
use pkcs11_bridge_protocol::call::{Method, SignData, SignDataBatch};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;

use crate::socket::Closed;

pub(super) fn lost_in_flight(method: &str, closed: &Closed) -> Failure {
    let message = format!(
        "The connection to the bridge was lost before {method} was answered{}. {}",
        reason(closed),
        advice(method)
    );
    Failure::new(ErrorCode::BridgeUnreachable, message)
}

pub(super) fn lost_unsent() -> Failure {
    let message = "The connection to the bridge was lost before the call was sent. Try again.";
    Failure::new(ErrorCode::BridgeUnreachable, message)
}

pub(super) fn revoked(closed: &Closed) -> Failure {
    let message = format!(
        "The user revoked the approval of this site before the call was sent{}. It was not sent.",
        reason(closed)
    );
    Failure::new(ErrorCode::OriginNotApproved, message)
}

pub(super) fn closed() -> Failure {
    let message = "The page closed its connection to the bridge. Connect again to make calls.";
    Failure::new(ErrorCode::BridgeUnreachable, message)
}

pub(super) fn too_late_unsent(method: &str, limit: u32) -> Failure {
    too_late(method, limit, "It was not sent. Try again.")
}

pub(super) fn too_late_in_flight(method: &str, limit: u32) -> Failure {
    too_late(method, limit, advice(method))
}

fn too_late(method: &str, limit: u32, advice: &str) -> Failure {
    let message = format!("{method} was not answered within {limit} ms. {advice}");
    Failure::new(ErrorCode::DeadlinePassed, message)
}

pub(crate) fn cancelled() -> Failure {
    Failure::new(ErrorCode::Cancelled, "The page cancelled this call before it was sent.")
}

pub(crate) fn unreadable() -> Failure {
    let message = "The reply of the bridge cannot be read. The bridge and this page may have \
                   versions that do not fit together. Update both.";
    Failure::new(ErrorCode::Internal, message)
}

pub(super) fn too_long(len: usize) -> Failure {
    let problem = format!(
        "makes a request of {len} bytes, and at most {MAX_FRAME_LEN} can be sent. Pass the hash of \
         the data."
    );
    Failure::bad_argument("data", problem)
}

pub(super) fn bad_request(method: &str) -> Failure {
    Failure::new(ErrorCode::Internal, format!("The request for {method} cannot be encoded."))
}

fn reason(closed: &Closed) -> String {
    match closed.reason.as_str() {
        "" => String::new(),
        reason => format!(" ({reason})"),
    }
}

fn advice(method: &str) -> &'static str {
    if [SignData::NAME, SignDataBatch::NAME].contains(&method) {
        "It is not known what the token signed."
    } else {
        "Try again."
    }
}
