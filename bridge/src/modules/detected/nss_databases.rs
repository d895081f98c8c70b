//! The key databases of Firefox and Chrome, which NSS keeps in folders of the user. They count as
//! tokens only if the configuration asks for them.

use std::path::{Path, PathBuf};

use super::found::Found;

/// One module for each database in the user's home folder.
pub(super) fn find(home: &Path, library_folders: &[PathBuf]) -> Vec<Found> {
    let libraries = library_folders
        .iter()
        .flat_map(|folder| LIBRARIES.iter().map(move |library| folder.join(library)));
    let Some(library) = libraries.into_iter().find(|path| path.is_file()) else {
        return Vec::new();
    };
    databases(home)
        .into_iter()
        .filter_map(|(name, description, folder)| {
            Some(Found {
                description,
                init_args: Some(init_args(&folder)?),
                ..Found::new(&name, library.clone())
            })
        })
        .collect()
}

/// Name, description and folder of each database.
fn databases(home: &Path) -> Vec<(String, String, PathBuf)> {
    let chrome = home.join(".pki/nssdb");
    let chrome = ("nss-chrome".to_owned(), "Certificates of Chrome".to_owned(), chrome);
    let mut found = vec![chrome];
    for folder in FIREFOX {
        let entries = std::fs::read_dir(home.join(folder)).into_iter().flatten().flatten();
        let mut profiles: Vec<_> = entries.map(|entry| entry.path()).collect();
        profiles.sort();
        for profile in profiles {
            let Some(name) = profile.file_name().and_then(|name| name.to_str()) else { continue };
            let description = format!("Certificates of Firefox ({name})");
            found.push((format!("nss-firefox-{name}"), description, profile));
        }
    }
    found.retain(|(_, _, folder)| folder.join("cert9.db").is_file());
    found
}

/// What NSS reads as `pReserved`. `None` if the path cannot be quoted.
fn init_args(folder: &Path) -> Option<String> {
    let folder = folder.to_str().filter(|path| !path.contains(['\'', '"', '\\']))?;
    Some(format!("configdir='sql:{folder}' certPrefix='' keyPrefix='' flags=readOnly"))
}

const FIREFOX: &[&str] = &[
    ".mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
    "Library/Application Support/Firefox/Profiles",
];
const LIBRARIES: &[&str] = &[
    "libsoftokn3.so",
    "nss/libsoftokn3.so",
    "libsoftokn3.dylib",
    "../opt/nss/lib/libsoftokn3.dylib",
];

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn the_databases_of_browsers_are_found() {
        let home = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = home.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        };
        file("lib/libsoftokn3.so");
        file(".pki/nssdb/cert9.db");
        file(".mozilla/firefox/abc.default/cert9.db");
        file(".mozilla/firefox/old.profile/cert8.db");
        file(".mozilla/firefox/it's.profile/cert9.db");
        let folders = [home.path().join("lib")];
        let found = find(home.path(), &folders);
        let names: Vec<_> = found.iter().map(|found| found.name.as_str()).collect();
        assert_eq!(names, ["nss-chrome", "nss-firefox-abc.default"]);
        let path = home.path().display();
        let expected =
            format!("configdir='sql:{path}/.pki/nssdb' certPrefix='' keyPrefix='' flags=readOnly");
        assert_eq!(found[0].init_args.as_deref(), Some(expected.as_str()));
        assert_eq!(found[0].path, folders[0].join("libsoftokn3.so"));
        assert!(find(home.path(), &[]).is_empty());
    }
}
