//! What the module, its slot and its token are.

use cryptoki_sys::{
    CK_BBOOL, CK_INFO, CK_MECHANISM_INFO, CK_MECHANISM_TYPE, CK_RV, CK_SLOT_ID, CK_SLOT_INFO,
    CK_TOKEN_INFO, CK_ULONG, CK_UNAVAILABLE_INFORMATION, CK_VERSION, CKF_LOGIN_REQUIRED, CKF_SIGN,
    CKF_TOKEN_INITIALIZED, CKF_TOKEN_PRESENT, CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY,
    CKF_USER_PIN_INITIALIZED, CKF_USER_PIN_LOCKED, CKM_ECDSA, CKM_RSA_PKCS, CKM_RSA_PKCS_PSS,
    CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL, CKR_MECHANISM_INVALID, CKR_SLOT_ID_INVALID,
};

use crate::state::with_state;
use crate::token::{TRIES, token};

/// The only slot.
pub(crate) const SLOT: CK_SLOT_ID = 7;
const MECHANISMS: [CK_MECHANISM_TYPE; 3] = [CKM_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_ECDSA];
const VERSION: CK_VERSION = CK_VERSION { major: 1, minor: 0 };

/// A text in a field of fixed length, with spaces at its end.
fn field<const LEN: usize>(text: &str) -> [u8; LEN] {
    std::array::from_fn(|index| text.as_bytes().get(index).copied().unwrap_or(b' '))
}

/// Writes a result.
///
/// # Safety
/// `place` is null or valid for writes.
unsafe fn put<T>(place: *mut T, value: T) -> Result<(), CK_RV> {
    if place.is_null() {
        return Err(CKR_ARGUMENTS_BAD);
    }
    // SAFETY: the caller promises a valid place.
    unsafe { place.write_unaligned(value) };
    Ok(())
}

/// Writes a list, or its length if the caller has passed no place (section 5.2).
///
/// # Safety
/// `len` is null or valid. `place` is null or has room for `len` values.
unsafe fn put_list<T: Copy>(values: &[T], place: *mut T, len: *mut CK_ULONG) -> Result<(), CK_RV> {
    if len.is_null() {
        return Err(CKR_ARGUMENTS_BAD);
    }
    // SAFETY: the caller promises a valid length.
    let room = unsafe { len.read_unaligned() } as usize;
    // SAFETY: as above.
    unsafe { len.write_unaligned(values.len() as CK_ULONG) };
    if place.is_null() {
        return Ok(());
    }
    if room < values.len() {
        return Err(CKR_BUFFER_TOO_SMALL);
    }
    for (index, value) in values.iter().enumerate() {
        // SAFETY: the caller promises this room.
        unsafe { place.add(index).write_unaligned(*value) };
    }
    Ok(())
}

fn check_slot(slot: CK_SLOT_ID) -> Result<(), CK_RV> {
    if slot == SLOT { Ok(()) } else { Err(CKR_SLOT_ID_INVALID) }
}

pub(crate) unsafe extern "C" fn C_GetInfo(info: *mut CK_INFO) -> CK_RV {
    let value = CK_INFO {
        cryptokiVersion: CK_VERSION { major: 2, minor: 40 },
        manufacturerID: field("pkcs11-bridge tests"),
        flags: 0,
        libraryDescription: field("Token in software"),
        libraryVersion: VERSION,
    };
    // SAFETY: by PKCS#11 the pointer is valid.
    with_state(|_| unsafe { put(info, value) })
}

pub(crate) unsafe extern "C" fn C_GetSlotList(
    _: CK_BBOOL,
    list: *mut CK_SLOT_ID,
    len: *mut CK_ULONG,
) -> CK_RV {
    // SAFETY: by PKCS#11 the pointers are valid.
    with_state(|_| unsafe { put_list(&[SLOT], list, len) })
}

pub(crate) unsafe extern "C" fn C_GetSlotInfo(slot: CK_SLOT_ID, info: *mut CK_SLOT_INFO) -> CK_RV {
    let value = CK_SLOT_INFO {
        slotDescription: field("Slot in software"),
        manufacturerID: field("pkcs11-bridge tests"),
        flags: CKF_TOKEN_PRESENT,
        hardwareVersion: VERSION,
        firmwareVersion: VERSION,
    };
    // SAFETY: by PKCS#11 the pointer is valid.
    with_state(|_| check_slot(slot).and_then(|()| unsafe { put(info, value) }))
}

pub(crate) unsafe extern "C" fn C_GetTokenInfo(
    slot: CK_SLOT_ID,
    info: *mut CK_TOKEN_INFO,
) -> CK_RV {
    let wrong = token().wrong_pins();
    let mut flags = CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED | CKF_TOKEN_INITIALIZED;
    if wrong > 0 {
        flags |= CKF_USER_PIN_COUNT_LOW;
    }
    match TRIES - wrong.min(TRIES) {
        0 => flags |= CKF_USER_PIN_LOCKED,
        1 => flags |= CKF_USER_PIN_FINAL_TRY,
        _ => {}
    }
    let value = CK_TOKEN_INFO {
        label: field(&token().label),
        manufacturerID: field("pkcs11-bridge tests"),
        model: field("software"),
        serialNumber: field("1"),
        flags,
        ulMaxSessionCount: CK_UNAVAILABLE_INFORMATION,
        ulSessionCount: CK_UNAVAILABLE_INFORMATION,
        ulMaxRwSessionCount: CK_UNAVAILABLE_INFORMATION,
        ulRwSessionCount: CK_UNAVAILABLE_INFORMATION,
        ulMaxPinLen: 16,
        ulMinPinLen: 4,
        ulTotalPublicMemory: CK_UNAVAILABLE_INFORMATION,
        ulFreePublicMemory: CK_UNAVAILABLE_INFORMATION,
        ulTotalPrivateMemory: CK_UNAVAILABLE_INFORMATION,
        ulFreePrivateMemory: CK_UNAVAILABLE_INFORMATION,
        hardwareVersion: VERSION,
        firmwareVersion: VERSION,
        utcTime: field(""),
    };
    // SAFETY: by PKCS#11 the pointer is valid.
    with_state(|_| check_slot(slot).and_then(|()| unsafe { put(info, value) }))
}

pub(crate) unsafe extern "C" fn C_GetMechanismList(
    slot: CK_SLOT_ID,
    list: *mut CK_MECHANISM_TYPE,
    len: *mut CK_ULONG,
) -> CK_RV {
    // SAFETY: by PKCS#11 the pointers are valid.
    with_state(|_| check_slot(slot).and_then(|()| unsafe { put_list(&MECHANISMS, list, len) }))
}

pub(crate) unsafe extern "C" fn C_GetMechanismInfo(
    slot: CK_SLOT_ID,
    mechanism: CK_MECHANISM_TYPE,
    info: *mut CK_MECHANISM_INFO,
) -> CK_RV {
    let (min, max) = if mechanism == CKM_ECDSA { (256, 256) } else { (2048, 4096) };
    let value = CK_MECHANISM_INFO { ulMinKeySize: min, ulMaxKeySize: max, flags: CKF_SIGN };
    with_state(|_| {
        check_slot(slot)?;
        if !MECHANISMS.contains(&mechanism) {
            return Err(CKR_MECHANISM_INVALID);
        }
        // SAFETY: by PKCS#11 the pointer is valid.
        unsafe { put(info, value) }
    })
}
