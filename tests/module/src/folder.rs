//! The module's folder, which holds the rules and the record of calls, and the current rules.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use pkcs11_bridge_test_rules::{FOLDER, Rules};

/// The folder that the environment names.
pub(crate) fn folder() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        std::env::var_os(FOLDER).map(PathBuf::from).expect("the environment names the folder")
    })
}

/// The current rules. They are read again only after the file has changed.
pub(crate) fn rules() -> Arc<Rules> {
    static LATEST: Mutex<Option<(Stamp, Arc<Rules>)>> = Mutex::new(None);
    let mut latest = LATEST.lock().expect("no reader panics");
    let stamp = Stamp::now();
    match &*latest {
        Some((read, rules)) if *read == stamp => Arc::clone(rules),
        _ => {
            let rules = Arc::new(Rules::read(folder()).expect("rules"));
            *latest = Some((stamp, Arc::clone(&rules)));
            rules
        }
    }
}

/// Waits as long as `blocked` holds for the current rules. The wait has a limit, so that it ends
/// after a test was killed.
pub(crate) fn wait_while(blocked: impl Fn(&Rules) -> bool) {
    let start = Instant::now();
    while start.elapsed() < LIMIT && blocked(&rules()) {
        sleep(Duration::from_millis(5));
    }
}

/// Identifies one version of the file. It changes when the test replaces the file.
#[derive(PartialEq, Eq)]
struct Stamp {
    file: u64,
    modified: SystemTime,
    len: u64,
}

impl Stamp {
    fn now() -> Self {
        let metadata = fs::metadata(Rules::file(folder())).expect("rules");
        let modified = metadata.modified().expect("a time");
        Self { file: file_id(&metadata), modified, len: metadata.len() }
    }
}

#[cfg(unix)]
fn file_id(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

/// Windows counts time finely enough.
#[cfg(windows)]
fn file_id(_: &Metadata) -> u64 {
    0
}

const LIMIT: Duration = Duration::from_secs(600);
