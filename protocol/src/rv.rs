//! The return values of PKCS#11 3.2 (section 5.1, `pkcs11t.h`) and their error codes.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error_code::ErrorCode;

/// A return value of a PKCS#11 function (`CK_RV`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rv(pub u64);

/// A `CKR_*` value that the standard defines.
#[derive(Clone, Copy, Debug)]
pub struct RvEntry {
    /// The value.
    pub rv: Rv,
    /// The name in the standard.
    pub name: &'static str,
    /// The error code of the reply to the page.
    pub code: ErrorCode,
    /// What happened and what to do, without a capital letter and a full stop.
    pub meaning: &'static str,
}

impl Rv {
    /// The entry of the value in [`TABLE`]. `None` for `CKR_OK` and for values that the standard
    /// does not define, such as those of vendors.
    pub fn entry(self) -> Option<&'static RvEntry> {
        TABLE.binary_search_by_key(&self, |entry| entry.rv).ok().map(|index| &TABLE[index])
    }

    /// The `CKR_*` name, or `0x` and hexadecimal digits if the standard does not define the value.
    pub fn name(self) -> Cow<'static, str> {
        match self.entry() {
            Some(entry) => Cow::Borrowed(entry.name),
            None => Cow::Owned(format!("{:#x}", self.0)),
        }
    }
}

impl fmt::Display for Rv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

macro_rules! return_values {
    ($($value:literal $name:ident => $code:ident, $meaning:literal;)*) => {
        /// Every return value of the standard except `CKR_OK`, in ascending order.
        pub const TABLE: &[RvEntry] = &[$(RvEntry {
            rv: Rv::$name,
            name: concat!("CKR_", stringify!($name)),
            code: ErrorCode::$code,
            meaning: $meaning,
        },)*];

        impl Rv {$(
            #[doc = concat!("`CKR_", stringify!($name), "`")]
            pub const $name: Self = Self($value);
        )*}
    };
}

return_values! {
    0x0001 CANCEL => Internal,
        "the operation was cancelled by the application";
    0x0002 HOST_MEMORY => Internal,
        "the computer ran out of memory";
    0x0003 SLOT_ID_INVALID => NoSlot,
        "there is no such slot; ask for the slots again";
    0x0005 GENERAL_ERROR => Internal,
        "the module reported an error that it does not describe; \
         take the token out, put it back and try again";
    0x0006 FUNCTION_FAILED => Internal,
        "the operation failed, and the module does not say why; try again";
    0x0007 ARGUMENTS_BAD => Internal,
        "the module did not accept the arguments";
    0x0008 NO_EVENT => Internal,
        "no slot event is waiting";
    0x0009 NEED_TO_CREATE_THREADS => ModuleUnavailable,
        "the module needs to create threads, which the bridge does not allow";
    0x000a CANT_LOCK => ModuleUnavailable,
        "the module cannot be used by several threads";
    0x0010 ATTRIBUTE_READ_ONLY => Internal,
        "an attribute of the object cannot be changed";
    0x0011 ATTRIBUTE_SENSITIVE => Internal,
        "an attribute of the object may not be read";
    0x0012 ATTRIBUTE_TYPE_INVALID => Internal,
        "the token does not know an attribute of the object";
    0x0013 ATTRIBUTE_VALUE_INVALID => Internal,
        "an attribute has a value that the token does not accept";
    0x001b ACTION_PROHIBITED => Internal,
        "the token's policy forbids the operation";
    0x0020 DATA_INVALID => BadArgument,
        "the token did not accept `data` for this key and algorithm";
    0x0021 DATA_LEN_RANGE => BadArgument,
        "`data` has a length that the token does not accept for this key and algorithm";
    0x0030 DEVICE_ERROR => Internal,
        "the token or the reader had a problem; take the token out, put it back and try again";
    0x0031 DEVICE_MEMORY => Internal,
        "the token ran out of memory";
    0x0032 DEVICE_REMOVED => NoToken,
        "the token was removed; put it back and try again";
    0x0040 ENCRYPTED_DATA_INVALID => Internal,
        "the encrypted data is not valid";
    0x0041 ENCRYPTED_DATA_LEN_RANGE => Internal,
        "the encrypted data has a wrong length";
    0x0042 AEAD_DECRYPT_FAILED => Internal,
        "the encrypted data failed its check";
    0x0050 FUNCTION_CANCELED => PinEntryCancelled,
        "it was cancelled, at the reader's pinpad or in the module's own dialog";
    0x0051 FUNCTION_NOT_PARALLEL => Internal,
        "no function runs in parallel in this session";
    0x0054 FUNCTION_NOT_SUPPORTED => AlgorithmUnsupported,
        "the module does not support this function";
    0x0060 KEY_HANDLE_INVALID => NotFound,
        "the key is no longer there; ask for the certificates again";
    0x0062 KEY_SIZE_RANGE => AlgorithmUnsupported,
        "the key has a size that the token cannot use with this algorithm";
    0x0063 KEY_TYPE_INCONSISTENT => KeyNotForThis,
        "the token says that the key is of another type or may not sign; \
         choose another certificate";
    0x0064 KEY_NOT_NEEDED => Internal,
        "the operation does not use a key";
    0x0065 KEY_CHANGED => Internal,
        "the key is not the one that was used before";
    0x0066 KEY_NEEDED => Internal,
        "the operation needs a key";
    0x0067 KEY_INDIGESTIBLE => Internal,
        "the key cannot be hashed";
    0x0068 KEY_FUNCTION_NOT_PERMITTED => KeyNotForThis,
        "the token does not let the key sign; choose another certificate";
    0x0069 KEY_NOT_WRAPPABLE => Internal,
        "the key cannot be wrapped";
    0x006a KEY_UNEXTRACTABLE => Internal,
        "the key cannot leave the token";
    0x0070 MECHANISM_INVALID => AlgorithmUnsupported,
        "the token does not support this algorithm; choose another";
    0x0071 MECHANISM_PARAM_INVALID => AlgorithmUnsupported,
        "the token does not accept the parameters of this algorithm; choose another";
    0x0082 OBJECT_HANDLE_INVALID => NotFound,
        "the object is no longer there; ask for the certificates again";
    0x0090 OPERATION_ACTIVE => Internal,
        "the session is busy with another operation; try again";
    0x0091 OPERATION_NOT_INITIALIZED => Internal,
        "the operation was not started; try again";
    0x00a0 PIN_INCORRECT => PinIncorrect,
        "the PIN is wrong; \
         check it before you try again, because the token locks after a few wrong ones";
    0x00a1 PIN_INVALID => PinIncorrect,
        "the PIN has characters that the token does not accept";
    0x00a2 PIN_LEN_RANGE => PinIncorrect,
        "the PIN is too short or too long for this token";
    0x00a3 PIN_EXPIRED => PinIncorrect,
        "the PIN has expired; change it with the token's own software";
    0x00a4 PIN_LOCKED => PinLocked,
        "the PIN is locked after too many wrong tries; \
         unlock it with the token's own software or its issuer";
    0x00b0 SESSION_CLOSED => SessionEnded,
        "the session ended; try again";
    0x00b1 SESSION_COUNT => Internal,
        "the token has no free session; close other programs that use it";
    0x00b3 SESSION_HANDLE_INVALID => SessionEnded,
        "the session ended; try again";
    0x00b4 SESSION_PARALLEL_NOT_SUPPORTED => Internal,
        "the module does not support parallel sessions";
    0x00b5 SESSION_READ_ONLY => Internal,
        "the session is read-only";
    0x00b6 SESSION_EXISTS => Internal,
        "a session is already open";
    0x00b7 SESSION_READ_ONLY_EXISTS => Internal,
        "a read-only session is already open";
    0x00b8 SESSION_READ_WRITE_SO_EXISTS => Internal,
        "the security officer is logged in; close the program that administers the token";
    0x00c0 SIGNATURE_INVALID => Internal,
        "the signature is not valid";
    0x00c1 SIGNATURE_LEN_RANGE => Internal,
        "the signature has a wrong length";
    0x00d0 TEMPLATE_INCOMPLETE => Internal,
        "the description of the object is incomplete";
    0x00d1 TEMPLATE_INCONSISTENT => Internal,
        "the description of the object contradicts itself";
    0x00e0 TOKEN_NOT_PRESENT => NoToken,
        "there is no token in the slot; put it in and try again";
    0x00e1 TOKEN_NOT_RECOGNIZED => NoToken,
        "the token is not set up yet, or the module does not know it";
    0x00e2 TOKEN_WRITE_PROTECTED => Internal,
        "the token is write-protected";
    0x00f0 UNWRAPPING_KEY_HANDLE_INVALID => Internal,
        "the unwrapping key does not exist";
    0x00f1 UNWRAPPING_KEY_SIZE_RANGE => Internal,
        "the unwrapping key has a wrong size";
    0x00f2 UNWRAPPING_KEY_TYPE_INCONSISTENT => Internal,
        "the unwrapping key has a wrong type";
    0x0100 USER_ALREADY_LOGGED_IN => Internal,
        "the module says that the user is already logged in, so it did not check the PIN; \
         try again";
    0x0101 USER_NOT_LOGGED_IN => SessionEnded,
        "the login ended; try again with the PIN";
    0x0102 USER_PIN_NOT_INITIALIZED => PinIncorrect,
        "the token has no user PIN yet; set one with the token's own software";
    0x0103 USER_TYPE_INVALID => Internal,
        "the token does not know this type of user";
    0x0104 USER_ANOTHER_ALREADY_LOGGED_IN => Internal,
        "another user is logged in to the token; close the program that administers it";
    0x0105 USER_TOO_MANY_TYPES => Internal,
        "too many users are logged in to the token; close other programs that use it";
    0x0110 WRAPPED_KEY_INVALID => Internal,
        "the wrapped key is not valid";
    0x0112 WRAPPED_KEY_LEN_RANGE => Internal,
        "the wrapped key has a wrong length";
    0x0113 WRAPPING_KEY_HANDLE_INVALID => Internal,
        "the wrapping key does not exist";
    0x0114 WRAPPING_KEY_SIZE_RANGE => Internal,
        "the wrapping key has a wrong size";
    0x0115 WRAPPING_KEY_TYPE_INCONSISTENT => Internal,
        "the wrapping key has a wrong type";
    0x0120 RANDOM_SEED_NOT_SUPPORTED => Internal,
        "the token's random generator does not accept a seed";
    0x0121 RANDOM_NO_RNG => Internal,
        "the token has no random generator";
    0x0130 DOMAIN_PARAMS_INVALID => AlgorithmUnsupported,
        "the token does not accept the domain parameters of the key";
    0x0140 CURVE_NOT_SUPPORTED => AlgorithmUnsupported,
        "the token does not support the curve of the key";
    0x0150 BUFFER_TOO_SMALL => Internal,
        "the module returned more data than it had announced";
    0x0160 SAVED_STATE_INVALID => Internal,
        "the saved state is not valid";
    0x0170 INFORMATION_SENSITIVE => Internal,
        "the information may not leave the token";
    0x0180 STATE_UNSAVEABLE => Internal,
        "the state cannot be saved";
    0x0190 CRYPTOKI_NOT_INITIALIZED => Internal,
        "the module lost its state; try again";
    0x0191 CRYPTOKI_ALREADY_INITIALIZED => Internal,
        "the module is initialised already";
    0x01a0 MUTEX_BAD => Internal,
        "the module's locking is broken";
    0x01a1 MUTEX_NOT_LOCKED => Internal,
        "the module's locking is broken";
    0x01b0 NEW_PIN_MODE => PinIncorrect,
        "the token needs a new PIN; set it with the token's own software";
    0x01b1 NEXT_OTP => PinIncorrect,
        "the token needs the next one-time password";
    0x01b5 EXCEEDED_MAX_ITERATIONS => Internal,
        "the token gave up after too many iterations";
    0x01b6 FIPS_SELF_TEST_FAILED => Internal,
        "the token failed its own self-test; it may be damaged";
    0x01b7 LIBRARY_LOAD_FAILED => ModuleUnavailable,
        "the module could not load a library that it needs; install the vendor's software again";
    0x01b8 PIN_TOO_WEAK => PinIncorrect,
        "the PIN is too weak for this token";
    0x01b9 PUBLIC_KEY_INVALID => Internal,
        "the public key is not valid";
    0x0200 FUNCTION_REJECTED => PinEntryCancelled,
        "the operation was refused, at the token or in the module's own dialog";
    0x0201 TOKEN_RESOURCE_EXCEEDED => Internal,
        "the token has run out of a resource; close other programs that use it";
    0x0202 OPERATION_CANCEL_FAILED => Internal,
        "the operation could not be cancelled";
    0x0203 KEY_EXHAUSTED => AlgorithmUnsupported,
        "the key has made all the signatures that it can";
    0x0204 PENDING => Internal,
        "the operation has not finished yet";
    0x0205 SESSION_ASYNC_NOT_SUPPORTED => Internal,
        "the session does not support asynchronous operations";
    0x0206 SEED_RANDOM_REQUIRED => Internal,
        "the token's random generator needs a seed first";
    0x0207 OPERATION_NOT_VALIDATED => Internal,
        "the token is not certified for the operation";
    0x0208 TOKEN_NOT_INITIALIZED => NoToken,
        "the token is not set up yet; set it up with its own software";
    0x0209 PARAMETER_SET_NOT_SUPPORTED => AlgorithmUnsupported,
        "the token does not support this parameter set";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_has_each_name_once() {
        assert!(TABLE.windows(2).all(|pair| pair[0].rv < pair[1].rv));
        let names: std::collections::HashSet<_> = TABLE.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), TABLE.len());
    }

    #[test]
    fn the_table_matches_the_standard() {
        let header = include_str!("../tests/ckr-of-pkcs11-3.2.txt");
        let standard: Vec<_> = header
            .lines()
            .map(|line| line.split_once(' ').unwrap())
            .map(|(name, value)| (name, u64::from_str_radix(value, 16).unwrap()))
            .collect();
        let ours: Vec<_> = TABLE.iter().map(|entry| (entry.name, entry.rv.0)).collect();
        assert_eq!(ours, standard);
    }

    #[test]
    fn defined_values_have_an_entry_and_others_do_not() {
        assert_eq!(Rv(0xa0).entry().unwrap().name, "CKR_PIN_INCORRECT");
        for value in [0, 4, 0x8000_0000, u64::MAX] {
            assert!(Rv(value).entry().is_none(), "{value:#x}");
        }
    }
}
