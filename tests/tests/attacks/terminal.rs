//! A hostile name through every command.

use std::{
    io::{Read, Write},
    net::TcpListener,
};

use bookstate_tests::system::{Ended, Place};
use serde_json::{Value, json};

/// Sets the terminal's title, moves, answers, turns, and begins a line of its own.
const NAME: &str = "a\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}\u{200f}txt\nerror: forged\u{2066}\r.md";

fn is_obeyed(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' => true,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' => true,
        _ => character.is_control(),
    }
}

fn is_clean(what: &str, ended: &Ended) {
    for text in [&ended.out, &ended.err] {
        let bad: Vec<char> = text.chars().filter(|character| is_obeyed(*character)).collect();
        assert!(bad.is_empty(), "{what}: {bad:?} in {text:?}");
        assert!(!text.lines().any(|line| line.starts_with("error: forged")), "{what}: {text:?}");
    }
}

/// Runs a command whose words have `NAME` for the hostile name.
fn run(place: &Place, line: &str) -> Ended {
    let mut command = place.command("");
    command.args(line.split_whitespace().map(|word| word.replace("NAME", NAME)));
    let output = command.env("COLUMNS", "100").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let ended = Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
    is_clean(line, &ended);
    ended
}

#[test]
fn nothing_that_a_terminal_obeys_comes_through_any_command() {
    let place = Place::new();
    let title = "\u{1b}[31mRed\u{202e} Book\u{9b}2J\u{7f}";
    let text = format!(
        "# {title}\n\nby \u{1b}]0;x\u{7}Author\n\n## Chapter \u{1b}[1m1\u{2067}\n\n{}\n",
        "It turned. ".repeat(200)
    );
    place.write(NAME, &text);
    let done = run(&place, "process NAME --json");
    assert_eq!(done.code, Some(0), "{done:?}");
    let id = done.json()["book_id"].as_str().unwrap().to_owned();
    for line in [
        "process NAME",
        "process NAME nowhere-NAME",
        "process NAME --reset metadata",
        "process NAME --unit-log NAME/x",
        "-vvv process NAME --reset metadata",
        "--log-format json -vvv process NAME --reset metadata",
        "books",
        "books --json",
        "books --wide",
        "status",
        "status NAME",
        "status --json",
        "pages NAME",
        "toc NAME",
        "chapters NAME",
        "chapters NAME --json --include-text",
        "jobs",
        "jobs --json",
        "export NAME --format json -o NAME/x",
        "reset NAME structure --yes",
        "journal verify",
        "journal stat",
        "parked list",
        "parked retry NAME",
        "target list",
        "target add NAME sqlite:NAME",
        "target verify NAME NAME",
        "config show",
        "config show --json",
        "--config NAME books",
        "--data-dir NAME books",
        "--data-dir none/NAME books",
        "books --target NAME",
        "frobnicate NAME",
        "books NAME",
        "--server NAME books",
        "process missing-NAME",
    ] {
        let _ended = run(&place, line);
    }
    // For another program a book is what it is.
    let export = place.command("").args(["export", &id, "--format", "markdown"]).output().unwrap();
    assert!(String::from_utf8(export.stdout).unwrap().contains("It turned."));
}

/// Runs a command whose server answers its only request with this.
fn answered(line: &str, status: &str, body: &Value) -> Ended {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let body = body.to_string();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let read = stream.read(&mut [0; 4096]).unwrap();
        assert!(read > 0);
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let ended = Place::new().run(&format!("--server {url} {line}"));
    server.join().unwrap();
    is_clean(line, &ended);
    ended
}

#[test]
fn a_hostile_server_says_nothing_to_the_terminal() {
    let text = "\u{1b}]0;x\u{7}\u{202e}\u{61c}no\nerror: forged";
    let problem = json!({ "type": "x", "title": "x", "status": 404, "code": "x", "detail": text });
    let ended = answered("books", "404 Not Found", &problem);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.error().contains("no"), "{ended:?}");
    let row = json!({
        "id": text, "title": text, "author": text, "page_count": 1, "status": null, "created_at": null,
    });
    for line in ["books", "books --wide", "books --json"] {
        let ended = answered(line, "200 OK", &json!({ "books": [row], "total": 1 }));
        assert!(ended.code == Some(0) && ended.out.contains("no"), "{line}: {ended:?}");
    }
}
