//! Makes signatures with the private key of a certificate. The bridge checks each of them. The
//! worker itself checks only the first one, to find the right key.

mod signer;

use pkcs11_bridge_protocol::base64_bytes::Base64Bytes;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::rv::Rv;

use super::mechanism::ToSign;
use super::module::LoadedModule;
use super::slot::{Credentials, LoginError, LoginNeed, SlotState};
use crate::ipc::task::{BatchReady, PrepareBatch, Sign};
use crate::verification::scheme::check_length;
use signer::Signer;

/// Makes one signature, as the token returns it.
pub(super) fn sign(
    module: &LoadedModule,
    task: &Sign,
    credentials: &Credentials<'_>,
) -> Result<Base64Bytes, LoginError> {
    check_length(task.key.algorithm, task.data.as_ref())?;
    let slot = module.slot(task.key.slot_id)?;
    let message = task.message.as_ref().map(AsRef::as_ref);
    let to_sign = ToSign { data: task.data.as_ref(), message };
    let signature = slot.with_renewal(|| {
        let signer = Signer::find(&slot, &task.key)?;
        with_login_if_needed(&slot, |need| {
            let logged_in = slot.log_in(credentials, Some(signer.certificate()), need)?;
            slot.check_key(signer.certificate(), &logged_in)?;
            signer.sign(credentials, to_sign)
        })
    })?;
    Ok(signature.into())
}

/// Prepares a batch: logs in, and returns what the bridge has to know of the key.
pub(super) fn prepare(
    module: &LoadedModule,
    task: &PrepareBatch,
    credentials: &Credentials<'_>,
) -> Result<BatchReady, LoginError> {
    let slot = module.slot(task.key.slot_id)?;
    slot.with_renewal(|| {
        // Find a login that has ended now, because the tasks of the batch cannot log in.
        slot.check_token()?;
        let signer = Signer::find(&slot, &task.key)?;
        with_login_if_needed(&slot, |need| {
            let logged_in = slot.log_in(credentials, Some(signer.certificate()), need)?;
            slot.check_key(signer.certificate(), &logged_in)?;
            Ok(BatchReady {
                pin_for_each: signer.needs_pin_for_each()?,
                token: slot.token_label()?,
                certificate: signer.certificate().subject(),
            })
        })
    })
}

/// Runs `work`. If it finds no key, or if the token wants a login, runs it once more with a login,
/// although the token has said that it needs none (`CKF_LOGIN_REQUIRED`).
fn with_login_if_needed<T>(
    slot: &SlotState,
    work: impl Fn(LoginNeed) -> Result<T, LoginError>,
) -> Result<T, LoginError> {
    let may_need_login = |failure: &Failure| {
        failure.code == ErrorCode::NotFound || failure.rv == Some(Rv::USER_NOT_LOGGED_IN)
    };
    match work(LoginNeed::AsTokenSays) {
        Err(LoginError::Failed(failure)) if may_need_login(&failure) && slot.is_logged_out() => {
            work(LoginNeed::Always)
        }
        result => result,
    }
}
