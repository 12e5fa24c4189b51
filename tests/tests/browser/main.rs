//! The web page in a real Chromium, driven by the scenes in `tests/browser` over a real `bookstate serve`.
//!
//! Servers, books and targets are made here; what a person does and sees is in the scenes. Pictures are left
//! in `target/screenshots`. Without Chromium, Node or playwright-core the tests fail and say what to install.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its own functions too")]

mod browser;

use std::{process::Command, sync::LazyLock};

use bookstate_tests::{
    books::{Book, Made},
    system::{Place, Server, Tables},
};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::browser::{play, start};

fn made() -> &'static Made {
    static MADE: LazyLock<Made> =
        LazyLock::new(|| Book::new("looked-at").chapters(5).sections(12).pages(40).make_pdf());
    &MADE
}

/// The title, without its number, of the first chapter of [`made`].
fn chapter(made: &Made) -> &str {
    let entry = made.key.printed_toc.iter().find(|entry| entry.title.starts_with("1 ")).unwrap();
    entry.title.trim_start_matches("1 ")
}

/// Processes a file; says the book's id.
fn processed(place: &Place, file: &str) -> String {
    let line = place.ok(&format!("process {file} --json")).json();
    line["book_id"].as_str().unwrap().to_owned()
}

#[test]
fn progress_is_seen_while_a_job_runs() {
    let place = Place::with(&Book::new("long").chapters(12).sections(40).pages(300).make_pdf());
    place.write("bookstate.toml", "[jobs]\nworkers = 1\n");
    let server = Server::start(&place);
    play("progress", &json!({"url": server.url(), "file": place.path("book.pdf")}));
}

#[test]
fn it_can_be_read_in_every_look_and_with_the_keyboard() {
    let place = Place::with(made());
    place.configure_target("mirror", &place.path("mirror.sqlite"));
    let book = processed(&place, "book.pdf");
    let server = Server::start(&place);
    let (title, chapter) = (&made().key.title, chapter(made()));
    play("looks", &json!({"url": server.url(), "book": book, "title": title, "chapter": chapter}));
    play("lost", &json!({"url": server.url(), "book": book}));
    play("keyboard", &json!({"url": server.url(), "book": book}));
}

#[test]
fn a_scanned_page_is_beside_its_text_with_marks_on_what_is_doubtful() {
    let place = Place::with(made());
    std::fs::create_dir(place.path("scan")).unwrap();
    let drawn = Command::new("pdftoppm")
        .args(["-gray", "-png", "-r", "120", "-f", "4", "-l", "4"])
        .args([place.path("book.pdf"), place.path("scan/page")])
        .status();
    assert!(drawn.unwrap().success());
    let line = place.ok("process scan --languages eng --json").json();
    let book = line["book_id"].as_str().unwrap();
    // How sure the program is of made pages depends on its version: one word is made doubtful here.
    let words = std::fs::read_dir(place.data().join("sources")).unwrap();
    let words = words.map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap();
    let words = std::fs::read_dir(words).unwrap().next().unwrap().unwrap().path();
    let mut read: Value = serde_json::from_slice(&std::fs::read(&words).unwrap()).unwrap();
    for word in read["words"].as_array_mut().unwrap() {
        word["confidence"] = json!(0.95);
    }
    read["words"][20]["confidence"] = json!(0.31);
    let doubtful = read["words"][20]["text"].as_str().unwrap().to_owned();
    std::fs::write(&words, read.to_string()).unwrap();
    let server = Server::start(&place);
    play("scan", &json!({"url": server.url(), "book": book, "doubtful": doubtful}));
}

#[test]
fn titles_are_never_html() {
    let title = "<script>alert(1)</script><img src=x onerror=alert(2)>";
    let chapter = "\"><svg onload=alert(3)> & 'more'";
    let place = Place::new();
    let prose = "A text <b>with</b> <script>alert(4)</script>. ".repeat(60);
    // In Markdown a tag is a tag unless it is escaped.
    let escaped = |text: &str| text.replace('<', "\\<");
    let text: String =
        (0..3).map(|_| format!("## {}\n\n{}\n\n", escaped(chapter), escaped(&prose))).collect();
    place.write("book.md", format!("# {}\n\n{text}", escaped(title)));
    let book = processed(&place, "book.md");
    let server = Server::start(&place);
    play("hostile", &json!({"url": server.url(), "book": book, "title": title, "chapter": chapter}));
}

#[test]
fn what_a_target_refuses_is_tried_again() {
    let place = Place::with(made());
    let mirror = place.path("mirror.sqlite");
    place.configure_target("mirror", &mirror);
    // Makes the mirror's tables.
    place.write("other.txt", "ANOTHER BOOK\n\nCHAPTER 1\n\nIt was a dark night.\n");
    place.ok("process other.txt");
    let shell = Connection::open(&mirror).unwrap();
    for event in ["INSERT", "UPDATE"] {
        let trigger = format!(
            "CREATE TRIGGER no_{event} BEFORE {event} ON Page WHEN NEW.page_num = 3
             BEGIN SELECT RAISE(ABORT, 'page 3 is <b>not</b> wanted here'); END"
        );
        shell.execute_batch(&trigger).unwrap();
    }
    let book = processed(&place, "book.pdf");
    let server = Server::start(&place);
    let document = format!("Page/{book}/3");
    let reason = "page 3 is <b>not</b> wanted here";
    play("refused", &json!({"url": server.url(), "document": document, "reason": reason}));
    shell.execute_batch("DROP TRIGGER no_INSERT; DROP TRIGGER no_UPDATE").unwrap();
    play("retried", &json!({"url": server.url()}));
    assert_eq!(server.target("mirror").unwrap()["parked"], 0);
    assert_eq!(place.tables().difference(&Tables::read(&mirror)), Vec::<String>::new());
}

#[test]
fn a_token_is_the_way_in() {
    let place = Place::with(made());
    let book = processed(&place, "book.pdf");
    let (full, read) = ("full-full-full-full", "read-read-read-read");
    place.write_secret("full", full);
    place.write_secret("read", read);
    place.write("bookstate.toml", "[server]\ntoken_file = \"full\"\nread_token_file = \"read\"\n");
    let server = Server::start(&place);
    play("token", &json!({"url": server.url(), "book": book, "full": full, "read": read}));
}

#[test]
fn the_chart_follows_the_lag() {
    let place = Place::with(made());
    place.configure_target("mirror", &place.path("nas/mirror.sqlite"));
    let server = Server::start(&place);
    let stage = "the mirror is seen to be away";
    let scene = start("lag", &json!({"url": server.url(), "file": place.path("book.pdf"), "stage": stage}));
    let scene = scene.says(stage);
    std::fs::create_dir(place.path("nas")).unwrap();
    scene.ends_well();
}
