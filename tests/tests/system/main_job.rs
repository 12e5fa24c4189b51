//! The main job: a 300-page book from file to chapters, and what it costs in documents.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use bookstate_tests::books::Book;
use bookstate_tests::shim::{Call, Errno, Shim};
use bookstate_tests::system::{COLLECTIONS, Place, Tables};
use rusqlite::Connection;
use serde_json::Value;

/// What the `sqlite3` shell answers; none when this machine has none.
fn shell(file: &Path, query: &str) -> Option<String> {
    let mut shell = Command::new("sqlite3");
    // The store's file is locked for a moment while it is made.
    shell.args(["-cmd", ".timeout 20000"]);
    let Ok(output) = shell.arg("-readonly").arg(file).arg(query).output() else {
        eprintln!("SKIPPED: no sqlite3 shell on this machine");
        return None;
    };
    assert!(output.status.success(), "{query}: {output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The bytes of the store's files.
fn files(place: &Place) -> BTreeMap<&'static str, Vec<u8>> {
    let names = ["books.sqlite", "books.sqlite-wal"];
    names.map(|name| (name, std::fs::read(place.data().join(name)).unwrap_or_default())).into()
}

#[test]
fn a_book_of_300_pages() {
    let made = Book::standard(300).make_pdf();
    let place = Place::with(&made);
    let mut job = place.start("process book.pdf --json");
    // The entries can be read while the job runs.
    const ENTRIES: &str = "SELECT key, title, actual_page FROM TocEntry ORDER BY sort_order";
    let mut while_running = String::new();
    job.until("its entries are in the store", || {
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'TocEntry'";
        let there =
            place.store().exists() && shell(&place.store(), tables).is_none_or(|found| found == "1\n");
        while_running =
            if there { shell(&place.store(), ENTRIES).unwrap_or("-".to_owned()) } else { String::new() };
        !while_running.is_empty()
    });
    let was_running = !job.has_ended();
    let ended = job.wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(was_running);
    println!("{} entries were there while it ran", while_running.lines().count());

    let line = ended.json();
    let counts = ["status", "pages", "toc_entries", "toc_entries_linked"].map(|key| line[key].clone());
    assert_eq!(counts, [Value::from("complete"), 300.into(), 40.into(), 40.into()], "{line}");
    let toc = place.ok("toc book.pdf --json").json();
    let found: Vec<(String, u64, u64)> = toc["entries"].as_array().unwrap().iter().map(entry).collect();
    let key = made.key.printed_toc.iter();
    let wanted: Vec<(String, u64, u64)> =
        key.map(|entry| (entry.title.clone(), entry.level.into(), entry.page.into())).collect();
    assert_eq!(found, wanted);
    let chapters = place.ok("chapters book.pdf --json --include-text").json();
    let chapters = chapters["chapters"].as_array().unwrap();
    assert!(chapters.len() >= 40, "{}", chapters.len());
    for chapter in chapters {
        assert!(chapter["text"].as_str().is_some_and(|text| !text.trim().is_empty()), "{chapter}");
        assert!(chapter["word_count"].as_u64() > Some(0), "{chapter}");
    }
    if let Some(stored) = shell(&place.store(), ENTRIES) {
        assert_eq!(stored.lines().count(), 40);
        assert!(
            stored.lines().zip(&wanted).all(|(row, (_, _, page))| row.ends_with(&format!("|{page}"))),
            "{stored}"
        );
    }

    let (tables, before) = (place.tables(), files(&place));
    let again = place.ok("process book.pdf --json");
    assert!(again.err.contains("is done already; nothing was changed"), "{again:?}");
    let again = again.json();
    assert_eq!((&again["commits"], &again["units_run"]), (&0.into(), &0.into()));
    assert_eq!(again["persisted_seq"], line["persisted_seq"]);
    assert_eq!(place.tables(), tables);
    assert!(files(&place) == before, "the store's files are the same to the byte");
}

fn entry(entry: &Value) -> (String, u64, u64) {
    let title = entry["title"].as_str().unwrap();
    let full = entry["entry_number"].as_str().map_or(title.to_owned(), |number| format!("{number} {title}"));
    (full, entry["level"].as_u64().unwrap(), entry["actual_page"].as_u64().unwrap_or(0))
}

/// Lets a SQLite file count the documents that are written to it.
fn count_writes(file: &Path) {
    let shell = Connection::open(file).unwrap();
    shell.execute_batch("CREATE TABLE written (n INTEGER)").unwrap();
    for collection in COLLECTIONS {
        for event in ["INSERT", "UPDATE", "DELETE"] {
            let trigger = format!(
                "CREATE TRIGGER count_{collection}_{event} AFTER {event} ON \"{collection}\"
                 BEGIN INSERT INTO written VALUES (1); END"
            );
            shell.execute_batch(&trigger).unwrap();
        }
    }
}

fn written(file: &Path) -> usize {
    let count: i64 = Connection::open(file)
        .unwrap()
        .query_row("SELECT count(*) FROM written", [], |row| row.get(0))
        .unwrap();
    usize::try_from(count).unwrap()
}

/// Fewer documents are written than ops accepted: what changed several times is written once per batch. The
/// ops are counted in the journal, whose segments this run cannot delete.
#[test]
fn documents_written_and_ops_accepted() {
    let place = Place::with(&Book::standard(100).make_pdf());
    let mirror = place.path("mirror.sqlite");
    place.write("bookstate.toml", "");
    let file = format!("[targets.mirror]\nkind = \"sqlite\"\npath = \"{}\"\n", mirror.display());
    place.write("bookstate.toml", file);
    place.write("other.txt", "ANOTHER BOOK\n\nCHAPTER 1\n\nIt was a dark night.\n");
    place.ok("process other.txt");
    let others = place.tables().len();
    count_writes(&place.store());
    count_writes(&mirror);

    let shim = Shim::new(place.data()).fail_from(Call::Unlink, 1, Errno::Eacces);
    let ended = place.run_with(&shim, "process book.pdf --json").unwrap();
    let line = ended.json();
    assert_eq!(line["status"], "complete", "{ended:?}");
    let book = line["book_id"].as_str().unwrap();
    let inspected = place.ok(&format!("journal inspect --book {book} --json")).out;
    let commits: Vec<Value> = inspected.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ops: usize = commits.iter().map(|commit| commit["commit"]["ops"].as_array().unwrap().len()).sum();
    assert_eq!(commits.len() as u64, line["commits"].as_u64().unwrap());
    let documents = place.tables().len() - others;
    let (local, remote) = (written(&place.store()), written(&mirror));
    println!(
        "{ops} ops in {} commits; {documents} documents at the end; written: {local} to the local store \
         (lingers 20 ms), {remote} to the mirror (lingers 1 s)",
        commits.len()
    );
    let differing = place.tables().difference(&Tables::read(&mirror));
    assert!(differing.is_empty(), "{differing:?}");
    assert!(remote <= local && local < ops, "{remote}, {local}, {ops}");
    assert!(remote < 2 * documents, "{remote}");
}

#[test]
fn a_persons_text_of_a_page_is_in_the_chapters_made_after_it() {
    let place = Place::with(&Book::new("corrected").chapters(2).pages(6).make_pdf());
    place.ok("process book.pdf");
    let doubtful = place.ok("pages book.pdf --doubtful");
    assert!(doubtful.out.contains("no page had to be recognised"), "{doubtful:?}");
    let words = "Nobody but a person could read these words.";
    place.write("page.txt", words);
    place.ok("correct book.pdf 5 page.txt");
    let doubtful = place.ok("pages book.pdf --doubtful --json").json();
    assert_eq!(doubtful["pages"][0]["page_num"], 5, "{doubtful}");
    let text = |place: &Place| {
        place.ok("export book.pdf --format text -o out.txt");
        std::fs::read_to_string(place.path("out.txt")).unwrap()
    };
    assert!(!text(&place).contains(words), "the chapters are as they were");
    place.ok("reset book.pdf structure --yes");
    place.ok("process book.pdf");
    assert!(text(&place).contains(words));
    // Reading the pages anew does not take it away.
    place.ok("process book.pdf --reset ocr");
    assert!(text(&place).contains(words));
    let none = place.run("correct book.pdf 99 page.txt");
    assert_eq!(none.code, Some(3), "{none:?}");
}
