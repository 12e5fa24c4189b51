//! Ctrl-C, SIGTERM, SIGKILL: the same command continues, and ends as an undisturbed run does.

use std::sync::LazyLock;

use bookstate_tests::books::Book;

use crate::place::{Place, Running};

/// A place with a book that takes a while, and its job at work.
fn at_work() -> (Place, Running) {
    let place = Place::new();
    place.pdf(&Book::standard(60));
    let mut job = place.start("process book.pdf --json --unit-log units.jsonl");
    let log = place.path("units.jsonl");
    job.until("some units are done", || {
        std::fs::read_to_string(&log).is_ok_and(|log| log.matches("persisted").count() > 20)
    });
    (place, job)
}

/// The same book, processed without a disturbance.
fn undisturbed() -> &'static str {
    static CANONICAL: LazyLock<String> = LazyLock::new(|| {
        let place = Place::new();
        place.pdf(&Book::standard(60));
        place.ok("process book.pdf");
        place.canonical("book.pdf")
    });
    &CANONICAL
}

/// No unit runs again once its result was safe.
fn no_unit_twice(place: &Place) {
    let log = std::fs::read_to_string(place.path("units.jsonl")).unwrap();
    let mut safe = std::collections::BTreeSet::new();
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let unit = line["unit"].to_string();
        if line["event"] == "run" {
            assert!(!safe.contains(&unit), "{unit} ran again although its result was safe");
        } else if line["event"] == "persisted" {
            safe.insert(unit);
        }
    }
}

/// Ctrl-C while another process opens the file: no job is begun, and nothing is said of the file.
#[test]
fn stopped_before_the_job_has_begun() {
    let place = Place::new();
    place.pdf(&Book::standard(300));
    let mut job = place.start("process book.pdf");
    let threads = format!("/proc/{}/task", job.pid());
    job.until("the file is being opened", || {
        let mut threads = std::fs::read_dir(&threads).unwrap().flatten();
        threads.any(|thread| {
            std::fs::read_to_string(thread.path().join("children")).is_ok_and(|pids| !pids.is_empty())
        })
    });
    job.signal("INT");
    let ended = job.wait();
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert!(ended.err.contains("`bookstate process book.pdf` continues"), "{ended:?}");
    assert!(!ended.err.contains("error") && !ended.out.contains("complete"), "{ended:?}");
    let known = place.ok("books --json").json();
    assert_eq!(known["books"].as_array().unwrap().iter().filter(|b| b["status"] == "complete").count(), 0);
}

#[test]
fn a_stopped_job_continues_and_ends_as_an_undisturbed_one() {
    let expected = undisturbed();
    for signal in ["INT", "TERM"] {
        let (place, job) = at_work();
        job.signal(signal);
        let ended = job.wait();
        assert_eq!(ended.code, Some(130), "{signal}: {ended:?}");
        assert!(ended.err.contains("`bookstate process book.pdf` continues"), "{ended:?}");
        assert_eq!(ended.json()["status"], "processing");
        let status = place.ok("status book.pdf --json").json();
        assert_eq!(
            status["books"][0]["persisted_seq"],
            ended.json()["persisted_seq"],
            "all of it is in the store"
        );
        assert!(status["behind"].as_array().unwrap().is_empty(), "{status}");

        let line = place.ok("process book.pdf --json --unit-log units.jsonl").json();
        assert_eq!(line["status"], "complete");
        assert_eq!(line["job_id"], "job-1", "it is the same job");
        assert!(line["units_skipped"].as_i64() > Some(20), "{line}");
        no_unit_twice(&place);
        assert_eq!(place.canonical("book.pdf"), expected, "{signal}");
    }
}

#[test]
fn a_killed_job_continues_and_ends_as_an_undisturbed_one() {
    let expected = undisturbed();
    let (place, job) = at_work();
    job.signal("KILL");
    assert_eq!(job.wait().code, None);
    place.ok("status");
    let line = place.ok("process book.pdf --json --unit-log units.jsonl").json();
    assert_eq!(line["status"], "complete");
    no_unit_twice(&place);
    assert_eq!(place.canonical("book.pdf"), expected);
}

#[test]
fn a_reset_of_an_interrupted_job_cancels_it() {
    let (place, job) = at_work();
    job.signal("KILL");
    job.wait();
    let reset = place.ok("reset book.pdf toc_finder --yes");
    assert!(reset.err.contains("job-1") && reset.err.contains("cancelled"), "{reset:?}");
    let line = place.ok("process book.pdf --json").json();
    assert_eq!((line["status"].as_str(), line["job_id"].as_str()), (Some("complete"), Some("job-2")));
}
