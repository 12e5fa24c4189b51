//! A process that is watched while it runs: how long it works, and how much memory it takes. Linux only: both are read
//! in `/proc`.

use std::{
    process::{Child, ExitStatus},
    time::{Duration, Instant},
};

use anyhow::Result;

/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// A process that works for so much less than it is there waits for something that does not come.
const IDLE: u32 = 30;
/// What the system counts processor time in, each second.
const TICKS: u64 = 100;

/// What a process may use up; it is killed beyond that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Of a processor: what else the machine does is not counted.
    pub(crate) time: Duration,
    pub(crate) memory_kib: u64,
}

/// How a process ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// By itself.
    Itself(ExitStatus),
    /// Killed: it took too long.
    TooLong,
    /// Killed: it took too much memory.
    TooMuchMemory,
}

/// A process that has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) end: End,
    pub(crate) time: Duration,
    /// The most memory that it was seen to have had.
    pub(crate) memory_kib: u64,
}

/// Waits for a process that was started at `begun`.
///
/// # Errors
/// It cannot be waited for, or not be killed.
pub(crate) fn watch(child: &mut Child, begun: Instant, bounds: Bounds) -> Result<Ended> {
    let mut most = 0;
    let end = loop {
        if let Some(status) = child.try_wait()? {
            break End::Itself(status);
        }
        most = most.max(memory_kib(child.id()));
        let end = match () {
            () if worked(child.id()) > bounds.time => End::TooLong,
            () if begun.elapsed() > bounds.time * IDLE => End::TooLong,
            () if most > bounds.memory_kib => End::TooMuchMemory,
            () => {
                std::thread::sleep(LOOK);
                continue;
            }
        };
        child.kill()?;
        child.wait()?;
        break end;
    };
    Ok(Ended { end, time: begun.elapsed(), memory_kib: most })
}

/// How long a process has worked so far, all its threads together; zero where the system does not say.
fn worked(id: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // Behind the name, which may hold anything: the state, and eleventh and twelfth behind that the time of the process
    // and that of the system for it.
    let times = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().skip(11).take(2));
    let ticks: u64 = times.into_iter().flatten().filter_map(|time| time.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1000 / TICKS)
}

/// The most memory that a process has had so far, in KiB; 0 where the system does not say.
pub(crate) fn memory_kib(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_process_is_ended_for_what_it_does_and_not_for_how_long_it_is_there() {
        let run = |script: &str, time| {
            let begun = Instant::now();
            let mut child = Command::new("sh").args(["-c", script]).spawn().unwrap();
            watch(&mut child, begun, Bounds { time, memory_kib: 1 << 20 }).unwrap().end
        };
        assert!(
            matches!(run("sleep 0.3; exit 3", Duration::from_millis(200)), End::Itself(s) if s.code() == Some(3))
        );
        assert!(matches!(run("while :; do :; done", Duration::from_millis(200)), End::TooLong));
    }
}
