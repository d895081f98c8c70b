//! Private keys that want the PIN for each signature (PKCS#11 3.2, section 4.9, `CKA_ALWAYS_AUTHENTICATE`),
//! played on a token whose keys do not. A search for objects by that attribute still gets what the module
//! below says.

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_ATTRIBUTE_TYPE, CK_BBOOL, CK_BYTE, CK_MECHANISM, CK_OBJECT_CLASS,
    CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_TRUE, CK_ULONG, CK_UNAVAILABLE_INFORMATION,
    CKA_ALWAYS_AUTHENTICATE, CKA_CLASS, CKA_VALUE, CKO_PRIVATE_KEY, CKR_BUFFER_TOO_SMALL, CKR_OK,
    CKR_OPERATION_NOT_INITIALIZED, CKR_PIN_INCORRECT, CKR_USER_NOT_LOGGED_IN,
};

use crate::below::below;
use crate::objects;
use crate::sessions::{Signature, card_of, sessions};
use crate::wrap::{About, Passing, pass_on, wrap};

pub(crate) unsafe extern "C" fn C_GetAttributeValue(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    template: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> CK_RV {
    wrap(About::of("C_GetAttributeValue").session(session), |passing| {
        let attributes = match template.is_null() {
            true => &mut [],
            // SAFETY: the caller promises so many attributes.
            false => unsafe { std::slice::from_raw_parts_mut(template, count as usize) },
        };
        let result = match objects::find(session, object) {
            Some(played) => played.read(attributes),
            None => pass_on!(passing, C_GetAttributeValue(session, object, template, count)),
        };
        if is_played(session, object) {
            attributes.iter_mut().for_each(say_always);
        }
        attributes.iter_mut().filter(|attribute| attribute.type_ == CKA_VALUE).for_each(|value| {
            // SAFETY: the length stands in the attribute itself.
            unsafe { passing.tell(result, !value.pValue.is_null(), &raw mut value.ulValueLen) };
        });
        result
    })
}

fn say_always(attribute: &mut CK_ATTRIBUTE) {
    const KIND: CK_ATTRIBUTE_TYPE = CKA_ALWAYS_AUTHENTICATE;
    let has_value = attribute.ulValueLen != CK_UNAVAILABLE_INFORMATION;
    if attribute.type_ == KIND && has_value && !attribute.pValue.is_null() {
        // SAFETY: the module below has just written a `CK_BBOOL` there.
        unsafe { attribute.pValue.cast::<CK_BBOOL>().write(CK_TRUE) };
    }
}

pub(crate) unsafe extern "C" fn C_SignInit(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    wrap(About::of("C_SignInit").session(session), |passing| {
        let result = pass_on!(passing, C_SignInit(session, mechanism, key));
        if result == CKR_OK && is_played(session, key) {
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
    wrap(About::of("C_Sign").session(session), |passing| {
        if lacks_pin(session) {
            return CKR_USER_NOT_LOGGED_IN;
        }
        let result = pass_on!(passing, C_Sign(session, data, data_len, signature, signature_len));
        note_end(session, result, signature);
        // SAFETY: the module below has just written the length there.
        unsafe { passing.tell(result, !signature.is_null(), signature_len) };
        result
    })
}

pub(crate) unsafe extern "C" fn C_SignUpdate(
    session: CK_SESSION_HANDLE,
    part: *mut CK_BYTE,
    part_len: CK_ULONG,
) -> CK_RV {
    wrap(About::of("C_SignUpdate").session(session), |passing| {
        if lacks_pin(session) {
            return CKR_USER_NOT_LOGGED_IN;
        }
        pass_on!(passing, C_SignUpdate(session, part, part_len))
    })
}

pub(crate) unsafe extern "C" fn C_SignFinal(
    session: CK_SESSION_HANDLE,
    signature: *mut CK_BYTE,
    signature_len: *mut CK_ULONG,
) -> CK_RV {
    wrap(About::of("C_SignFinal").session(session), |passing| {
        if lacks_pin(session) {
            return CKR_USER_NOT_LOGGED_IN;
        }
        let result = pass_on!(passing, C_SignFinal(session, signature, signature_len));
        note_end(session, result, signature);
        result
    })
}

/// Judges the PIN for the signature that a session has begun.
pub(crate) fn judge(passing: &mut Passing, session: CK_SESSION_HANDLE, right: bool) -> CK_RV {
    if signature_of(session) == Signature::Free {
        return CKR_OPERATION_NOT_INITIALIZED;
    }
    passing.played();
    if !right {
        return CKR_PIN_INCORRECT;
    }
    set(session, Signature::HasPin);
    CKR_OK
}

/// Whether the signature was begun and nobody has given the PIN. Then it is over, below too.
fn lacks_pin(session: CK_SESSION_HANDLE) -> bool {
    if signature_of(session) != Signature::NeedsPin {
        return false;
    }
    set(session, Signature::Free);
    let mut unseen = vec![0; 1 << 16];
    let mut len = unseen.len() as CK_ULONG;
    let below = below();
    if let Some(sign) = below.C_Sign {
        // SAFETY: data of no bytes, and a buffer of `len` bytes.
        unsafe { sign(session, [0].as_mut_ptr(), 0, unseen.as_mut_ptr(), &raw mut len) };
    }
    true
}

/// A signature is over unless only its length was asked for (PKCS#11 3.2, section 5.2).
fn note_end(session: CK_SESSION_HANDLE, result: CK_RV, signature: *mut CK_BYTE) {
    let goes_on = match result {
        CKR_OK => signature.is_null(),
        CKR_BUFFER_TOO_SMALL => true,
        _ => false,
    };
    if !goes_on {
        set(session, Signature::Free);
    }
}

fn signature_of(session: CK_SESSION_HANDLE) -> Signature {
    sessions().get(&session).map_or(Signature::Free, |session| session.signature)
}

fn set(session: CK_SESSION_HANDLE, signature: Signature) {
    if let Some(session) = sessions().get_mut(&session) {
        session.signature = signature;
    }
}

/// Whether an object is a private key of a card whose keys always authenticate.
fn is_played(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> bool {
    card_of(session).is_some_and(|card| card.always_authenticate.is_some())
        && is_private_key(session, object)
}

fn is_private_key(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> bool {
    let mut class: CK_OBJECT_CLASS = 0;
    let mut template = CK_ATTRIBUTE {
        type_: CKA_CLASS,
        pValue: (&raw mut class).cast(),
        ulValueLen: size_of::<CK_OBJECT_CLASS>() as CK_ULONG,
    };
    let below = below();
    let Some(read) = below.C_GetAttributeValue else { return false };
    // SAFETY: one attribute, with room for its value.
    let result = unsafe { read(session, object, &raw mut template, 1) };
    result == CKR_OK && class == CKO_PRIVATE_KEY
}
