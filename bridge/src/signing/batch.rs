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
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::key_certificate::KeyCertificate;
use super::key_permission;
use super::login_task::{LoginTask, SigningContext};
use super::pin::PinEntry;
use super::purpose::Purpose;
use crate::ipc::frame;
use crate::ipc::message::encode_result;
use crate::ipc::task::{PrepareBatch, Sign, SigningMethod, Task};
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
    } = params;
    if data.is_empty() {
        return Err(Failure::bad_argument("data", "is empty. Pass at least one hash."));
    }
    let (count, algorithm) = (data.len(), algorithm_reference);
    let prepare = async {
        let certificate = KeyCertificate::get(context, slot_id, &cert_id).await?;
        key_permission::check_signing(context, &certificate)?;
        let verifier = certificate.verifier(algorithm)?;
        let key = certificate.key_use(algorithm);
        let preparation = Task::PrepareBatch(PrepareBatch { key, pin });
        let purpose = Purpose::Batch { algorithm, count };
        let prepared = pins.execute(&LoginTask { context, task: &preparation, purpose }).await;
        let prepared = prepared.map_err(|failure| certificate.failed(failure))?;
        Ok::<_, Failure>((certificate, verifier, prepared))
    };
    let (certificate, verifier, prepared) = tokio::select! {
        prepared = prepare => prepared?,
        () = control.cancelled.cancelled() => return all_cancelled(count),
    };
    let pin_for_each: bool = frame::decode(prepared.get().as_bytes())
        .map_err(|error| Failure::new(ErrorCode::Internal, error.to_string()))?;

    let batch = Batch {
        pins,
        context,
        algorithm,
        certificate,
        verifier,
        signature_format: signature_format.unwrap_or_default(),
        count,
        pin_for_each,
        ended_by: OnceLock::new(),
    };
    // The bridge shows one dialog at a time.
    let concurrency = if pin_for_each { 1 } else { MAX_CONCURRENCY };
    let mut last_progress = Instant::now();
    let mut results = Vec::with_capacity(count);
    let mut items = stream::iter(data.into_iter().enumerate())
        .map(|(index, data)| batch.item(index, data, &control.cancelled))
        .buffered(concurrency);
    while let Some(item) = items.next().await {
        results.push(item);
        if last_progress.elapsed() >= PROGRESS_INTERVAL || results.len() == count {
            last_progress = Instant::now();
            (control.progress)(results.len(), count).await;
        }
    }
    encode_result(&results)
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
    signature_format: SignatureFormat,
    count: usize,
    /// Whether the key wants a PIN for each signature.
    pin_for_each: bool,
    /// The failure that ended the batch early, because every later signature would fail too.
    ended_by: OnceLock<Failure>,
}

impl Batch<'_> {
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
        let (algorithm, count) = (self.algorithm, self.count);
        if let Err(failure) = check_length(algorithm, data.as_ref()) {
            return failure.into();
        }
        let purpose = Purpose::OneOf { algorithm, number: index + 1, count };
        let key = self.certificate.key_use(algorithm);
        let (method, pin) = (SigningMethod::SignData, None);
        let task = Task::Sign(Sign { method, key, data: data.clone(), pin });
        let task = LoginTask { context: self.context, task: &task, purpose };
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

/// Enough to keep the worker's threads busy.
const MAX_CONCURRENCY: usize = 32;
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);
