//! The figures of this process, read from `/proc` when somebody asks; what can't be read is left out.

use std::fmt::Write;
use std::time::Duration;

use super::At;

/// The figures in Prometheus' text form, under the names that its own clients use.
pub(super) fn render(started: At, uptime: Duration) -> String {
    let mut text = String::new();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = resident_bytes(&status).map(|bytes| bytes.to_string());
    // One is the handle that lists the folder itself.
    let open = std::fs::read_dir("/proc/self/fd").map(|files| files.count().saturating_sub(1).to_string());
    let figures = [
        ("process_resident_memory_bytes", "Memory of this process that is in RAM.", resident),
        ("process_open_fds", "Open files and connections of this process.", open.ok()),
        ("process_start_time_seconds", "When this process started, since 1970.", Some(seconds(started))),
        (
            "rolecall_uptime_seconds",
            "How long this process has been running.",
            Some(uptime.as_secs().to_string()),
        ),
    ];
    for (name, help, value) in figures {
        if let Some(value) = value {
            // Writing to a String cannot fail.
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n\n");
        }
    }
    text
}

fn seconds(at: At) -> String {
    at.millis().div_euclid(1000).to_string()
}

/// The line `VmRSS:   1234 kB`, in bytes.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_in_bytes_and_left_out_where_there_is_none() {
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t   2048 kB\nVmSwap: 0 kB\n"), Some(2_097_152));
        for status in ["", "VmRSS:", "VmRSS: x kB", "VmRSS: 12 MB"] {
            assert_eq!(resident_bytes(status), None);
        }
    }
}
