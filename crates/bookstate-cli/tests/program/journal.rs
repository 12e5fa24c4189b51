//! `journal inspect|verify|quarantine`, and what readers say of commits that are in the journal only.

use bookstate_domain::{BookId, persist::NewBook};
use bookstate_store::{Library, LibraryConfig};

use crate::place::{Place, SMALL};

/// A data directory as a kill leaves it: commits in the journal, none in the local store.
fn killed(place: &Place) {
    let (library, _) = Library::open(LibraryConfig::new(place.path(".bookstate"))).unwrap();
    let book = library.create_book(&BookId::new("b-killed").unwrap(), "test").unwrap();
    book.persist_book_record(NewBook { page_count: 3 }).unwrap();
    book.persist_page_extract(1).unwrap();
    book.persist_page_extract(2).unwrap();
    drop(book);
    library.close().unwrap();
}

#[test]
fn readers_say_what_only_the_journal_has() {
    let place = Place::new();
    killed(&place);
    let books = place.ok("books --json");
    assert_eq!(books.json()["total"], 0, "a reader does not apply the journal");
    assert!(books.err.contains("3 commits of book b-killed"), "{books:?}");
    let status = place.ok("status --json").json();
    assert_eq!(status["behind"][0]["commits"], 3, "{status}");

    place.write("book.txt", SMALL);
    let process = place.ok("process book.txt");
    assert!(process.err.contains("3 commits of book b-killed were recovered"), "{process:?}");
    let books = place.ok("books --json");
    assert_eq!(books.json()["total"], 2);
    assert!(books.err.is_empty(), "{books:?}");
}

#[test]
fn every_commit_is_a_line() {
    let place = Place::new();
    killed(&place);
    let inspected = place.ok("journal inspect");
    let lines: Vec<serde_json::Value> =
        inspected.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["commit"]["book"], "b-killed");
    assert_eq!(lines[2]["commit"]["seq"], 3);
    let verified = place.ok("journal verify --json").json();
    assert_eq!(
        (verified["whole"].as_bool(), verified["commits"].as_u64()),
        (Some(true), Some(3)),
        "{verified}"
    );
    place.run("journal quarantine 1").fails(2, &["not damaged"]);
}

#[test]
fn a_damaged_store_is_told() {
    let place = Place::new();
    place.write("book.txt", "A page.\n\u{c}".repeat(60));
    place.ok("process book.txt");
    assert_eq!(place.ok("journal verify --json").json()["local_store"]["sound"], true);
    let store = place.path(".bookstate/books.sqlite");
    let mut bytes = std::fs::read(&store).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xff);
    std::fs::write(&store, bytes).unwrap();
    place.run("journal verify").fails(4, &["local store", "damaged", "restore it from a copy"]);
}

#[test]
fn damage_is_told_and_can_be_set_aside() {
    let place = Place::new();
    killed(&place);
    let segment = place.path(".bookstate/journal/00000000000000000001.journal");
    let mut bytes = std::fs::read(&segment).unwrap();
    // The third commit: its first byte of payload, somewhere behind the first two.
    let third = place.ok("journal inspect").out.lines().nth(2).map(str::to_owned).unwrap();
    let third: serde_json::Value = serde_json::from_str(&third).unwrap();
    bytes[usize::try_from(third["offset"].as_u64().unwrap()).unwrap() + 20] ^= 0x40;
    std::fs::write(&segment, bytes).unwrap();

    place.write("book.txt", SMALL);
    place.run("process book.txt").fails(4, &["damaged", "journal verify"]);
    let verified = place.run("journal verify");
    verified.fails(4, &["damaged", "journal quarantine 1"]);
    place.ok("journal quarantine 1");
    let process = place.ok("process book.txt");
    assert!(process.err.contains("2 commits of book b-killed were recovered"), "{process:?}");
}
