//! `kill -9` at any moment of `process`, then the same command again: it ends as if nothing had happened.
//!
//! What is compared: the canonical export with that of an undisturbed run, the set of units that ran, and the
//! unit log's law, that a unit whose result was safe never runs again. The unit log is outside the data
//! directory, so it knows what the store may have lost.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use bookstate_tests::books::{Book, Made};
use bookstate_tests::shim::{Call, Counts, Shim};
use bookstate_tests::system::{Ended, Place, is_whole};
use rand::RngExt;

use crate::moments::{Moment, random, run_to_random_moment, timed};

pub(crate) const PROCESS: &str = "process book.pdf --json --unit-log units.jsonl";

/// The book, and what comes of it when nothing happens.
pub(crate) struct Undisturbed {
    pub(crate) made: Made,
    canonical: String,
    units: BTreeSet<String>,
    took: Duration,
    /// The file operations in the data directory.
    pub(crate) counts: Counts,
}

pub(crate) fn undisturbed() -> &'static Undisturbed {
    static UNDISTURBED: LazyLock<Undisturbed> = LazyLock::new(|| {
        let made = Book::new("killed").chapters(3).sections(5).pages(12).make_pdf();
        let place = Place::with(&made);
        let shim = Shim::new(place.data()).count_to(&place.path("counts"));
        let line = place.run_with(&shim, PROCESS).unwrap().json();
        assert_eq!((&line["status"], &line["pages"]), (&"complete".into(), &made.key.pages.into()), "{line}");
        assert!(line["toc_entries_linked"].as_u64() > Some(6), "{line}");
        let log = place.unit_log();
        log.is_lawful();
        assert_eq!((log.processes(), log.repeats()), (1, 0));
        let units = log.units().into_iter().map(str::to_owned).collect();
        let again = Place::with(&made);
        let (_, took) = timed(|| again.ok(PROCESS));
        let (canonical, other) = (place.canonical("book.pdf"), again.canonical("book.pdf"));
        assert_eq!(canonical, other, "two undisturbed runs are equal");
        let counts = Counts::read(&place.path("counts")).unwrap();
        println!("undisturbed: {took:?}, {counts:?}");
        Undisturbed { made, canonical, units, took, counts }
    });
    &UNDISTURBED
}

/// The same command until it is done; then everything is as in an undisturbed run.
pub(crate) fn ends_as_undisturbed(place: &Place, kills: usize, what: &dyn std::fmt::Debug) {
    let expected = undisturbed();
    let ended = place.run(PROCESS);
    assert_eq!(ended.code, Some(0), "{what:?}: {ended:?}");
    assert_eq!(ended.json()["status"], "complete", "{what:?}: {ended:?}");
    assert!(place.canonical("book.pdf") == expected.canonical, "{what:?}: the export differs");
    let log = place.unit_log();
    log.is_lawful();
    assert!(log.units().into_iter().eq(expected.units.iter()), "{what:?}: other units ran");
    // In flight are at most two units per processor: one at work, one whose result is on its way.
    let in_flight = 2 * std::thread::available_parallelism().unwrap().get();
    let repeats = log.repeats();
    assert!(repeats <= kills * in_flight, "{what:?}: {repeats} units ran again after {kills} kills");
    assert!(is_whole(&place.store()), "{what:?}");
    let status = place.ok("status --json").json();
    assert!(status["behind"].as_array().unwrap().is_empty(), "{what:?}: {status}");
    place.ok("journal verify");
}

/// Runs the command to a moment. Returns whether it was killed there: the number of calls is not the same in
/// each run, so that the last moments may not come.
fn run_to(place: &Place, moment: Moment) -> bool {
    let shim = moment.of(Shim::new(place.data()));
    let ended: Ended = place.run_with(&shim, PROCESS).unwrap();
    assert!(ended.was_killed() || ended.code == Some(0), "{moment:?}: {ended:?}");
    ended.was_killed()
}

/// Kills at each moment, then lets it end. Returns how many kills there were.
fn kill_at(moments: &[Moment]) -> usize {
    let mut kills = 0;
    for moment in moments {
        let place = Place::with(&undisturbed().made);
        kills += usize::from(run_to(&place, *moment));
        ends_as_undisturbed(&place, 1, moment);
    }
    println!("{kills} kills at {} moments", moments.len());
    kills
}

#[test]
fn at_random_moments() {
    let mut random = random("at_random_moments");
    let expected = undisturbed();
    let (mut kills, mut rounds) = (0, 0);
    while kills < 50 {
        rounds += 1;
        assert!(rounds < 300, "only {kills} kills: the program ends before it can be killed");
        let place = Place::with(&expected.made);
        // Up to four kills of the same job, one after the other.
        let wanted = random.random_range(1..=4);
        let mut of_round = 0;
        while of_round < wanted
            && run_to_random_moment(&place, PROCESS, expected.took, &mut random).was_killed()
        {
            of_round += 1;
        }
        ends_as_undisturbed(&place, of_round, &format_args!("round {rounds}, {of_round} kills"));
        kills += of_round;
    }
    println!("{kills} kills at random moments in {rounds} rounds");
}

/// After how many of the writes the program is killed, spread over the run. `BOOKSTATE_TEST_WRITES=100000`
/// takes every one of them, which takes minutes.
fn writes() -> u64 {
    std::env::var("BOOKSTATE_TEST_WRITES").ok().and_then(|n| n.parse().ok()).unwrap_or(72)
}

#[test]
fn at_each_write() {
    let moments = Moment::spread(Call::Write, undisturbed().counts, writes());
    assert!(kill_at(&moments) >= 60);
}

#[test]
fn at_each_sync_rename_unlink_and_truncation() {
    let counts = undisturbed().counts;
    let mut moments = Vec::new();
    for call in [Call::Sync, Call::Rename, Call::Unlink, Call::Truncate] {
        assert!(counts.of(call) > 0, "the shim sees no {call:?}");
        // Few of each: both before and after.
        let each = 1..=counts.of(call).min(35);
        moments.extend(each.flat_map(|nth| [Moment::Before(call, nth), Moment::After(call, nth)]));
    }
    assert!(kill_at(&moments) >= 50);
}

#[test]
fn again_during_recovery() {
    let writes = undisturbed().counts.of(Call::Write);
    let mut kills = 0;
    for n in 0..24 {
        let place = Place::with(&undisturbed().made);
        let first = Moment::Torn(1 + n * (writes - 1) / 24, [5, 30, 60][(n % 3) as usize]);
        // Early in the second run: while the log is cut, the store catches up, a new segment begins. Or
        // later, when it has written behind what was cut, which the third run must find.
        let early = 1 + n / 2;
        let second = match n % 5 {
            0 => Moment::After(Call::Write, early),
            1 => Moment::Before(Call::Sync, early),
            2 => Moment::After(Call::Truncate, 1 + n % 2),
            _ => Moment::After(Call::Write, 20 + writes / 4),
        };
        let third = if n % 2 == 0 { Moment::Before(Call::Unlink, 1) } else { Moment::Torn(early + 2, 10) };
        let moments = [first, second, third];
        kills += moments.into_iter().filter(|moment| run_to(&place, *moment)).count();
        ends_as_undisturbed(&place, 3, &moments);
    }
    println!("{kills} kills, up to three of a job");
    assert!(kills >= 48, "{kills}");
}
