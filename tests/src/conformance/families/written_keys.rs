//! Keys and certificates that `pkcs11-tool` writes to a token.

use std::process::Command;

use crate::program::run;
use crate::token::{CertifiedKey, KeyType, PIN};

/// Writes keys and certificates. `pkcs11_tool` makes a command that names module and token.
pub(super) fn write(pkcs11_tool: impl Fn() -> Command, keys: &[(CertifiedKey, KeyType)]) {
    for (key, key_type) in keys {
        for (class, file) in [("privkey", key.private_key_der()), ("cert", key.certificate_der())] {
            let mut command = pkcs11_tool();
            command.args(["--login", "--pin", PIN, "--write-object"]).arg(file);
            command.args(["--type", class, "--label", key_type.name(), "--id", key_type.id()]);
            // A key of a new token may do nothing that it was not written for.
            run(command.args((class == "privkey").then_some("--usage-sign")));
        }
    }
}
