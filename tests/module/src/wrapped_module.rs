//! The wrapped module, to which this module forwards calls. It is loaded once and never unloaded.

use std::ops::Deref;
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use cryptoki_sys::{CK_C_GetFunctionList, CK_FUNCTION_LIST, CKR_OK};
use libloading::Library;

use crate::folder::rules;

/// Loads the wrapped module. Later calls return the same result.
pub(crate) fn load() -> Result<&'static CK_FUNCTION_LIST, &'static String> {
    static MODULE: OnceLock<Result<CK_FUNCTION_LIST, String>> = OnceLock::new();
    MODULE.get_or_init(load_once).as_ref()
}

/// The functions of the wrapped module, for one call.
pub(crate) struct WrappedModule<G> {
    functions: &'static CK_FUNCTION_LIST,
    _guard: G,
}

impl<G> Deref for WrappedModule<G> {
    type Target = CK_FUNCTION_LIST;

    fn deref(&self) -> &CK_FUNCTION_LIST {
        self.functions
    }
}

/// Returns the functions. A thread that holds them must not call this again, because
/// it could deadlock.
pub(crate) fn wrapped_module() -> WrappedModule<RwLockReadGuard<'static, ()>> {
    let guard = CALLS.read().unwrap_or_else(PoisonError::into_inner);
    WrappedModule { functions: functions(), _guard: guard }
}

/// Returns the functions while no other call is in the module. SoftHSM crashes if a call closes a
/// session that another call uses.
pub(crate) fn wrapped_module_exclusive() -> WrappedModule<RwLockWriteGuard<'static, ()>> {
    let guard = CALLS.write().unwrap_or_else(PoisonError::into_inner);
    WrappedModule { functions: functions(), _guard: guard }
}

fn functions() -> &'static CK_FUNCTION_LIST {
    load().expect("C_GetFunctionList has loaded the module")
}

static CALLS: RwLock<()> = RwLock::new(());

fn load_once() -> Result<CK_FUNCTION_LIST, String> {
    let path = &rules().wrapped_module;
    let failed = |reason: String| format!("{}: {reason}", path.display());
    // SAFETY: the test names a real PKCS#11 module, whose initializers it trusts.
    let library = unsafe { Library::new(path) }.map_err(|error| failed(error.to_string()))?;
    let library = Box::leak(Box::new(library));
    // SAFETY: PKCS#11 defines this type for the function of that name.
    let get = unsafe { library.get::<CK_C_GetFunctionList>(b"C_GetFunctionList\0") };
    let get = get
        .map_err(|error| failed(error.to_string()))?
        .ok_or_else(|| failed(NO_FUNCTIONS.into()))?;
    let mut list = std::ptr::null_mut();
    // SAFETY: `list` is a valid place for the pointer.
    let result = unsafe { get(&raw mut list) };
    if result != CKR_OK || list.is_null() {
        return Err(failed(NO_FUNCTIONS.into()));
    }
    // SAFETY: the module has just returned the pointer, and by PKCS#11 it stays valid. Later
    // versions of the list begin with all functions of PKCS#11 2.40, which this copies.
    Ok(unsafe { list.read() })
}

const NO_FUNCTIONS: &str = "the module has no function list";
