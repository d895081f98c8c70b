//! What a call can fail with: one closed set of rows, each with its status and code.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ckr;

macro_rules! rows {
    ($($(#[$doc:meta])* $row:ident: $rpc:literal, $status:literal, $code:literal;)*) => {
        /// A row of the error table. The connection survives every one of them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Row {
            $($(#[$doc])* $row,)*
        }

        impl Row {
            /// The whole table, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$row,)*];

            /// The error code of JSON-RPC 2.0 (section 5.1).
            pub const fn rpc_code(self) -> i32 {
                match self { $(Self::$row => $rpc,)* }
            }

            /// The status, in the manner of HTTP.
            pub const fn status(self) -> u16 {
                match self { $(Self::$row => $status,)* }
            }

            /// The code that tells apart what shares a status; a string on the wire.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$row => $code,)* }
            }
        }
    };
}

rows! {
    /// The message is not JSON.
    NotJson: -32700, 400, "800";
    /// The message is JSON, but no request of JSON-RPC 2.0.
    NotRequest: -32600, 400, "800";
    /// The bridge has no method of that name.
    UnknownMethod: -32601, 400, "801";
    /// An argument is missing, of the wrong type, or out of range; the message names it.
    BadArgument: -32602, 400, "801";
    /// The user or administrator has not approved the page's origin.
    OriginNotApproved: -32000, 401, "500";
    /// The user did not enter a PIN in time.
    PinEntryTimedOut: -32000, 408, "110";
    /// The call passed its deadline.
    DeadlinePassed: -32000, 408, "900";
    /// There is no slot, or no such slot.
    NoSlot: -32000, 412, "1";
    /// There is no token in the slot, or it was removed.
    NoToken: -32000, 412, "101";
    /// The PIN was wrong and one try remains.
    PinFinalTry: -32000, 412, "104";
    /// The PIN is locked.
    PinLocked: -32000, 412, "105";
    /// The PIN was wrong or not acceptable; how many tries remain is not known.
    PinIncorrect: -32000, 412, "106";
    /// The user cancelled PIN entry.
    PinEntryCancelled: -32000, 412, "109";
    /// The module could not be loaded, is not allowed, or is set aside.
    ModuleUnavailable: -32000, 412, "300";
    /// The login or the session ended.
    SessionEnded: -32000, 412, "401";
    /// There is no certificate, or no private key, of that id.
    NotFound: -32000, 412, "404";
    /// The token cannot do that algorithm.
    AlgorithmUnsupported: -32000, 412, "405";
    /// At a limit: of the requests in flight on the connection, or of the modules in use.
    TooManyRequests: -32000, 429, "802";
    /// The page itself cancelled it.
    Cancelled: -32000, 499, "803";
    /// An internal error, a module's crash, or a signature that failed its check.
    Internal: -32000, 500, "900";
    /// The bridge cannot be reached, or the connection was lost. Only the client says so.
    BridgeUnreachable: -32000, 500, "999";
}

/// Why a call failed: the row of the table, and a text that says what happened and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The row of the error table.
    pub row: Row,
    /// One or two sentences for a person. Never holds a PIN or data to be signed.
    pub message: String,
    /// The return value of the module, where there is one: `CKR_PIN_INCORRECT`.
    pub pkcs11: Option<Cow<'static, str>>,
}

impl Failure {
    /// A failure that no return value of a module belongs to.
    pub fn new(row: Row, message: impl Into<String>) -> Self {
        Self { row, message: message.into(), pkcs11: None }
    }

    /// A failure that PKCS#11 has a name for.
    pub fn with_ckr(row: Row, name: &'static str, message: impl Into<String>) -> Self {
        Self { row, message: message.into(), pkcs11: Some(Cow::Borrowed(name)) }
    }

    /// An argument that is missing, of the wrong type, or out of range.
    pub fn bad_argument(name: &str, problem: impl fmt::Display) -> Self {
        Self::new(Row::BadArgument, format!("`{name}` {problem}"))
    }

    /// The failure that a `CK_RV` stands for. `operation` says what was being done, as in
    /// "signing with the key of certificate 01".
    pub fn from_ckr(rv: u64, operation: &str) -> Self {
        match ckr::find(rv) {
            Some(entry) => Self {
                row: entry.row,
                message: format!("While {operation}: {} ({}).", entry.meaning, entry.name),
                pkcs11: Some(Cow::Borrowed(entry.name)),
            },
            None => Self {
                row: Row::Internal,
                message: format!(
                    "While {operation}: the module returned {rv:#x}, which PKCS#11 does not define. \
                     The vendor's documentation may."
                ),
                pkcs11: Some(Cow::Owned(format!("{rv:#x}"))),
            },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The `error` member of a reply (JSON-RPC 2.0, section 5.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorObject {
    /// The code of JSON-RPC.
    pub code: i32,
    /// What happened and what to do.
    pub message: String,
    /// The row of the error table.
    pub data: ErrorData,
}

impl ErrorObject {
    /// Whether it is of that row of the table.
    pub fn is_of(&self, row: Row) -> bool {
        (self.data.status, self.data.code.as_str()) == (row.status(), row.code())
    }
}

/// The `data` member of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorData {
    /// The status of the row.
    pub status: u16,
    /// The code of the row.
    pub code: String,
    /// The return value of the module: a `CKR_*` name, or hexadecimal digits where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pkcs11: Option<String>,
}

impl From<Failure> for ErrorObject {
    fn from(failure: Failure) -> Self {
        Self {
            code: failure.row.rpc_code(),
            message: failure.message,
            data: ErrorData {
                status: failure.row.status(),
                code: failure.row.code().to_owned(),
                pkcs11: failure.pkcs11.map(Cow::into_owned),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_row_has_its_own_place_in_the_table() {
        let places: HashSet<_> =
            Row::ALL.iter().map(|row| (row.rpc_code(), row.status(), row.code())).collect();
        assert_eq!(places.len(), Row::ALL.len());
    }

    #[test]
    fn a_value_that_the_table_does_not_know_keeps_its_number() {
        let failure = Failure::from_ckr(0x8000_0102, "signing");
        assert_eq!(failure.row, Row::Internal);
        assert_eq!(failure.pkcs11.as_deref(), Some("0x80000102"));
        assert!(failure.message.contains("0x80000102"));
    }
}
