//! Files that are no books, wrong words, a busy data directory: one clear line each, and nothing damaged.

use bookstate_tests::books::{Book, Scanned, encrypted, truncated};
use bookstate_tests::system::Place;

/// A place with a book that is done.
fn place() -> Place {
    let place = Place::with(&Book::new("b").chapters(3).sections(3).make_text());
    place.ok("process book.txt");
    place
}

#[test]
fn a_wrong_file_or_word_changes_nothing() {
    let place = place();
    let pdf = Book::new("w").chapters(2).sections(2).make_pdf().bytes;
    place.write("encrypted.pdf", encrypted(&pdf));
    place.write("broken.pdf", truncated(&pdf));
    place.write("empty.pdf", "");
    place.write("picture.png", b"\x89PNG\r\n\x1a\n0000");
    place.write("bookstate.toml", "[journal]\npolicy = \"interval\"\n");
    place.write("mistyped.toml", "[journal]\npolicies = \"always\"\n");
    let before = place.tables();
    for (line, code, words) in [
        ("process missing.pdf", 3, &["missing.pdf"][..]),
        ("process encrypted.pdf", 3, &["encrypted.pdf", "password"]),
        ("process broken.pdf", 3, &["broken.pdf"]),
        ("process empty.pdf", 3, &["empty.pdf", "empty"]),
        ("process picture.png", 3, &["picture.png"]),
        ("process .", 3, &["."]),
        ("export ../../etc --format json", 3, &["../../etc"]),
        ("status b-/../x", 3, &["b-/../x"]),
        ("chapters nonsense", 3, &["nonsense"]),
        ("reset ../book structure --yes", 3, &["../book"]),
        ("target takeover mirror ../book", 2, &["mirror"]),
        ("--config mistyped.toml books", 2, &["journal.policies", "mistyped.toml", "journal.policy"]),
        ("--config none.toml books", 2, &["none.toml"]),
        ("process book.txt --target x=postgres:y", 2, &["sqlite:PATH"]),
        ("process book.txt --target local=sqlite:y", 2, &["local"]),
    ] {
        let ended = place.run(line);
        println!("{line}: {}", ended.err.trim_end());
        ended.fails(code, words);
        assert_eq!(ended.out, "", "{line}");
    }
    assert_eq!(place.tables(), before);
    assert!(!place.path(".bookstate/../../etc").exists());
    let again = place.ok("process book.txt --json").json();
    assert_eq!((again["status"].as_str(), again["commits"].as_u64()), (Some("complete"), Some(0)));
}

#[test]
fn a_wrong_file_beside_a_right_one_does_not_stop_that() {
    let place = place();
    place.write("empty.pdf", "");
    place.write("second.txt", "A SECOND BOOK\n\nCHAPTER 1\n\nThe day was bright.\n");
    let ended = place.run("process empty.pdf second.txt missing.pdf --json");
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert_eq!(ended.json()["status"], "complete");
    for name in ["empty.pdf", "missing.pdf"] {
        assert!(
            ended.err.lines().any(|line| line.starts_with("error: ") && line.contains(name)),
            "{ended:?}"
        );
    }
}

#[test]
fn a_scan_without_text_says_so() {
    let place =
        Place::with(&Book::new("s").chapters(2).sections(2).pages(10).scanned(Scanned::All).make_pdf());
    // Without a reader of page images.
    place.write("bookstate.toml", "[jobs]\nocr = [\"text-layer\"]\n");
    let ended = place.run("process book.pdf --json");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let line = ended.json();
    assert_eq!(line["status"], "failed");
    let reason = line["status_reason"].as_str().unwrap();
    assert!(reason.contains("text"), "{reason}");
    println!("{reason}");
    let again = place.run("process book.pdf --json");
    assert_eq!((again.code, again.json()["commits"].as_u64()), (Some(1), Some(0)), "{again:?}");
}

#[test]
fn a_scanned_page_among_others_says_so() {
    let made = Book::new("s").chapters(2).sections(2).pages(12).scanned(Scanned::Pages(9, 9)).make_pdf();
    let place = Place::with(&made);
    // Without a reader of page images.
    place.write("bookstate.toml", "[jobs]\nocr = [\"text-layer\"]\n");
    let ended = place.run("process book.pdf --json");
    assert_eq!((ended.code, ended.json()["status"].as_str()), (Some(6), Some("degraded")), "{ended:?}");
    let pages = place.ok("pages book.pdf --json").json();
    assert!(pages.to_string().contains("text"), "{pages}");
}

#[test]
fn a_second_process_is_told_who_is_at_work() {
    let place = Place::with(&Book::standard(60).make_pdf());
    let mut job = place.start("process book.pdf --json --unit-log units.jsonl");
    job.until("it is at work", || place.unit_log().persisted() > 5);
    // Stopped, so that it is at work as long as this takes.
    job.signal("STOP");
    let pid = job.pid().to_string();
    for line in ["process book.pdf", "reset book.pdf ocr --yes", "parked retry x", "journal quarantine 1"] {
        let ended = place.run(line);
        if line.starts_with("parked") {
            ended.fails(2, &["x"]);
        } else {
            ended.fails(4, &[&pid, "process"]);
        }
    }
    // Reading needs no lock.
    let status = place.ok("status book.pdf --json").json();
    assert_eq!(status["process"]["pid"].to_string(), pid);
    job.signal("CONT");
    assert_eq!(job.wait().json()["status"], "complete");
}
