//! `signDataBatch`: many signatures with one PIN. Each hash is a task of its own. The tasks run side
//! by side, each with a signature or an error, and the page can cancel between any two.

use std::sync::OnceLock;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;
use pkcs11_bridge_protocol::base64_bytes::Base64Bytes;
use pkcs11_bridge_protocol::call::{SignDataBatch, SignatureFormat};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::result::BatchItem;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::login_task::{LoginTask, SigningContext};
use super::pin::PinEntry;
use super::purpose::Purpose;
use crate::ipc::frame;
use crate::ipc::message::encode_result;
use crate::ipc::task::{KeyUse, PrepareBatch, Sign, Task};

/// Tells the page how many signatures are done and how many there are.
pub(crate) trait Progress: Fn(usize, usize) -> BoxFuture<'static, ()> {}

impl<F: Fn(usize, usize) -> BoxFuture<'static, ()>> Progress for F {}

/// How the page follows a batch and cancels it.
pub(crate) struct BatchControl<F> {
    pub(crate) progress: F,
    pub(crate) cancelled: CancellationToken,
}

/// An element of the result, with the worker's own text of the signature.
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
        return Err(Failure::bad_argument("data", "is empty; there is nothing to sign."));
    }
    let (count, algorithm) = (data.len(), algorithm_reference);
    let key = KeyUse { slot_id, cert_id, algorithm };
    let preparation = Task::PrepareBatch(PrepareBatch { key: key.clone(), pin });
    let purpose = Purpose::Batch { algorithm, count };
    let preparation = LoginTask { context, task: &preparation, purpose };
    let prepared = tokio::select! {
        prepared = pins.execute(&preparation) => prepared?,
        () = control.cancelled.cancelled() => return all_cancelled(count),
    };
    let pin_for_each: bool = frame::decode(prepared.get().as_bytes())
        .map_err(|error| Failure::new(ErrorCode::Internal, error.to_string()))?;

    let batch = Batch {
        pins,
        context,
        key,
        signature_format: signature_format.unwrap_or_default(),
        count,
        pin_for_each,
        end: OnceLock::new(),
    };
    // Dialogs can only be shown one after the other.
    let side_by_side = if pin_for_each { 1 } else { SIDE_BY_SIDE };
    let mut reported = Instant::now();
    let mut results = Vec::with_capacity(count);
    let mut made = stream::iter(data.into_iter().enumerate())
        .map(|(index, data)| batch.item(index, data, &control.cancelled))
        .buffered(side_by_side);
    while let Some(item) = made.next().await {
        results.push(item);
        if reported.elapsed() >= PROGRESS_INTERVAL || results.len() == count {
            reported = Instant::now();
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
    key: KeyUse,
    signature_format: SignatureFormat,
    count: usize,
    /// Whether the key wants a PIN for each signature.
    pin_for_each: bool,
    /// The failure that ended the batch early, because all further signatures would fail too.
    end: OnceLock<Failure>,
}

impl Batch<'_> {
    async fn item(
        &self,
        index: usize,
        data: Base64Bytes,
        cancelled_by_page: &CancellationToken,
    ) -> Item {
        if let Some(end) = self.end.get() {
            return end.clone().into();
        }
        if cancelled_by_page.is_cancelled() {
            return cancelled().into();
        }
        let (algorithm, count) = (self.key.algorithm, self.count);
        let purpose = Purpose::OneOf { algorithm, number: index + 1, count };
        let (key, signature_format) = (self.key.clone(), self.signature_format);
        let task = Task::Sign(Sign { key, data, signature_format, pin: None });
        let task = LoginTask { context: self.context, task: &task, purpose };
        let made = if self.pin_for_each {
            // The dialog closes with the batch.
            tokio::select! {
                made = self.pins.execute(&task) => made,
                () = cancelled_by_page.cancelled() => Err(cancelled()),
            }
        } else {
            task.execute_logged_in().await
        };
        match made {
            Ok(signature) => Item::Signature(signature),
            Err(failure) => {
                if !self.concerns_one(&failure) {
                    let _ = self.end.set(failure.clone());
                }
                failure.into()
            }
        }
    }

    /// Whether the next signature may succeed although this one failed.
    fn concerns_one(&self, failure: &Failure) -> bool {
        match failure.code {
            ErrorCode::BadArgument | ErrorCode::DeadlinePassed => true,
            // A user who could not be asked cannot be asked again.
            ErrorCode::Internal => !self.pin_for_each,
            _ => false,
        }
    }
}

fn cancelled() -> Failure {
    Failure::new(ErrorCode::Cancelled, "The page cancelled this signature before it was made.")
}

/// Enough to keep the worker's threads busy.
const SIDE_BY_SIDE: usize = 32;
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);
