//! The bridge's own files: whether they are there, their rights, and whether the bridge can use
//! them.

use std::path::Path;

use super::report::{FileState, Problem};
use crate::access::approvals::StateFile;
use crate::identity::IdentityKey;

pub(super) fn examine(
    state_file: Option<&StateFile>,
    problems: &mut Vec<Problem>,
) -> Vec<FileState> {
    let Some(state_file) = state_file else {
        problems.push(Problem::new(
            "files",
            "The user has no home folder. Approvals, the bridge's key and the counts of PIN tries \
             last until the bridge stops. Set HOME, or name a file with --state-file.",
        ));
        return Vec::new();
    };
    let tries = state_file.pin_tries();
    let usable_tries = tries.read().map(drop).map_err(|error| error.to_string());
    let usable_key = IdentityKey::check(state_file).map_err(|error| error.to_string());
    let files = vec![
        state("state folder", state_file.folder(), Ok(())),
        state("approvals", state_file.path(), state_file.check().map_err(|e| e.to_string())),
        state("PIN tries", tries.path(), usable_tries),
        state("key of the bridge", &IdentityKey::path(state_file), usable_key),
    ];
    for file in &files {
        if let Some(problem) = &file.problem {
            problems.push(Problem::new(file.name, problem.clone()));
        }
    }
    files
}

fn state(name: &'static str, path: &Path, usable: Result<(), String>) -> FileState {
    let metadata = std::fs::symlink_metadata(path).ok();
    FileState {
        name,
        path: path.to_owned(),
        exists: metadata.is_some(),
        mode: metadata.as_ref().and_then(mode),
        problem: usable.err(),
    }
}

#[cfg(unix)]
fn mode(metadata: &std::fs::Metadata) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    Some(format!("{:03o}", metadata.permissions().mode() & 0o777))
}

#[cfg(not(unix))]
fn mode(_: &std::fs::Metadata) -> Option<String> {
    None
}
