//! What the dialogs say about a signature: which origin asks, which token signs, what is signed,
//! and what else the PIN opens.

use aws_lc_rs::digest;
use pkcs11_bridge_protocol::algorithm::Algorithm;
use pkcs11_bridge_protocol::document::Document as Claim;

use crate::access::origin::RequestOrigin;
use crate::dialog::question::{
    self, BatchProgress, DataKind, Document, PinLengths, PinProblem, PinQuestion, PinScope,
    SignedData, Signer,
};
use crate::ipc::pin::{PinReason, PinRequest, TriesLeft};
use crate::ipc::task::BatchReady;

/// What a PIN is needed for.
#[derive(Clone, Copy)]
pub(super) enum Purpose<'a> {
    /// One signature. `data` is the hash or the message. Only the user sees it.
    One { algorithm: Algorithm, data: &'a [u8], document: Option<&'a Claim> },
    /// All signatures of a batch, with one PIN.
    Batch { algorithm: Algorithm, count: usize, documents: Documents<'a> },
    /// One signature of a batch whose key wants a PIN for each. The first has the number 1.
    OneOf {
        algorithm: Algorithm,
        data: &'a [u8],
        number: usize,
        count: usize,
        documents: Documents<'a>,
    },
    /// The proof of the user's identity to the site.
    Authenticate,
    /// The certificates that the token shows only after a login.
    ListCertificates,
    /// The keys without a certificate that the token shows only after a login.
    ListKeys,
}

/// What the page says of the documents of a batch. Nobody can check it.
#[derive(Clone, Copy)]
pub(super) struct Documents<'a> {
    /// The document behind all hashes.
    pub(super) of_all: Option<&'a Claim>,
    /// The document behind each hash, in the order of the hashes.
    pub(super) of_each: &'a [Option<Claim>],
}

/// A signature that a page asks for, as the dialogs describe it.
pub(super) struct SignatureQuestion<'a> {
    pub(super) origin: &'a RequestOrigin,
    pub(super) signer: Signer,
    pub(super) purpose: Purpose<'a>,
}

impl SignatureQuestion<'_> {
    /// The question for the PIN. `login` is what the PIN opens, if it logs in. `problem` says why
    /// the last PIN was not accepted.
    pub(super) fn pin(
        &self,
        request: &PinRequest,
        login: PinScope,
        problem: Option<PinProblem>,
    ) -> PinQuestion {
        let token = &request.token;
        let tries = match token.tries {
            // The bridge does not ask for a locked PIN.
            TriesLeft::Unknown | TriesLeft::Locked => question::TriesLeft::Unknown,
            TriesLeft::Low => question::TriesLeft::Low,
            TriesLeft::Final => question::TriesLeft::Final,
        };
        PinQuestion {
            origin: self.origin.to_string(),
            token: token.label.clone(),
            certificate: request.certificate.clone().unwrap_or_default(),
            signer: self.signer,
            purpose: self.purpose(),
            opens: match (request.reason, self.purpose) {
                (_, Purpose::ListCertificates | Purpose::ListKeys) => PinScope::Reading,
                (PinReason::Login, _) => login,
                (PinReason::Signature, _) => PinScope::OneSignature,
            },
            tries,
            lengths: PinLengths { min: token.min_length, max: token.max_length },
            problem,
            confirm_first: tries != question::TriesLeft::Unknown
                || problem == Some(PinProblem::Wrong),
        }
    }

    fn purpose(&self) -> question::Purpose {
        match self.purpose {
            Purpose::One { algorithm, data, document } => {
                question::Purpose::Sign(signed(algorithm, data, document))
            }
            Purpose::Batch { algorithm, count, documents } => question::Purpose::SignBatch {
                kind: kind(algorithm, None),
                count,
                documents: documents.all().collect(),
            },
            Purpose::OneOf { algorithm, data, number, count, documents } => {
                let data = signed(algorithm, data, documents.of(number));
                question::Purpose::SignOneOf { number, count, data }
            }
            Purpose::Authenticate => question::Purpose::Authenticate,
            Purpose::ListCertificates => question::Purpose::ListCertificates,
            Purpose::ListKeys => question::Purpose::ListKeys,
        }
    }
}

fn signed(algorithm: Algorithm, data: &[u8], document: Option<&Claim>) -> SignedData {
    let len = data.len().try_into().ok();
    let hash = match algorithm.hash() {
        Some(_) => data.to_vec(),
        None => digest::digest(&digest::SHA256, data).as_ref().to_vec(),
    };
    SignedData { kind: kind(algorithm, len), hash, document: document.map(shown) }
}

impl<'a> Documents<'a> {
    /// The documents that a dialog can name: few, because a question has a limited length.
    fn all(self) -> impl Iterator<Item = Document> {
        let each = self.of_each.iter().flatten();
        self.of_all.into_iter().chain(each).take(MAX_DOCUMENTS).map(shown)
    }

    /// The document behind the hash with this number.
    fn of(self, number: usize) -> Option<&'a Claim> {
        let of_this = number.checked_sub(1).and_then(|index| self.of_each.get(index));
        of_this.and_then(Option::as_ref).or(self.of_all)
    }
}

/// A batch of which no signature is made yet.
pub(super) fn batch_progress(
    origin: &RequestOrigin,
    ready: BatchReady,
    signer: Signer,
    count: usize,
) -> BatchProgress {
    let BatchReady { token, certificate, .. } = ready;
    BatchProgress { origin: origin.to_string(), token, certificate, signer, done: 0, count }
}

fn kind(algorithm: Algorithm, len: Option<u64>) -> DataKind {
    match algorithm.hash() {
        Some(hash) => DataKind::Hash(hash.name().to_owned()),
        None => DataKind::Message(len),
    }
}

/// A claim, cut to what a dialog can show. A name may have a megabyte.
fn shown(claim: &Claim) -> Document {
    let name = if claim.name.len() <= 2 * MAX_NAME {
        claim.name.clone()
    } else {
        let head: String = claim.name.chars().take(MAX_NAME / 2).collect();
        let tail: Vec<_> = claim.name.chars().rev().take(MAX_NAME / 2).collect();
        let tail: String = tail.into_iter().rev().collect();
        format!("{head} … {tail}")
    };
    Document { name, size: claim.size }
}

const MAX_DOCUMENTS: usize = 1000;
const MAX_NAME: usize = 500;
