//! A machine that dies with its data directory: another one goes on from the stream, and repeats hardly anything.
//!
//! How many moments: `BOOKSTATE_NATS_KILLS`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use bookstate_nats::NatsOptions;
use bookstate_tests::books::{Book, Made};
use bookstate_tests::nats::Cluster;
use bookstate_tests::system::Place;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::log::leader;

/// A machine: a directory of its own, whose targets are the stream and a node that never answers.
fn machine(made: &Made, url: &str, drain_ms: u32) -> Place {
    let place = Place::with(made);
    let nobody = "[targets.away]\nurl = \"http://127.0.0.1:9\"\n";
    place.write(
        "bookstate.toml",
        format!("[sink]\ndrain_ms = {drain_ms}\n[targets.stream]\nurl = \"{url}\"\n{nobody}"),
    );
    place
}

fn process(log: &Path) -> String {
    format!("process book.pdf --json --unit-log {}", log.display())
}

fn take_over(log: &Path) -> String {
    process(log) + " --take-over"
}

/// Takes a book through without anything in its way: its export, and how long it takes.
fn undisturbed(made: &Made) -> (String, Duration) {
    let place = Place::with(made);
    let begun = Instant::now();
    let line = place.ok("process book.pdf --json").json();
    assert_eq!(line["status"], "complete", "{line}");
    (place.canonical("book.pdf"), begun.elapsed())
}

/// A log of units, and when each of its lines was first seen.
#[derive(Debug, Default)]
struct Watched {
    seen: Vec<Instant>,
}

impl Watched {
    fn look(&mut self, log: &Path) {
        let lines = std::fs::read(log).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
        let now = Instant::now();
        self.seen.resize(lines.max(self.seen.len()), now);
    }
}

/// The lines of a log of units: what happened to which unit.
fn lines(log: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        (line["event"].as_str().unwrap().to_owned(), line["unit"].as_str().unwrap().to_owned())
    };
    text.lines().map(line).collect()
}

#[test]
fn another_machine_goes_on_where_one_died_and_repeats_what_was_not_shipped() {
    let moments: u32 = std::env::var("BOOKSTATE_NATS_KILLS").map_or(2, |n| n.parse().unwrap());
    let seed =
        std::env::var("BOOKSTATE_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("kills of machines: BOOKSTATE_TEST_SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let cluster = Cluster::throwaway(3).unwrap();
    let (mut all, mut most) = (0, Duration::ZERO);
    for moment in 0..moments {
        // Each is another book: no moment begins where another one ended.
        let made = Book::new(&format!("moment {seed} {moment}")).chapters(8).sections(4).pages(60).make_pdf();
        let (expected, time) = undisturbed(&made);
        let logs = tempfile::tempdir().unwrap();
        let log = logs.path().join("units.jsonl");
        let first = machine(&made, &cluster.url(), 60_000);
        let mut running = first.start(&process(&log));
        let (begun, until) = (Instant::now(), time.mul_f64(random.random_range(0.0..1.0)));
        let mut watched = Watched::default();
        while begun.elapsed() < until && !running.has_ended() {
            watched.look(&log);
            std::thread::sleep(Duration::from_millis(2));
        }
        let killed = Instant::now();
        running.kill();
        watched.look(&log);
        let before = lines(&log);
        // Its data directory goes with it.
        drop(first);

        let second = machine(&made, &cluster.url(), 60_000);
        let mut ended = second.run(&take_over(&log));
        if ended.code == Some(5) {
            // Nothing had been shipped, and of the other target nobody knows: it begins anew on a person's word.
            assert!(ended.error().contains("without --take-over it begins anew"), "{ended:?}");
            ended = second.ok(&process(&log));
        }
        assert_eq!(ended.json()["status"], "complete", "{ended:?}");
        assert!(second.canonical("book.pdf") == expected, "moment {moment}: the export differs");

        // What was safe on the first machine, and when.
        let safe: BTreeMap<&str, usize> = before
            .iter()
            .enumerate()
            .filter(|(_, (event, _))| event == "persisted")
            .map(|(at, (_, unit))| (unit.as_str(), at))
            .collect();
        let after = lines(&log).split_off(before.len());
        let mut repeated: Vec<usize> = after
            .iter()
            .filter(|(event, _)| event == "run")
            .filter_map(|(_, unit)| safe.get(unit.as_str()).copied())
            .collect();
        repeated.sort_unstable();
        // What the stream has is a beginning of what was accepted: nothing that came before is lost, and no hole.
        let kept = safe.values().filter(|at| repeated.first().is_some_and(|first| *at > first)).count();
        assert_eq!(kept + 1, repeated.len().max(1), "moment {moment}: a hole in {repeated:?} of {safe:?}");
        let age = repeated.first().map_or(Duration::ZERO, |at| killed.duration_since(watched.seen[*at]));
        println!(
            "moment {moment}: killed after {} of {} ms with {} units safe: {} repeated, the oldest {} ms old",
            until.as_millis(),
            time.as_millis(),
            safe.len(),
            repeated.len(),
            age.as_millis()
        );
        (all, most) = (all + repeated.len(), most.max(age));
    }
    println!("{moments} machines died: {all} units repeated in all, the oldest {} ms old", most.as_millis());
}

#[test]
fn a_job_does_not_wait_for_servers_that_are_gone() {
    let made = Book::new("servers go").chapters(8).sections(4).pages(60).make_pdf();
    let (expected, _) = undisturbed(&made);
    let logs = tempfile::tempdir().unwrap();
    let log = logs.path().join("units.jsonl");
    let mut cluster = Cluster::throwaway(3).unwrap();
    let options = NatsOptions::new(cluster.url());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let first = machine(&made, &cluster.url(), 300);
    let mut running = first.start(&process(&log));
    // The first chunk has made the stream.
    running.until("some units are safe", || lines(&log).len() > 20);
    let leads = runtime.block_on(leader(&options));
    cluster.servers()[leads].kill();
    running.until("some more are", || lines(&log).len() > 60);
    cluster.kill();
    let ended = running.wait();
    assert_eq!(ended.json()["status"], "complete", "{ended:?}");
    assert!(ended.err.contains("warning: target stream lacks"), "{ended:?}");

    cluster.servers().iter_mut().for_each(|server| server.start().unwrap());
    cluster.wait().unwrap();
    first.write(
        "bookstate.toml",
        format!("[sink]\ndrain_ms = 120000\n[targets.stream]\nurl = \"{}\"\n", cluster.url()),
    );
    first.ok("process book.pdf");
    let verified = first.ok("target verify stream --json").json();
    assert_eq!(verified["equal"], true, "{verified}");
    drop(first);

    // Another machine has all of it, and nothing to do.
    let units = lines(&log).len();
    let second = machine(&made, &cluster.url(), 300);
    second.ok(&take_over(&log));
    assert_eq!(lines(&log).len(), units, "units ran again");
    assert!(second.canonical("book.pdf") == expected, "the export differs");
}
