//! The tasks that only read: they describe the module, its slots, its tokens and their
//! certificates.

use cryptoki::slot::{Limit, Slot, TokenInfo as CkTokenInfo};
use cryptoki::types::Version;
use pkcs11_bridge_protocol::base64_bytes::Base64Bytes;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::result::{CertificateInfo, LibraryInfo, SlotInfo, TokenInfo};
use pkcs11_bridge_protocol::slot_id::SlotId;

use super::certificates::TokenCertificate;
use super::module::LoadedModule;
use super::module_error::InContext;
use crate::ipc::token_snapshot::TokenSnapshot;

pub(super) fn info(module: &LoadedModule) -> Result<LibraryInfo, Failure> {
    let info = module.context().get_library_info().context("asking the module for its info")?;
    Ok(LibraryInfo {
        cryptoki_version: version(info.cryptoki_version()),
        manufacturer_id: info.manufacturer_id().to_owned(),
        // `CK_INFO.flags` "must be zero for this version" of the standard.
        flags: 0,
        library_description: info.library_description().to_owned(),
        library_version: version(info.library_version()),
    })
}

/// All slots, or only those with a token.
pub(super) fn slots(module: &LoadedModule, token_present: bool) -> Result<Vec<SlotInfo>, Failure> {
    let context = module.context();
    let slots =
        if token_present { context.get_slots_with_token() } else { context.get_all_slots() };
    let slots = slots.context("listing the slots")?;
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
    token_info(module, slot.slot())
}

/// The tokens in all slots. Leaves out a token that cannot be read.
pub(super) fn tokens(module: &LoadedModule) -> Result<Vec<TokenInfo>, Failure> {
    let slots = module.context().get_slots_with_token().context("listing the slots")?;
    Ok(read_each(slots, |slot| token_info(module, slot)))
}

/// The certificates of the token in one slot.
pub(super) fn certificates(
    module: &LoadedModule,
    slot_id: SlotId,
) -> Result<Vec<CertificateInfo>, Failure> {
    let slot = module.slot(slot_id)?;
    let certificates = slot.with_renewal(|| slot.read_certificates())?;
    Ok(certificates.iter().map(TokenCertificate::info).collect())
}

/// One certificate of the token in a slot, in DER.
pub(super) fn certificate(
    module: &LoadedModule,
    slot_id: SlotId,
    cert_id: &str,
) -> Result<Base64Bytes, Failure> {
    let slot = module.slot(slot_id)?;
    let certificate = slot.with_renewal(|| {
        slot.check_token()?;
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
    let slots = module.context().get_slots_with_token().context("listing the slots")?;
    Ok(slots.into_iter().map(|slot| (SlotId(slot.id()), token_info(module, slot).ok())).collect())
}

fn slot_info(module: &LoadedModule, slot: Slot) -> Result<SlotInfo, Failure> {
    let info = module
        .context()
        .get_slot_info(slot)
        .context(&format!("asking for the info of slot {}", slot.id()))?;
    let flags = [
        (info.token_present(), TOKEN_PRESENT),
        (info.removable_device(), REMOVABLE_DEVICE),
        (info.hardware_slot(), HW_SLOT),
    ];
    Ok(SlotInfo {
        slot_id: SlotId(slot.id()),
        description: info.slot_description().to_owned(),
        flags: bits(&flags),
        hardware_version: version(info.hardware_version()),
        firmware_version: version(info.firmware_version()),
    })
}

fn token_info(module: &LoadedModule, slot: Slot) -> Result<TokenInfo, Failure> {
    let info = module.context().get_token_info(slot);
    let info = info.context(&format!("asking for the token in slot {}", slot.id())).map_err(
        |failure| match failure.code {
            ErrorCode::NoToken => Failure {
                message: format!(
                    "There is no token in slot {}. Put it in and try again.",
                    slot.id()
                ),
                ..failure
            },
            _ => failure,
        },
    )?;
    Ok(TokenInfo {
        slot_id: SlotId(slot.id()),
        label: info.label().to_owned(),
        manufacturer_id: info.manufacturer_id().to_owned(),
        model: info.model().to_owned(),
        serial_number: info.serial_number().to_owned(),
        flags: token_flags(&info),
        max_session_count: limit(info.max_session_count()),
        session_count: info.session_count(),
        max_rw_session_count: limit(info.max_rw_session_count()),
        rw_session_count: info.rw_session_count(),
        max_pin_length: info.max_pin_length() as u64,
        min_pin_length: info.min_pin_length() as u64,
        total_public_memory: memory(info.total_public_memory()),
        free_public_memory: memory(info.free_public_memory()),
        total_private_memory: memory(info.total_private_memory()),
        free_private_memory: memory(info.free_private_memory()),
        hardware_version: version(info.hardware_version()),
        firmware_version: version(info.firmware_version()),
    })
}

/// The bits of `CK_TOKEN_INFO.flags` (PKCS#11 3.2, section 3.2), which cryptoki returns one by one.
fn token_flags(info: &CkTokenInfo) -> u64 {
    bits(&[
        (info.rng(), 0x1),
        (info.write_protected(), 0x2),
        (info.login_required(), 0x4),
        (info.user_pin_initialized(), 0x8),
        (info.restore_key_not_needed(), 0x20),
        (info.clock_on_token(), 0x40),
        (info.protected_authentication_path(), 0x100),
        (info.dual_crypto_operations(), 0x200),
        (info.token_initialized(), 0x400),
        (info.secondary_authentication(), 0x800),
        (info.user_pin_count_low(), 0x1_0000),
        (info.user_pin_final_try(), 0x2_0000),
        (info.user_pin_locked(), 0x4_0000),
        (info.user_pin_to_be_changed(), 0x8_0000),
        (info.so_pin_count_low(), 0x10_0000),
        (info.so_pin_final_try(), 0x20_0000),
        (info.so_pin_locked(), 0x40_0000),
        (info.so_pin_to_be_changed(), 0x80_0000),
        (info.error_state(), 0x100_0000),
    ])
}

fn bits(flags: &[(bool, u64)]) -> u64 {
    flags.iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum()
}

fn version(version: Version) -> String {
    format!("{}.{}", version.major(), version.minor())
}

fn limit(limit: Limit) -> Option<u64> {
    match limit {
        Limit::Max(count) => Some(count),
        Limit::Unavailable | Limit::Infinite => None,
    }
}

fn memory(bytes: Option<usize>) -> Option<u64> {
    bytes.map(|bytes| bytes as u64)
}

const TOKEN_PRESENT: u64 = 1;
const REMOVABLE_DEVICE: u64 = 2;
const HW_SLOT: u64 = 4;
