//! The well-known modules, and the folders where they are usually installed.

#[cfg(windows)]
use std::path::Path;
use std::path::PathBuf;

use super::found::Found;

/// Every place where a well-known module may be, in the order of [`KNOWN`].
pub(super) fn candidates() -> Vec<Found> {
    candidates_in(&library_folders())
}

/// The folders that may have a well-known module.
pub(in crate::modules) fn module_folders() -> Vec<PathBuf> {
    let paths = candidates().into_iter();
    paths.filter_map(|found| Some(found.path.parent()?.to_owned())).collect()
}

fn candidates_in(folders: &[PathBuf]) -> Vec<Found> {
    KNOWN
        .iter()
        .flat_map(|known| folders.iter().map(move |folder| known.found(folder.join(known.file))))
        .collect()
}

struct Known {
    name: &'static str,
    description: &'static str,
    /// An absolute path, or a path relative to one of the library folders.
    file: &'static str,
}

impl Known {
    fn found(&self, path: PathBuf) -> Found {
        Found {
            description: self.description.to_owned(),
            is_known: true,
            ..Found::new(self.name, path)
        }
    }
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
    "opencryptoki", "openCryptoki, for IBM's cryptographic hardware":
        "opencryptoki/libopencryptoki.so", "pkcs11/libopencryptoki.so";
    "kryoptic", "Kryoptic, tokens in software":
        "pkcs11/libkryoptic_pkcs11.so", "libkryoptic_pkcs11.so";
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
    "opensc", "OpenSC, for many smart cards":
        r"OpenSC Project\OpenSC\pkcs11\opensc-pkcs11.dll", "opensc-pkcs11.dll";
    "yubikey", "Yubico YKCS11, for YubiKeys": r"Yubico\Yubico PIV Tool\bin\libykcs11.dll";
    "safenet", "Thales SafeNet, for eToken and IDPrime": "eTPKCS11.dll";
    "idprime", "Thales IDPrime": r"Gemalto\IDGo 800 PKCS#11\IDPrimePKCS1164.dll";
    "beid", "Belgian eID": "beidpkcs11.dll";
    "bit4id", "Bit4id": "bit4xpki.dll";
    "rutoken", "Rutoken": "rtPKCS11ECP.dll";
    "safesign", "A.E.T. SafeSign": "aetpkss1.dll";
    "luna", "Thales Luna HSM": r"SafeNet\LunaClient\cryptoki.dll";
    "yubihsm", "YubiHSM 2": r"Yubico\YubiHSM Shell\bin\pkcs11\yubihsm_pkcs11.dll";
    "softhsm", "SoftHSM, tokens in software":
        r"SoftHSM2\lib\softhsm2-x64.dll", r"C:\SoftHSM2\lib\softhsm2-x64.dll";
};

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
const KNOWN: &[Known] = known! {
    "opensc", "OpenSC, for many smart cards": "opensc-pkcs11.so", "pkcs11/opensc-pkcs11.so";
    "softhsm", "SoftHSM, tokens in software": "softhsm/libsofthsm2.so";
};

#[cfg(unix)]
pub(super) fn library_folders() -> Vec<PathBuf> {
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

/// The folders for programs and libraries of 64 bits.
#[cfg(windows)]
pub(super) fn library_folders() -> Vec<PathBuf> {
    // A process of 32 bits finds the folder for its own kind in `ProgramFiles`.
    let programs = std::env::var_os("ProgramW6432").or_else(|| std::env::var_os("ProgramFiles"));
    let system = std::env::var_os("SystemRoot").map(|folder| Path::new(&folder).join("System32"));
    programs.map(PathBuf::from).into_iter().chain(system).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_module_may_be_in_each_folder() {
        let folders = ["/a", "/b"].map(PathBuf::from);
        let candidates = candidates_in(&folders);
        assert_eq!(candidates.len(), 2 * KNOWN.len());
        assert!(candidates[0].path.starts_with("/a") && candidates[1].path.starts_with("/b"));
    }
}
