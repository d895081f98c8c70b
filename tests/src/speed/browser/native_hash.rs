//! The same hash in a native program, on the software backend of `sha2`: WebAssembly has no instructions
//! for it either.

use std::path::PathBuf;
use std::process::Command;

use crate::program::run;
use crate::workspace;

pub(super) struct NativeHash(PathBuf);

impl NativeHash {
    /// Builds it apart from all else, which has the instructions.
    pub(super) fn build() -> Self {
        let program = escargot::CargoBuild::new()
            .manifest_path(workspace().join("Cargo.toml"))
            .package(PACKAGE)
            .bin(PACKAGE)
            .release()
            .target_dir(workspace().join("target/soft"))
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env("RUSTFLAGS", r#"--cfg sha2_backend="soft""#)
            .run()
            .expect(
                "it builds; `cargo build -p pkcs11-bridge-test-native-hash` says why it does not",
            );
        Self(program.path().to_owned())
    }

    /// Megabytes in a second.
    pub(super) fn rate(&self, algorithm: &str, megabytes: u32) -> f64 {
        let rate = run(Command::new(&self.0).arg(algorithm).arg(megabytes.to_string()));
        rate.trim().parse().expect("a rate")
    }
}

const PACKAGE: &str = "pkcs11-bridge-test-native-hash";
