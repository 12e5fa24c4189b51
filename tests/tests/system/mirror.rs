//! A second SQLite file as a target: down, refusing, rolled back, another's, all that is left.
//!
//! Both files are read with SQLite and not with the program, and must hold the same documents.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bookstate_tests::books::{Book, Made};
use bookstate_tests::shim::{Call, Counts, Shim};
use bookstate_tests::system::{Ended, Place, Tables, is_whole};
use rand::RngExt;
use rusqlite::Connection;
use serde_json::Value;

use crate::moments::{Moment, random, run_to_random_moment, timed};

const PROCESS: &str = "process book.pdf --json --unit-log units.jsonl";

fn made() -> &'static Made {
    static MADE: LazyLock<Made> =
        LazyLock::new(|| Book::new("mirrored").chapters(3).sections(5).pages(12).make_pdf());
    &MADE
}

/// The book's id, and its canonical export when nothing happens.
fn undisturbed() -> &'static (String, String) {
    static UNDISTURBED: LazyLock<(String, String)> = LazyLock::new(|| {
        let place = Place::with(made());
        let line = place.ok(PROCESS).json();
        (line["book_id"].as_str().unwrap().to_owned(), place.canonical("book.pdf"))
    });
    &UNDISTURBED
}

/// A place with the book and a mirror in a directory of its own, which is there.
fn mirrored() -> (Place, PathBuf) {
    let (place, mirror) = mirror_away();
    std::fs::create_dir(place.path("nas")).unwrap();
    (place, mirror)
}

/// The same without the directory.
fn mirror_away() -> (Place, PathBuf) {
    let place = Place::with(made());
    let mirror = place.path("nas/mirror.sqlite");
    place.configure_target("mirror", &mirror);
    (place, mirror)
}

/// A mirror that is there, with the tables and no book of ours in it.
fn mirror_with_tables() -> (Place, PathBuf) {
    let (place, mirror) = mirrored();
    place.write("other.txt", "ANOTHER BOOK\n\nCHAPTER 1\n\nIt was a dark night.\n");
    place.ok("process other.txt");
    assert!(mirror.exists(), "the mirror is made");
    (place, mirror)
}

/// The lag and the number of parked documents, as `target list` and `status` show them.
fn lag(place: &Place) -> (u64, u64) {
    let listed = place.ok("target list --json").json();
    let target = &listed["targets"][0];
    let sum = |rows: &Value, of: &dyn Fn(&Value) -> u64| rows.as_array().unwrap().iter().map(of).sum::<u64>();
    let lag = sum(&target["books"], &|book| book["lag"].as_u64().unwrap());
    let parked = target["parked"].as_u64().unwrap();
    let status = place.ok("status --json").json();
    let of = |key: &'static str| move |book: &Value| book["targets"][0][key].as_u64().unwrap();
    assert_eq!((sum(&status["books"], &of("lag")), sum(&status["books"], &of("parked"))), (lag, parked));
    (lag, parked)
}

fn difference(place: &Place, mirror: &Path) -> Vec<String> {
    assert!(is_whole(&place.store()) && is_whole(mirror));
    let ours = place.tables();
    assert!(!ours.is_empty());
    ours.difference(&Tables::read(mirror))
}

fn is_equal(place: &Place, mirror: &Path) {
    let differing = difference(place, mirror);
    assert!(differing.is_empty(), "{differing:?}");
    assert_eq!(lag(place), (0, 0));
}

fn without_warning(ended: &Ended) {
    assert!(!ended.err.contains("warning"), "{ended:?}");
}

/// Puts another file in the mirror's place, as somebody who restores a copy does.
fn restore(copy: &Path, mirror: &Path) {
    for log in ["-wal", "-shm"] {
        let log = PathBuf::from(format!("{}{log}", mirror.display()));
        if log.exists() {
            std::fs::remove_file(log).unwrap();
        }
    }
    std::fs::rename(copy, mirror).unwrap();
}

#[test]
fn down_from_the_start_and_across_a_kill() {
    let (place, mirror) = mirror_away();
    let mut job = place.start(PROCESS);
    job.until("some units are done", || place.unit_log().persisted() > 8);
    assert!(job.kill().was_killed());
    let ended = place.ok(PROCESS);
    assert_eq!(ended.json()["status"], "complete");
    assert!(ended.err.contains("warning: target mirror lacks"), "{ended:?}");
    assert_eq!(place.unit_log().processes(), 2);
    place.unit_log().is_lawful();
    assert_eq!(place.canonical("book.pdf"), undisturbed().1);

    let seq = ended.json()["persisted_seq"].as_u64().unwrap();
    assert_eq!(lag(&place), (seq, 0), "all of it is missing there");
    assert_eq!(place.ok("journal inspect").out, "", "the journal does not wait for the mirror");

    std::fs::create_dir(place.path("nas")).unwrap();
    // The book is done; the mirror is not.
    without_warning(&place.ok(PROCESS));
    is_equal(&place, &mirror);
    place.ok("target verify mirror");
}

#[test]
fn a_flag_is_enough() {
    let place = Place::with(made());
    let ended = place.ok(&format!("{PROCESS} --target mirror=sqlite:mirror.sqlite"));
    without_warning(&ended);
    let differing = difference(&place, &place.path("mirror.sqlite"));
    assert!(differing.is_empty(), "{differing:?}");
}

#[test]
fn one_document_is_refused_for_good() {
    let (place, mirror) = mirror_with_tables();
    let key = format!("{}/3", undisturbed().0);
    let shell = Connection::open(&mirror).unwrap();
    for event in ["INSERT", "UPDATE"] {
        let trigger = format!(
            "CREATE TRIGGER no_{event} BEFORE {event} ON Page WHEN NEW.key = '{key}'
             BEGIN SELECT RAISE(ABORT, 'page 3 is not wanted here'); END"
        );
        shell.execute_batch(&trigger).unwrap();
    }
    let ended = place.ok(PROCESS);
    assert_eq!(ended.json()["status"], "complete");
    assert!(ended.err.contains("target mirror refuses 1 document"), "{ended:?}");
    assert_eq!(difference(&place, &mirror), [format!("Page {key}")], "everything else arrives");
    assert_eq!(lag(&place), (0, 1));
    let listed = place.ok("parked list --json").json();
    let [parked] = &listed["parked"].as_array().unwrap()[..] else { panic!("{listed}") };
    assert_eq!(parked["document"], format!("Page/{key}"));
    assert!(parked["reason"].as_str().unwrap().contains("page 3 is not wanted here"), "{parked}");

    let retried = place.ok("parked retry mirror --json").json();
    assert_eq!((retried["tried"].as_u64(), retried["still_parked"].as_u64()), (Some(1), Some(1)));
    shell.execute_batch("DROP TRIGGER no_INSERT; DROP TRIGGER no_UPDATE").unwrap();
    // It is tried at the start already, so that there may be nothing left to retry.
    assert_eq!(place.ok("parked retry mirror --json").json()["still_parked"], 0);
    is_equal(&place, &mirror);
}

#[test]
fn what_was_refused_is_healed_by_its_next_change() {
    let (place, mirror) = mirror_with_tables();
    let shell = Connection::open(&mirror).unwrap();
    let trigger = "CREATE TRIGGER no_chapter BEFORE INSERT ON Chapter WHEN NEW.start_page > 6
         BEGIN SELECT RAISE(ABORT, 'no such chapter'); END";
    shell.execute_batch(trigger).unwrap();
    place.ok(PROCESS);
    let parked = lag(&place).1;
    assert!(parked > 1, "{parked}");
    let differing = difference(&place, &mirror);
    assert_eq!(differing.len() as u64, parked);
    assert!(differing.iter().all(|document| document.starts_with("Chapter ")), "{differing:?}");

    shell.execute_batch("DROP TRIGGER no_chapter").unwrap();
    place.ok("reset book.pdf structure --yes");
    assert_eq!(place.tables().count("Chapter"), 1, "those of the other book");
    is_equal(&place, &mirror);
    place.ok(PROCESS);
    is_equal(&place, &mirror);
}

#[test]
fn rolled_back_to_an_older_copy() {
    let (place, mirror) = mirrored();
    place.ok(PROCESS);
    let copy = |name: &str| {
        let copy = place.path(name);
        Connection::open(&mirror).unwrap().execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
        copy
    };
    let (first, second) = (copy("first"), copy("second"));
    place.ok("reset book.pdf structure --yes");
    place.ok(PROCESS);
    is_equal(&place, &mirror);

    restore(&first, &mirror);
    assert!(!difference(&place, &mirror).is_empty());
    // To verify only reads, and says that it differs.
    assert_eq!(place.run("target verify mirror").code, Some(5));
    place.ok("target resync mirror");
    is_equal(&place, &mirror);

    // The next change heals it as well.
    restore(&second, &mirror);
    place.ok("reset book.pdf toc_link --yes");
    is_equal(&place, &mirror);
    place.ok(PROCESS);
    is_equal(&place, &mirror);
}

/// The book is not in memory when the mirror comes back: what was deleted is known from the local store
/// alone.
#[test]
fn away_while_documents_are_deleted() {
    let (place, mirror) = mirror_with_tables();
    place.ok(PROCESS);
    is_equal(&place, &mirror);
    let chapters = place.tables().count("Chapter");
    std::fs::rename(place.path("nas"), place.path("unplugged")).unwrap();
    let reset = place.ok("reset book.pdf structure --yes");
    assert!(reset.err.contains("warning: target mirror lacks"), "{reset:?}");
    assert!(place.tables().count("Chapter") < chapters);
    std::fs::rename(place.path("unplugged"), place.path("nas")).unwrap();
    assert_eq!(Tables::read(&mirror).count("Chapter"), chapters);
    // About another book.
    without_warning(&place.ok("process other.txt"));
    is_equal(&place, &mirror);
}

#[test]
fn two_data_directories_and_one_mirror() {
    let (first, mirror) = mirrored();
    let second = Place::with(made());
    second.configure_target("mirror", &mirror);
    let writer = |place: &Place| {
        let text = std::fs::read_to_string(place.path(".bookstate/writer")).unwrap();
        text.trim().to_owned()
    };
    first.ok(PROCESS);
    let before = Tables::read(&mirror);

    let ended = second.ok(PROCESS);
    assert_eq!(ended.json()["status"], "complete", "the job is not held up");
    let book = &undisturbed().0;
    assert!(ended.err.contains(&format!("`bookstate target takeover mirror {book}`")), "{ended:?}");
    second.run("target resync mirror").fails(5, &[&writer(&first)]);
    assert_eq!(before, Tables::read(&mirror), "nothing was changed there");

    let taken = second.ok(&format!("target takeover mirror {book} --json")).json();
    assert_eq!(taken["previous_writer"], writer(&first));
    is_equal(&second, &mirror);
    let after = Tables::read(&mirror);

    let reset = first.ok("reset book.pdf structure --yes");
    assert!(reset.err.contains("another data directory"), "{reset:?}");
    first.run("target resync mirror").fails(5, &[&writer(&second)]);
    assert_eq!(after, Tables::read(&mirror), "nothing was changed there");
}

#[test]
fn the_data_directory_is_lost() {
    let (place, mirror) = mirrored();
    let book = &undisturbed().0;
    place.ok(PROCESS);
    place.ok("reset book.pdf structure --yes");
    place.ok(PROCESS);
    let (twice, before) = (place.canonical("book.pdf"), place.tables());

    std::fs::remove_dir_all(place.data()).unwrap();
    place.ok(&format!("target takeover mirror {book}"));
    assert_eq!(place.canonical(book), twice);
    assert!(place.tables().difference(&before).is_empty());
    is_equal(&place, &mirror);

    place.ok(&format!("reset {book} structure --yes"));
    let ended = place.ok(PROCESS);
    assert_eq!(
        (ended.json()["status"].as_str(), ended.json()["job_id"].as_str()),
        (Some("complete"), Some("job-3"))
    );
    without_warning(&ended);
    is_equal(&place, &mirror);
}

#[test]
fn changed_by_hand() {
    let (place, mirror) = mirrored();
    place.ok(PROCESS);
    let book = &undisturbed().0;
    let shell = Connection::open(&mirror).unwrap();
    let changes = format!(
        "UPDATE Chapter SET title = 'changed' WHERE key = (SELECT min(key) FROM Chapter);
         DELETE FROM Page WHERE key = '{book}/2';
         CREATE TEMP TABLE extra AS SELECT * FROM Page WHERE key = '{book}/4';
         UPDATE extra SET key = '{book}/99', page_num = 99;
         INSERT INTO Page SELECT * FROM extra;"
    );
    shell.execute_batch(&changes).unwrap();
    let verified = place.run("target verify mirror --json");
    assert_eq!(verified.code, Some(5), "{verified:?}");
    let found = &verified.json()["books"][0];
    assert_eq!(found["missing"], serde_json::json!([format!("Page/{book}/2")]), "{found}");
    assert_eq!(found["extra"], serde_json::json!([format!("Page/{book}/99")]), "{found}");
    assert_eq!(found["differing"].as_array().unwrap().len(), 1, "{found}");
    place.ok("target resync mirror book.pdf");
    is_equal(&place, &mirror);
    place.ok("target verify mirror");
}

/// Every step killed at some moment and repeated: a job, a reset, a second job. The mirror lies within the
/// directory that the shim watches, so that kills fall into its writes too.
#[test]
fn killed_with_a_mirror_attached() {
    const STEPS: [&str; 3] = [PROCESS, "reset book.pdf toc_link --yes", PROCESS];
    let place = || {
        let place = Place::with(made());
        std::fs::create_dir(place.path(".bookstate/nas")).unwrap();
        let mirror = place.path(".bookstate/nas/mirror.sqlite");
        place.configure_target("mirror", &mirror);
        (place, mirror)
    };
    let (calm, mirror) = place();
    let mut counts = Vec::new();
    let (_, took) = timed(|| {
        for step in STEPS {
            let shim = Shim::new(calm.data()).count_to(&calm.path("counts"));
            assert_eq!(calm.run_with(&shim, step).unwrap().code, Some(0));
            counts.push(Counts::read(&calm.path("counts")).unwrap());
        }
    });
    is_equal(&calm, &mirror);
    let expected = calm.canonical("book.pdf");

    let mut random = random("killed_with_a_mirror_attached");
    let mut kills = 0;
    for round in 0..16 {
        let (place, mirror) = place();
        for (step, counts) in STEPS.into_iter().zip(&counts) {
            let call = if random.random_bool(0.7) { Call::Write } else { Call::Sync };
            let moments = Moment::spread(call, *counts, u64::MAX);
            let moment = moments[random.random_range(0..moments.len())];
            let ended = if round % 4 == 3 {
                run_to_random_moment(&place, step, took / 3, &mut random)
            } else {
                place.run_with(&moment.of(Shim::new(place.data())), step).unwrap()
            };
            kills += usize::from(ended.was_killed());
            let ended = place.run(step);
            assert_eq!(ended.code, Some(0), "round {round}, {moment:?}: {ended:?}");
        }
        assert!(place.canonical("book.pdf") == expected, "round {round}: the export differs");
        let differing = difference(&place, &mirror);
        assert!(differing.is_empty(), "round {round}: {differing:?}");
        assert_eq!(lag(&place), (0, 0), "round {round}");
    }
    println!("{kills} kills with a mirror attached");
    assert!(kills >= 25, "{kills}");
}
