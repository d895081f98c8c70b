//! Certificate objects with values that `pkcs11-tool` refuses to write.

use pkcs11_bridge_tests::program::{run, tool};
use pkcs11_bridge_tests::token::TestToken;

/// Writes a certificate object with this value to a token. `id` is its `CKA_ID` in hexadecimal
/// digits.
pub fn write(token: &TestToken, id: &str, value: &[u8]) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), value).expect("a file");
    let mut write = tool(env!("CARGO_BIN_EXE_write-certificate"));
    run(write.env("SOFTHSM2_CONF", token.configuration()).arg(id).arg(file.path()));
}
