//! The objects: for each key a certificate, and a private key that is there after a login.

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_ATTRIBUTE_TYPE, CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_ULONG,
    CK_UNAVAILABLE_INFORMATION, CKA_ALWAYS_AUTHENTICATE, CKA_CERTIFICATE_TYPE, CKA_CLASS,
    CKA_EC_PARAMS, CKA_ID, CKA_KEY_TYPE, CKA_LABEL, CKA_PRIVATE, CKA_SIGN, CKA_TOKEN, CKA_VALUE,
    CKC_X_509, CKK_EC, CKK_RSA, CKO_CERTIFICATE, CKO_PRIVATE_KEY, CKR_ARGUMENTS_BAD,
    CKR_ATTRIBUTE_TYPE_INVALID, CKR_BUFFER_TOO_SMALL, CKR_OBJECT_HANDLE_INVALID,
    CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED,
};

use crate::state::with_session;
use crate::token::{Key, KeyPair, token};

/// An object. Its handle is twice the number of its key, or one more.
#[derive(Clone, Copy)]
struct Object {
    key: &'static Key,
    is_private_key: bool,
}

/// All objects with their handles.
fn objects(logged_in: bool) -> impl Iterator<Item = (CK_OBJECT_HANDLE, Object)> {
    let all = token().keys.iter().zip(1..).flat_map(|(key, number): (_, CK_OBJECT_HANDLE)| {
        let object = |is_private_key| Object { key, is_private_key };
        [(2 * number, object(false)), (2 * number + 1, object(true))]
    });
    all.filter(move |(_, object)| logged_in || !object.is_private_key)
}

/// The private key with this handle.
pub(crate) fn private_key(handle: CK_OBJECT_HANDLE) -> Option<&'static Key> {
    let (_, object) = objects(true).find(|(other, _)| *other == handle)?;
    object.is_private_key.then_some(object.key)
}

impl Object {
    fn attribute(self, kind: CK_ATTRIBUTE_TYPE) -> Option<Vec<u8>> {
        let number = |number: CK_ULONG| Some(number.to_ne_bytes().to_vec());
        let class = if self.is_private_key { CKO_PRIVATE_KEY } else { CKO_CERTIFICATE };
        match (kind, self.is_private_key) {
            (CKA_CLASS, _) => number(class),
            (CKA_TOKEN, _) | (CKA_SIGN, true) => Some(vec![1]),
            (CKA_PRIVATE, private) => Some(vec![private.into()]),
            (CKA_ALWAYS_AUTHENTICATE, true) => Some(vec![0]),
            (CKA_ID, _) => Some(self.key.id.clone()),
            (CKA_LABEL, _) => Some(self.key.label.clone().into_bytes()),
            (CKA_CERTIFICATE_TYPE, false) => number(CKC_X_509),
            (CKA_VALUE, false) => Some(self.key.certificate.clone()),
            (CKA_KEY_TYPE, true) => match self.key.pair {
                KeyPair::Rsa(_) => number(CKK_RSA),
                KeyPair::P256(_) => number(CKK_EC),
            },
            (CKA_EC_PARAMS, true) => {
                matches!(self.key.pair, KeyPair::P256(_)).then(|| P256.to_vec())
            }
            _ => None,
        }
    }
}

/// The OID of the curve in DER.
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

pub(crate) unsafe extern "C" fn C_FindObjectsInit(
    session: CK_SESSION_HANDLE,
    template: *mut CK_ATTRIBUTE,
    len: CK_ULONG,
) -> CK_RV {
    with_session(session, |session, logged_in| {
        if session.found.is_some() {
            return Err(CKR_OPERATION_ACTIVE);
        }
        let mut wanted = Vec::new();
        for index in 0..len as usize {
            // SAFETY: by PKCS#11 the template has this many attributes, each with its value.
            let (kind, value) = unsafe {
                let attribute = template.add(index).read_unaligned();
                let value = if attribute.pValue.is_null() {
                    &[][..]
                } else {
                    let len = attribute.ulValueLen as usize;
                    std::slice::from_raw_parts(attribute.pValue.cast::<u8>(), len)
                };
                (attribute.type_, value)
            };
            wanted.push((kind, value));
        }
        let matches = |object: Object| {
            wanted.iter().all(|(kind, value)| object.attribute(*kind).as_deref() == Some(*value))
        };
        let found = objects(logged_in).filter(|(_, object)| matches(*object));
        session.found = Some(found.map(|(handle, _)| handle).collect());
        Ok(())
    })
}

pub(crate) unsafe extern "C" fn C_FindObjects(
    session: CK_SESSION_HANDLE,
    handles: *mut CK_OBJECT_HANDLE,
    max: CK_ULONG,
    count: *mut CK_ULONG,
) -> CK_RV {
    with_session(session, |session, _| {
        let found = session.found.as_mut().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        if handles.is_null() || count.is_null() {
            return Err(CKR_ARGUMENTS_BAD);
        }
        let taken = found.len().min(max as usize);
        for (index, handle) in found.drain(..taken).enumerate() {
            // SAFETY: by PKCS#11 there is room for this many handles.
            unsafe { handles.add(index).write_unaligned(handle) };
        }
        // SAFETY: by PKCS#11 the pointer is valid.
        unsafe { count.write_unaligned(taken as CK_ULONG) };
        Ok(())
    })
}

pub(crate) unsafe extern "C" fn C_FindObjectsFinal(session: CK_SESSION_HANDLE) -> CK_RV {
    with_session(session, |session, _| {
        session.found.take().map(drop).ok_or(CKR_OPERATION_NOT_INITIALIZED)
    })
}

pub(crate) unsafe extern "C" fn C_GetAttributeValue(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    template: *mut CK_ATTRIBUTE,
    len: CK_ULONG,
) -> CK_RV {
    with_session(session, |_, logged_in| {
        let found = objects(logged_in).find(|(handle, _)| *handle == object);
        let (_, object) = found.ok_or(CKR_OBJECT_HANDLE_INVALID)?;
        let mut result = Ok(());
        for index in 0..len as usize {
            // SAFETY: by PKCS#11 the template has this many attributes.
            let place = unsafe { template.add(index) };
            // SAFETY: as above.
            let mut attribute = unsafe { place.read_unaligned() };
            let room = attribute.ulValueLen as usize;
            attribute.ulValueLen = match object.attribute(attribute.type_) {
                None => {
                    result = Err(CKR_ATTRIBUTE_TYPE_INVALID);
                    CK_UNAVAILABLE_INFORMATION
                }
                Some(value) if attribute.pValue.is_null() => value.len() as CK_ULONG,
                Some(value) if value.len() > room => {
                    result = Err(CKR_BUFFER_TOO_SMALL);
                    CK_UNAVAILABLE_INFORMATION
                }
                Some(value) => {
                    let buffer = attribute.pValue.cast::<u8>();
                    // SAFETY: by PKCS#11 the buffer has this room.
                    unsafe { buffer.copy_from(value.as_ptr(), value.len()) };
                    value.len() as CK_ULONG
                }
            };
            // SAFETY: as above.
            unsafe { place.write_unaligned(attribute) };
        }
        result
    })
}
