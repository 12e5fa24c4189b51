//! Reading commands: their JSON, and that they need no lock.

use bookstate_tests::books::Book;

use crate::place::{Place, SMALL, keys, rows};

#[test]
fn json_shapes() {
    let place = Place::new();
    place.pdf(&Book::new("book").pages(20).chapters(3).sections(3));
    place.ok("process book.pdf");

    let books = place.ok("books --json").json();
    assert_eq!(keys(&books), "books total");
    assert_eq!(keys(&books["books"][0]), "id title file_name author page_count status created_at");
    let id = books["books"][0]["id"].as_str().unwrap().to_owned();

    let toc = place.ok(&format!("toc {id} --json")).json();
    assert_eq!(keys(&toc), "book_id found finder start_page end_page entries");
    let entry = "key entry_number title level level_name printed_page_number actual_page source sort_order \
                 link_failed link_reason";
    assert_eq!(keys(&toc["entries"][0]), entry);
    assert_eq!(toc["found"], true);
    assert_eq!(toc["book_id"], id.as_str());

    let chapters = place.ok(&format!("chapters {id} --json")).json();
    assert_eq!(keys(&chapters), "book_id chapters");
    let chapter = "entry_id title entry_number level start_page end_page matter_type content_type \
                   audio_include parent_id word_count extract_complete polish_complete polish_failed text";
    assert_eq!(keys(&chapters["chapters"][0]), chapter);
    assert!(chapters["chapters"][0]["text"].is_null());
    let chapters = place.ok(&format!("chapters {id} --json --include-text")).json();
    assert!(chapters["chapters"].as_array().unwrap().iter().any(|chapter| chapter["text"].is_string()));

    let pages = place.ok(&format!("pages {id} --json")).json();
    assert_eq!(pages["pages"].as_array().unwrap().len(), 20);
    let status = place.ok(&format!("status {id} --json")).json();
    assert_eq!(keys(&status), "process behind books");
    assert!(status["process"].is_null(), "nobody is at work: {status}");
    assert_eq!(status["books"][0]["settled"], true);

    let beginning: String = id.chars().take(6).collect();
    for book in [id.as_str(), &beginning, "book.pdf", "./book.pdf"] {
        assert_eq!(place.ok(&format!("toc {book} --json")).json(), toc, "{book}");
    }
    for line in ["books", "status", "status book.pdf", "pages book.pdf", "toc book.pdf", "chapters book.pdf"]
    {
        assert!(place.ok(line).out.lines().count() > 1, "{line}");
    }
    place.ok("export book.pdf --format json -o out.json");
    let text = std::fs::read_to_string(place.path("out.json")).unwrap();
    let export: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(export["documents"]["Page"].as_array().unwrap().len(), 20);
}

#[test]
fn a_book_is_known_by_the_name_that_its_file_had() {
    let place = Place::new();
    place.write("Harbours-of-the-north.txt", SMALL);
    place.ok("process Harbours-of-the-north.txt");
    place.write("other.txt", SMALL.replace("dark", "bright"));
    place.ok("process other.txt");
    std::fs::remove_file(place.path("Harbours-of-the-north.txt")).unwrap();
    let status = place.ok("status harbours --json").json();
    assert_eq!(status["books"].as_array().unwrap().len(), 1);
    assert_eq!(status["books"][0]["file_name"], "Harbours-of-the-north.txt");
    assert!(place.ok("status harbours").out.contains("Harbours-of-the-north.txt"));
    place.ok("rm harbours --yes");
    place.run("status harbours").fails(3, &["no title or file"]);
    let left = std::fs::read_dir(place.path(".bookstate/sources")).unwrap().count();
    assert_eq!(left, 2, "the copy of the other book, and its name");
}

#[test]
fn reading_while_a_job_runs() {
    let place = Place::new();
    place.pdf(&Book::standard(120));
    let mut job = place.start("process book.pdf --json");
    let pages = || {
        let read = place.run("status --json");
        // Before the first batch there is no local store, and no book.
        (read.code == Some(0)).then(|| read.json()["books"][0]["stages"][1]["done"].as_u64()).flatten()
    };
    job.until("some pages are read", || pages() > Some(5));
    let status = place.ok("status --json").json();
    assert_eq!(status["process"]["pid"], job.pid(), "{status}");
    assert_eq!(status["books"][0]["status"], "processing");
    assert!(place.ok("status book.pdf").out.contains("in_progress"));
    assert!(!place.ok("pages book.pdf --json").json()["pages"].as_array().unwrap().is_empty());
    assert!(
        rows(&place.path(".bookstate/books.sqlite")).iter().any(|row| row[0] == "Page"),
        "any reader can look"
    );

    place.write("other.txt", SMALL);
    let busy = place.run("process other.txt");
    busy.fails(4, &["in use", &job.pid().to_string(), "bookstate", "process"]);
    place.run("reset book.pdf ocr").fails(4, &["in use"]);
    assert!(!job.has_ended(), "all of this was while it ran");
    let ended = job.wait();
    assert_eq!(ended.code, Some(0), "nobody was in its way: {ended:?}");
    assert_eq!(ended.json()["status"], "complete");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    place.write("book.txt", SMALL);
    place.ok("process book.txt");
    let mut command = place.command("export book.txt --format json");
    let mut child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
