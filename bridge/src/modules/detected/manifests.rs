//! The manifests by which vendors tell Firefox of a module: a JSON file in a folder of the system,
//! on Windows named in the registry.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::found::Found;

/// A manifest. Other fields say which extensions of Firefox may use the module.
#[derive(Deserialize)]
struct Manifest {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(rename = "type")]
    kind: String,
    /// Absolute, or relative to the manifest.
    path: PathBuf,
}

/// The modules of all manifests that `is_trusted` accepts.
pub(super) fn read(is_trusted: impl Fn(&Path) -> bool) -> Vec<Found> {
    let files = files().into_iter().filter(|file| is_trusted(file));
    files.filter_map(|file| read_one(&file)).collect()
}

fn read_one(file: &Path) -> Option<Found> {
    let mut text = String::new();
    File::open(file).ok()?.take(MAX_LEN).read_to_string(&mut text).ok()?;
    let manifest: Manifest = serde_json::from_str(&text).ok()?;
    let path = file.parent()?.join(manifest.path);
    (manifest.kind == "pkcs11")
        .then(|| Found { description: manifest.description, ..Found::new(&manifest.name, path) })
}

#[cfg(not(windows))]
fn files() -> Vec<PathBuf> {
    let entries = FOLDERS.iter().filter_map(|folder| std::fs::read_dir(folder).ok());
    let paths = entries.flatten().flatten().map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|kind| kind == "json")).collect()
}

#[cfg(target_os = "macos")]
const FOLDERS: &[&str] = &["/Library/Application Support/Mozilla/PKCS11Modules"];
#[cfg(not(any(target_os = "macos", windows)))]
const FOLDERS: &[&str] = &["/usr/lib/mozilla/pkcs11-modules", "/usr/lib64/mozilla/pkcs11-modules"];

/// Each key below `PKCS11Modules` has the path of a manifest as its default value.
#[cfg(windows)]
fn files() -> Vec<PathBuf> {
    use windows_registry::{CURRENT_USER, LOCAL_MACHINE};

    let mut files = Vec::new();
    for root in [LOCAL_MACHINE, CURRENT_USER] {
        let Ok(modules) = root.open(REGISTRY_KEY) else { continue };
        for name in modules.keys().into_iter().flatten() {
            let manifest = modules.open(name).and_then(|key| key.get_string(""));
            files.extend(manifest.ok().map(PathBuf::from));
        }
    }
    files
}

#[cfg(windows)]
const REGISTRY_KEY: &str = r"Software\Mozilla\PKCS11Modules";
const MAX_LEN: u64 = 1 << 16;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_manifest_names_a_module() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("beidpkcs11.json");
        let found = |text: &str| {
            std::fs::write(&file, text).unwrap();
            read_one(&file)
        };
        let library = std::path::absolute("/usr/lib/libbeidpkcs11.so.0").unwrap();
        let eid = json!({"name": "beidpkcs11", "description": "Belgian eID", "type": "pkcs11",
            "path": library, "allowed_extensions": ["a@b"]});
        let expected =
            Found { description: "Belgian eID".to_owned(), ..Found::new("beidpkcs11", library) };
        assert_eq!(found(&eid.to_string()), Some(expected));
        let relative = found(r#"{"name": "a", "type": "pkcs11", "path": "a.so"}"#).unwrap();
        assert_eq!(relative.path, folder.path().join("a.so"));
        for text in ["", "{}", r#"{"name": "a", "type": "stdio", "path": "/a"}"#, "[]"] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
