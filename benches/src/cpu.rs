//! Processor time of a process and all it started, from the operating system's accounting.

use std::{fs, path::Path, time::Duration};

/// The kernel counts in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// Processor time so far, of the process that is measured and of PostgreSQL.
#[derive(Clone, Copy, Default)]
pub(crate) struct Used {
    pub(crate) own: Duration,
    pub(crate) database: Duration,
}

impl Used {
    pub(crate) fn by(process: u32) -> Self {
        Self { own: used(process, None), database: Duration::ZERO }
    }
}

/// What a tree of processes has used so far, without the trees below `except`. A process that has ended counts with
/// the parent that waited for it.
pub(crate) fn used(root: u32, except: Option<u32>) -> Duration {
    let processes: Vec<Process> = all();
    let mut tree = vec![root];
    let mut ticks = 0;
    while let Some(id) = tree.pop() {
        if Some(id) == except {
            continue;
        }
        ticks += processes.iter().find(|process| process.id == id).map_or(0, |process| process.ticks);
        tree.extend(processes.iter().filter(|process| process.parent == id).map(|process| process.id));
    }
    TICK * ticks
}

/// Resident memory of one process, in kilobytes.
pub(crate) fn resident_kilobytes(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

struct Process {
    id: u32,
    parent: u32,
    ticks: u32,
}

fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| read(&entry.path())).collect()
}

/// `proc(5)`: after the name in parentheses come state, parent, …, and as 14th to 17th field of all the times.
fn read(folder: &Path) -> Option<Process> {
    let id = folder.file_name()?.to_str()?.parse().ok()?;
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u32>().ok()).sum();
    Some(Process { id, parent: fields.get(1)?.parse().ok()?, ticks })
}
