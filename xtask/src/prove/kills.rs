//! The real program under write load, killed (SIGKILL) at random moments, with a SQLite mirror and a real DefraDB node.
//!
//! Each process of the program tells in a file of its own which unit begins and whose result is accepted; this process,
//! which is not killed, takes that down when the other has ended, however it ended: the receipts. A book's job is killed a few times and then let to its end. Then:
//!
//! * none is lost: no unit ran again after its receipt, and the book is, byte for byte, that of an undisturbed run;
//! * none is doubled: the same set of units ran, and those that ran twice were in flight at a kill;
//! * mirror and node have exactly what the data directory has.
//!
//! Some of the kills may be of the node, while the program works on.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bookstate_tests::books::{Book, Made};
use bookstate_tests::node::Node;
use bookstate_tests::system::{Place, UnitLog};
use serde_json::Value;

/// Where a process tells.
const TOLD: &str = "told.jsonl";

const PROCESS: &str = "process book.pdf --json --unit-log told.jsonl";

/// How many kills.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// Of the program.
    pub(super) program: usize,
    /// Of these, of the node instead.
    pub(super) node: usize,
    /// Nothing new is begun after so many minutes.
    pub(super) minutes: u64,
}

/// What happened.
#[derive(Debug, Default)]
struct Counts {
    books: usize,
    of_the_program: usize,
    of_the_node: usize,
    receipts: usize,
    repeats: usize,
}

pub(super) fn run(wanted: Wanted, seed: u64, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "seed {seed}")?;
    let (mut random, begun) = (Random(seed), Instant::now());
    let expected = Undisturbed::of(Book::new("killed").chapters(3).sections(5).pages(12).make_pdf())?;
    writeln!(out, "an undisturbed job takes {:?} and has {} units", expected.took, expected.units.len())?;
    let mut counts = Counts::default();
    while counts.of_the_program + counts.of_the_node < wanted.program {
        if begun.elapsed() > Duration::from_secs(60 * wanted.minutes) {
            writeln!(out, "the time is over")?;
            break;
        }
        let of_the_node = counts.of_the_node < wanted.node;
        one_book(&expected, of_the_node, &mut random, &mut counts)
            .with_context(|| format!("seed {seed}, after {counts:?}"))?;
        counts.books += 1;
        writeln!(out, "{:>5} s: {counts:?}", begun.elapsed().as_secs())?;
    }
    let Counts { books, of_the_program, of_the_node, receipts, repeats } = counts;
    writeln!(
        out,
        "{of_the_program} kills of the program and {of_the_node} of the node in {books} jobs: {receipts} receipts, 0 \
         lost, 0 doubled; {repeats} units that were in flight ran again"
    )?;
    Ok(())
}

/// A job that nothing happens to.
struct Undisturbed {
    made: Made,
    canonical: String,
    units: Vec<String>,
    took: Duration,
}

impl Undisturbed {
    fn of(made: Made) -> anyhow::Result<Self> {
        let place = Place::with(&made);
        let receipts = Receipts::new(&place);
        let status = receipts.follow(&place)?.end()?;
        ensure!(status == Some(0), "an undisturbed job ends with {status:?}");
        // The shortest of a few: a kill that comes after the end is none.
        let mut took = Duration::MAX;
        for _ in 0..4 {
            let other = Place::with(&made);
            let began = Instant::now();
            let status = Receipts::new(&other).follow(&other)?.end()?;
            ensure!(status == Some(0), "an undisturbed job ends with {status:?}");
            took = took.min(began.elapsed());
        }
        let units = receipts.log().units().into_iter().map(str::to_owned).collect();
        Ok(Self { canonical: place.canonical("book.pdf"), made, units, took })
    }
}

/// Kills the job of one book a few times, lets it end, and looks at everything.
fn one_book(
    expected: &Undisturbed,
    of_the_node: bool,
    random: &mut Random,
    counts: &mut Counts,
) -> anyhow::Result<()> {
    let mut node = Node::throwaway()?;
    let place = Place::with(&expected.made);
    let mirror = place.path("mirror.sqlite");
    let url = node.url();
    place.write("bookstate.toml", configuration(&mirror, &url));
    let receipts = Receipts::new(&place);
    let mut kills = 0;
    if of_the_node {
        let mut job = receipts.follow(&place)?;
        while !job.has_ended()? {
            random.pause(expected.took / 2);
            node.kill();
            counts.of_the_node += 1;
            random.pause(Duration::from_millis(200));
            start_again(&mut node)?;
        }
        let status = job.end()?;
        ensure!(status == Some(0), "a job whose node was killed ends with {status:?}");
    } else {
        for _ in 0..1 + random.below(6) {
            let mut job = receipts.follow(&place)?;
            random.pause(expected.took.mul_f64(0.7));
            job.child.kill()?;
            kills += usize::from(job.end()?.is_none());
        }
        counts.of_the_program += kills;
    }
    let job = receipts.follow(&place)?;
    let said = job.said.clone();
    let status = job.end()?;
    ensure!(status == Some(0), "the job at last ends with {status:?}: {}", fs::read_to_string(said)?);
    ensure!(place.canonical("book.pdf") == expected.canonical, "the book differs from an undisturbed one");
    let log = receipts.log();
    // Panics with the unit when one ran again that was accepted, or twice in one process.
    log.is_lawful();
    ensure!(log.units().into_iter().eq(&expected.units), "other units ran than in an undisturbed job");
    let in_flight = 2 * thread::available_parallelism()?.get();
    ensure!(log.repeats() <= kills * in_flight, "{} units ran again after {kills} kills", log.repeats());
    for target in ["mirror", "node"] {
        let verified: Value = place.ok(&format!("target verify {target} --json")).json();
        ensure!(verified["equal"] == true, "{target} differs: {verified}");
    }
    counts.receipts += log.persisted();
    counts.repeats += log.repeats();
    Ok(())
}

/// A node that was killed may not start at once: its port and its files are given back by the system in its own time.
fn start_again(node: &mut Node) -> anyhow::Result<()> {
    for _ in 0..10 {
        if node.start_again().is_ok() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok(node.start_again()?)
}

fn configuration(mirror: &Path, url: &str) -> String {
    let mirror = mirror.display();
    format!(
        "[sink]\ndrain_ms = 120000\n\
         [targets.mirror]\nkind = \"sqlite\"\npath = \"{mirror}\"\nlinger_ms = 20\n\
         [targets.node]\nurl = \"{url}\"\nlinger_ms = 20\ntimeout_ms = 3000\n"
    )
}

/// The client's own log of what it was told, outside of the data directory.
struct Receipts(PathBuf);

impl Receipts {
    fn new(place: &Place) -> Self {
        Self(place.path("receipts.jsonl"))
    }

    fn log(&self) -> UnitLog {
        UnitLog::read(&self.0)
    }

    /// Starts the job, and writes down what it tells once it has ended.
    fn follow(&self, place: &Place) -> anyhow::Result<Job> {
        let told = place.path(TOLD);
        match fs::remove_file(&told) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let said = place.path("said.txt");
        let child = place.command(PROCESS).stdout(Stdio::null()).stderr(File::create(&said)?).spawn()?;
        Ok(Job { child, told, said, receipts: self.0.clone() })
    }
}

/// Writes down every whole line that is one of the unit log's.
fn take(mut told: impl BufRead, receipts: &mut File) -> anyhow::Result<()> {
    let mut line = String::new();
    while told.read_line(&mut line)? > 0 {
        // The last line of a process that was killed may be a part of one: nothing was told by it.
        let is_event = serde_json::from_str(&line).is_ok_and(|line: Value| line["event"].is_string());
        if line.ends_with('\n') && is_event {
            receipts.write_all(line.as_bytes())?;
        }
        line.clear();
    }
    Ok(())
}

/// A job that runs, and where it tells.
struct Job {
    child: Child,
    told: PathBuf,
    /// What it writes to the terminal.
    said: PathBuf,
    receipts: PathBuf,
}

impl Job {
    fn has_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Waits for its end; none after a kill.
    fn end(mut self) -> anyhow::Result<Option<i32>> {
        let status = self.child.wait()?;
        match File::open(&self.told) {
            Ok(told) => {
                let mut receipts = fs::OpenOptions::new().create(true).append(true).open(&self.receipts)?;
                take(BufReader::new(told), &mut receipts)?;
            }
            // It was killed before it told anything.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        Ok(status.code())
    }
}

/// SplitMix64: the moments depend on nothing but the seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }

    fn pause(&mut self, longest: Duration) {
        let longest = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        thread::sleep(Duration::from_micros(self.below(longest)));
    }
}
