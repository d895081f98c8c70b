//! The folder of this module's rules and record, and the rules as they are now.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::sleep;
use std::time::{Duration, Instant};

use pkcs11_bridge_test_rules::{FOLDER, Rules};

/// The folder, which the environment names.
pub(crate) fn folder() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        std::env::var_os(FOLDER).map(PathBuf::from).expect("the environment names the folder")
    })
}

/// The rules as they are now.
pub(crate) fn rules() -> Arc<Rules> {
    static LATEST: Mutex<Option<(Stamp, Arc<Rules>)>> = Mutex::new(None);
    let mut latest = LATEST.lock().expect("no reader panics");
    let stamp = Stamp::now();
    match &*latest {
        Some((of, rules)) if *of == stamp => Arc::clone(rules),
        _ => {
            let rules = Arc::new(Rules::read(folder()).expect("rules"));
            *latest = Some((stamp, Arc::clone(&rules)));
            rules
        }
    }
}

/// Waits as long as the rules say so. Somebody whose test has been killed waits no more in the end.
pub(crate) fn wait_while(held: impl Fn(&Rules) -> bool) {
    let start = Instant::now();
    while start.elapsed() < LIMIT && held(&rules()) {
        sleep(Duration::from_millis(5));
    }
}

/// Differs with each file that is put in the place of another.
#[derive(PartialEq, Eq)]
struct Stamp {
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
    len: u64,
}

impl Stamp {
    fn now() -> Self {
        let file = fs::metadata(Rules::file(folder())).expect("rules");
        Self {
            inode: file.ino(),
            seconds: file.mtime(),
            nanoseconds: file.mtime_nsec(),
            len: file.len(),
        }
    }
}

const LIMIT: Duration = Duration::from_secs(600);
