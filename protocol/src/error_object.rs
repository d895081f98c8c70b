//! The JSON form of a failure: the `error` member of a reply.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::error_code::ErrorCode;
use crate::failure::Failure;
use crate::rv::Rv;

/// The `error` member of a reply (JSON-RPC 2.0, section 5.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorObject {
    /// The code of JSON-RPC.
    pub code: i32,
    /// What happened and what to do.
    pub message: String,
    /// The status and code of the [`ErrorCode`], and the return value of the module.
    pub data: ErrorData,
}

impl ErrorObject {
    /// Whether this is the error of that code.
    pub fn is(&self, code: ErrorCode) -> bool {
        (self.data.status, self.data.code.as_str()) == (code.status(), code.code())
    }
}

/// The `data` member of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorData {
    /// The status, in the manner of HTTP.
    pub status: u16,
    /// The code that tells apart errors of one status.
    pub code: String,
    /// The return value of the module: a `CKR_*` name, or hexadecimal digits where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pkcs11: Option<String>,
}

impl From<Failure> for ErrorObject {
    fn from(failure: Failure) -> Self {
        Self {
            code: failure.code.rpc_code(),
            message: failure.message,
            data: ErrorData {
                status: failure.code.status(),
                code: failure.code.code().to_owned(),
                pkcs11: failure.rv.map(Rv::name).map(Cow::into_owned),
            },
        }
    }
}
