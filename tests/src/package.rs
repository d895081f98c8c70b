//! The npm package, as `make pkg` builds it.

use std::path::PathBuf;

use crate::workspace;

/// Its folder. Panics where the package is not built, and says how to build it.
pub fn folder() -> PathBuf {
    let folder = workspace().join("pkg");
    let built = folder.join("dist/pkcs11_bridge_client_bg.wasm");
    assert!(built.is_file(), "there is no {}: run `make pkg`", built.display());
    folder
}
