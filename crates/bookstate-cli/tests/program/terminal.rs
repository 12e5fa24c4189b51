//! What a person reads: tables at any width, names of books, what a reset takes, jobs that were interrupted.

use bookstate_tests::books::Book;

use crate::place::{Place, SMALL};

/// Standard output of a command on a terminal of so many columns.
fn at_width(place: &Place, line: &str, columns: usize) -> String {
    let output = place.command(line).env("COLUMNS", columns.to_string()).output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn no_table_is_wider_than_the_terminal_and_no_id_is_broken() {
    let place = Place::new();
    place.pdf(&Book::new("A Book with a Title That Is Long Enough for Two Lines").pages(20).chapters(4));
    let id = place.ok("process book.pdf --json").json()["book_id"].as_str().unwrap().to_owned();
    let whole = [
        ("books", id.clone()),
        ("status", id.clone()),
        ("jobs", format!("{id}~job-1")),
        ("process book.pdf", id.clone()),
        ("chapters book.pdf", "ch_001".to_owned()),
    ];
    for columns in [50, 80, 120] {
        for (line, must) in &whole {
            let shown = at_width(&place, line, columns);
            assert!(shown.contains(must.as_str()), "{line} at {columns}: {shown}");
            let widest = shown.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= columns, "{line} at {columns} has {widest}:\n{shown}");
        }
        let toc = at_width(&place, "toc book.pdf", columns);
        assert!(toc.lines().all(|line| line.chars().count() <= columns), "{toc}");
    }
    let wide = at_width(&place, "books --wide", 50);
    assert!(wide.contains("AUTHOR") && !at_width(&place, "books", 50).contains("AUTHOR"), "{wide}");
}

#[test]
fn a_book_is_found_by_its_title() {
    let place = Place::new();
    place.write("mill.md", "# The Mill on the Hill\n\nby A. Smith\n\n## Chapter 1\n\nIt turned.\n");
    place.write("shore.md", "# The Mill by the Shore\n\nby B. Smith\n\n## Chapter 1\n\nIt stood.\n");
    place.ok("process mill.md shore.md");
    let books = place.ok("books --json").json();
    let of_title = |title: &str| {
        let books = books["books"].as_array().unwrap().iter();
        let found = books.filter(|book| book["title"] == title).map(|book| book["id"].clone());
        found.collect::<Vec<_>>()
    };
    let mut command = place.command("toc --json");
    let output = command.arg("mill on the hill").output().unwrap();
    let toc: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(vec![toc["book_id"].clone()], of_title("The Mill on the Hill"), "{books}");
    place.run("chapters mill").fails(3, &["2 books", "The Mill on the Hill", "The Mill by the Shore"]);
}

#[test]
fn a_reset_says_what_is_lost() {
    let place = Place::new();
    place.write("book.txt", SMALL);
    place.ok("process book.txt");
    let before = place.canonical("book.txt");
    let dry = place.ok("reset book.txt structure --dry-run");
    assert!(dry.out.contains("chapters") && dry.out.contains("nothing was changed"), "{dry:?}");
    assert_eq!(place.canonical("book.txt"), before);
    // Nobody is at a terminal, so nobody is asked.
    let done = place.ok("reset book.txt structure");
    assert!(done.err.contains("chapters"), "{done:?}");
    assert_ne!(place.canonical("book.txt"), before);
}

#[test]
fn a_job_that_nobody_works_on_is_interrupted() {
    let place = Place::new();
    place.pdf(&Book::standard(60));
    let mut job = place.start("process book.pdf --unit-log units.jsonl");
    let log = place.path("units.jsonl");
    job.until("some units are done", || {
        std::fs::read_to_string(&log).is_ok_and(|log| log.matches("persisted").count() > 20)
    });
    job.signal("INT");
    job.wait();
    for line in ["jobs", "status", "status book.pdf"] {
        let shown = place.ok(line).out;
        assert!(shown.contains("interrupted") && !shown.contains("running"), "{line}: {shown}");
    }
    place.ok("process book.pdf");
    assert!(!place.ok("jobs").out.contains("interrupted"));
}
