//! Reports when the state file changes.

use std::path::PathBuf;
use std::sync::Arc;

use notify::{Config, Event, PollWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::StateFile;

/// Watches the file until its first change. After that, start a new watch, because the folder may
/// have been replaced too.
pub(crate) struct Watch {
    changed: Arc<Notify>,
    _watcher: Box<dyn Watcher + Send>,
}

impl Watch {
    /// Watches the folder, because a write replaces the file, and because the file may not exist
    /// yet. If the system cannot report changes, the watch polls every two seconds.
    pub(crate) fn start(file: &StateFile) -> notify::Result<Self> {
        file.prepare_folder()?;
        let changed = Arc::new(Notify::new());
        let (name, folder) =
            (file.path().file_name().map(ToOwned::to_owned), file.folder().to_owned());
        let report = {
            let changed = Arc::clone(&changed);
            move |event: notify::Result<Event>| {
                // An error or a rescan request may concern this file. The watch also reports reads,
                // including our own, so ignore those.
                let is_relevant = event.map_or(true, |event| {
                    let is_file =
                        |path: &PathBuf| path.file_name() == name.as_deref() || *path == folder;
                    event.need_rescan()
                        || (!event.kind.is_access() && event.paths.iter().any(is_file))
                });
                if is_relevant {
                    changed.notify_one();
                }
            }
        };
        let watcher: Box<dyn Watcher + Send> =
            match start_watcher(notify::recommended_watcher(report.clone()), file) {
                Ok(watcher) => watcher,
                Err(error) => {
                    tracing::warn!(%error, "the bridge polls the state file every two seconds");
                    let config = Config::default().with_poll_interval(POLL_INTERVAL);
                    start_watcher(PollWatcher::new(report, config), file)?
                }
            };
        Ok(Self { changed, _watcher: watcher })
    }

    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

fn start_watcher<W: Watcher + Send + 'static>(
    watcher: notify::Result<W>,
    file: &StateFile,
) -> notify::Result<Box<dyn Watcher + Send>> {
    let mut watcher = watcher?;
    watcher.watch(file.folder(), RecursiveMode::NonRecursive)?;
    Ok(Box::new(watcher))
}

const POLL_INTERVAL: std::time::Duration = std::time::Duration::from_secs(2);
