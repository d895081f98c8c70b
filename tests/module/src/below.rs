//! The module that calls are passed on to. It is loaded once and never unloaded.

use std::ops::Deref;
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use cryptoki_sys::{CK_C_GetFunctionList, CK_FUNCTION_LIST, CKR_OK};
use libloading::Library;

use crate::folder::rules;

/// Loads it; later calls change nothing.
pub(crate) fn load() -> Result<&'static CK_FUNCTION_LIST, &'static String> {
    static BELOW: OnceLock<Result<CK_FUNCTION_LIST, String>> = OnceLock::new();
    BELOW.get_or_init(load_once).as_ref()
}

/// Its functions, for one call of one of them.
pub(crate) struct Below<G> {
    functions: &'static CK_FUNCTION_LIST,
    _others: G,
}

impl<G> Deref for Below<G> {
    type Target = CK_FUNCTION_LIST;

    fn deref(&self) -> &CK_FUNCTION_LIST {
        self.functions
    }
}

/// Its functions. Whoever holds them must not ask for them again.
pub(crate) fn below() -> Below<RwLockReadGuard<'static, ()>> {
    let others = INSIDE.read().unwrap_or_else(PoisonError::into_inner);
    Below { functions: functions(), _others: others }
}

/// Its functions, with no other call in it: SoftHSM does not bear that sessions are closed which are in
/// use.
pub(crate) fn below_alone() -> Below<RwLockWriteGuard<'static, ()>> {
    let others = INSIDE.write().unwrap_or_else(PoisonError::into_inner);
    Below { functions: functions(), _others: others }
}

fn functions() -> &'static CK_FUNCTION_LIST {
    load().expect("whoever has the functions of this module has loaded the one below")
}

static INSIDE: RwLock<()> = RwLock::new(());

fn load_once() -> Result<CK_FUNCTION_LIST, String> {
    let over = &rules().wrapped_module;
    let failed = |reason: String| format!("{}: {reason}", over.display());
    // SAFETY: the test names a real PKCS#11 module; what it does when it is loaded is up to it.
    let library = unsafe { Library::new(over) }.map_err(|error| failed(error.to_string()))?;
    let library = Box::leak(Box::new(library));
    // SAFETY: the standard gives the function of that name this type.
    let get = unsafe { library.get::<CK_C_GetFunctionList>(b"C_GetFunctionList\0") };
    let get = get.map_err(|error| failed(error.to_string()))?.ok_or_else(|| failed(NONE.into()))?;
    let mut list = std::ptr::null_mut();
    // SAFETY: `list` can be written to.
    let result = unsafe { get(&raw mut list) };
    if result != CKR_OK || list.is_null() {
        return Err(failed(NONE.into()));
    }
    // SAFETY: the module has just given it, and by the standard it stays where it is. The copy has all
    // functions of PKCS#11 2.40, which any later version of the list begins with.
    Ok(unsafe { list.read() })
}

const NONE: &str = "it gives no functions";
