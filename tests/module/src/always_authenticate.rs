//! Simulates private keys that need the PIN for each signature (PKCS#11 3.2, section 4.9,
//! `CKA_ALWAYS_AUTHENTICATE`) on a token whose keys do not. A search for objects by that attribute
//! still returns the wrapped module's result.

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_ATTRIBUTE_TYPE, CK_BBOOL, CK_BYTE, CK_MECHANISM, CK_OBJECT_CLASS,
    CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_TRUE, CK_ULONG, CK_UNAVAILABLE_INFORMATION,
    CKA_ALWAYS_AUTHENTICATE, CKA_CLASS, CKA_VALUE, CKO_PRIVATE_KEY, CKR_BUFFER_TOO_SMALL, CKR_OK,
    CKR_OPERATION_NOT_INITIALIZED, CKR_PIN_INCORRECT, CKR_USER_NOT_LOGGED_IN,
};

use crate::intercept::{CallInfo, InterceptedCall, forward, intercept};
use crate::objects;
use crate::quirks;
use crate::sessions::{Signature, sessions, simulated_token_of};
use crate::wrapped_module::wrapped_module;

pub(crate) unsafe extern "C" fn C_GetAttributeValue(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    template: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> CK_RV {
    intercept(CallInfo::of("C_GetAttributeValue").session(session), |call| {
        let attributes = match template.is_null() {
            true => &mut [],
            // SAFETY: the caller passes `count` attributes.
            false => unsafe { std::slice::from_raw_parts_mut(template, count as usize) },
        };
        let result = match objects::find(session, object) {
            Some(certificate) => certificate.read(attributes),
            None => forward!(call, C_GetAttributeValue(session, object, template, count)),
        };
        let result = quirks::change_attributes(session, object, attributes, result);
        if is_simulated(session, object) {
            attributes.iter_mut().for_each(set_always_authenticate);
        }
        attributes.iter_mut().filter(|attribute| attribute.type_ == CKA_VALUE).for_each(|value| {
            // SAFETY: the pointer leads to the attribute's own field.
            unsafe {
                call.apply_wrong_length(result, !value.pValue.is_null(), &raw mut value.ulValueLen)
            };
        });
        result
    })
}

fn set_always_authenticate(attribute: &mut CK_ATTRIBUTE) {
    const KIND: CK_ATTRIBUTE_TYPE = CKA_ALWAYS_AUTHENTICATE;
    let has_value = attribute.ulValueLen != CK_UNAVAILABLE_INFORMATION;
    if attribute.type_ == KIND && has_value && !attribute.pValue.is_null() {
        // SAFETY: the wrapped module has just written a `CK_BBOOL` there.
        unsafe { attribute.pValue.cast::<CK_BBOOL>().write(CK_TRUE) };
    }
}

pub(crate) unsafe extern "C" fn C_SignInit(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    intercept(CallInfo::of("C_SignInit").session(session), |call| {
        // SAFETY: the caller passes a mechanism.
        let result = match quirks::mechanism(session, unsafe { *mechanism }, key) {
            Ok(mut mechanism) => forward!(call, C_SignInit(session, &raw mut mechanism, key)),
            Err(ckr) => ckr,
        };
        if result == CKR_OK && is_simulated(session, key) {
            set(session, Signature::NeedsPin);
        }
        result
    })
}

pub(crate) unsafe extern "C" fn C_Sign(
    session: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    data_len: CK_ULONG,
    signature: *mut CK_BYTE,
    signature_len: *mut CK_ULONG,
) -> CK_RV {
    intercept(CallInfo::of("C_Sign").session(session), |call| {
        if lacks_pin(session) {
            return CKR_USER_NOT_LOGGED_IN;
        }
        // SAFETY: the caller passes `data_len` bytes.
        let input = unsafe { std::slice::from_raw_parts(data, data_len as usize) };
        let result = match quirks::input(session, input) {
            Ok(mut input) => {
                let (data, data_len) = (input.as_mut_ptr(), input.len() as CK_ULONG);
                forward!(call, C_Sign(session, data, data_len, signature, signature_len))
            }
            Err(ckr) => {
                end_operation(session);
                ckr
            }
        };
        if result == CKR_OK && !signature.is_null() {
            // SAFETY: the wrapped module has just written the signature and its length. The buffers
            // of the bridge have room for the DER of any ECDSA signature.
            unsafe { quirks::reshape(session, signature, &mut *signature_len) };
        }
        track_end(session, result, signature);
        // SAFETY: the wrapped module has just written the length there.
        unsafe { call.apply_wrong_length(result, !signature.is_null(), signature_len) };
        result
    })
}

pub(crate) unsafe extern "C" fn C_SignUpdate(
    session: CK_SESSION_HANDLE,
    part: *mut CK_BYTE,
    part_len: CK_ULONG,
) -> CK_RV {
    intercept(CallInfo::of("C_SignUpdate").session(session), |call| {
        if lacks_pin(session) {
            return CKR_USER_NOT_LOGGED_IN;
        }
        forward!(call, C_SignUpdate(session, part, part_len))
    })
}

pub(crate) unsafe extern "C" fn C_SignFinal(
    session: CK_SESSION_HANDLE,
    signature: *mut CK_BYTE,
    signature_len: *mut CK_ULONG,
) -> CK_RV {
    intercept(CallInfo::of("C_SignFinal").session(session), |call| {
        if lacks_pin(session) {
            return CKR_USER_NOT_LOGGED_IN;
        }
        let result = forward!(call, C_SignFinal(session, signature, signature_len));
        track_end(session, result, signature);
        result
    })
}

/// Answers the PIN for the signature that a session has started.
pub(crate) fn verify_pin(
    call: &mut InterceptedCall,
    session: CK_SESSION_HANDLE,
    is_right: bool,
) -> CK_RV {
    if signature_of(session) == Signature::Idle {
        return CKR_OPERATION_NOT_INITIALIZED;
    }
    call.mark_simulated();
    if !is_right {
        return CKR_PIN_INCORRECT;
    }
    set(session, Signature::HasPin);
    CKR_OK
}

/// Whether a started signature has no PIN yet. If so, this ends the signature, in the wrapped
/// module too.
fn lacks_pin(session: CK_SESSION_HANDLE) -> bool {
    if signature_of(session) != Signature::NeedsPin {
        return false;
    }
    set(session, Signature::Idle);
    end_operation(session);
    true
}

/// Ends the signature in the wrapped module.
fn end_operation(session: CK_SESSION_HANDLE) {
    let mut discarded = vec![0; 1 << 16];
    let mut len = discarded.len() as CK_ULONG;
    let module = wrapped_module();
    if let Some(sign) = module.C_Sign {
        // SAFETY: the data is empty, and the buffer has `len` bytes.
        unsafe { sign(session, [0].as_mut_ptr(), 0, discarded.as_mut_ptr(), &raw mut len) };
    }
}

/// Ends the signature, unless the caller only asked for its length (PKCS#11 3.2, section 5.2).
fn track_end(session: CK_SESSION_HANDLE, result: CK_RV, signature: *mut CK_BYTE) {
    let continues = match result {
        CKR_OK => signature.is_null(),
        CKR_BUFFER_TOO_SMALL => true,
        _ => false,
    };
    if !continues {
        set(session, Signature::Idle);
    }
}

fn signature_of(session: CK_SESSION_HANDLE) -> Signature {
    sessions().get(&session).map_or(Signature::Idle, |session| session.signature)
}

fn set(session: CK_SESSION_HANDLE, signature: Signature) {
    if let Some(session) = sessions().get_mut(&session) {
        session.signature = signature;
    }
}

/// Whether an object is a private key of a simulated token whose keys always authenticate.
fn is_simulated(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> bool {
    simulated_token_of(session).is_some_and(|token| token.always_authenticate.is_some())
        && is_private_key(session, object)
}

fn is_private_key(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> bool {
    let mut class: CK_OBJECT_CLASS = 0;
    let mut template = CK_ATTRIBUTE {
        type_: CKA_CLASS,
        pValue: (&raw mut class).cast(),
        ulValueLen: size_of::<CK_OBJECT_CLASS>() as CK_ULONG,
    };
    let module = wrapped_module();
    let Some(read) = module.C_GetAttributeValue else { return false };
    // SAFETY: the template is one attribute with a buffer for its value.
    let result = unsafe { read(session, object, &raw mut template, 1) };
    result == CKR_OK && class == CKO_PRIVATE_KEY
}
