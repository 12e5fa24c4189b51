//! The units of all machines of a fleet, each line of their logs with the moment when it was first seen; and which of
//! them ran again although their results were safe.
//!
//! A result is **shipped** when the stream shows the book under the ownership that wrote it, at its commit or a later one.
//! A unit whose result was shipped must not run again, unless the stream's data were deleted in between. Neither must one
//! run again whose result no target has, where the machine that has it goes on with the book itself, on the disk that it
//! had. What else may be repeated is what a machine accepted and did not ship before another one took the book.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use serde_json::Value;

use crate::trail::{Kind, Seen};

/// How often the logs are looked at.
const LOOK: Duration = Duration::from_millis(25);

/// A line of a machine's log.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    at: Instant,
    machine: usize,
    event: String,
    book: String,
    unit: String,
    seq: u64,
    epoch: u64,
}

/// Watches the logs of machines.
pub(crate) struct Units {
    lines: Arc<Mutex<Vec<Line>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Units {
    pub(crate) fn watch(logs: Vec<PathBuf>) -> Self {
        let (lines, ended) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let thread = {
            let (lines, ended) = (lines.clone(), ended.clone());
            std::thread::spawn(move || {
                let mut read = vec![0; logs.len()];
                loop {
                    // Once more behind the end.
                    let is_last = ended.load(Ordering::Acquire);
                    for (machine, (log, read)) in logs.iter().zip(&mut read).enumerate() {
                        look(machine, log, read, &lines);
                    }
                    if is_last {
                        return;
                    }
                    std::thread::sleep(LOOK);
                }
            })
        };
        Self { lines, ended, thread: Some(thread) }
    }

    /// How many results were persisted.
    pub(crate) fn persisted(&self) -> usize {
        self.lines.lock().iter().filter(|line| line.event == "persisted").count()
    }

    /// All lines until now.
    pub(crate) fn end(mut self) -> Vec<Line> {
        self.ended.store(true, Ordering::Release);
        self.thread.take().unwrap().join().unwrap();
        self.lines.lock().clone()
    }
}

impl Drop for Units {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
    }
}

fn look(machine: usize, log: &PathBuf, read: &mut usize, lines: &Mutex<Vec<Line>>) {
    let bytes = std::fs::read(log).unwrap_or_default();
    let new = bytes.get(*read..).unwrap_or_default();
    let whole = new.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let at = Instant::now();
    for line in new[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let line: Value = serde_json::from_slice(line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        let number = |name: &str| line[name].as_u64().unwrap_or_default();
        let (event, book, unit) = (text("event"), text("book"), text("unit"));
        let (seq, epoch) = (number("seq"), number("epoch"));
        lines.lock().push(Line { at, machine, event, book, unit, seq, epoch });
    }
    *read += whole;
}

/// What was repeated.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    /// All runs of units.
    pub(crate) runs: usize,
    /// Units whose results were persisted, each once.
    pub(crate) units: usize,
    /// Runs of units whose results had not been shipped.
    pub(crate) unshipped: usize,
    /// Of them those that the node had: it was behind the stream or did not answer when the book was taken.
    pub(crate) at_the_node: usize,
    /// Runs of units whose results had been shipped to a stream that was deleted.
    pub(crate) deleted: usize,
    /// Runs that there must not be.
    pub(crate) unlawful: Vec<String>,
}

/// What happened that lets results get lost.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// When all data of the stream were deleted.
    pub(crate) stream: Vec<Instant>,
    /// When a machine lost its disk.
    pub(crate) machine: Vec<(Instant, usize)>,
}

/// See the module documentation.
pub(crate) fn repeats(lines: &[Line], seen: &[Seen], losses: &Losses) -> Repeats {
    let mut repeats = Repeats::default();
    let mut shown: BTreeMap<(&str, u64), Vec<&Seen>> = BTreeMap::new();
    for seen in seen {
        shown.entry((&seen.book, seen.epoch)).or_default().push(seen);
    }
    let mut safe: BTreeMap<(&str, &str), Vec<&Line>> = BTreeMap::new();
    let mut worked: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
    for line in lines {
        let unit = (line.book.as_str(), line.unit.as_str());
        match line.event.as_str() {
            "persisted" => safe.entry(unit).or_default().push(line),
            "run" => {
                repeats.runs += 1;
                for before in safe.get(&unit).into_iter().flatten() {
                    let beside = worked.get(unit.0).map(Vec::as_slice).unwrap_or_default();
                    count(&mut repeats, line, before, &shown, beside, losses);
                }
            }
            _ => {}
        }
        worked.entry(unit.0).or_default().push(line);
    }
    repeats.units = safe.len();
    repeats
}

fn count(
    repeats: &mut Repeats,
    line: &Line,
    before: &Line,
    shown: &BTreeMap<(&str, u64), Vec<&Seen>>,
    beside: &[&Line],
    losses: &Losses,
) {
    let had = shown.get(&(before.book.as_str(), before.epoch)).map(Vec::as_slice).unwrap_or_default();
    let shipped = |kind: Kind| {
        had.iter().filter(move |seen| seen.kind == kind && seen.seq >= before.seq && seen.at < line.at)
    };
    let between = |from: Instant, at: Instant| from < at && at < line.at;
    let survived = |seen: &&&Seen| !losses.stream.iter().any(|at| between(seen.at, *at));
    let machine = line.machine;
    let own = before.machine == machine
        && !losses.machine.iter().any(|(at, lost)| *lost == machine && between(before.at, *at))
        && !beside.iter().any(|other| other.machine != machine && other.at >= before.at)
        && !had_others(shown, before, line);
    if shipped(Kind::Stream).any(|seen| survived(&seen)) || own {
        let what = if own { "on its own disk" } else { "shipped" };
        repeats.unlawful.push(format!("{what}: {line:?} behind {before:?}"));
    } else if shipped(Kind::Stream).next().is_some() {
        repeats.deleted += 1;
    } else {
        repeats.unshipped += 1;
        repeats.at_the_node += usize::from(shipped(Kind::Node).next().is_some());
    }
}

/// Whether the book had further owners between two lines, of which one at least is another machine: what it had not got
/// is set aside then, also when it has done nothing.
fn had_others(shown: &BTreeMap<(&str, u64), Vec<&Seen>>, before: &Line, line: &Line) -> bool {
    let later = shown.range((before.book.as_str(), before.epoch + 1)..=(before.book.as_str(), u64::MAX));
    let owners = later.flat_map(|(_, seen)| seen).filter(|seen| seen.at < line.at);
    owners.map(|seen| seen.writer.as_str()).collect::<BTreeSet<_>>().len() > 1
}
