//! The tasks that only read: they describe the module, its slots, its tokens and their
//! certificates.

use cryptoki::slot::Slot;
use pkcs11_bridge_protocol::base64_bytes::Base64Bytes;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::result::{LibraryInfo, SlotInfo, TokenInfo};
use pkcs11_bridge_protocol::slot_id::SlotId;

use super::info;
use super::module::LoadedModule;
use super::module_error::InContext;
use super::slot::{Credentials, LoginError, LoginNeed, SlotState};
use super::text::{text, version};
use super::token_info::{self, low_bits};
use crate::ipc::certificate_listing::{CertificateListing, ListedToken};
use crate::ipc::key_listing::KeyListing;
use crate::ipc::task::HiddenCertificate;
use crate::ipc::token_snapshot::TokenSnapshot;

pub(super) fn info(module: &LoadedModule) -> Result<LibraryInfo, Failure> {
    let info = info::of_module(module.functions()).context("asking the module for its info")?;
    Ok(LibraryInfo {
        cryptoki_version: version(info.cryptokiVersion),
        manufacturer_id: text(&info.manufacturerID),
        // `CK_INFO.flags` "must be zero for this version" of the standard.
        flags: 0,
        library_description: text(&info.libraryDescription),
        library_version: version(info.libraryVersion),
    })
}

/// All slots, or only those with a token.
pub(super) fn slots(module: &LoadedModule, token_present: bool) -> Result<Vec<SlotInfo>, Failure> {
    let slots = info::slots(module.functions(), token_present).context("listing the slots")?;
    Ok(read_each(slots, |slot| slot_info(module, slot)))
}

/// Reads each slot. Leaves out a slot that fails, for example because its reader was unplugged.
fn read_each<T>(slots: Vec<Slot>, read: impl Fn(Slot) -> Result<T, Failure>) -> Vec<T> {
    let read = |slot: Slot| match read(slot) {
        Ok(info) => Some(info),
        Err(failure) => {
            tracing::warn!(slot = slot.id(), %failure, "left out a slot that cannot be read");
            None
        }
    };
    slots.into_iter().filter_map(read).collect()
}

/// The token in one slot.
pub(super) fn token(module: &LoadedModule, slot_id: SlotId) -> Result<TokenInfo, Failure> {
    let slot = module.slot(slot_id)?;
    let info = read_token(module, slot.slot())?;
    slot.note_login(&info);
    Ok(info.into_result(slot_id))
}

/// The tokens in all slots. Leaves out a token that cannot be read.
pub(super) fn tokens(module: &LoadedModule) -> Result<Vec<TokenInfo>, Failure> {
    let slots = info::slots(module.functions(), true).context("listing the slots")?;
    Ok(read_each(slots, |slot| token_info(module, slot)))
}

/// The certificates of the token in one slot. Does not read them if the bridge knows them. With
/// credentials, logs in first.
pub(super) fn certificates(
    module: &LoadedModule,
    slot_id: SlotId,
    known: Option<&ListedToken>,
    credentials: Option<&Credentials<'_>>,
) -> Result<CertificateListing, LoginError> {
    let slot = module.slot(slot_id)?;
    slot.with_renewal(|| {
        if let Some(credentials) = credentials {
            log_in_to_read(&slot, credentials)?;
        }
        Ok(slot.list_certificates(known)?)
    })
}

/// The keys without a certificate of the token in one slot. With credentials, logs in first.
pub(super) fn keys(
    module: &LoadedModule,
    slot_id: SlotId,
    credentials: Option<&Credentials<'_>>,
) -> Result<KeyListing, LoginError> {
    let slot = module.slot(slot_id)?;
    slot.with_renewal(|| {
        if let Some(credentials) = credentials {
            log_in_to_read(&slot, credentials)?;
        }
        Ok(slot.list_keys()?)
    })
}

/// One certificate that the token may show only after a login, in DER.
pub(super) fn hidden_certificate(
    module: &LoadedModule,
    task: &HiddenCertificate,
    credentials: &Credentials<'_>,
) -> Result<Base64Bytes, LoginError> {
    let slot = module.slot(task.slot_id)?;
    let certificate = slot.with_renewal(|| {
        log_in_to_read(&slot, credentials)?;
        Ok::<_, LoginError>(slot.certificate(&task.cert_id)?)
    })?;
    Ok(certificate.der().to_vec().into())
}

/// Logs in, unless the worker is logged in. A login shows the same to every task of the origin.
fn log_in_to_read(slot: &SlotState, credentials: &Credentials<'_>) -> Result<(), LoginError> {
    if slot.is_logged_out() {
        drop(slot.log_in(credentials, None, LoginNeed::Always)?);
    }
    Ok(())
}

/// One certificate of the token in a slot, in DER.
pub(super) fn certificate(
    module: &LoadedModule,
    slot_id: SlotId,
    cert_id: &str,
) -> Result<Base64Bytes, Failure> {
    let slot = module.slot(slot_id)?;
    let certificate = slot.with_renewal(|| {
        slot.check_known_token()?;
        slot.certificate(cert_id)
    })?;
    Ok(certificate.der().to_vec().into())
}

/// Makes the next task on a slot read certificates and keys again.
pub(super) fn forget_objects(module: &LoadedModule, slot_id: SlotId) -> Result<(), Failure> {
    module.slot(slot_id)?.forget_objects();
    Ok(())
}

/// The slots with a token. A token that cannot be read is `None`.
pub(super) fn token_snapshot(module: &LoadedModule) -> Result<TokenSnapshot, Failure> {
    let slots = info::slots(module.functions(), true).context("listing the slots")?;
    Ok(slots.into_iter().map(|slot| (SlotId(slot.id()), token_info(module, slot).ok())).collect())
}

fn slot_info(module: &LoadedModule, slot: Slot) -> Result<SlotInfo, Failure> {
    let info = info::of_slot(module.functions(), slot)
        .context(&format!("asking for the info of slot {}", slot.id()))?;
    Ok(SlotInfo {
        slot_id: SlotId(slot.id()),
        description: text(&info.slotDescription),
        flags: low_bits(info.flags),
        hardware_version: version(info.hardwareVersion),
        firmware_version: version(info.firmwareVersion),
    })
}

fn token_info(module: &LoadedModule, slot: Slot) -> Result<TokenInfo, Failure> {
    Ok(read_token(module, slot)?.into_result(SlotId(slot.id())))
}

fn read_token(module: &LoadedModule, slot: Slot) -> Result<token_info::TokenInfo, Failure> {
    let info = info::of_token(module.functions(), slot);
    info.context(&format!("asking for the token in slot {}", slot.id())).map_err(|failure| {
        match failure.code {
            ErrorCode::NoToken => Failure {
                message: format!(
                    "There is no token in slot {}. Put it in and try again.",
                    slot.id()
                ),
                ..failure
            },
            _ => failure,
        }
    })
}
