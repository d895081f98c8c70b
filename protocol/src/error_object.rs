//! The JSON form of a [`Failure`]: the `error` member of a reply.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::error_code::ErrorCode;
use crate::failure::Failure;
use crate::rv::Rv;

/// The `error` member of a reply (JSON-RPC 2.0, section 5.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorObject {
    /// The JSON-RPC code, as in [`ErrorCode::rpc_code`].
    pub code: i32,
    /// What happened and what to do.
    pub message: String,
    /// The status and the code of the [`ErrorCode`], and the return value of the module.
    pub data: ErrorData,
}

impl ErrorObject {
    /// Whether status and code are those of `code`.
    pub fn is(&self, code: ErrorCode) -> bool {
        (self.data.status, self.data.code.as_str()) == (code.status(), code.code())
    }
}

/// The `data` member of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorData {
    /// As in [`ErrorCode::status`].
    pub status: u16,
    /// As in [`ErrorCode::code`].
    pub code: String,
    /// The return value of the module: a `CKR_*` name, or `0x` and hexadecimal digits if the
    /// standard does not define the value.
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
