//! Certificate objects that a card plays, beside those of the token (PKCS#11 3.2, section 4.6.3).

use std::fs;

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_ATTRIBUTE_TYPE, CK_BBOOL, CK_CERTIFICATE_TYPE, CK_FALSE, CK_OBJECT_CLASS,
    CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_TRUE, CK_ULONG, CK_UNAVAILABLE_INFORMATION,
    CKA_CERTIFICATE_TYPE, CKA_CLASS, CKA_ID, CKA_LABEL, CKA_PRIVATE, CKA_TOKEN, CKA_VALUE,
    CKC_X_509, CKO_CERTIFICATE, CKR_ATTRIBUTE_TYPE_INVALID, CKR_BUFFER_TOO_SMALL, CKR_OK,
};
use pkcs11_bridge_test_rules::simulated_token::Certificates;

use crate::sessions::{card_of, sessions};
use crate::wrap::{About, pass_on, wrap};

pub(crate) unsafe extern "C" fn C_FindObjectsInit(
    session: CK_SESSION_HANDLE,
    template: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> CK_RV {
    wrap(About::of("C_FindObjectsInit").session(session), |passing| {
        let result = pass_on!(passing, C_FindObjectsInit(session, template, count));
        if result == CKR_OK {
            let wanted = match template.is_null() {
                true => &[],
                // SAFETY: the caller promises so many attributes.
                false => unsafe { std::slice::from_raw_parts(template, count as usize) },
            };
            let found =
                all(session).filter(|object| object.fits(wanted)).map(|object| object.handle());
            let found = found.collect();
            if let Some(session) = sessions().get_mut(&session) {
                session.found = found;
            }
        }
        result
    })
}

pub(crate) unsafe extern "C" fn C_FindObjects(
    session: CK_SESSION_HANDLE,
    objects: *mut CK_OBJECT_HANDLE,
    room: CK_ULONG,
    count: *mut CK_ULONG,
) -> CK_RV {
    wrap(About::of("C_FindObjects").session(session), |passing| {
        let result = pass_on!(passing, C_FindObjects(session, objects, room, count));
        if result == CKR_OK
            && let Some(session) = sessions().get_mut(&session)
        {
            // SAFETY: the module below has just written there.
            let len = unsafe { &mut *count };
            while *len < room
                && let Some(object) = session.found.pop_front()
            {
                // SAFETY: the caller promises room for so many.
                unsafe { objects.add(*len as usize).write(object) };
                *len += 1;
            }
        }
        // SAFETY: the count has just been written there.
        unsafe { passing.tell(result, true, count) };
        result
    })
}

pub(crate) unsafe extern "C" fn C_FindObjectsFinal(session: CK_SESSION_HANDLE) -> CK_RV {
    wrap(About::of("C_FindObjectsFinal").session(session), |passing| {
        if let Some(session) = sessions().get_mut(&session) {
            session.found.clear();
        }
        pass_on!(passing, C_FindObjectsFinal(session))
    })
}

/// A certificate that is played.
pub(crate) struct Played {
    number: u32,
    of: Certificates,
}

/// The one of that handle.
pub(crate) fn find(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> Option<Played> {
    let number = u32::try_from(object.checked_sub(FIRST)?).ok()?;
    let mut before = 0;
    for of in card_of(session)?.certificates {
        before += of.count;
        if number < before {
            return Some(Played { number, of });
        }
    }
    None
}

/// All that the card in the slot of a session plays.
fn all(session: CK_SESSION_HANDLE) -> impl Iterator<Item = Played> {
    let certificates = card_of(session).map(|card| card.certificates).unwrap_or_default();
    let each = certificates.into_iter().flat_map(|of| (0..of.count).map(move |_| of.clone()));
    (0..).zip(each).map(|(number, of)| Played { number, of })
}

impl Played {
    fn handle(&self) -> CK_OBJECT_HANDLE {
        FIRST + CK_OBJECT_HANDLE::from(self.number)
    }

    fn fits(&self, wanted: &[CK_ATTRIBUTE]) -> bool {
        wanted.iter().all(|wanted| {
            let value: &[u8] = match wanted.pValue.is_null() {
                true => &[],
                // SAFETY: the caller promises that so many bytes stand there.
                false => unsafe {
                    std::slice::from_raw_parts(wanted.pValue.cast(), wanted.ulValueLen as usize)
                },
            };
            self.attribute(wanted.type_).is_some_and(|own| own == value)
        })
    }

    /// Fills in a template (PKCS#11 3.2, section 5.7.5).
    pub(crate) fn read(&self, template: &mut [CK_ATTRIBUTE]) -> CK_RV {
        if let Some(ckr) = self.of.unreadable {
            return ckr;
        }
        let mut result = CKR_OK;
        for wanted in template {
            let value = self.attribute(wanted.type_);
            let len = value.as_ref().map(|value| value.len() as CK_ULONG);
            let room = std::mem::replace(&mut wanted.ulValueLen, CK_UNAVAILABLE_INFORMATION);
            match value {
                None => result = CKR_ATTRIBUTE_TYPE_INVALID,
                Some(_) if wanted.pValue.is_null() => {}
                Some(value) if value.len() as CK_ULONG > room => {
                    result = CKR_BUFFER_TOO_SMALL;
                    continue;
                }
                Some(value) => {
                    let to = wanted.pValue.cast::<u8>();
                    // SAFETY: the caller promises room for so many bytes.
                    unsafe { to.copy_from_nonoverlapping(value.as_ptr(), value.len()) };
                }
            }
            wanted.ulValueLen = len.unwrap_or(CK_UNAVAILABLE_INFORMATION);
        }
        result
    }

    fn attribute(&self, kind: CK_ATTRIBUTE_TYPE) -> Option<Vec<u8>> {
        const CLASS: CK_OBJECT_CLASS = CKO_CERTIFICATE;
        const KIND: CK_CERTIFICATE_TYPE = CKC_X_509;
        const ALWAYS: CK_BBOOL = CK_TRUE;
        const NEVER: CK_BBOOL = CK_FALSE;
        match kind {
            CKA_CLASS => Some(CLASS.to_ne_bytes().into()),
            CKA_CERTIFICATE_TYPE => Some(KIND.to_ne_bytes().into()),
            CKA_TOKEN => Some(vec![ALWAYS]),
            CKA_PRIVATE => Some(vec![NEVER]),
            CKA_ID => Some((ID | self.number).to_be_bytes().into()),
            CKA_LABEL => Some(format!("Played {}", self.number).into_bytes()),
            CKA_VALUE => Some(fs::read(&self.of.value).unwrap_or_default()),
            _ => None,
        }
    }
}

/// Far above the handles of the module below.
const FIRST: CK_OBJECT_HANDLE = 0x7000_0000;
/// None that a test gives a key.
const ID: u32 = 0xf000_0000;
