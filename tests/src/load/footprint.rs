//! What the bridge takes of the system: memory, file descriptors, workers; before, at most, and afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::bridge::workers_of;
use crate::processes;

/// What it takes at one time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Footprint {
    /// Memory of the bridge in bytes, as far as it is not swapped out.
    pub memory: u64,
    /// That of its workers together.
    pub workers_memory: u64,
    /// File descriptors of the bridge.
    pub file_descriptors: u64,
    /// Its workers.
    pub workers: u64,
}

/// What it takes during a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Footprints {
    /// Before the first connection.
    pub start: Footprint,
    /// The most of each.
    pub peak: Footprint,
    /// After all connections have ended.
    pub end: Footprint,
}

/// Looks at a bridge now and then.
pub(super) struct Watch {
    bridge: u32,
    over: Arc<AtomicBool>,
    thread: JoinHandle<Footprints>,
}

impl Footprint {
    fn of(bridge: u32) -> Self {
        let workers = workers_of(bridge);
        let memory = |pid| processes::memory(pid).map_or(0, |(now, _)| now);
        Self {
            memory: memory(bridge),
            workers_memory: workers.iter().map(|worker| memory(worker.pid)).sum(),
            file_descriptors: processes::file_descriptors(bridge).unwrap_or_default(),
            workers: workers.len() as u64,
        }
    }

    fn at_most(self, other: Self) -> Self {
        Self {
            memory: self.memory.max(other.memory),
            workers_memory: self.workers_memory.max(other.workers_memory),
            file_descriptors: self.file_descriptors.max(other.file_descriptors),
            workers: self.workers.max(other.workers),
        }
    }
}

impl Watch {
    pub(super) fn start(bridge: u32) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let start = Footprint::of(bridge);
        let until = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut footprints = Footprints { start, peak: start, end: start };
            while !until.load(Ordering::Relaxed) {
                std::thread::sleep(INTERVAL);
                footprints.peak = footprints.peak.at_most(Footprint::of(bridge));
            }
            footprints
        });
        Self { bridge, over, thread }
    }

    pub(super) fn finish(self) -> Footprints {
        self.over.store(true, Ordering::Relaxed);
        let mut footprints = self.thread.join().expect("it does not panic");
        footprints.end = Footprint::of(self.bridge);
        // The system has seen what lies between two looks.
        let peak = processes::memory(self.bridge).map_or(0, |(_, peak)| peak);
        footprints.peak.memory = footprints.peak.memory.max(peak);
        footprints
    }
}

const INTERVAL: Duration = Duration::from_millis(250);
