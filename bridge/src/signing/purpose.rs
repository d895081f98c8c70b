//! The text of the dialogs about a signature: which origin asks, which token signs, and what is
//! signed.

use aws_lc_rs::digest;
use pkcs11_bridge_protocol::algorithm::Algorithm;

use crate::access::origin::RequestOrigin;
use crate::dialog::text::{join_lines, make_safe};
use crate::ipc::pin::{PinReason, PinRequest, TriesLeft};

/// What the dialogs say about the signature.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// One signature.
    One { algorithm: Algorithm },
    /// All signatures of a batch, with one PIN.
    Batch { algorithm: Algorithm, count: usize },
    /// One signature of a batch whose key wants a PIN for each. The first has the number 1.
    OneOf { algorithm: Algorithm, number: usize, count: usize },
    /// The proof of the user's identity to the site.
    Authenticate,
}

/// A signature that a page asks for, as the dialogs describe it.
pub(super) struct SignatureQuestion<'a> {
    pub(super) origin: &'a RequestOrigin,
    pub(super) purpose: Purpose,
    /// The hash or the message. Only the user sees it.
    pub(super) data: &'a [u8],
}

impl SignatureQuestion<'_> {
    /// The text of the PIN dialog.
    pub(super) fn pin_text(&self, request: &PinRequest) -> String {
        self.text(request, tries(request.token.tries))
    }

    /// The text of the message that sends the user to the reader.
    pub(super) fn pinpad_text(&self, request: &PinRequest) -> String {
        let on_reader = "Enter the PIN on the keypad of the card reader.\n";
        self.text(request, &format!("{on_reader}{}", tries(request.token.tries)))
    }

    /// The most important lines come first, because a pinentry may cut off the end of a long text.
    fn text(&self, request: &PinRequest, notice: &str) -> String {
        join_lines([
            format!(
                "{}\n{}\n",
                make_safe(&self.origin.to_string(), MAX_ORIGIN),
                match self.purpose {
                    Purpose::Authenticate => "wants to know who you are through pkcs11-bridge.",
                    _ => "wants to sign through pkcs11-bridge.",
                }
            ),
            format!("{notice}Token: {}", make_safe(&request.token.label, MAX_LABEL)),
            format!("Certificate: {}", make_safe(&request.certificate, MAX_SUBJECT)),
            self.data_text(request.reason),
        ])
    }

    fn data_text(&self, reason: PinReason) -> String {
        match self.purpose {
            Purpose::One { algorithm } => {
                let once = match reason {
                    PinReason::Login => "",
                    PinReason::Signature => "This key wants the PIN for every signature.\n",
                };
                format!("{once}To sign: {}", one(algorithm, self.data))
            }
            Purpose::Batch { algorithm, count } => {
                format!(
                    "To sign: {count} {}. One PIN is enough, unless the key wants it for each.",
                    many(algorithm)
                )
            }
            Purpose::Authenticate => "You log in to this site. No document is signed.".to_owned(),
            Purpose::OneOf { algorithm, number, count } => format!(
                "This key wants the PIN for each of the {count} signatures.\nTo sign, {number} of \
                 {count}: {}",
                one(algorithm, self.data)
            ),
        }
    }
}

fn one(algorithm: Algorithm, data: &[u8]) -> String {
    match algorithm.hash() {
        Some(hash) => format!("the {} hash {}", hash.name(), hex(data)),
        None => format!(
            "a message of {} bytes, whose SHA-256 hash is {}",
            data.len(),
            hex(digest::digest(&digest::SHA256, data).as_ref())
        ),
    }
}

/// Groups of eight digits, which the user can compare, and between which a dialog can break lines.
fn hex(hash: &[u8]) -> String {
    hash.chunks(4).map(const_hex::encode).collect::<Vec<_>>().join(" ")
}

fn many(algorithm: Algorithm) -> String {
    match algorithm.hash() {
        Some(hash) => format!("{} hashes", hash.name()),
        None => "messages".to_owned(),
    }
}

fn tries(tries: TriesLeft) -> &'static str {
    match tries {
        // The bridge does not ask for a locked PIN.
        TriesLeft::Unknown | TriesLeft::Locked => "",
        TriesLeft::Low => "A wrong PIN was entered before; the token locks after a few.\n\n",
        TriesLeft::Final => "LAST TRY: if this PIN is wrong, the token locks.\n\n",
    }
}

const MAX_ORIGIN: usize = 300;
const MAX_LABEL: usize = 100;
const MAX_SUBJECT: usize = 150;
