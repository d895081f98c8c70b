//! The error codes of the wire: a closed set. Each has a JSON-RPC code, a status and a code.

use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($(
        $(#[doc = $meaning:literal])+
        $variant:ident: $rpc:literal, $status:literal, $code:literal;
    )*) => {
        /// Why a call failed. The connection survives every failure of a call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $($(#[doc = $meaning])+ $variant,)*
        }

        impl ErrorCode {
            /// All error codes, in the order of `docs/errors.md`.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The error code of JSON-RPC 2.0 (section 5.1).
            pub const fn rpc_code(self) -> i32 {
                match self { $(Self::$variant => $rpc,)* }
            }

            /// The status. It has the meaning of the same HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// Distinguishes errors that have the same status; a string on the wire.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// One sentence for the documentation. A test compares the documents with it.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($meaning),+).trim_ascii(),)* }
            }
        }
    };
}

error_codes! {
    /// The message is not JSON.
    NotJson: -32700, 400, "800";
    /// The message is JSON, but not a request of JSON-RPC 2.0.
    NotRequest: -32600, 400, "800";
    /// The bridge has no method of that name.
    UnknownMethod: -32601, 400, "801";
    /// An argument is missing, of the wrong type, or out of range.
    BadArgument: -32602, 400, "801";
    /// The user or administrator has not approved the page's origin.
    OriginNotApproved: -32000, 401, "500";
    /// The user did not enter a PIN in time.
    PinEntryTimedOut: -32000, 408, "110";
    /// The call passed its deadline.
    DeadlinePassed: -32000, 408, "900";
    /// The bridge has another key than the page expects.
    BridgeKeyChanged: -32000, 409, "804";
    /// The bridge did not prove its key.
    BridgeNotProved: -32000, 409, "805";
    /// Several programs answer as the bridge.
    SeveralBridges: -32000, 409, "806";
    /// The module has no slot, or no such slot.
    NoSlot: -32000, 412, "1";
    /// The slot has no token, or the token was removed.
    NoToken: -32000, 412, "101";
    /// Few tries of the PIN may be left, and only the user may use them.
    PinFinalTry: -32000, 412, "104";
    /// The PIN is locked.
    PinLocked: -32000, 412, "105";
    /// The PIN is wrong or not acceptable.
    PinIncorrect: -32000, 412, "106";
    /// The user cancelled PIN entry, or stopped a batch.
    PinEntryCancelled: -32000, 412, "109";
    /// The module cannot be loaded, is not allowed, or is suspended.
    ModuleUnavailable: -32000, 412, "300";
    /// The login or the session ended.
    SessionEnded: -32000, 412, "401";
    /// The token has no certificate, or no private key, with that id.
    NotFound: -32000, 412, "404";
    /// The token does not support the algorithm.
    AlgorithmUnsupported: -32000, 412, "405";
    /// The certificate or the token does not allow this use of the key.
    KeyNotForThis: -32000, 412, "406";
    /// Too many requests are in flight, or too many modules are in use.
    TooManyRequests: -32000, 429, "802";
    /// The page cancelled the call.
    Cancelled: -32000, 499, "803";
    /// The bridge or the module failed, or a signature failed its check.
    Internal: -32000, 500, "900";
    /// The client cannot reach the bridge, or lost the connection.
    BridgeUnreachable: -32000, 500, "999";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn error_codes_differ_on_the_wire() {
        let on_the_wire: HashSet<_> = ErrorCode::ALL
            .iter()
            .map(|code| (code.rpc_code(), code.status(), code.code()))
            .collect();
        assert_eq!(on_the_wire.len(), ErrorCode::ALL.len());
    }
}
