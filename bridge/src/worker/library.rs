//! Loads a module's file and asks it for its functions, once. A module may return other functions
//! with a state of their own when it is asked again, as those of p11-kit do.
//!
//! Takes no function from another library. The loader also looks for a symbol in the libraries that
//! the module depends on, and nobody has allowed those as modules.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::ptr;

use cryptoki::context::{Function, Pkcs11};
use cryptoki::error::{Error, Result, Rv};
use cryptoki_sys::{CK_FUNCTION_LIST, CK_INTERFACE, CK_RV, Pkcs11 as Symbols};

use super::symbol_owner;

/// The functions of a module, which stays loaded as long as its [`Pkcs11`] lives.
#[derive(Clone, Copy)]
pub(super) struct Functions(CK_FUNCTION_LIST);

/// Loads a module. Does not initialise it.
pub(super) fn load(path: &Path) -> std::result::Result<(Pkcs11, Functions), LoadError> {
    // SAFETY: loading a library runs its initialisers. The user or administrator allows this file.
    let symbols = unsafe { open(path) }.map_err(Error::LibraryLoading)?;
    let list = function_list(&symbols, path)?;
    // SAFETY: the list belongs to the library, which the context keeps loaded.
    let context = unsafe { Pkcs11::from_function_list(symbols, list) };
    Ok((context, Functions(list)))
}

#[cfg(unix)]
unsafe fn open(path: &Path) -> std::result::Result<Symbols, libloading::Error> {
    // SAFETY: the caller allows this file.
    unsafe { Symbols::new(path) }
}

/// The libraries that a module needs are usually beside it. Without the flag, Windows looks for
/// them beside this program.
#[cfg(windows)]
unsafe fn open(path: &Path) -> std::result::Result<Symbols, libloading::Error> {
    use libloading::os::windows::{LOAD_WITH_ALTERED_SEARCH_PATH, Library};

    // SAFETY: the caller allows this file.
    unsafe { Symbols::from_library(Library::load_with_flags(path, LOAD_WITH_ALTERED_SEARCH_PATH)?) }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Module(#[from] Error),
    /// The file has no functions of its own.
    #[error("its functions belong to another file, {}", .0.display())]
    OtherFile(PathBuf),
}

impl Functions {
    /// A list with one function.
    #[cfg(test)]
    pub(super) fn with_initialize(
        initialize: unsafe extern "C" fn(*mut std::ffi::c_void) -> CK_RV,
    ) -> Self {
        Self(CK_FUNCTION_LIST { C_Initialize: Some(initialize), ..CK_FUNCTION_LIST::default() })
    }

    pub(super) fn list(&self) -> &CK_FUNCTION_LIST {
        &self.0
    }
}

/// Every module has `C_GetFunctionList`, and its functions are all that the worker calls. Asks
/// `C_GetInterface` of PKCS#11 3.0 only if that function fails.
fn function_list(
    symbols: &Symbols,
    path: &Path,
) -> std::result::Result<CK_FUNCTION_LIST, LoadError> {
    let first = match &symbols.C_GetFunctionList {
        Ok(symbol) => owned(*symbol as *const c_void, path).and_then(|()| by_list(symbols)),
        Err(_) => Err(Error::MissingSymbol("C_GetFunctionList").into()),
    };
    first.or_else(|error| match &symbols.C_GetInterface {
        Ok(symbol) if owned(*symbol as *const c_void, path).is_ok() => {
            by_interface(symbols).map_err(|_| error)
        }
        _ => Err(error),
    })
}

/// Fails if the symbol belongs to another file than the module's.
fn owned(symbol: *const c_void, path: &Path) -> std::result::Result<(), LoadError> {
    match symbol_owner::other_than(symbol, path) {
        None => Ok(()),
        Some(other) => Err(LoadError::OtherFile(other)),
    }
}

fn by_list(symbols: &Symbols) -> std::result::Result<CK_FUNCTION_LIST, LoadError> {
    let mut list: *mut CK_FUNCTION_LIST = ptr::null_mut();
    // SAFETY: the symbol exists and has the type that the standard gives it (PKCS#11 3.2, section
    // 5.4.4). The pointer for its one result is valid.
    let rv = unsafe { symbols.C_GetFunctionList(&raw mut list) };
    Ok(read(rv, Function::GetFunctionList, list)?)
}

fn by_interface(symbols: &Symbols) -> Result<CK_FUNCTION_LIST> {
    let mut interface: *mut CK_INTERFACE = ptr::null_mut();
    // SAFETY: the symbol exists and has the type that the standard gives it (section 5.4.6). Null
    // asks for the default interface in any version.
    let rv =
        unsafe { symbols.C_GetInterface(ptr::null_mut(), ptr::null_mut(), &raw mut interface, 0) };
    let interface = read(rv, Function::GetInterface, interface)?;
    // Each later list begins with the functions of PKCS#11 2.40 (section 3.6).
    read(rv, Function::GetInterface, interface.pFunctionList.cast())
}

/// Copies what a successful call has returned.
fn read<T: Copy>(rv: CK_RV, function: Function, result: *const T) -> Result<T> {
    Rv::from(rv).into_result(function)?;
    if result.is_null() {
        return Err(Error::NullFunctionPointer);
    }
    // SAFETY: after success, the module has set the pointer to a structure of its own of this type,
    // which does not change.
    Ok(unsafe { result.read_unaligned() })
}
