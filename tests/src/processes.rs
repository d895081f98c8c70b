//! Processes as Linux shows them in `/proc`. It ends only processes that a test started.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A running process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// The process id.
    pub pid: u32,
    /// The process id of its parent.
    pub parent: u32,
    /// Its command line.
    pub arguments: Vec<String>,
}

/// The children of a process, and all their descendants.
pub fn descendants(ancestor: u32) -> Vec<Process> {
    let all = all();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![ancestor];
    while let Some(parent) = parents.pop() {
        for child in all.iter().filter(|process| process.parent == parent) {
            parents.push(child.pid);
            found.push(child.clone());
        }
    }
    found
}

/// The processes that have an argument with this text in it.
pub fn with_argument(text: &str) -> Vec<Process> {
    let mut found = all();
    found.retain(|process| process.arguments.iter().any(|argument| argument.contains(text)));
    found
}

fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").expect("/proc");
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter_map(find).collect()
}

/// The start time of a process, in clock ticks since the boot (proc_pid_stat(5)).
pub fn start_time(pid: u32) -> Option<u64> {
    stat(pid)?.get(22 - FIRST_FIELD)?.parse().ok()
}

/// The fields of proc_pid_stat(5) from the state on, which is field [`FIRST_FIELD`].
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may itself contain spaces and parentheses.
    let (_, after_name) = stat.rsplit_once(')')?;
    Some(after_name.split_whitespace().map(str::to_owned).collect())
}

const FIRST_FIELD: usize = 3;

/// The resident memory of a process in bytes: the current value, and the peak.
pub fn memory(pid: u32) -> Option<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kibibytes = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Some((kibibytes("VmRSS:")? << 10, kibibytes("VmHWM:")? << 10))
}

/// Resets the peak of [`memory`] to the current value (proc_pid_clear_refs(5)).
pub fn reset_peak_memory(pid: u32) {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("a process of our own");
}

/// The number of open file descriptors of a process.
pub fn file_descriptors(pid: u32) -> Option<u64> {
    let folder = format!("/proc/{pid}/fd");
    match fs::read_dir(&folder) {
        Ok(entries) => Some(entries.count() as u64),
        // The bridge hides its descriptors from other programs of the user. Linux still reports
        // their number.
        Err(_) => fs::metadata(&folder).ok().map(|folder| folder.len()),
    }
}

/// The processor time of a process in ticks of 10 ms, and the number of its
/// voluntary context switches.
pub fn activity(pid: u32) -> Option<(u64, u64)> {
    let fields = stat(pid)?;
    let field = |number: usize| fields.get(number - FIRST_FIELD)?.parse::<u64>().ok();
    let ticks = field(14)? + field(15)?;
    let mut switches = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let status = fs::read_to_string(task.ok()?.path().join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        switches += line.trim().parse::<u64>().ok()?;
    }
    Some((ticks, switches))
}

/// Whether a process runs.
pub fn is_running(pid: u32) -> bool {
    find(pid).is_some()
}

/// Sends a signal to a process. Does nothing if the process has ended.
pub fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().expect("a process id")).expect("a process id");
    let _ = kill_process(pid, signal);
}

/// Polls a condition until it holds. Returns whether it held in time.
pub fn wait_until(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !holds() {
        if start.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

/// Finds a process by its id. Returns `None` if it does not exist or is a zombie.
pub fn find(pid: u32) -> Option<Process> {
    let fields = stat(pid)?;
    let [state, parent, ..] = &fields[..] else { return None };
    let parent = parent.parse().ok()?;
    if matches!(state.as_str(), "Z" | "X") {
        return None;
    }
    let command_line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let arguments = command_line
        .split(|byte| *byte == 0)
        .filter(|argument| !argument.is_empty())
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect();
    Some(Process { pid, parent, arguments })
}
