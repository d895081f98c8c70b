//! Detects modules: well-known ones in the folders where they are usually installed, those that
//! p11-kit is configured for, and those that vendors name to Firefox. Refuses files that another
//! user could have put there.

mod found;
mod known;
mod manifests;
mod nss_databases;
mod p11_kit;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::trusted_path::{self, Untrusted};
use super::{Module, ModuleName};
use crate::confinement::Confinement;
use found::Found;
use known::library_folders;
pub(super) use known::module_folders;

/// Whether the databases of browsers count as tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NssDatabases {
    Detect,
    Ignore,
}

/// What was detected.
pub(crate) struct Detected {
    pub(crate) modules: Vec<Module>,
    /// Files of modules that the bridge does not use, because others could change them.
    pub(crate) refused: Vec<RefusedFile>,
}

/// A file that the bridge does not use.
#[derive(Clone, Debug)]
pub(crate) struct RefusedFile {
    pub(crate) path: PathBuf,
    pub(crate) problem: Untrusted,
}

/// The modules of this computer, each file once.
pub(crate) fn detect(nss: NssDatabases) -> Detected {
    let refused = RefCell::default();
    let is_trusted = |path: &Path| is_trusted(path, &refused);
    let folders = library_folders();
    let p11_kit = p11_kit::Places::of_this_computer(&folders).read(is_trusted);
    let mut found = known::candidates();
    found.extend(p11_kit.modules);
    found.extend(manifests::read(is_trusted));
    if let (NssDatabases::Detect, Some(home)) = (nss, std::env::home_dir()) {
        found.extend(nss_databases::find(&home, &folders));
    }
    let modules = select(found, &p11_kit.switched_off, is_trusted);
    Detected { modules, refused: refused.into_inner() }
}

fn is_trusted(path: &Path, refused: &RefCell<Vec<RefusedFile>>) -> bool {
    let Err(problem) = trusted_path::check(path) else { return true };
    tracing::warn!(
        path = %path.display(), %problem, "a file of a module was found and is not used"
    );
    refused.borrow_mut().push(RefusedFile { path: path.to_owned(), problem });
    false
}

/// Takes each file once: with the name of the place that comes first, and with the priority and the
/// arguments of any place. Modules with a higher priority come first.
fn select(
    found: Vec<Found>,
    switched_off: &[PathBuf],
    is_trusted: impl Fn(&Path) -> bool,
) -> Vec<Module> {
    let switched_off: BTreeSet<_> = switched_off.iter().map(|path| target(path)).collect();
    let mut taken: Vec<Found> = Vec::new();
    // A database is a module of its own, so the arguments belong to the identity.
    let mut files: BTreeMap<(PathBuf, Option<String>), usize> = BTreeMap::new();
    for found in found {
        let file = target(&found.path);
        if is_of_p11_kit(&found.path) || is_of_p11_kit(&file) || switched_off.contains(&file) {
            continue;
        }
        let plain = files.get(&(file.clone(), None)).copied();
        if let Some(known) =
            plain.or_else(|| files.get(&(file.clone(), found.init_args.clone())).copied())
        {
            let known = &mut taken[known];
            known.priority = known.priority.max(found.priority);
            known.is_required |= found.is_required;
            if known.init_args.is_none() {
                known.init_args = found.init_args;
            }
            continue;
        }
        let is_wanted = found.is_required || found.path.is_file();
        let is_again = found.is_known && taken.iter().any(|other| other.name == found.name);
        if is_again || !is_wanted || !is_trusted(existing_part(&found.path)) {
            continue;
        }
        files.insert((file, found.init_args.clone()), taken.len());
        taken.push(found);
    }
    taken.sort_by_key(|found| std::cmp::Reverse(found.priority));
    let mut names = BTreeSet::new();
    taken.into_iter().filter_map(|found| module(found, &mut names)).collect()
}

/// The file, or the last folder on the way to it that exists. Others could put a file there later.
fn existing_part(path: &Path) -> &Path {
    path.ancestors().find(|part| part.symlink_metadata().is_ok()).unwrap_or(path)
}

/// The file that a path leads to. A symbolic link to a module is the module.
fn target(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Whether a file is p11-kit's proxy, which would list all modules once more, or its module for
/// trust, which has no keys. Both can be configured by name.
fn is_of_p11_kit(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    ["p11-kit-proxy.", "libp11-kit.", "p11-kit-trust."].iter().any(|own| name.starts_with(own))
}

fn module(found: Found, names: &mut BTreeSet<ModuleName>) -> Option<Module> {
    let name = unused_name(&found.name, names)?;
    names.insert(name.clone());
    Some(Module {
        name,
        path: found.path,
        description: found.description,
        env: BTreeMap::new(),
        confinement: Confinement::default(),
        init_args: found.init_args,
    })
}

/// The text as a name that no module has yet.
fn unused_name(text: &str, names: &BTreeSet<ModuleName>) -> Option<ModuleName> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let base: String = text.chars().map(|c| if fits(c) { c } else { '-' }).take(60).collect();
    let numbered = (2..100).map(|number| format!("{base}-{number}"));
    let candidates = std::iter::once(base.clone()).chain(numbered);
    candidates.filter_map(|name| name.parse().ok()).find(|name| !names.contains(name))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    fn folder(files: &[&str]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        folder
    }

    fn names(modules: &[Module]) -> Vec<&str> {
        modules.iter().map(|module| module.name.as_str()).collect()
    }

    fn known(name: &str, path: PathBuf) -> Found {
        Found { is_known: true, ..Found::new(name, path) }
    }

    #[test]
    fn a_file_is_one_module_whatever_leads_to_it() {
        let folder = folder(&["module.so"]);
        let (file, link) = (folder.path().join("module.so"), folder.path().join("link.so"));
        symlink(&file, &link).unwrap();
        let configured =
            Found { priority: 3, init_args: Some("a".into()), ..Found::new("p11", file.clone()) };
        let found = vec![known("card", link), known("card", file.clone()), configured];
        let modules = select(found.clone(), &[], |_| true);
        assert_eq!(names(&modules), ["card"]);
        assert_eq!(modules[0].init_args.as_deref(), Some("a"));
        assert!(select(found.clone(), &[file], |_| true).is_empty());
        assert!(select(found, &[], |_| false).is_empty());
    }

    #[test]
    fn databases_of_one_library_are_modules_of_their_own() {
        let folder = folder(&["softokn.so"]);
        let path = folder.path().join("softokn.so");
        let database = |name: &str| Found {
            init_args: Some(name.to_owned()),
            ..Found::new(name, path.clone())
        };
        let modules = select(vec![database("a"), database("b"), database("b")], &[], |_| true);
        assert_eq!(names(&modules), ["a", "b"]);
    }

    #[test]
    fn priorities_order_the_modules_and_names_stay_apart() {
        let folder = folder(&["a.so", "b.so", "c.so", "d.so"]);
        let path = |name: &str| folder.path().join(name);
        let modules = select(
            vec![
                known("card", path("a.so")),
                known("card", path("b.so")),
                Found { priority: 1, ..Found::new("my card", path("c.so")) },
                Found::new("card", path("d.so")),
            ],
            &[],
            |_| true,
        );
        assert_eq!(names(&modules), ["my-card", "card", "card-2"]);
    }

    #[test]
    fn only_a_required_module_is_listed_without_its_file() {
        let folder = folder(&[]);
        let gone = folder.path().join("nonexistent/module.so");
        let required = Found { is_required: true, ..Found::new("a", gone.clone()) };
        assert_eq!(names(&select(vec![required.clone()], &[], |_| true)), ["a"]);
        let is_open = |path: &Path| path == folder.path();
        assert!(select(vec![required], &[], |path| !is_open(path)).is_empty());
        assert!(select(vec![Found::new("b", gone)], &[], |_| true).is_empty());
    }

    #[test]
    fn p11_kit_itself_is_no_module() {
        let files =
            ["p11-kit-proxy.so", "p11-kit-trust.so", "p11-kit-client.so", "libp11-kit.so.0"];
        let folder = folder(&files);
        let link = folder.path().join("libnssckbi.so");
        symlink(folder.path().join("p11-kit-trust.so"), &link).unwrap();
        let mut found: Vec<_> =
            files.map(|file| Found::new(file, folder.path().join(file))).to_vec();
        found.push(Found::new("trust", link));
        assert_eq!(names(&select(found, &[], |_| true)), ["p11-kit-client.so"]);
    }
}
