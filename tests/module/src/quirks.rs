//! Plays the quirks of real modules, which the crate `rules` lists.

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_ATTRIBUTE_TYPE, CK_BBOOL, CK_FALSE, CK_MECHANISM, CK_MECHANISM_TYPE,
    CK_OBJECT_CLASS, CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_SLOT_ID, CK_ULONG, CKA_CLASS,
    CKA_EC_POINT, CKA_LABEL, CKA_MODULUS, CKA_SIGN, CKM_ECDSA, CKM_ECDSA_SHA256,
    CKR_DATA_LEN_RANGE, CKR_FUNCTION_NOT_SUPPORTED, CKR_KEY_FUNCTION_NOT_PERMITTED,
    CKR_MECHANISM_INVALID, CKR_OK,
};
use pkcs11_bridge_test_rules::quirks::{Quirks, SignatureForm};
use sha2::{Digest, Sha256};

use crate::folder::rules;
use crate::sessions::{sessions, simulated_token_of};
use crate::slots::return_list;
use crate::wrapped_module::wrapped_module;

fn quirks(session: CK_SESSION_HANDLE) -> Quirks {
    simulated_token_of(session).map(|token| token.quirks).unwrap_or_default()
}

/// The most handles that a `C_FindObjects` returns.
pub(crate) fn handles_per_call(session: CK_SESSION_HANDLE) -> Option<CK_ULONG> {
    quirks(session).handles_per_call
}

/// The mechanisms that the token does not list.
pub(crate) fn hidden_mechanisms(slot: CK_SLOT_ID) -> Vec<CK_MECHANISM_TYPE> {
    let rules = rules();
    let Some(token) = rules.simulated_tokens.get(&slot) else { return Vec::new() };
    let Quirks { unlisted_mechanisms, refused_mechanisms, .. } = &token.quirks;
    unlisted_mechanisms.iter().chain(refused_mechanisms).copied().collect()
}

/// Lists the mechanisms of the wrapped module without some of them.
///
/// # Safety
/// `count` is valid for reads and writes. `list` is null or has `count` places.
pub(crate) unsafe fn list_mechanisms(
    slot: CK_SLOT_ID,
    hidden: &[CK_MECHANISM_TYPE],
    list: *mut CK_MECHANISM_TYPE,
    count: *mut CK_ULONG,
) -> CK_RV {
    let module = wrapped_module();
    let Some(read) = module.C_GetMechanismList else { return CKR_FUNCTION_NOT_SUPPORTED };
    let mut all = vec![0; MAX_MECHANISMS];
    let mut len = MAX_MECHANISMS as CK_ULONG;
    // SAFETY: the list has `len` places.
    match unsafe { read(slot, all.as_mut_ptr(), &raw mut len) } {
        CKR_OK => all.truncate(len as usize),
        ckr => return ckr,
    }
    all.retain(|mechanism| !hidden.contains(mechanism));
    // SAFETY: the caller promises the same.
    unsafe { return_list(&all, list, count) }
}

/// The mechanism that the wrapped module gets for a signature, or the error instead.
pub(crate) fn mechanism(
    session: CK_SESSION_HANDLE,
    mut mechanism: CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> Result<CK_MECHANISM, CK_RV> {
    let quirks = quirks(session);
    if quirks.refused_mechanisms.contains(&{ mechanism.mechanism }) {
        return Err(CKR_MECHANISM_INVALID);
    }
    if let Some(ckr) = failure_of(&quirks, session, key) {
        return Err(ckr);
    }
    if let Some(session) = sessions().get_mut(&session) {
        session.mechanism = Some(mechanism.mechanism);
    }
    if quirks.ecdsa_sha256 && mechanism.mechanism == CKM_ECDSA_SHA256 {
        mechanism.mechanism = CKM_ECDSA;
    }
    Ok(mechanism)
}

/// What `C_SignInit` returns for a key that does not sign.
fn failure_of(quirks: &Quirks, session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> Option<CK_RV> {
    if quirks.failing_keys.is_empty() {
        return None;
    }
    let label = attribute(session, key, CKA_LABEL)?;
    let failing = quirks.failing_keys.iter().find(|(failing, _)| failing.as_bytes() == label);
    failing.map(|(_, ckr)| *ckr)
}

/// What the wrapped module signs, or the error instead.
pub(crate) fn input(session: CK_SESSION_HANDLE, data: &[u8]) -> Result<Vec<u8>, CK_RV> {
    let quirks = quirks(session);
    match mechanism_of(session) {
        Some(CKM_ECDSA)
            if quirks.max_ecdsa_input.is_some_and(|max| data.len() as CK_ULONG > max) =>
        {
            Err(CKR_DATA_LEN_RANGE)
        }
        Some(CKM_ECDSA_SHA256) if quirks.ecdsa_sha256 => Ok(Sha256::digest(data).to_vec()),
        _ => Ok(data.to_vec()),
    }
}

/// Gives a signature the form of the quirk.
///
/// # Safety
/// `signature` holds `len` bytes, and has room for more if the signature is ECDSA's.
pub(crate) unsafe fn reshape(session: CK_SESSION_HANDLE, signature: *mut u8, len: &mut CK_ULONG) {
    let is_ecdsa = matches!(mechanism_of(session), Some(CKM_ECDSA | CKM_ECDSA_SHA256));
    // SAFETY: the caller promises that many bytes.
    let bytes = unsafe { std::slice::from_raw_parts(signature, *len as usize) }.to_vec();
    let (r, s) = bytes.split_at(bytes.len() / 2);
    let changed = match (quirks(session).signature_form, is_ecdsa) {
        (SignatureForm::EcdsaInDer, true) => {
            let content = [der_integer(r), der_integer(s)].concat();
            [&der_header(0x30, content.len())[..], &content].concat()
        }
        (SignatureForm::WithoutLeadingZeros, true) => {
            let zeros = leading_zeros(r).min(leading_zeros(s));
            [&r[zeros..], &s[zeros..]].concat()
        }
        (SignatureForm::WithoutLeadingZeros, false) => bytes[leading_zeros(&bytes)..].to_vec(),
        (SignatureForm::Standard, _) | (SignatureForm::EcdsaInDer, false) => return,
    };
    // SAFETY: the caller promises room.
    unsafe { signature.copy_from_nonoverlapping(changed.as_ptr(), changed.len()) };
    *len = changed.len() as CK_ULONG;
}

/// A template that no object matches, if the caller's template names an attribute in another form
/// than this token's.
pub(crate) fn no_object_has(
    session: CK_SESSION_HANDLE,
    template: &[CK_ATTRIBUTE],
) -> Option<CK_ATTRIBUTE> {
    static NO_CLASS: CK_OBJECT_CLASS = 0x7fff_ffff;
    let quirks = quirks(session);
    let differs = |attribute: &CK_ATTRIBUTE| changed(&quirks, attribute.type_, &[1, 1]).is_some();
    template.iter().any(differs).then(|| CK_ATTRIBUTE {
        type_: CKA_CLASS,
        pValue: (&raw const NO_CLASS).cast_mut().cast(),
        ulValueLen: size_of::<CK_OBJECT_CLASS>() as CK_ULONG,
    })
}

/// Gives attributes that the wrapped module has read the form of the quirks.
pub(crate) fn change_attributes(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    template: &mut [CK_ATTRIBUTE],
    mut result: CK_RV,
) -> CK_RV {
    let quirks = quirks(session);
    for wanted in template.iter_mut().filter(|wanted| wanted.type_ == CKA_SIGN) {
        let denied = failure_of(&quirks, session, object) == Some(CKR_KEY_FUNCTION_NOT_PERMITTED);
        if denied && !wanted.pValue.is_null() {
            // SAFETY: the wrapped module has just written a `CK_BBOOL` there.
            unsafe { wanted.pValue.cast::<CK_BBOOL>().write(CK_FALSE) };
        }
    }
    for wanted in
        template.iter_mut().filter(|wanted| changed(&quirks, wanted.type_, &[1, 1]).is_some())
    {
        let value = attribute(session, object, wanted.type_);
        let Some(value) = value.and_then(|value| changed(&quirks, wanted.type_, &value)) else {
            continue;
        };
        if !wanted.pValue.is_null() {
            // SAFETY: the caller has asked for this length before, and made that much room.
            unsafe {
                wanted.pValue.cast::<u8>().copy_from_nonoverlapping(value.as_ptr(), value.len());
            }
            result = CKR_OK;
        }
        wanted.ulValueLen = value.len() as CK_ULONG;
    }
    result
}

/// The value of an attribute in the form of the quirks; `None` if it stays the same.
fn changed(quirks: &Quirks, kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Option<Vec<u8>> {
    match kind {
        CKA_MODULUS if quirks.zero_before_modulus => Some([&[0], value].concat()),
        CKA_EC_POINT if quirks.raw_ec_point => {
            // `OCTET STRING`, and a length in one or two bytes.
            let header = if value.get(1) == Some(&0x81) { 3 } else { 2 };
            Some(value.get(header..).unwrap_or_default().to_vec())
        }
        _ => None,
    }
}

/// Reads an attribute from the wrapped module.
fn attribute(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    kind: CK_ATTRIBUTE_TYPE,
) -> Option<Vec<u8>> {
    let mut value = vec![0_u8; MAX_VALUE];
    let mut template = CK_ATTRIBUTE {
        type_: kind,
        pValue: value.as_mut_ptr().cast(),
        ulValueLen: MAX_VALUE as CK_ULONG,
    };
    let read = wrapped_module().C_GetAttributeValue?;
    // SAFETY: the template is one attribute with a buffer for its value.
    let result = unsafe { read(session, object, &raw mut template, 1) };
    let len = usize::try_from(template.ulValueLen).ok().filter(|len| *len <= MAX_VALUE)?;
    value.truncate(len);
    (result == CKR_OK).then_some(value)
}

fn mechanism_of(session: CK_SESSION_HANDLE) -> Option<CK_MECHANISM_TYPE> {
    sessions().get(&session)?.mechanism
}

fn leading_zeros(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| **byte == 0).count()
}

/// An `INTEGER` in DER.
fn der_integer(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[leading_zeros(bytes).min(bytes.len() - 1)..];
    let sign: &[u8] = if bytes[0] >= 0x80 { &[0] } else { &[] };
    [&der_header(2, sign.len() + bytes.len())[..], sign, bytes].concat()
}

fn der_header(tag: u8, len: usize) -> Vec<u8> {
    match u8::try_from(len).expect("a short value") {
        len @ ..0x80 => vec![tag, len],
        len => vec![tag, 0x81, len],
    }
}

const MAX_MECHANISMS: usize = 512;
const MAX_VALUE: usize = 4096;
