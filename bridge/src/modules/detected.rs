//! Detects well-known modules in the folders where they are usually installed. Refuses files that
//! another user could have put there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Module, ModuleName, trusted_path};
use crate::confinement::Confinement;

/// The well-known modules whose file exists, each once, in the order of [`KNOWN`].
pub(crate) fn detect() -> Vec<Module> {
    detect_in(&library_folders(), |path| path.is_file() && is_trusted(path))
}

fn is_trusted(path: &Path) -> bool {
    let trusted = trusted_path::check(path);
    if let Err(problem) = &trusted {
        let path = path.display();
        tracing::warn!(%path, %problem, "a module was found and is not used");
    }
    trusted.is_ok()
}

fn detect_in(folders: &[PathBuf], is_usable: impl Fn(&Path) -> bool) -> Vec<Module> {
    let mut found = BTreeSet::new();
    KNOWN
        .iter()
        .flat_map(|known| folders.iter().map(move |folder| (known, folder.join(known.file))))
        .filter(|(_, path)| is_usable(path))
        .filter_map(|(known, path)| {
            let name: ModuleName = known.name.parse().ok()?;
            found.insert(known.name).then(|| Module {
                name,
                path,
                description: known.description.to_owned(),
                env: BTreeMap::new(),
                confinement: Confinement::default(),
                init_args: None,
            })
        })
        .collect()
}

struct Known {
    name: &'static str,
    description: &'static str,
    /// An absolute path, or a path relative to one of the library folders.
    file: &'static str,
}

macro_rules! known {
    ($($name:literal, $description:literal: $($file:literal),+;)*) => {
        &[$($(Known { name: $name, description: $description, file: $file },)+)*]
    };
}

#[cfg(target_os = "linux")]
const KNOWN: &[Known] = known! {
    "opensc", "OpenSC, for many smart cards":
        "opensc-pkcs11.so", "pkcs11/opensc-pkcs11.so";
    "yubikey", "Yubico YKCS11, for YubiKeys": "libykcs11.so", "libykcs11.so.2";
    "safenet", "Thales SafeNet, for eToken and IDPrime": "libeToken.so", "libeTPkcs11.so";
    "idprime", "Thales IDPrime": "libIDPrimePKCS11.so", "/usr/lib/pkcs11/libIDPrimePKCS11.so";
    "beid", "Belgian eID": "libbeidpkcs11.so.0";
    "bit4id", "Bit4id": "libbit4xpki.so", "bit4id/libbit4xpki.so";
    "rutoken", "Rutoken": "librtpkcs11ecp.so";
    "tpm2", "TPM 2.0": "libtpm2_pkcs11.so.1", "pkcs11/libtpm2_pkcs11.so";
    "luna", "Thales Luna HSM": "/usr/safenet/lunaclient/lib/libCryptoki2_64.so";
    "cloudhsm", "AWS CloudHSM": "/opt/cloudhsm/lib/libcloudhsm_pkcs11.so";
    "yubihsm", "YubiHSM 2": "pkcs11/yubihsm_pkcs11.so";
    "softhsm", "SoftHSM, tokens in software":
        "softhsm/libsofthsm2.so", "pkcs11/libsofthsm2.so", "libsofthsm2.so";
};

#[cfg(target_os = "macos")]
const KNOWN: &[Known] = known! {
    "opensc", "OpenSC, for many smart cards": "opensc-pkcs11.so";
    "yubikey", "Yubico YKCS11, for YubiKeys": "libykcs11.dylib";
    "safenet", "Thales SafeNet, for eToken and IDPrime": "libeTPkcs11.dylib";
    "beid", "Belgian eID":
        "libbeidpkcs11.dylib", "beid-pkcs11.bundle/Contents/MacOS/libbeidpkcs11.dylib";
    "softhsm", "SoftHSM, tokens in software": "softhsm/libsofthsm2.so";
};

#[cfg(windows)]
const KNOWN: &[Known] = known! {
    "opensc", "OpenSC, for many smart cards": r"OpenSC Project\OpenSC\pkcs11\opensc-pkcs11.dll";
    "yubikey", "Yubico YKCS11, for YubiKeys": r"Yubico\Yubico PIV Tool\bin\libykcs11.dll";
    "safenet", "Thales SafeNet, for eToken and IDPrime": "eTPKCS11.dll";
    "beid", "Belgian eID": "beidpkcs11.dll";
    "softhsm", "SoftHSM, tokens in software": r"SoftHSM2\lib\softhsm2-x64.dll";
};

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
const KNOWN: &[Known] = known! {
    "opensc", "OpenSC, for many smart cards": "opensc-pkcs11.so", "pkcs11/opensc-pkcs11.so";
    "softhsm", "SoftHSM, tokens in software": "softhsm/libsofthsm2.so";
};

#[cfg(unix)]
fn library_folders() -> Vec<PathBuf> {
    let distribution = match std::env::consts::ARCH {
        "x86_64" => "/usr/lib/x86_64-linux-gnu",
        "aarch64" => "/usr/lib/aarch64-linux-gnu",
        _ => "/usr/lib64",
    };
    [
        "/usr/local/lib",
        distribution,
        "/usr/lib64",
        "/usr/lib",
        "/opt/homebrew/lib",
        "/Library/OpenSC/lib",
    ]
    .map(PathBuf::from)
    .to_vec()
}

#[cfg(windows)]
fn library_folders() -> Vec<PathBuf> {
    ["ProgramFiles", "SystemRoot"]
        .iter()
        .filter_map(std::env::var_os)
        .flat_map(|folder| [PathBuf::from(&folder), Path::new(&folder).join("System32")])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_module_is_listed_once_from_the_first_folder_that_has_it() {
        let folders = ["/a", "/b"].map(PathBuf::from);
        let everything = detect_in(&folders, |_| true);
        let mut names: Vec<_> = KNOWN.iter().map(|known| known.name).collect();
        names.dedup();
        assert_eq!(everything.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), names);
        assert!(everything[0].path.starts_with("/a"));
        assert!(detect_in(&folders, |_| false).is_empty());
    }
}
