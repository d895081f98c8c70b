//! What the user is told about a signature, and what a page is told that does not get one.

use std::time::Duration;

use aws_lc_rs::digest;
use pkcs11_bridge_protocol::algorithm::Algorithm;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::result::PinEntry as Policy;
use pkcs11_bridge_protocol::rv::Rv;

use super::Signing;
use crate::dialog::text::{foreign, lines};
use crate::ipc::{PinRequest, Tries, Want};
use crate::service::Caller;

/// What is to be signed, as far as the user is told. The data is shown to the user alone.
#[derive(Clone, Copy)]
pub(crate) enum Purpose<'a> {
    One {
        algorithm: Algorithm,
        data: &'a [u8],
    },
    /// All of a batch, with one PIN.
    Batch {
        algorithm: Algorithm,
        count: usize,
    },
    /// One of a batch whose key wants the PIN for each; the first has the number 1.
    OneOf {
        algorithm: Algorithm,
        data: &'a [u8],
        number: usize,
        count: usize,
    },
}

impl Purpose<'_> {
    /// The text of the dialog for a PIN.
    pub(super) fn pin(&self, caller: &Caller, request: &PinRequest) -> String {
        self.text(caller, request, tries(request.tries))
    }

    /// The message that sends the user to the reader.
    pub(super) fn pinpad(&self, caller: &Caller, request: &PinRequest) -> String {
        let on_reader = "Enter the PIN on the keypad of the card reader.\n";
        self.text(caller, request, &format!("{on_reader}{}", tries(request.tries)))
    }

    /// What matters most comes first: the end is cut off where the text is too long for a pinentry.
    fn text(&self, caller: &Caller, request: &PinRequest, notice: &str) -> String {
        lines([
            format!(
                "{}\nwants to sign through pkcs11-bridge.\n",
                foreign(&caller.origin().to_string(), MAX_ORIGIN)
            ),
            format!("{notice}Token: {}", foreign(&request.token_label, MAX_LABEL)),
            format!("Certificate: {}", foreign(&request.certificate, MAX_SUBJECT)),
            self.what(request.want),
        ])
    }

    fn what(&self, want: Want) -> String {
        match *self {
            Self::One { algorithm, data } => {
                let once = match want {
                    Want::Login => "",
                    Want::Signature => "This key wants the PIN for every signature.\n",
                };
                format!("{once}To sign: {}", thing(algorithm, data))
            }
            Self::Batch { algorithm, count } => {
                format!(
                    "To sign: {count} {}. One PIN is enough, unless the key wants it for each.",
                    things(algorithm)
                )
            }
            Self::OneOf { algorithm, data, number, count } => format!(
                "This key wants the PIN for each of the {count} signatures.\nTo sign, {number} of \
                 {count}: {}",
                thing(algorithm, data)
            ),
        }
    }
}

fn thing(algorithm: Algorithm, data: &[u8]) -> String {
    match algorithm.hash() {
        Some(hash) => format!("the {} hash {}", hash.name(), hex(data)),
        None => format!(
            "a message of {} bytes, whose SHA-256 hash is {}",
            data.len(),
            hex(digest::digest(&digest::SHA256, data).as_ref())
        ),
    }
}

/// In groups, so that it can be compared and fits into a window.
fn hex(hash: &[u8]) -> String {
    hash.chunks(4).map(const_hex::encode).collect::<Vec<_>>().join(" ")
}

fn things(algorithm: Algorithm) -> String {
    match algorithm.hash() {
        Some(hash) => format!("{} hashes", hash.name()),
        None => "messages".to_owned(),
    }
}

fn tries(tries: Tries) -> &'static str {
    match tries {
        Tries::NotKnown => "",
        Tries::Fewer => "A wrong PIN was entered before; the token locks after a few.\n\n",
        Tries::Last => "LAST TRY: if this PIN is wrong, the token locks.\n\n",
    }
}

pub(super) fn not_from_page() -> Failure {
    let problem = "is not taken from pages by this bridge. PinPermission it out: the user is then asked on the \
                   desktop.";
    Failure::bad_argument("pin", problem)
}

pub(super) fn tries_not_told(request: &PinRequest) -> Failure {
    Failure::new(
        ErrorCode::PinFinalTry,
        format!(
            "Wrong PINs came from pages for the token \"{}\", which does not tell how many tries are \
             left: no further one is sent to it. Sign without `pin`: the user is then asked on the \
             desktop.",
            request.token_label
        ),
    )
}

pub(super) fn stopping() -> Failure {
    Failure::new(
        ErrorCode::PinEntryCancelled,
        "The bridge stops, so the user was not asked for the PIN.",
    )
}

pub(super) fn busy() -> Failure {
    let message = "The user could not be asked for the PIN, because another question of the bridge was \
                   not answered. Answer it and try again.";
    Failure::new(ErrorCode::PinEntryTimedOut, message)
}

pub(super) fn timed_out(limit: Duration) -> Failure {
    let message = format!("No PIN was entered within {} s. Try again.", limit.as_secs());
    Failure::new(ErrorCode::PinEntryTimedOut, message)
}

pub(super) fn cancelled() -> Failure {
    let message = "The user cancelled the entry of the PIN. Nothing was signed.";
    Failure::new(ErrorCode::PinEntryCancelled, message)
}

pub(super) fn unavailable(signing: &Signing<'_>, request: &PinRequest, policy: Policy) -> Failure {
    let label = &request.token_label;
    let install = "Install a pinentry program (pinentry-gnome3, pinentry-qt, pinentry-mac)";
    match (policy, signing.purpose) {
        (Policy::PageOrNative, Purpose::One { .. } | Purpose::Batch { .. }) => {
            Failure::bad_argument(
                "pin",
                format_args!(
                    "is missing: the token \"{label}\" needs its PIN, and the bridge cannot ask the user \
                 for it. {install}, or pass `pin`."
                ),
            )
        }
        (Policy::Native, _) | (_, Purpose::OneOf { .. }) => Failure::new(
            ErrorCode::Internal,
            format!(
                "The token \"{label}\" needs its PIN, and the bridge cannot ask the user for it. \
                 {install}."
            ),
        ),
    }
}

pub(crate) fn login_ended() -> Failure {
    let message = "The login to the token ended while the call was carried out, because the token was \
                   taken out or reset. Sign again.";
    Failure::with_rv(ErrorCode::SessionEnded, Rv::USER_NOT_LOGGED_IN, message)
}

const MAX_ORIGIN: usize = 300;
const MAX_LABEL: usize = 100;
const MAX_SUBJECT: usize = 150;
