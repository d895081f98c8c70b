//! Tells when the state file was changed.

use std::path::PathBuf;
use std::sync::Arc;

use notify::{Config, Event, PollWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::StateFile;

/// Looks at the file until it was changed; then another one has to be started, because the folder may be
/// another one too.
pub(crate) struct Watch {
    changed: Arc<Notify>,
    _watcher: Box<dyn Watcher + Send>,
}

impl Watch {
    /// Watches the folder, because the file is replaced and may not be there yet. Where the system
    /// does not tell of changes, it is looked at every two seconds.
    pub(crate) fn start(file: &StateFile) -> notify::Result<Self> {
        file.prepare_folder()?;
        let changed = Arc::new(Notify::new());
        let (name, folder) =
            (file.path().file_name().map(ToOwned::to_owned), file.folder().to_owned());
        let tell = {
            let changed = Arc::clone(&changed);
            move |event: notify::Result<Event>| {
                // Who cannot say what was changed may mean this file. That it was read, as we do, is told
                // too.
                let concerns = event.map_or(true, |event| {
                    let of_file =
                        |path: &PathBuf| path.file_name() == name.as_deref() || *path == folder;
                    event.need_rescan()
                        || (!event.kind.is_access() && event.paths.iter().any(of_file))
                });
                if concerns {
                    changed.notify_one();
                }
            }
        };
        let watcher: Box<dyn Watcher + Send> =
            match started(notify::recommended_watcher(tell.clone()), file) {
                Ok(watcher) => watcher,
                Err(error) => {
                    tracing::warn!(%error, "the state file is looked at every two seconds");
                    let config = Config::default().with_poll_interval(INTERVAL);
                    started(PollWatcher::new(tell, config), file)?
                }
            };
        Ok(Self { changed, _watcher: watcher })
    }

    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

fn started<W: Watcher + Send + 'static>(
    watcher: notify::Result<W>,
    file: &StateFile,
) -> notify::Result<Box<dyn Watcher + Send>> {
    let mut watcher = watcher?;
    watcher.watch(file.folder(), RecursiveMode::NonRecursive)?;
    Ok(Box::new(watcher))
}

const INTERVAL: std::time::Duration = std::time::Duration::from_secs(2);
