//! What people get wrong: each is one clear line, the right exit code, and nothing damaged.

use bookstate_tests::books::{Book, encrypted, truncated};

use crate::place::{Place, SMALL};

#[test]
fn files_that_are_no_books() {
    let place = Place::new();
    let pdf = Book::new("x").pages(8).chapters(2).sections(0).make_pdf().bytes;
    place.write("empty.pdf", "");
    place.write("encrypted.pdf", encrypted(&pdf));
    place.write("broken.pdf", truncated(&pdf));
    place.write("picture.png", b"\x89PNG\r\n\x1a\n....");
    std::fs::create_dir(place.path("dir")).unwrap();
    place.run("process missing.pdf").fails(3, &["missing.pdf", "check the path"]);
    assert!(!place.path(".bookstate").exists(), "a mistyped name makes no data directory");
    place.run("process empty.pdf").fails(3, &["empty.pdf", "empty"]);
    assert!(!place.path(".bookstate").exists(), "nothing was begun");
    place.run("process dir").fails(3, &["dir", "no page image"]);
    place.run("process encrypted.pdf").fails(3, &["encrypted.pdf", "password"]);
    place.run("process broken.pdf").fails(3, &["broken.pdf", "damaged"]);
    place.run("process picture.png").fails(3, &["picture.png", "damaged"]);
    let books = place.ok("books --json").json();
    assert_eq!(books["total"], 0, "nothing was taken in: {books}");
}

#[test]
fn a_bad_file_does_not_stop_the_others() {
    let place = Place::new();
    place.write("book.txt", SMALL);
    place.write("empty.txt", "");
    let ended = place.run("process missing.txt empty.txt book.txt --json");
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert_eq!(ended.json()["status"], "complete");
    assert_eq!(ended.err.lines().filter(|line| line.starts_with("error: ")).count(), 2, "{ended:?}");
}

#[test]
fn books_that_are_not_here() {
    let place = Place::new();
    place.run("books").fails(4, &[".bookstate", "process FILE"]);
    place.write("book.txt", SMALL);
    place.write("other.txt", "Another book.");
    place.ok("process book.txt");
    place.run("toc ../../nothing/here").fails(3, &["is not an id", "no file"]);
    place.run("toc b-../x").fails(3, &["is not an id"]);
    place.run("export zzz --format markdown").fails(3, &["no book zzz"]);
    place.run("pages other.txt").fails(3, &["other.txt", "has not been processed"]);
    place.run("reset zzz ocr").fails(3, &["no book zzz"]);
}

#[test]
fn configuration_and_command_line() {
    let place = Place::new();
    place.write("bookstate.toml", "[journal]\npolcy = \"os\"\n");
    place.run("books").fails(2, &["journal.polcy", "bookstate.toml", "journal.policy"]);
    place.write("bookstate.toml", "[jobs]\nanalysis = \"oracle\"\n");
    place.write("book.txt", SMALL);
    place.run("process book.txt").fails(2, &["oracle", "local"]);
    assert!(!place.path(".bookstate").exists(), "it is checked before anything is opened");
    place.write("bookstate.toml", "data_dir = \"book.txt\"\n");
    place.run("books").fails(2, &["data_dir", "book.txt"]);
    place.write("bookstate.toml", "");
    place.run("books --config none.toml").fails(2, &["none.toml"]);
    place.run("export b --format markdown --canonical").fails(2, &["--canonical"]);
    place.run("parked retry nowhere").fails(2, &["nowhere", "target list"]);
    let unknown = place.run("reset b-1 contents");
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.err.contains("toc_finder"), "it lists what there is: {unknown:?}");
    assert!(!place.path(".bookstate").exists());
}

#[test]
fn where_each_value_comes_from_is_shown() {
    let place = Place::new();
    place.write("bookstate.toml", "[sink]\ndrain_ms = 5\n");
    let mut command = place.command("config show --json --data-dir d");
    let output = command.env("BOOKSTATE_JOBS_BOOKS", "2").output().unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["file"], "bookstate.toml");
    let row = |key: &str| {
        let rows = shown["settings"].as_array().unwrap();
        let row = rows.iter().find(|row| row["key"] == key).unwrap();
        (row["value"].to_string(), row["origin"].as_str().unwrap().to_owned())
    };
    let is = |key, value: &str, origin: &str| assert_eq!(row(key), (value.to_owned(), origin.to_owned()));
    is("sink.drain_ms", "5", "bookstate.toml");
    is("jobs.books", "2", "BOOKSTATE_JOBS_BOOKS");
    is("data_dir", "\"d\"", "--data-dir");
    is("jobs.workers", "0", "default");
    assert!(place.ok("config show").out.contains("configuration file: bookstate.toml"));
}

#[test]
fn completions_are_scripts() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(place.ok(&format!("completions {shell}")).out.contains("bookstate"), "{shell}");
    }
}

#[test]
fn the_shell_is_told_of_books_and_targets() {
    let place = Place::new();
    place.write("book.txt", SMALL);
    place.ok("process book.txt");
    let id = place.ok("books --json").json()["books"][0]["id"].as_str().unwrap().to_owned();
    let asked = |line: &str| {
        let mut command = place.command("");
        command.env("BOOKSTATE_COMPLETE", "fish").arg("--").args(line.split(' '));
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(asked("bookstate toc b-").contains(&id));
    assert!(asked("bookstate export b-").contains(&id));
    assert_eq!(asked("bookstate toc x-"), "");
    place.ok("target add nas sqlite:nas.sqlite");
    assert!(asked("bookstate target verify n").starts_with("nas"));
    // Nothing is made, and nothing is said, where nothing is.
    let empty = asked("bookstate toc --data-dir nowhere b-");
    assert_eq!((empty.as_str(), place.path("nowhere").exists()), ("", false));
}

#[test]
fn a_disk_without_room_is_told_and_the_same_command_continues() {
    let place = Place::new();
    place.write("book.txt", SMALL);
    // More room than any disk has is as good as a full one.
    place.write("bookstate.toml", "[jobs]\nmin_free_mb = 1048576\nstall_ms = 1\n");
    let ended = place.run("process book.txt --json");
    ended.fails(4, &["full", "free some space", "the same command continues"]);
    assert_eq!(ended.json()["status"], "processing");
    place.write("bookstate.toml", "");
    assert_eq!(place.ok("process book.txt --json").json()["status"], "complete");
}
