//! The npm package, as `make pkg` builds it and as `npm` packs it for its users.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::program::run;
use crate::workspace;

/// The folder of the package. Panics if the package is not built.
pub fn folder() -> PathBuf {
    let folder = workspace().join("pkg");
    let built = folder.join("dist/pkcs11_bridge_client_bg.wasm");
    assert!(built.is_file(), "{} is missing: run `make pkg`", built.display());
    folder
}

/// The package as a user gets it: packed and unpacked again.
pub struct PackedPackage(TempDir);

impl PackedPackage {
    /// Packs the built package and unpacks it.
    pub fn new() -> Self {
        let to = tempfile::Builder::new()
            .prefix("pkcs11-bridge-test-package-")
            .tempdir()
            .expect("a folder");
        // Neither the user's settings of npm nor their cache.
        run(Command::new("npm")
            .env("npm_config_userconfig", to.path().join("no-npmrc"))
            .env("npm_config_cache", to.path().join("cache"))
            .args(["pack", "--ignore-scripts", "--silent", "--pack-destination"])
            .arg(to.path())
            .current_dir(folder()));
        let name = format!("pkcs11-bridge-client-{}.tgz", env!("CARGO_PKG_VERSION"));
        run(Command::new("tar").arg("-xzf").arg(to.path().join(name)).arg("-C").arg(to.path()));
        Self(to)
    }

    /// The folder of the unpacked package, as `npm install` makes it.
    pub fn folder(&self) -> PathBuf {
        self.0.path().join("package")
    }

    /// The paths of its files, relative to [`PackedPackage::folder`], sorted.
    pub fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        list(&self.folder(), &self.folder(), &mut files);
        files.sort_unstable();
        files
    }
}

impl Default for PackedPackage {
    fn default() -> Self {
        Self::new()
    }
}

fn list(root: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry of the folder").path();
        if path.is_dir() {
            list(root, &path, files);
        } else {
            let path = path.strip_prefix(root).expect("a path below the root");
            files.push(path.display().to_string());
        }
    }
}
