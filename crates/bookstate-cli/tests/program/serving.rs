//! `serve`, and other commands as its clients.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
};

use bookstate_tests::books::Book;

use crate::place::{Ended, Place, Running, keys};

const TOKEN: &str = "a-token-that-nobody-may-see";

/// Starts a server; its address.
pub(crate) fn serve(place: &Place, command: Command) -> (Running, String) {
    let mut server = place.start_into_files(command);
    let out = place.path("out.txt");
    let line = || std::fs::read_to_string(&out).unwrap_or_default();
    server.until("it listens", || line().ends_with('\n'));
    let url = line().trim().strip_prefix("listening on ").unwrap().to_owned();
    (server, url)
}

fn logged(place: &Place) -> String {
    std::fs::read_to_string(place.path("err.txt")).unwrap()
}

/// What a server answers to a request without a body.
pub(crate) fn ask(url: &str, method: &str, path: &str, token: Option<&str>) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{token}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_command_prints_the_same_from_a_server_as_from_the_local_store() {
    let place = Place::new();
    place.pdf(&Book::new("book").pages(20).chapters(3).sections(3));
    place.ok("process book.pdf --target m=sqlite:m.sqlite");
    let lines = [
        "books",
        "status book.pdf",
        "pages book.pdf",
        "toc book.pdf",
        "chapters book.pdf",
        "chapters book.pdf --include-text",
        "jobs",
        "jobs book.pdf",
        "export book.pdf --format markdown",
        "export book.pdf --format html",
        "export book.pdf --format text",
        "export book.pdf --format json",
        "export book.pdf --format json --canonical",
        "parked list",
    ];
    let config = "[targets.m]\nkind = \"sqlite\"\npath = \"m.sqlite\"\n";
    place.write("bookstate.toml", config);
    let all = |more: &str| -> Vec<Ended> {
        let forms = lines.iter().flat_map(|line| [format!("{line}{more}"), format!("{line} --json{more}")]);
        forms.map(|line| place.ok(&line)).collect()
    };
    let local = all("");
    let (mut server, url) = serve(&place, place.command("serve --bind 127.0.0.1:0"));
    let remote = all(&format!(" --server {url}"));
    for (n, (local, remote)) in local.iter().zip(&remote).enumerate() {
        let line = lines[n / 2];
        if line.starts_with("status") {
            // A server is a process at work; what it says of the book is the same.
            let book = |ended: &Ended| match n % 2 {
                0 => ended.out.split_once("book  ").unwrap().1.to_owned(),
                _ => ended.json()["books"].to_string(),
            };
            assert_eq!(book(local), book(remote), "{line}");
        } else {
            assert_eq!(local.out, remote.out, "{line}");
        }
    }
    let reset = format!("reset book.pdf structure --yes --json --server {url}");
    assert_eq!(place.ok(&reset).json()["reset"], serde_json::json!(["structure"]));
    place.run(&format!("toc b-none --server {url}")).fails(3, &["no book b-none"]);
    let targets = place.ok(&format!("target list --json --server {url}")).json();
    assert!(targets["targets"].as_array().unwrap().iter().any(|target| target["name"] == "m"), "{targets}");
    place.run(&format!("target add n sqlite:n.sqlite --server {url}")).fails(2, &["--server"]);
    for command in ["resync m", "resync m book.pdf", "verify m", "verify m book.pdf"] {
        place.ok(&format!("target {command} --server {url}"));
    }
    let verified = place.ok(&format!("target verify m --json --server {url}")).json();
    assert_eq!((&verified["equal"], verified["books"].as_array().unwrap().len()), (&true.into(), 1));
    let id = verified["books"][0]["book_id"].as_str().unwrap();
    assert!(
        place.ok(&format!("target takeover m {id} --server {url}")).out.contains("is this data directory's")
    );
    place.run(&format!("target verify x --server {url}")).fails(3, &["no such target"]);
    place.run("books --server nonsense").fails(2, &["http://HOST:PORT"]);
    // Its targets are its own: another one would get nothing.
    let further = "process book.pdf --target y=sqlite:y.sqlite";
    for line in [further.to_owned(), format!("{further} --server {url}")] {
        place.run(&line).fails(2, &["--target y=sqlite:y.sqlite", "target add"]);
    }
    place.ok(&format!("process book.pdf --server {url}"));
    let id = place.ok("books --json").json()["books"][0]["id"].as_str().unwrap().to_owned();
    for said in ["a job begins", "a job is completed"] {
        server.until(said, || logged(&place).lines().any(|line| line.contains(said) && line.contains(&id)));
    }
    place.ok(&reset);
    place.ok("target verify m");
    // The server is asked by itself.
    place.ok("target resync m");
    server.signal("TERM");
    assert_eq!(server.wait().code, Some(0));
    place.run(&format!("books --server {url}")).fails(1, &["cannot be reached"]);
    assert_eq!(place.ok("status book.pdf --json").json()["books"][0]["settled"], false, "the reset was kept");
}

#[test]
fn what_changes_books_asks_the_server_that_has_the_directory() {
    let place = Place::new();
    place.pdf(&Book::new("book").pages(12).chapters(3).sections(2));
    place.write("none.bin", [0; 300]);
    let (server, url) = serve(&place, place.command("serve --bind 127.0.0.1:0"));
    let first = place.ok("process book.pdf --json");
    assert!(first.err.contains(&url), "{first:?}");
    let line = first.json();
    assert_eq!((&line["status"], &line["pages"]), (&"complete".into(), &12.into()), "{line}");
    assert_eq!(line["toc_entries"], line["toc_entries_linked"], "{line}");
    let elsewhere = Place::new();
    elsewhere.pdf(&Book::new("book").pages(12).chapters(3).sections(2));
    let alone = elsewhere.ok("process book.pdf --json").json();
    assert_eq!(keys(&line), keys(&alone));
    for key in ["book_id", "status", "toc_entries", "chapters", "words"] {
        assert_eq!(line[key], alone[key], "{key}");
    }
    // Alike for a server that is named, seen from another directory.
    let again = elsewhere.ok(&format!("process book.pdf --server {url}"));
    assert!(again.out.contains("complete"), "{again:?}");
    place.ok("reset book.pdf structure --yes");
    assert_eq!(place.ok("chapters book.pdf --json").json()["chapters"], serde_json::json!([]));
    assert_eq!(place.ok("process book.pdf --json").json()["chapters"], line["chapters"]);
    place.run("cancel book.pdf").fails(3, &["no job"]);
    let opened = place.command("open book.pdf --json").env("BROWSER", "true").output().unwrap();
    let opened: serde_json::Value = serde_json::from_slice(&opened.stdout).unwrap();
    let page = format!("{url}/books/{}", line["book_id"].as_str().unwrap());
    assert_eq!(opened["url"], page.as_str());
    assert!(ask(&url, "GET", page.strip_prefix(&url).unwrap(), None).starts_with("HTTP/1.1 200 "));
    let removed = place.ok("rm book.pdf --yes --json").json();
    assert_eq!(removed["removed"][0]["book_id"], line["book_id"]);
    place.run("rm book.pdf --yes").fails(3, &["has not been processed here"]);
    assert!(ask(&url, "GET", page.strip_prefix(&url).unwrap(), None).starts_with("HTTP/1.1 404 "));
    assert_eq!(place.ok("process book.pdf --json").json()["chapters"], line["chapters"]);
    place.run("process none.bin").fails(3, &["no book"]);
    place.run("process .").fails(3, &["is no file"]);
    assert!(place.path(".bookstate/server").exists());
    server.signal("TERM");
    assert_eq!(server.wait().code, Some(0));
    assert!(!place.path(".bookstate/server").exists());
    let done = place.ok("process book.pdf");
    assert!(done.err.contains("is done already"), "{done:?}");
}

#[test]
fn an_interrupted_job_goes_on_under_a_server_and_stops_at_a_safe_point_with_it() {
    let place = Place::new();
    place.pdf(&Book::standard(240));
    let mut job = place.start("process book.pdf");
    let done = |rest: &str| {
        let read = place.run(&format!("status --json{rest}"));
        (read.code == Some(0)).then(|| read.json()["books"][0]["stages"][1]["done"].as_u64()).flatten()
    };
    job.until("some pages are read", || done("") > Some(3));
    job.signal("KILL");
    drop(job.wait());
    let (mut server, url) = serve(&place, place.command("serve --bind 127.0.0.1:0"));
    let from_server = format!(" --server {url}");
    // What the server knows at first is what the journal held: only more than that comes from the job.
    let mut at_first = None;
    server.until("the job goes on", || {
        let now = done(&from_server);
        at_first = at_first.or(now);
        now > at_first
    });
    server.signal("TERM");
    let ended = server.wait();
    assert_eq!(ended.code, Some(0), "{}", logged(&place));
    assert!(logged(&place).contains("stopping at a safe point (1 job at work)"), "{}", logged(&place));
    let status = place.ok("status --json").json();
    assert_eq!(status["books"][0]["status"], "processing");
    assert_eq!(status["behind"], serde_json::json!([]), "everything is in the local store");
    assert!(status["process"].is_null());
    let (mut server, url) = serve(&place, place.command("serve --bind 127.0.0.1:0"));
    let settled = || {
        let status = place.ok(&format!("status --json --server {url}")).json();
        status["books"][0]["settled"] == true && status["books"][0]["job"]["status"] == "completed"
    };
    server.until("the book is done", settled);
    server.signal("INT");
    assert_eq!(server.wait().code, Some(0));
}

#[test]
fn a_second_signal_ends_a_server_at_once_and_nothing_is_lost() {
    let place = Place::new();
    place.pdf(&Book::new("book").pages(12));
    place.ok("process book.pdf");
    let before = place.ok("chapters book.pdf --include-text").out;
    // A target that cannot be written holds up the drain.
    place.write(
        "bookstate.toml",
        "sink.drain_ms = 60000\n[targets.m]\nkind = \"sqlite\"\npath = \"none/m.sqlite\"\n",
    );
    let (mut server, url) = serve(&place, place.command("serve --bind 127.0.0.1:0"));
    place.ok(&format!("reset book.pdf structure --yes --server {url}"));
    server.signal("TERM");
    server.until("it stops", || logged(&place).contains("stopping at a safe point"));
    server.signal("TERM");
    let ended = server.wait();
    assert!([Some(130), Some(0)].contains(&ended.code), "{}", logged(&place));
    place.ok("process book.pdf");
    assert!(place.ok("chapters book.pdf --include-text").out == before);
}

#[test]
fn a_token_is_needed_for_others_and_shown_to_nobody() {
    let place = Place::new();
    place.run("serve --bind 0.0.0.0:0").fails(2, &["0.0.0.0:0", "token"]);
    place.run("serve --bind nowhere").fails(2, &["server.bind", "IP:PORT"]);
    place.run("serve --bind example.org:80").fails(2, &["localhost:PORT"]);
    let (server, _) = serve(&place, place.command("serve --bind localhost:0"));
    server.signal("INT");
    assert_eq!(server.wait().code, Some(0));
    place.write_secret("token", format!("{TOKEN}\n"));
    place.write_secret("read-token", "short");
    let with = |line: &str| {
        let mut command = place.command(line);
        command.env("BOOKSTATE_SERVER_TOKEN_FILE", "token");
        command
    };
    let mut short = with("serve --bind 127.0.0.1:0");
    short.env("BOOKSTATE_SERVER_READ_TOKEN_FILE", "read-token");
    let refused = place.start_into_files(short).wait();
    assert_eq!(refused.code, Some(2));
    assert!(logged(&place).contains("at least 16 characters") && !logged(&place).contains("short"));
    let mut command = with("serve --bind 0.0.0.0:0 -vvv");
    command.env("BOOKSTATE_READ_TOKEN", "another-token-that-nobody-may-see");
    let (server, url) = serve(&place, command);
    let url = url.replace("0.0.0.0", "127.0.0.1");
    assert!(ask(&url, "GET", "/api/books", None).starts_with("HTTP/1.1 401 "));
    assert!(ask(&url, "GET", "/api/books", Some("wrong-wrong-wrong-wrong")).starts_with("HTTP/1.1 401 "));
    assert!(ask(&url, "GET", "/api/books", Some(TOKEN)).starts_with("HTTP/1.1 200 "));
    let read = Some("another-token-that-nobody-may-see");
    assert!(ask(&url, "GET", "/api/books", read).starts_with("HTTP/1.1 200 "));
    assert!(ask(&url, "POST", "/api/books/ingest", read).starts_with("HTTP/1.1 403 "));
    place.run(&format!("books --server {url}")).fails(2, &["a token is needed"]);
    let client = with(&format!("books --json -vvv --server {url}")).output().unwrap();
    assert!(client.status.success(), "{client:?}");
    let mut show = with("config show --json");
    let shown = show.env("BOOKSTATE_TOKEN", TOKEN).output().unwrap();
    assert!(shown.status.success());
    server.signal("TERM");
    assert_eq!(server.wait().code, Some(0));
    let seen = [
        logged(&place),
        String::from_utf8(client.stderr).unwrap(),
        String::from_utf8(shown.stdout).unwrap(),
        String::from_utf8(shown.stderr).unwrap(),
        std::fs::read_to_string(place.path(".bookstate/lock")).unwrap_or_default(),
    ];
    assert!(seen[0].contains("answered"), "requests are logged");
    for text in seen {
        assert!(!text.contains("nobody-may-see") && !text.contains("wrong-wrong"), "{text}");
    }
}
