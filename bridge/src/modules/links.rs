//! The symbolic links that lead to a module's file. A page that names such a link means the module.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::detected::module_folders;

/// Links to these files, and the files behind links, each with the index of its module. Looks in
/// the folders of modules only, and never at a path of a page.
pub(super) fn to(modules: &[&Path]) -> HashMap<PathBuf, usize> {
    let mut targets = HashMap::new();
    for (index, path) in modules.iter().enumerate() {
        if let Ok(target) = path.canonicalize() {
            targets.entry(target).or_insert(index);
        }
    }
    let chains = modules.iter().flat_map(|path| chain(path));
    let parents = chains.chain(targets.keys().cloned());
    let mut folders: Vec<_> = parents.filter_map(|path| Some(path.parent()?.to_owned())).collect();
    folders.extend(module_folders());
    folders.sort();
    folders.dedup();
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok());
    let links = entries
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()))
        .filter_map(|entry| {
            let path = entry.path();
            let index = *targets.get(&path.canonicalize().ok()?)?;
            Some((path, index))
        });
    let links: Vec<_> = links.collect();
    targets.extend(links);
    targets
}

/// The path, and each link that it leads to.
fn chain(path: &Path) -> Vec<PathBuf> {
    let mut chain = vec![path.to_owned()];
    while let Some(last) = chain.last().filter(|_| chain.len() < MAX_LINKS)
        && let Ok(target) = std::fs::read_link(last)
        && let Some(folder) = last.parent()
    {
        chain.push(folder.join(target));
    }
    chain
}

/// As Linux allows.
const MAX_LINKS: usize = 40;
