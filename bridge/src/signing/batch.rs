//! `signDataBatch`: many signatures with one PIN. Each hash is a task of its own, which gives a
//! signature or an error. The tasks run concurrently, and the page can cancel those that remain.

use std::sync::OnceLock;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;
use pkcs11_bridge_protocol::algorithm::Algorithm;
use pkcs11_bridge_protocol::base64_bytes::Base64Bytes;
use pkcs11_bridge_protocol::call::{SignDataBatch, SignatureFormat};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::result::BatchItem;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::in_flight::InFlight;
use super::key_certificate::KeyCertificate;
use super::key_permission;
use super::key_search::{Found, Search};
use super::login_task::{LoginTask, SigningContext};
use super::login_terms;
use super::pin::PinEntry;
use super::purpose::{Documents, Purpose, batch_progress};
use crate::ipc::frame;
use crate::ipc::message::encode_result;
use crate::ipc::task::{BatchReady, PrepareBatch, Sign, SigningMethod, Task};
use crate::supervisor::{BatchId, LoginTerms};
use crate::verification::public_key::Verifier;
use crate::verification::scheme::check_length;

/// Tells the page how many signatures are done and how many there are.
pub(crate) trait Progress: Fn(usize, usize) -> BoxFuture<'static, ()> {}

impl<F: Fn(usize, usize) -> BoxFuture<'static, ()>> Progress for F {}

/// How the page follows a batch and cancels it.
pub(crate) struct BatchControl<F> {
    pub(crate) progress: F,
    pub(crate) cancelled: CancellationToken,
}

/// An element of the result. The signature is already encoded as JSON.
type Item = BatchItem<Box<RawValue>>;

/// Signs all hashes of the batch.
pub(crate) async fn sign(
    pins: &PinEntry,
    context: SigningContext<'_>,
    params: SignDataBatch,
    control: &BatchControl<impl Progress>,
) -> Result<Box<RawValue>, Failure> {
    let SignDataBatch {
        module: _,
        slot_id,
        cert_id,
        algorithm_reference,
        data,
        pin,
        signature_format,
        document,
        documents,
    } = params;
    if data.is_empty() {
        return Err(Failure::bad_argument("data", "is empty. Pass at least one hash."));
    }
    if documents.as_ref().is_some_and(|documents| documents.len() != data.len()) {
        let problem = "has to have one element for each element of `data`.";
        return Err(Failure::bad_argument("documents", problem));
    }
    let of_each = documents.as_deref().unwrap_or_default();
    let documents = Documents { of_all: document.as_ref(), of_each };
    let (count, algorithm) = (data.len(), algorithm_reference);
    let prepare = async {
        let purpose = Purpose::Batch { algorithm, count, documents };
        let search = Search { pins, context, slot_id, cert_id: &cert_id, pin: pin.clone() };
        let Found { certificate, call } = search.find(purpose).await?;
        key_permission::check_signing(context, &certificate)?;
        let verifier = certificate.verifier(algorithm)?;
        let key = certificate.key_use(algorithm);
        let preparation = Task::PrepareBatch(PrepareBatch { key, pin });
        let batch = call.unwrap_or_else(BatchId::new);
        let login = login_terms::terms(context, &certificate, Some(batch));
        let task = LoginTask { context, task: &preparation, login: &login, purpose };
        let prepared = pins.execute(&task).await;
        let prepared = prepared.map_err(|failure| certificate.failed(failure))?;
        Ok::<_, Failure>((certificate, verifier, login, prepared))
    };
    let (certificate, verifier, login, prepared) = tokio::select! {
        prepared = prepare => prepared?,
        () = control.cancelled.cancelled() => return all_cancelled(count),
    };
    let ready: BatchReady = frame::decode(prepared.get().as_bytes())
        .map_err(|error| Failure::new(ErrorCode::Internal, error.to_string()))?;
    let pin_for_each = ready.pin_for_each;

    let batch = Batch {
        pins,
        context,
        algorithm,
        certificate,
        verifier,
        login,
        signature_format: signature_format.unwrap_or_default(),
        count,
        documents,
        pin_for_each,
        ended_by: OnceLock::new(),
        cancelled_by_user: CancellationToken::new(),
    };
    let done = watch::Sender::new(0);
    let signing = batch.sign_all(data, control, &done);
    if pin_for_each {
        // Each PIN dialog says which signature it is for.
        return encode_result(&signing.await);
    }
    let window = async {
        sleep(PROGRESS_WINDOW_AFTER).await;
        let progress =
            batch_progress(context.origin, ready, batch.certificate.fingerprint().signer(), count);
        pins.dialogs().show_progress(progress, done.subscribe()).await;
        batch.cancelled_by_user.cancel();
        std::future::pending().await
    };
    tokio::select! {
        results = signing => encode_result(&results),
        never = window => never,
    }
}

/// The result of a batch that the page cancelled before it began.
pub(crate) fn all_cancelled(count: usize) -> Result<Box<RawValue>, Failure> {
    let items: Vec<Item> = std::iter::repeat_with(|| cancelled().into()).take(count).collect();
    encode_result(&items)
}

struct Batch<'a> {
    pins: &'a PinEntry,
    context: SigningContext<'a>,
    algorithm: Algorithm,
    certificate: KeyCertificate<'a>,
    verifier: Verifier,
    login: LoginTerms,
    signature_format: SignatureFormat,
    count: usize,
    documents: Documents<'a>,
    /// Whether the key wants a PIN for each signature.
    pin_for_each: bool,
    /// The failure that ended the batch early, because every later signature would fail too.
    ended_by: OnceLock<Failure>,
    cancelled_by_user: CancellationToken,
}

impl Batch<'_> {
    /// Signs all hashes. Tells the page and `done` how many signatures are made.
    async fn sign_all(
        &self,
        data: Vec<Base64Bytes>,
        control: &BatchControl<impl Progress>,
        done: &watch::Sender<usize>,
    ) -> Vec<Item> {
        // The bridge shows one dialog at a time.
        let concurrency = if self.pin_for_each { 1 } else { MAX_CONCURRENCY };
        let mut last_progress = Instant::now();
        let mut results = Vec::with_capacity(self.count);
        let mut items = stream::iter(data.into_iter().enumerate())
            .map(|(index, data)| self.item(index, data, &control.cancelled))
            .buffered(concurrency);
        while let Some(item) = items.next().await {
            results.push(item);
            done.send_replace(results.len());
            if last_progress.elapsed() >= PROGRESS_INTERVAL || results.len() == self.count {
                last_progress = Instant::now();
                (control.progress)(results.len(), self.count).await;
            }
        }
        results
    }

    async fn item(
        &self,
        index: usize,
        data: Base64Bytes,
        cancelled_by_page: &CancellationToken,
    ) -> Item {
        if let Some(failure) = self.ended_by.get() {
            return failure.clone().into();
        }
        if cancelled_by_page.is_cancelled() {
            return cancelled().into();
        }
        if self.cancelled_by_user.is_cancelled() {
            return cancelled_by_user().into();
        }
        let (algorithm, count) = (self.algorithm, self.count);
        if let Err(failure) = check_length(algorithm, data.as_ref()) {
            return failure.into();
        }
        let _in_flight = InFlight::begin();
        let purpose = Purpose::OneOf {
            algorithm,
            data: data.as_ref(),
            number: index + 1,
            count,
            documents: self.documents,
        };
        let key = self.certificate.key_use(algorithm);
        let (method, pin) = (SigningMethod::SignData, None);
        let task = Task::Sign(Sign { method, key, data: data.clone(), message: None, pin });
        let task = LoginTask { context: self.context, task: &task, login: &self.login, purpose };
        let signed = if self.pin_for_each {
            // A page that cancels the batch also closes the dialog.
            tokio::select! {
                signed = self.pins.execute(&task) => signed,
                () = cancelled_by_page.cancelled() => Err(cancelled()),
            }
        } else {
            task.execute_logged_in().await
        };
        let checked = match signed {
            Ok(reported) => {
                let (verifier, format) = (&self.verifier, self.signature_format);
                self.certificate.check(verifier, &data, &reported, format).await
            }
            Err(failure) => Err(self.certificate.failed(failure)),
        };
        match checked {
            Ok(signature) => Item::Signature(signature),
            Err(failure) => {
                if !self.may_continue_after(&failure) {
                    let _ = self.ended_by.set(failure.clone());
                }
                failure.into()
            }
        }
    }

    /// Whether the next signature may succeed although this one failed.
    fn may_continue_after(&self, failure: &Failure) -> bool {
        match failure.code {
            ErrorCode::BadArgument | ErrorCode::DeadlinePassed => true,
            // If the bridge could not ask for this PIN, it cannot ask for the next one either.
            ErrorCode::Internal => !self.pin_for_each,
            _ => false,
        }
    }
}

fn cancelled() -> Failure {
    Failure::new(ErrorCode::Cancelled, "The page cancelled this signature before it was made.")
}

/// The user's own cancellation has the code of a cancelled PIN entry. A page then handles both as
/// the user's no.
fn cancelled_by_user() -> Failure {
    let message = "The user stopped the batch before this signature was made.";
    Failure::new(ErrorCode::PinEntryCancelled, message)
}

/// Enough to keep the worker's threads busy.
const MAX_CONCURRENCY: usize = 32;
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);
/// A shorter batch shows no window.
const PROGRESS_WINDOW_AFTER: Duration = Duration::from_millis(1500);
