//! The main job, end to end.

use bookstate_tests::books::{Book, Scanned};
use serde_json::Value;

use crate::place::{Place, SMALL, keys};

const LINE: &str = "book_id job_id status status_reason pages toc_found toc_entries toc_entries_linked \
                    chapters words commits persisted_seq units_run units_skipped seconds";

#[test]
fn a_pdf_ends_complete_and_the_second_time_changes_nothing() {
    let place = Place::new();
    let made = place.pdf(&Book::new("book").pages(30));
    let line = place.ok("process book.pdf --json").json();
    assert_eq!(keys(&line), LINE);
    assert_eq!(line["status"], "complete", "{line}");
    assert_eq!(line["status_reason"], Value::Null);
    assert_eq!(line["pages"], 30);
    assert_eq!(line["toc_found"], true);
    let entries = made.key.printed_toc.len();
    assert_eq!(line["toc_entries"], entries, "{line}");
    assert_eq!(line["toc_entries_linked"], entries, "{line}");
    assert!(line["words"].as_i64() > Some(1000), "{line}");
    assert_eq!(line["units_skipped"], 0);

    let (rows, persisted) = (place.rows(), line["persisted_seq"].clone());
    assert_eq!(line["commits"], persisted, "every commit of a new book is of this run");
    let again = place.ok("process book.pdf --json");
    assert!(again.err.contains("is done already"), "{again:?}");
    let again = again.json();
    assert_eq!(again["status"], "complete");
    assert_eq!(again["commits"], 0);
    assert_eq!(again["units_run"], 0);
    assert_eq!(again["units_skipped"], line["units_run"]);
    assert_eq!(again["persisted_seq"], persisted);
    assert_eq!(place.rows(), rows, "not a row has changed");
}

#[test]
fn text_and_markdown_are_books_too() {
    let place = Place::new();
    place.write("book.txt", SMALL);
    place.write(
        "book.md",
        "# A Short Book\n\nby Jane Doe\n\n## One\n\nFirst text.\n\n## Two\n\nSecond text.\n",
    );
    let lines = place.ok("process book.txt book.md book.txt --json");
    assert_eq!(lines.out.lines().count(), 2, "the same content is one book: {lines:?}");
    for line in lines.out.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["status"], "complete", "{line}");
        assert_eq!(line["chapters"], 3, "two, and the title: {line}");
    }
    let markdown = place.ok("export book.md --format markdown").out;
    assert_eq!(
        markdown,
        "# A Short Book\n\nby Jane Doe\n\n## One\n\nFirst text.\n\n## Two\n\nSecond text.\n"
    );
    let summary = place.ok("process book.txt book.md");
    assert!(summary.out.contains("book.txt") && summary.out.contains("complete"), "{summary:?}");
}

#[test]
fn a_degraded_book_has_its_own_exit_code() {
    let place = Place::new();
    place.pdf(&Book::new("book").pages(12).chapters(2).sections(0).scanned(Scanned::Pages(9, 9)));
    // Without a reader of page images.
    place.write("bookstate.toml", "[jobs]\nocr = [\"text-layer\"]\n");
    let ended = place.run("process book.pdf --json");
    assert_eq!(ended.code, Some(6), "{ended:?}");
    let line = ended.json();
    assert_eq!(line["status"], "degraded");
    assert!(line["status_reason"].as_str().unwrap().contains("page 9"), "{line}");
    assert!(ended.err.contains("warning: "), "{ended:?}");
    assert_eq!(place.run("process book.pdf").code, Some(6), "and the same the second time");
}

#[test]
fn variants_and_resets() {
    let place = Place::new();
    place.write("book.txt", SMALL);
    let line = place.ok("process book.txt --variant ocr-only --json").json();
    assert_eq!(line["chapters"], 0);
    let line = place.ok("process book.txt --json").json();
    assert_eq!((line["chapters"].as_i64(), line["job_id"].as_str()), (Some(3), Some("job-2")), "{line}");
    let before = place.canonical("book.txt");

    let reset = place.ok("reset book.txt structure --yes --json").json();
    assert_eq!(reset["reset"], serde_json::json!(["structure"]));
    let chapters = place.ok("chapters book.txt --json").json();
    assert_eq!(chapters["chapters"].as_array().unwrap().len(), 0);
    let line = place.ok("process book.txt --json").json();
    assert!(line["units_skipped"].as_i64() > Some(0), "only structure runs again: {line}");

    let line = place.ok("process book.txt --reset ocr --json").json();
    assert_eq!(line["status"], "complete");
    let job = &place.ok("status book.txt --json").json()["books"][0]["job"];
    assert_eq!(job["job_id"], line["job_id"]);
    let documents = |text: &str| {
        let mut value: Value = serde_json::from_str(text).unwrap();
        value["documents"].as_object_mut().unwrap().remove("Job");
        value
    };
    assert_eq!(
        documents(&place.canonical("book.txt")),
        documents(&before),
        "the same work gives the same book"
    );
}

#[test]
fn the_unit_log_has_each_unit_once() {
    let place = Place::new();
    place.write("book.txt", SMALL);
    let line = place.ok("process book.txt --unit-log units.jsonl --json").json();
    let log = std::fs::read_to_string(place.path("units.jsonl")).unwrap();
    let events: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |event: &str| {
        let mut units: Vec<_> =
            events.iter().filter(|e| e["event"] == event).map(|e| e["unit"].to_string()).collect();
        units.sort();
        units
    };
    assert_eq!(of("run"), of("persisted"));
    assert_eq!(of("run").len() as i64, line["units_run"].as_i64().unwrap());
    place.ok("process book.txt --unit-log units.jsonl");
    assert_eq!(
        std::fs::read_to_string(place.path("units.jsonl")).unwrap(),
        log,
        "the second time nothing runs"
    );
}
