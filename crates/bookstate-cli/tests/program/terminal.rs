//! What a person reads: tables at any width, names of books, what a reset takes, jobs that were interrupted.

use bookstate_tests::books::Book;

use crate::place::{Place, SMALL, ended, rows};

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
    let mut command = place.command("chapters");
    let several = ended(command.arg("the mill").output().unwrap());
    several.fails(3, &["2 books", "The Mill on the Hill", "The Mill by the Shore"]);
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
    // Nobody is at a terminal, so nobody can be asked.
    place.run("reset book.txt structure").fails(2, &["--yes"]);
    place.run("rm book.txt").fails(2, &["--yes"]);
    assert_eq!(place.canonical("book.txt"), before);
    let done = place.ok("reset book.txt structure --yes");
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

/// How many rows of a SQLite file have documents or texts of a book, cursors and deletion marks aside.
fn rows_of(place: &Place, file: &str, id: &str) -> usize {
    let rows = rows(&place.path(file));
    let documents =
        ["Book", "Page", "OcrResult", "ToC", "TocEntry", "Chapter", "AgentState", "Job", "Metric"];
    let of_book =
        |row: &&Vec<String>| documents.contains(&row[0].as_str()) && row.iter().any(|cell| cell.contains(id));
    rows.iter().filter(of_book).count()
}

#[test]
fn a_removed_book_is_gone_everywhere_and_may_come_again() {
    let place = Place::new();
    place.write("book.txt", SMALL);
    place.write("other.md", "# Other\n\n## Chapter 1\n\nIt stays.\n");
    place.write("bookstate.toml", "[targets.m]\nkind = \"sqlite\"\npath = \"m/m.sqlite\"\n");
    std::fs::create_dir(place.path("m")).unwrap();
    place.ok("process book.txt other.md");
    let before = place.canonical("book.txt");
    let id = id_of(&place, "A SMALL BOOK");
    let copies = || std::fs::read_dir(place.path(".bookstate/sources")).unwrap().count();
    let dry = place.ok(&format!("rm {id} --dry-run"));
    assert!(dry.out.contains(&id) && dry.out.contains("2 pages"), "{dry:?}");
    assert_eq!(place.canonical("book.txt"), before);
    // The target is away when the book goes, and follows later.
    std::fs::rename(place.path("m"), place.path("kept")).unwrap();
    let removed = place.ok(&format!("rm {id} {id} --yes"));
    assert!(
        removed.err.contains("the data directory and m") && removed.err.contains("target m"),
        "{removed:?}"
    );
    assert_eq!(removed.out.matches("is removed").count(), 1, "{removed:?}");
    assert_eq!(
        (rows_of(&place, ".bookstate/books.sqlite", &id), copies()),
        (0, 2),
        "the other's, with its name"
    );
    for line in [format!("toc {id}"), format!("rm {id}"), "chapters book.txt".to_owned()] {
        place.run(&line).fails(3, &[&id]);
    }
    for line in ["books", "status", "jobs"] {
        let shown = place.ok(line).out;
        assert!(!shown.contains(&id) && shown.contains("b-"), "{line}: {shown}");
    }
    std::fs::rename(place.path("kept"), place.path("m")).unwrap();
    assert!(rows_of(&place, "m/m.sqlite", &id) > 0);
    place.ok("target resync m");
    assert_eq!(rows_of(&place, "m/m.sqlite", &id), 0);
    place.ok("target verify m");
    // It comes again as if it had never been here.
    place.ok("process book.txt");
    assert_eq!(place.canonical("book.txt"), before);
    place.ok("target verify m");
    assert!(rows_of(&place, "m/m.sqlite", &id) > 0);
}

fn id_of(place: &Place, title: &str) -> String {
    let books = place.ok("books --json").json();
    let book = books["books"].as_array().unwrap().iter().find(|book| book["title"] == title);
    book.unwrap_or_else(|| panic!("{books}"))["id"].as_str().unwrap().to_owned()
}

#[test]
fn times_are_local_and_say_of_which_zone() {
    let place = Place::new();
    place.write("book.txt", SMALL);
    place.ok("process book.txt");
    for (zone, name) in [("TST-5:30", "TST"), ("UTC", "UTC")] {
        let shown = place.command("jobs --wide").env("TZ", zone).output().unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        assert!(shown.contains(&format!(" {name}")), "{zone}: {shown}");
    }
}
