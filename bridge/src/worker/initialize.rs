//! Initialises a module (`C_Initialize`, PKCS#11 3.2, section 5.4.1) with the first arguments that
//! it takes. cryptoki can neither pass a null pointer nor a text.

#![allow(unsafe_code)]

use std::ffi::{CString, c_void};
use std::ptr;

use cryptoki::context::Function;
use cryptoki::error::{Error, Result, Rv, RvError};
use cryptoki_sys::{CK_C_INITIALIZE_ARGS, CK_FLAGS, CKF_OS_LOCKING_OK};

use super::library::Functions;

/// Whether several threads may call the module at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Threading {
    Single,
    /// The module has said that it locks.
    Multiple,
}

/// Initialises the module. `text` becomes `pReserved`, which NSS for example needs. A module that
/// refuses such a text is not initialised without it.
pub(super) fn initialize(functions: &Functions, text: Option<&str>) -> Result<Threading> {
    let text = text.map(CString::new).transpose().map_err(|_| Error::InvalidValue)?;
    let attempts: &[Attempt] = match text {
        Some(_) => &[Attempt::Locking, Attempt::NoFlags],
        None => &[Attempt::Locking, Attempt::NoFlags, Attempt::Null],
    };
    let mut result = Err(Error::NullFunctionPointer);
    for attempt in attempts {
        result = call(functions, *attempt, text.as_ref());
        match result {
            Ok(()) if *attempt == Attempt::Locking => return Ok(Threading::Multiple),
            // The module initialises itself, so nobody knows whether it locks.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {
                return Ok(Threading::Single);
            }
            Err(Error::Pkcs11(
                RvError::ArgumentsBad | RvError::CantLock | RvError::NeedToCreateThreads,
                _,
            )) => {}
            Err(_) => break,
        }
    }
    result.map(|()| Threading::Single)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Attempt {
    /// The module may lock with the system's mutexes.
    Locking,
    NoFlags,
    /// No arguments.
    Null,
}

/// The arguments. NSS reads one more pointer after `pReserved`, which must be null.
#[repr(C)]
struct Arguments {
    standard: CK_C_INITIALIZE_ARGS,
    after_reserved: *mut c_void,
}

fn call(functions: &Functions, attempt: Attempt, text: Option<&CString>) -> Result<()> {
    let initialize = functions.list().C_Initialize.ok_or(Error::NullFunctionPointer)?;
    let flags: CK_FLAGS = if attempt == Attempt::Locking { CKF_OS_LOCKING_OK } else { 0 };
    let mut arguments = Arguments {
        standard: CK_C_INITIALIZE_ARGS {
            CreateMutex: None,
            DestroyMutex: None,
            LockMutex: None,
            UnlockMutex: None,
            flags,
            pReserved: text.map_or(ptr::null_mut(), |text| text.as_ptr().cast_mut().cast()),
        },
        after_reserved: ptr::null_mut(),
    };
    let arguments = match attempt {
        Attempt::Null => ptr::null_mut(),
        _ => (&raw mut arguments).cast(),
    };
    // SAFETY: the module is loaded. The arguments and the text outlive the call, and the standard
    // lets a module read them only during the call.
    let rv = unsafe { initialize(arguments) };
    Rv::from(rv).into_result(Function::Initialize)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::ffi::CStr;

    use cryptoki_sys::{
        CK_RV, CKR_ARGUMENTS_BAD, CKR_CANT_LOCK, CKR_CRYPTOKI_ALREADY_INITIALIZED, CKR_HOST_MEMORY,
        CKR_NEED_TO_CREATE_THREADS, CKR_OK,
    };

    use super::*;

    thread_local! {
        static ANSWERS: RefCell<Vec<CK_RV>> = const { RefCell::new(Vec::new()) };
        static CALLS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    /// Records its arguments, and gives the next of the answers.
    unsafe extern "C" fn c_initialize(arguments: *mut c_void) -> CK_RV {
        // SAFETY: this test passes null or `Arguments`.
        let call = match unsafe { arguments.cast::<Arguments>().as_ref() } {
            None => "null".to_owned(),
            Some(arguments) => {
                assert!(arguments.after_reserved.is_null());
                let text = arguments.standard.pReserved;
                let text = (!text.is_null()).then(|| {
                    // SAFETY: a text that is not null is a C string.
                    unsafe { CStr::from_ptr(text.cast()) }.to_str().unwrap()
                });
                format!("{} {}", { arguments.standard.flags }, text.unwrap_or("-"))
            }
        };
        CALLS.with_borrow_mut(|calls| calls.push(call));
        ANSWERS.with_borrow_mut(|answers| answers.remove(0))
    }

    /// The outcome and the calls of a module with these answers.
    fn outcome(answers: &[CK_RV], text: Option<&str>) -> (Result<Threading>, Vec<String>) {
        ANSWERS.set(answers.to_vec());
        let functions = Functions::with_initialize(c_initialize);
        (initialize(&functions, text), CALLS.take())
    }

    #[test]
    fn a_module_gets_the_first_arguments_that_it_takes() {
        use Threading::{Multiple, Single};
        const ALREADY: CK_RV = CKR_CRYPTOKI_ALREADY_INITIALIZED;
        for (answers, expected, calls) in [
            (&[CKR_OK][..], Multiple, &["2 -"][..]),
            (&[CKR_CANT_LOCK, CKR_OK], Single, &["2 -", "0 -"]),
            (&[CKR_NEED_TO_CREATE_THREADS, CKR_OK], Single, &["2 -", "0 -"]),
            (&[CKR_ARGUMENTS_BAD, CKR_ARGUMENTS_BAD, CKR_OK], Single, &["2 -", "0 -", "null"]),
            (&[CKR_CANT_LOCK, CKR_ARGUMENTS_BAD, ALREADY], Single, &["2 -", "0 -", "null"]),
            (&[ALREADY], Single, &["2 -"]),
            (&[CKR_ARGUMENTS_BAD, ALREADY], Single, &["2 -", "0 -"]),
        ] {
            let (outcome, called) = outcome(answers, None);
            assert_eq!(outcome.unwrap(), expected, "{calls:?}");
            assert_eq!(called, calls);
        }
    }

    #[test]
    fn an_error_that_other_arguments_do_not_mend_ends_the_attempts() {
        let (result, calls) = outcome(&[CKR_HOST_MEMORY], None);
        assert!(matches!(result, Err(Error::Pkcs11(RvError::HostMemory, _))), "{result:?}");
        assert_eq!(calls, ["2 -"]);
        let (result, calls) = outcome(&[CKR_ARGUMENTS_BAD; 3], None);
        assert!(matches!(result, Err(Error::Pkcs11(RvError::ArgumentsBad, _))), "{result:?}");
        assert_eq!(calls, ["2 -", "0 -", "null"]);
    }

    #[test]
    fn a_module_with_a_text_is_never_initialised_without_it() {
        let (result, calls) = outcome(&[CKR_OK], Some("configdir='sql:/a'"));
        assert_eq!(result.unwrap(), Threading::Multiple);
        assert_eq!(calls, ["2 configdir='sql:/a'"]);
        let (result, calls) = outcome(&[CKR_ARGUMENTS_BAD; 2], Some("a"));
        assert!(result.is_err());
        assert_eq!(calls, ["2 a", "0 a"]);
    }
}
