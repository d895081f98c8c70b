//! What a module says of a token (`CK_TOKEN_INFO`, PKCS#11 3.2, section 3.2). Only the fields that
//! are asked for are read, so that a wrong value elsewhere does not matter.

use cryptoki_sys::{
    CK_EFFECTIVELY_INFINITE, CK_FLAGS, CK_TOKEN_INFO, CK_ULONG, CKF_LOGIN_REQUIRED,
    CKF_PROTECTED_AUTHENTICATION_PATH, CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY,
    CKF_USER_PIN_INITIALIZED, CKF_USER_PIN_LOCKED,
};
use pkcs11_bridge_protocol::result::{SessionLimit, TokenInfo as TokenResult, Unlimited};
use pkcs11_bridge_protocol::slot_id::SlotId;

use super::text::{text, version};
use crate::ipc::certificate_listing::TokenIdentity;

#[derive(Clone, Copy, Default)]
pub(super) struct TokenInfo(pub(super) CK_TOKEN_INFO);

impl TokenInfo {
    pub(super) fn label(&self) -> String {
        text(&self.0.label)
    }

    pub(super) fn serial_number(&self) -> String {
        text(&self.0.serialNumber)
    }

    pub(super) fn identity(&self) -> TokenIdentity {
        TokenIdentity {
            serial: self.serial_number(),
            label: self.label(),
            manufacturer: text(&self.0.manufacturerID),
            model: text(&self.0.model),
            free_memory: [self.0.ulFreePublicMemory, self.0.ulFreePrivateMemory].map(known),
        }
    }

    pub(super) fn login_required(&self) -> bool {
        self.has(CKF_LOGIN_REQUIRED)
    }

    pub(super) fn user_pin_initialized(&self) -> bool {
        self.has(CKF_USER_PIN_INITIALIZED)
    }

    pub(super) fn protected_authentication_path(&self) -> bool {
        self.has(CKF_PROTECTED_AUTHENTICATION_PATH)
    }

    pub(super) fn user_pin_count_low(&self) -> bool {
        self.has(CKF_USER_PIN_COUNT_LOW)
    }

    pub(super) fn user_pin_final_try(&self) -> bool {
        self.has(CKF_USER_PIN_FINAL_TRY)
    }

    pub(super) fn user_pin_locked(&self) -> bool {
        self.has(CKF_USER_PIN_LOCKED)
    }

    /// In bytes, if the module tells it.
    pub(super) fn min_pin_length(&self) -> Option<u64> {
        known(self.0.ulMinPinLen)
    }

    /// In bytes, if the module tells it.
    pub(super) fn max_pin_length(&self) -> Option<u64> {
        known(self.0.ulMaxPinLen)
    }

    fn has(&self, flag: CK_FLAGS) -> bool {
        self.0.flags & flag != 0
    }

    /// The form for the page.
    pub(super) fn into_result(self, slot_id: SlotId) -> TokenResult {
        let info = &self.0;
        TokenResult {
            slot_id,
            label: self.label(),
            manufacturer_id: text(&info.manufacturerID),
            model: text(&info.model),
            serial_number: self.serial_number(),
            flags: low_bits(info.flags),
            max_session_count: limit(info.ulMaxSessionCount),
            session_count: known(info.ulSessionCount),
            max_rw_session_count: limit(info.ulMaxRwSessionCount),
            rw_session_count: known(info.ulRwSessionCount),
            max_pin_length: self.max_pin_length(),
            min_pin_length: self.min_pin_length(),
            total_public_memory: known(info.ulTotalPublicMemory),
            free_public_memory: known(info.ulFreePublicMemory),
            total_private_memory: known(info.ulTotalPrivateMemory),
            free_private_memory: known(info.ulFreePrivateMemory),
            hardware_version: version(info.hardwareVersion),
            firmware_version: version(info.firmwareVersion),
        }
    }
}

/// The bits for which the standard defines flags.
pub(super) fn low_bits(flags: CK_FLAGS) -> u32 {
    // `CK_FLAGS` has 32 bits on Windows.
    #[allow(clippy::unnecessary_cast)]
    let flags = flags as u64;
    (flags & u64::from(u32::MAX)) as u32
}

/// A number, unless it is `CK_UNAVAILABLE_INFORMATION`, as modules of 64 or 32 bits write it.
fn known(number: CK_ULONG) -> Option<u64> {
    #[allow(clippy::unnecessary_cast)]
    let wide = number as u64;
    (number != CK_ULONG::MAX && wide != u64::from(u32::MAX)).then_some(wide)
}

fn limit(number: CK_ULONG) -> Option<SessionLimit> {
    if number == CK_EFFECTIVELY_INFINITE {
        return Some(SessionLimit::Unlimited(Unlimited::Unlimited));
    }
    known(number).map(SessionLimit::Count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_numbers_and_limits_are_not_numbers() {
        assert_eq!(known(0), Some(0));
        assert_eq!(known(4096), Some(4096));
        for unavailable in [CK_ULONG::MAX, 0xffff_ffff] {
            assert_eq!(known(unavailable), None);
            assert_eq!(limit(unavailable), None);
        }
        assert_eq!(limit(0), Some(SessionLimit::Unlimited(Unlimited::Unlimited)));
        assert_eq!(limit(16), Some(SessionLimit::Count(16)));
    }

    #[test]
    fn flags_beyond_32_bits_are_left_out() {
        assert_eq!(low_bits(CK_ULONG::MAX), u32::MAX);
        assert_eq!(low_bits(CKF_LOGIN_REQUIRED), 4);
    }
}
