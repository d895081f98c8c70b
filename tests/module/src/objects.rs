//! Simulated certificate objects, in addition to those of the token (PKCS#11 3.2, section 4.6.3).

use std::fs;

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_ATTRIBUTE_TYPE, CK_BBOOL, CK_CERTIFICATE_TYPE, CK_FALSE, CK_OBJECT_CLASS,
    CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_TRUE, CK_ULONG, CK_UNAVAILABLE_INFORMATION,
    CKA_CERTIFICATE_TYPE, CKA_CLASS, CKA_ID, CKA_LABEL, CKA_PRIVATE, CKA_TOKEN, CKA_VALUE,
    CKC_X_509, CKO_CERTIFICATE, CKR_ATTRIBUTE_TYPE_INVALID, CKR_BUFFER_TOO_SMALL, CKR_OK,
};
use pkcs11_bridge_test_rules::simulated_token::Certificates;

use crate::intercept::{CallInfo, forward, intercept};
use crate::quirks;
use crate::sessions::{sessions, simulated_token_of};

pub(crate) unsafe extern "C" fn C_FindObjectsInit(
    session: CK_SESSION_HANDLE,
    template: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> CK_RV {
    intercept(CallInfo::of("C_FindObjectsInit").session(session), |call| {
        let wanted = match template.is_null() {
            true => &[],
            // SAFETY: the caller passes `count` attributes.
            false => unsafe { std::slice::from_raw_parts(template, count as usize) },
        };
        let result = match quirks::no_object_has(session, wanted) {
            Some(mut impossible) => {
                let template = &raw mut impossible;
                forward!(call, C_FindObjectsInit(session, template, 1))
            }
            None => forward!(call, C_FindObjectsInit(session, template, count)),
        };
        if result == CKR_OK {
            let found = certificates(session)
                .filter(|object| object.matches(wanted))
                .map(|object| object.handle());
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
    max_count: CK_ULONG,
    count: *mut CK_ULONG,
) -> CK_RV {
    intercept(CallInfo::of("C_FindObjects").session(session), |call| {
        let max_count = quirks::handles_per_call(session).unwrap_or(max_count).min(max_count);
        let result = forward!(call, C_FindObjects(session, objects, max_count, count));
        if result == CKR_OK
            && let Some(session) = sessions().get_mut(&session)
        {
            // SAFETY: the wrapped module has just written the count.
            let len = unsafe { &mut *count };
            while *len < max_count
                && let Some(object) = session.found.pop_front()
            {
                // SAFETY: the caller's array has `max_count` places.
                unsafe { objects.add(*len as usize).write(object) };
                *len += 1;
            }
        }
        // SAFETY: the count was just written.
        unsafe { call.apply_wrong_length(result, true, count) };
        result
    })
}

pub(crate) unsafe extern "C" fn C_FindObjectsFinal(session: CK_SESSION_HANDLE) -> CK_RV {
    intercept(CallInfo::of("C_FindObjectsFinal").session(session), |call| {
        if let Some(session) = sessions().get_mut(&session) {
            session.found.clear();
        }
        forward!(call, C_FindObjectsFinal(session))
    })
}

/// A simulated certificate.
pub(crate) struct SimulatedCertificate {
    number: u32,
    group: Certificates,
}

/// Finds the simulated certificate with a handle.
pub(crate) fn find(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
) -> Option<SimulatedCertificate> {
    let number = u32::try_from(object.checked_sub(FIRST)?).ok()?;
    let mut before = 0;
    for group in simulated_token_of(session)?.certificates {
        before += group.count;
        if number < before {
            return Some(SimulatedCertificate { number, group });
        }
    }
    None
}

/// All simulated certificates of the token in a session's slot.
fn certificates(session: CK_SESSION_HANDLE) -> impl Iterator<Item = SimulatedCertificate> {
    let certificates =
        simulated_token_of(session).map(|token| token.certificates).unwrap_or_default();
    let each =
        certificates.into_iter().flat_map(|group| (0..group.count).map(move |_| group.clone()));
    (0..).zip(each).map(|(number, group)| SimulatedCertificate { number, group })
}

impl SimulatedCertificate {
    fn handle(&self) -> CK_OBJECT_HANDLE {
        FIRST + CK_OBJECT_HANDLE::from(self.number)
    }

    fn matches(&self, wanted: &[CK_ATTRIBUTE]) -> bool {
        wanted.iter().all(|wanted| {
            let value: &[u8] = match wanted.pValue.is_null() {
                true => &[],
                // SAFETY: the caller passes `ulValueLen` bytes.
                false => unsafe {
                    std::slice::from_raw_parts(wanted.pValue.cast(), wanted.ulValueLen as usize)
                },
            };
            self.attribute(wanted.type_).is_some_and(|own| own == value)
        })
    }

    /// Fills in a template (PKCS#11 3.2, section 5.7.5).
    pub(crate) fn read(&self, template: &mut [CK_ATTRIBUTE]) -> CK_RV {
        if let Some(ckr) = self.group.unreadable {
            return ckr;
        }
        let mut result = CKR_OK;
        for wanted in template {
            let value = self.attribute(wanted.type_);
            let len = value.as_ref().map(|value| value.len() as CK_ULONG);
            let room = wanted.ulValueLen;
            wanted.ulValueLen = CK_UNAVAILABLE_INFORMATION;
            match value {
                None => result = CKR_ATTRIBUTE_TYPE_INVALID,
                Some(_) if wanted.pValue.is_null() => {}
                Some(value) if value.len() as CK_ULONG > room => {
                    result = CKR_BUFFER_TOO_SMALL;
                    continue;
                }
                Some(value) => {
                    let to = wanted.pValue.cast::<u8>();
                    // SAFETY: the caller's buffer is long enough, as checked above.
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
            CKA_LABEL => Some(format!("Simulated {}", self.number).into_bytes()),
            CKA_VALUE => Some(fs::read(&self.group.value).unwrap_or_default()),
            _ => None,
        }
    }
}

/// The first handle, far above the handles of the wrapped module.
const FIRST: CK_OBJECT_HANDLE = 0x7000_0000;
/// The upper bits of `CKA_ID`, which no key of a test has.
const ID: u32 = 0xf000_0000;
