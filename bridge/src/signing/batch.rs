//! `signDataBatch`: many signatures with one PIN. Each hash is a job of its own, so that they are made
//! side by side, each with its signature or its error, and can be cancelled between any two.

use std::sync::OnceLock;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;
use pkcs11_bridge_protocol::base64_bytes::Base64Bytes;
use pkcs11_bridge_protocol::call::{Call, SignData, SignDataBatch};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::failure::Failure;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ipc;
use crate::signing::pin::{PinEntry, Purpose};
use crate::signing::single::Signing;

/// Tells the page how many are done and how many there are; not called too often.
pub(crate) trait Progress: Fn(usize, usize) -> BoxFuture<'static, ()> {}

impl<F: Fn(usize, usize) -> BoxFuture<'static, ()>> Progress for F {}

/// How the page follows a batch and gives it up.
pub(crate) struct BatchControl<F> {
    pub(crate) progress: F,
    pub(crate) cancelled: CancellationToken,
}

/// As `pkcs11_bridge_protocol::result::BatchItem`, with the worker's own text.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Item {
    Signature(Box<RawValue>),
    Error(ErrorObject),
}

/// Refuses an empty batch before anybody is asked; one that is too long cannot be decoded.
pub(crate) fn check(params: &SignDataBatch) -> Result<(), Failure> {
    if params.data.is_empty() {
        return Err(Failure::bad_argument("data", "is empty; there is nothing to sign."));
    }
    Ok(())
}

/// The result of a batch that was cancelled before it began.
pub(crate) fn cancelled(call: &Call) -> Result<Box<RawValue>, ErrorObject> {
    match call {
        Call::SignDataBatch(params) => all_cancelled(params.data.len()),
        _ => Err(one_cancelled()),
    }
}

/// Signs all of `data`. `signing` is the call that prepares the batch, which has no data itself.
pub(crate) async fn sign(
    pins: &PinEntry,
    signing: &Signing<'_>,
    params: &SignDataBatch,
    data: Vec<Base64Bytes>,
    control: &BatchControl<impl Progress>,
) -> Result<Box<RawValue>, ErrorObject> {
    let count = data.len();
    let prepared = tokio::select! {
        prepared = pins.carry_out(signing) => prepared?,
        () = control.cancelled.cancelled() => return all_cancelled(count),
    };
    let always: bool = ipc::decode(prepared.get().as_bytes())
        .map_err(|error| Failure::new(ErrorCode::Internal, error.to_string()))?;

    let batch = Batch { pins, signing, params, count, always, end: OnceLock::new() };
    // Several dialogs cannot be shown at once.
    let side_by_side = if always { 1 } else { SIDE_BY_SIDE };
    let mut reported = Instant::now();
    let mut results = Vec::with_capacity(count);
    let mut made = stream::iter(data.into_iter().enumerate())
        .map(|(at, data)| batch.item(at, data, &control.cancelled))
        .buffered(side_by_side);
    while let Some(item) = made.next().await {
        results.push(item);
        if reported.elapsed() >= PROGRESS_INTERVAL || results.len() == count {
            reported = Instant::now();
            (control.progress)(results.len(), count).await;
        }
    }
    items(&results)
}

struct Batch<'a> {
    pins: &'a PinEntry,
    signing: &'a Signing<'a>,
    params: &'a SignDataBatch,
    count: usize,
    always: bool,
    /// What ended the batch early: the rest would only meet it again.
    end: OnceLock<ErrorObject>,
}

impl Batch<'_> {
    async fn item(
        &self,
        at: usize,
        data: Base64Bytes,
        cancelled_by_page: &CancellationToken,
    ) -> Item {
        if let Some(end) = self.end.get() {
            return Item::Error(end.clone());
        }
        if cancelled_by_page.is_cancelled() {
            return Item::Error(one_cancelled());
        }
        let call = Call::SignData(SignData {
            module: None,
            slot_id: self.params.slot_id,
            cert_id: self.params.cert_id.clone(),
            algorithm_reference: self.params.algorithm_reference,
            data,
            pin: None,
            signature_format: self.params.signature_format,
        });
        let Call::SignData(SignData { data, .. }) = &call else {
            return Item::Error(one_cancelled());
        };
        let signing = Signing {
            call: &call,
            purpose: Purpose::OneOf {
                algorithm: self.params.algorithm_reference,
                data: data.as_ref(),
                number: at + 1,
                count: self.count,
            },
            ..*self.signing
        };
        let made = async {
            if self.always {
                // The dialog goes with the batch.
                tokio::select! {
                    made = self.pins.carry_out(&signing) => made,
                    () = cancelled_by_page.cancelled() => Err(one_cancelled()),
                }
            } else {
                signing.without_asking().await
            }
        };
        match made.await {
            Ok(signature) => Item::Signature(signature),
            Err(error) => {
                if !self.concerns_one(&error) {
                    let _ = self.end.set(error.clone());
                }
                Item::Error(error)
            }
        }
    }

    /// Whether the next one may fare better. A user who cannot be asked cannot be asked again.
    fn concerns_one(&self, error: &ErrorObject) -> bool {
        let internal = error.is(ErrorCode::Internal) && !self.always;
        internal
            || [ErrorCode::BadArgument, ErrorCode::DeadlinePassed]
                .into_iter()
                .any(|row| error.is(row))
    }
}

fn one_cancelled() -> ErrorObject {
    Failure::new(ErrorCode::Cancelled, "The page cancelled this signature before it was made.")
        .into()
}

fn all_cancelled(count: usize) -> Result<Box<RawValue>, ErrorObject> {
    items(&std::iter::repeat_with(|| Item::Error(one_cancelled())).take(count).collect::<Vec<_>>())
}

fn items(items: &[Item]) -> Result<Box<RawValue>, ErrorObject> {
    Ok(ipc::encode_result(&items)?)
}

/// Enough to keep the worker's threads busy.
const SIDE_BY_SIDE: usize = 32;
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);
