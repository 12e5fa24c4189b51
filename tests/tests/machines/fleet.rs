//! What may happen to a machine of a fleet.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use bookstate_tests::{books::Book, nats::Cluster, system::Place};
use rand::{RngExt, SeedableRng, rngs::SmallRng};

use crate::machine::{Machine, logs, until};

/// Books that are taken through undisturbed, with what must come of them.
struct Shelf {
    directory: tempfile::TempDir,
    expected: Vec<(PathBuf, String)>,
}

impl Shelf {
    fn of(books: u32, pages: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let expected = (0..books).map(|number| {
            // A book is its content: each has another length.
            let book = Book::new("A shared book").chapters(6).sections(3).pages(pages + number);
            let made = book.make_pdf();
            let place = Place::with(&made);
            let line = place.ok("process book.pdf --json").json();
            assert_eq!(line["status"], "complete", "{line}");
            let file = directory.path().join(format!("book-{number}.pdf"));
            std::fs::write(&file, &made.bytes).unwrap();
            (file, place.canonical("book.pdf"))
        });
        let expected = expected.collect();
        Self { directory, expected }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }
}

fn start(shelf: &Shelf, cluster: &Cluster, names: &[&str]) -> Vec<Machine> {
    names.iter().map(|name| Machine::start(name, &cluster.url(), shelf.path(), "")).collect()
}

fn seed() -> SmallRng {
    let seed =
        std::env::var("BOOKSTATE_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("machines: BOOKSTATE_TEST_SEED={seed}");
    SmallRng::seed_from_u64(seed)
}

/// Two machines, of which the first is at work on all books of the shelf.
fn at_work(shelf: &Shelf, cluster: &Cluster) -> (Vec<Machine>, Vec<String>) {
    let machines = start(shelf, cluster, &["a", "b"]);
    let books = shelf.expected.iter().map(|(file, _)| machines[0].begin(file)).collect();
    until("some work", &machines, || machines[0].units().len() > 20);
    (machines, books)
}

/// Whether every book is complete and nobody's, as a machine answers. One that has just begun has heard of none.
fn is_over(asked: &Machine, books: &[String]) -> bool {
    asked.fleet()["books"].as_array().unwrap().is_empty()
        && books.iter().all(|book| asked.status(book) == "complete")
}

/// Waits until no book waits for a machine or has one, and looks that each is as it should be, asked of whomever.
fn all_complete(shelf: &Shelf, machines: &[Machine], books: &[String]) {
    let asked = machines.iter().find(|machine| machine.answers()).unwrap();
    until("an end of all jobs", machines, || is_over(asked, books));
    for (book, (_, expected)) in books.iter().zip(&shelf.expected) {
        for machine in machines.iter().filter(|machine| machine.answers()) {
            let status = machine.status(book);
            assert_eq!(status, "complete", "{book} on {}\n{}", machine.name, logs(machines));
            assert!(machine.canonical(book) == *expected, "{book} on {} is another", machine.name);
        }
    }
}

/// The machine that owns a book that is worked on, once there is one; `None`: all is done.
fn an_owner(machines: &[Machine], asked: usize, books: &[String]) -> Option<usize> {
    let (mut owner, mut is_done) = (None, false);
    until("an owner", machines, || {
        let names = books.iter().filter_map(|book| machines[asked].owner_of(book));
        owner = names
            .filter_map(|name| machines.iter().position(|machine| machine.name == name))
            .find(|place| machines[*place].answers());
        is_done = owner.is_none() && is_over(&machines[asked], books);
        owner.is_some() || is_done
    });
    owner
}

#[test]
fn another_machine_goes_on_with_the_books_of_one_that_died_with_its_disk() {
    let (shelf, cluster) = (Shelf::of(2, 120), Cluster::throwaway(1).unwrap());
    let (mut machines, books) = at_work(&shelf, &cluster);
    machines[0].lose();
    let taken = until("a new owner", &machines, || machines[1].owner_of(&books[0]).as_deref() == Some("b"));
    println!("another machine owns the book after {taken:?}");
    all_complete(&shelf, &machines[1..], &books);
}

/// Whatever is asked of the other machine: it is the owner who answers, and who is asked to change something.
#[test]
fn every_machine_answers_for_every_book() {
    let (shelf, cluster) = (Shelf::of(1, 400), Cluster::throwaway(1).unwrap());
    let (mut machines, books) = at_work(&shelf, &cluster);
    until("the owner's answer", &machines, || {
        machines[1].answerer(&books[0]) == (Some("a".to_owned()), "processing".into())
    });
    assert_eq!(machines[0].answerer(&books[0]).0, None);
    machines[0].stop_still();
    let (owner, _) = machines[1].answerer(&books[0]);
    assert_eq!(owner.as_deref(), Some("a (no answer)"), "a reader is not kept waiting");
    machines[0].go_on();
    until("an owner who answers", &machines, || {
        machines[1].answerer(&books[0]).0.is_none_or(|owner| !owner.contains("no answer"))
    });
    assert_eq!(machines[1].cancel(&books[0]), Some(202), "{}", logs(&machines));
    until("an end of all jobs", &machines, || machines[1].fleet()["books"].as_array().unwrap().is_empty());
}

#[test]
fn a_machine_that_stood_still_writes_nothing_more_of_a_book_that_another_one_has() {
    let (shelf, cluster) = (Shelf::of(1, 160), Cluster::throwaway(1).unwrap());
    let (mut machines, books) = at_work(&shelf, &cluster);
    machines[0].stop_still();
    until("a new owner", &machines, || machines[1].owner_of(&books[0]).as_deref() == Some("b"));
    let units = machines[0].units();
    let after = units.len();
    machines[0].go_on();
    all_complete(&shelf, &machines, &books);
    let begun = |unit: &str| units.iter().any(|(_, event, of)| event == "run" && of == unit);
    // What was accepted just before may be logged now; of what was begun later nothing is.
    let stored = machines[0].units().split_off(after);
    let stored: Vec<_> = stored.iter().filter(|(_, event, _)| event == "persisted").collect();
    assert!(stored.len() <= 1 && stored.iter().all(|(_, _, unit)| begun(unit)), "{stored:?}");
    until("a word of what has become of its book", &machines, || {
        let log = machines[0].log();
        log.contains("has lost its book to another machine") || log.contains("the lease of a book is lost")
    });
}

#[test]
fn a_machine_that_ends_in_good_order_leaves_its_books_to_the_others_at_once() {
    let (shelf, cluster) = (Shelf::of(1, 160), Cluster::throwaway(1).unwrap());
    let (mut machines, books) = at_work(&shelf, &cluster);
    machines[0].end();
    let owned = |machine: &Machine| machine.owner_of(&books[0]).as_deref() == Some("b");
    let taken = until("a new owner", &machines, || owned(&machines[1]));
    println!("another machine owns the book {taken:?} after the first one's end");
    all_complete(&shelf, &machines[1..], &books);
    if machines[0].log().contains("the lease of a book is lost") {
        println!("so busy that a lease was not renewed in time: nothing is said of what ran twice");
        return;
    }
    // Nothing that was safe ran again.
    let mut persisted: BTreeMap<String, u32> = BTreeMap::new();
    for (_, event, unit) in machines.iter().flat_map(Machine::units) {
        *persisted.entry(unit).or_default() += u32::from(event == "persisted");
    }
    let twice: Vec<_> = persisted.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// A mirror that two machines share cannot be reached when the second one takes the book over.
#[test]
fn a_target_that_was_away_during_a_take_over_has_the_book_in_the_end() {
    let (shelf, cluster) = (Shelf::of(1, 120), Cluster::throwaway(1).unwrap());
    let shared = tempfile::tempdir().unwrap();
    let (mirror, away) = (shared.path().join("mirror.sqlite"), shared.path().join("away.sqlite"));
    let further = format!("[targets.mirror]\npath = \"{}\"\n", mirror.display());
    let start = |name: &str| Machine::start(name, &cluster.url(), shelf.path(), &further);
    let mut machines = vec![start("a")];
    let books = vec![machines[0].begin(&shelf.expected[0].0)];
    until("some work", &machines, || machines[0].units().len() > 20 && mirror.exists());
    machines[0].lose();
    // Where the file was is a directory now, which no database can be.
    for ending in ["-wal", "-shm"] {
        let from = shared.path().join(format!("mirror.sqlite{ending}"));
        if from.exists() {
            std::fs::rename(from, shared.path().join(format!("away.sqlite{ending}"))).unwrap();
        }
    }
    std::fs::rename(&mirror, &away).unwrap();
    std::fs::create_dir(&mirror).unwrap();
    machines[0] = start("b");
    until("its end", &machines, || machines[0].status(&books[0]) == "complete");
    assert_eq!(machines[0].owner_of(&books[0]).as_deref(), Some("b"), "the mirror is not its yet");
    std::fs::remove_dir(&mirror).unwrap();
    for ending in ["", "-wal", "-shm"] {
        let from = shared.path().join(format!("away.sqlite{ending}"));
        if from.exists() {
            std::fs::rename(from, shared.path().join(format!("mirror.sqlite{ending}"))).unwrap();
        }
    }
    all_complete(&shelf, &machines, &books);
    let rows = machines[0].server().target("mirror").unwrap();
    assert!(rows["foreign"].as_array().unwrap().is_empty() && rows["lag_commits"] == 0, "{rows}");
}

/// Any of it, again and again.
#[test]
fn whatever_happens_every_book_is_complete() {
    let rounds: u32 = std::env::var("BOOKSTATE_FLEET_ROUNDS").map_or(3, |n| n.parse().unwrap());
    let mut random = seed();
    let (shelf, mut cluster) = (Shelf::of(6, 60), Cluster::throwaway(3).unwrap());
    let mut machines = start(&shelf, &cluster, &["a", "b", "c"]);
    let mut books = Vec::new();
    for (file, _) in &shelf.expected {
        books.push(machines[random.random_range(0..3)].begin(file));
    }
    for round in 0..rounds {
        let asked = machines.iter().position(Machine::answers).unwrap();
        let Some(owner) = an_owner(&machines, asked, &books) else {
            println!("{round}: all is done");
            break;
        };
        let what = random.random_range(0..5);
        let name = machines[owner].name.clone();
        match what {
            0 => {
                println!("{round}: {name} is killed");
                machines[owner].kill();
                machines[owner].run();
            }
            1 => {
                println!("{round}: {name} is lost with its disk");
                machines[owner].lose();
                machines[owner].run();
            }
            2 => {
                println!("{round}: {name} stands still");
                machines[owner].stop_still();
                let other = (owner + 1) % 3;
                until("its books are another's", &machines, || {
                    books.iter().all(|book| machines[other].owner_of(book).as_deref() != Some(name.as_str()))
                });
                machines[owner].go_on();
            }
            3 => {
                println!("{round}: {name} is started anew");
                machines[owner].end();
                machines[owner].run();
            }
            _ => {
                let server = random.random_range(0..3);
                println!("{round}: NATS server {server} is killed");
                cluster.servers()[server].kill();
                until("some work", &machines, || machines[(owner + 1) % 3].answers());
                cluster.servers()[server].start().unwrap();
                cluster.wait().unwrap();
            }
        }
    }
    all_complete(&shelf, &machines, &books);
}
