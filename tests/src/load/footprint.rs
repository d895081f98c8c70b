//! The bridge's memory, file descriptors and workers: before, during and after a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::bridge::workers_of;
use crate::processes;

/// The resources of the bridge at one time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Footprint {
    /// The resident memory of the bridge in bytes.
    pub memory: u64,
    /// The resident memory of all its workers in bytes.
    pub workers_memory: u64,
    /// The number of open file descriptors of the bridge.
    pub file_descriptors: u64,
    /// The number of its workers.
    pub workers: u64,
}

/// The resources of the bridge during a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Footprints {
    /// Before the first connection.
    pub start: Footprint,
    /// The highest value of each.
    pub peak: Footprint,
    /// After all connections have ended.
    pub end: Footprint,
}

/// Samples the resources of a bridge in a thread.
pub(super) struct FootprintSampler {
    bridge: u32,
    stop: Arc<AtomicBool>,
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

    fn max(self, other: Self) -> Self {
        Self {
            memory: self.memory.max(other.memory),
            workers_memory: self.workers_memory.max(other.workers_memory),
            file_descriptors: self.file_descriptors.max(other.file_descriptors),
            workers: self.workers.max(other.workers),
        }
    }
}

impl FootprintSampler {
    pub(super) fn start(bridge: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let start = Footprint::of(bridge);
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut footprints = Footprints { start, peak: start, end: start };
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(INTERVAL);
                footprints.peak = footprints.peak.max(Footprint::of(bridge));
            }
            footprints
        });
        Self { bridge, stop, thread }
    }

    pub(super) fn finish(self) -> Footprints {
        self.stop.store(true, Ordering::Relaxed);
        let mut footprints = self.thread.join().expect("the thread does not panic");
        footprints.end = Footprint::of(self.bridge);
        // The operating system also knows the peak between two samples.
        let peak = processes::memory(self.bridge).map_or(0, |(_, peak)| peak);
        footprints.peak.memory = footprints.peak.memory.max(peak);
        footprints
    }
}

const INTERVAL: Duration = Duration::from_millis(250);
