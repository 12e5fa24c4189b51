//! Models: what is asked and paid, whatever happens to the program; what stalls; and that no key is ever seen.

use std::{path::Path, time::Duration};

use bookstate_tests::{
    books::Book,
    models::{Answer, Asked, Ended, ModelServer},
};
use serde_json::json;

use crate::{
    place::Place,
    serving::{ask, serve},
};

const CANARY: &str = "sk-canary-4711-0815";
const COST: f64 = 0.01;
/// Requests in flight.
const CONCURRENCY: usize = 2;

/// A place with a short book whose pages a model reads, and how many these are.
fn place(server: &ModelServer) -> (Place, usize) {
    let place = Place::new();
    let book = Book::new("book").pages(3).chapters(1).preface(false).back_matter(false);
    let pages = place.pdf(&book).key.pages as usize;
    let config = format!(
        "[providers.replay]\nurl = \"{}\"\nkey_file = \"key\"\nconcurrency = {CONCURRENCY}\n\
         [stages]\nocr = [\"replay:some/model\"]\n[jobs]\nstall_ms = 1\n",
        server.url()
    );
    place.write("bookstate.toml", config);
    place.write_secret("key", CANARY);
    (place, pages)
}

fn read(_: &Asked) -> Answer {
    Answer::said("The words of a page.", COST)
}

/// What the Metrics of the local store say was spent, in billionths of a dollar.
fn spent(place: &Place) -> u64 {
    let store = rusqlite::Connection::open(place.path(".bookstate/books.sqlite")).unwrap();
    let sum = "SELECT coalesce(sum(cost_usd), 0.0) FROM metric";
    (store.query_row(sum, [], |row| row.get::<_, f64>(0)).unwrap() * 1e9).round() as u64
}

/// Every file below a directory that holds a text.
fn files_with(text: &str, directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(text, &path));
        } else if std::fs::read(&path).unwrap().windows(text.len()).any(|part| part == text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_refused_key_stalls_the_book_is_never_shown_and_a_new_one_finishes_it() {
    // As some servers do, this one repeats what it was given.
    let server = ModelServer::start(|asked| match asked.authorization.as_deref() {
        Some("Bearer another-key") => read(asked),
        given => {
            Answer::json(401, &json!({ "error": { "code": 401, "message": format!("bad: {given:?}") } }))
        }
    })
    .unwrap();
    let (place, _) = place(&server);
    let stalled = place.run("process book.pdf --json");
    assert_eq!(stalled.code, Some(4), "{stalled:?}");
    assert!(stalled.err.contains("replay: the key is refused"), "{stalled:?}");
    let refused = server.seen();
    assert!(refused.len() <= CONCURRENCY, "one of each worker: {}", refused.len());
    assert_eq!(refused[0].asked.authorization, Some(format!("Bearer {CANARY}")), "it was sent");
    let providers = place.run("providers");
    assert_eq!(providers.code, Some(5), "{providers:?}");
    let shown = [stalled, providers, place.run("config show"), place.run("config show --json")];
    for shown in shown {
        assert!(!format!("{shown:?}").contains("canary"), "{shown:?}");
    }
    assert_eq!(files_with(CANARY, &place.path(".bookstate")), Vec::<String>::new());

    place.write_secret("key", "another-key");
    let line = place.ok("process book.pdf --json").json();
    assert_eq!(line["status"], "complete", "no page was lost: {line}");
}

/// A server's job whose key is refused waits, and goes on with a new key without anything being started anew.
#[test]
fn a_server_reads_a_new_key_on_a_signal() {
    let server = ModelServer::start(|asked| match asked.authorization.as_deref() {
        Some("Bearer another-key") => read(asked),
        _ => Answer::json(401, &json!({ "error": { "code": 401, "message": "no" } })),
    })
    .unwrap();
    let (place, pages) = place(&server);
    let (mut program, url) = serve(&place, place.command("serve --bind 127.0.0.1:0"));
    let job = place.start(&format!("process book.pdf --server {url}"));
    program.until("it waits for a person", || {
        ask(&url, "GET", "/api/jobs", None).contains("replay: the key is refused")
    });
    let refused = server.seen().len();
    assert!(refused <= CONCURRENCY, "one of each worker: {refused}");
    let metrics = ask(&url, "GET", "/metrics", None);
    assert!(metrics.contains("bookstate_provider_ready{provider=\"replay\"} 0"), "{metrics}");
    let page = ask(&url, "GET", "/targets", None);
    assert!(page.contains("the key is refused"), "{page}");
    place.write_secret("key", "another-key");
    program.signal("HUP");
    let ended = job.wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(server.seen().len(), refused + pages, "nothing was sent in between");
    let metrics = ask(&url, "GET", "/metrics", None);
    let answers = "bookstate_model_answers_total{provider=\"replay\",model=\"some/model\"}";
    let cost = "bookstate_model_cost_usd_total{provider=\"replay\",model=\"some/model\"}";
    for line in [format!("{answers} {pages}"), format!("{cost} {}", COST * pages as f64)] {
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    program.signal("TERM");
    assert_eq!(program.wait().code, Some(0));
}

#[test]
fn an_estimate_sends_nothing_and_is_above_what_is_spent() {
    let server = ModelServer::start(read).unwrap();
    let (place, pages) = place(&server);
    let config = std::fs::read_to_string(place.path("bookstate.toml")).unwrap();
    let price = "[providers.replay.price]\n\"some/model\" = { prompt = 2, completion = 2 }\n";
    place.write("bookstate.toml", config + price);
    let rows = place.ok("process book.pdf --estimate --json").json();
    assert_eq!((server.seen().len(), rows.as_array().unwrap().len()), (0, 1));
    assert_eq!((&rows[0]["stage"], &rows[0]["units"]), (&json!("ocr"), &json!(pages)));
    let at_most = rows[0]["cost_usd"].as_f64().unwrap();
    place.ok("process book.pdf");
    assert_eq!(spent(&place), server.seen().iter().map(|seen| seen.cost).sum::<u64>());
    assert!(at_most * 1e9 >= spent(&place) as f64, "{at_most}");
    let rows = place.ok("process book.pdf --estimate --json").json();
    assert_eq!(rows[0]["units"], json!(0), "nothing is left to pay for");
    let spent = spent(&place);
    server.answer(|_| Answer::json(200, &json!({ "data": [{ "id": "some/model" }] })));
    let there = place.ok("providers --json").json();
    assert_eq!(there["providers"][0]["state"], "ready", "{there}");
    let today = there["providers"][0]["spent_today_usd"].as_f64().unwrap();
    assert!(
        (today * 1e9).round() as u64 == spent || today == 0.0,
        "it is today, or was until midnight: {there}"
    );
}

/// Whoever processes the book, here or at a server, the model is told what the directory says.
#[test]
fn prompts_of_a_directory_are_told_and_a_wrong_name_is_refused() {
    let server = ModelServer::start(read).unwrap();
    let (place, pages) = place(&server);
    std::fs::create_dir(place.path("told")).unwrap();
    place.write("told/ocr.md", "Read it aloud.");
    place.write("told/reading.md", "Read it aloud.");
    let wrong = place.run("process book.pdf --prompts told");
    wrong.fails(2, &["reading.md is no prompt; there are ocr.md, metadata.md"]);
    std::fs::remove_file(place.path("told/reading.md")).unwrap();
    place.ok("process book.pdf --prompts told");
    let told = || -> Vec<serde_json::Value> {
        server.seen().iter().map(|seen| seen.asked.body["messages"][0]["content"].clone()).collect()
    };
    assert_eq!(told(), vec![json!("Read it aloud."); pages]);

    // A server is told by its configuration.
    place.write("told/ocr.md", "Read it in silence.");
    place.ok("rm book.pdf --yes");
    let mut command = place.command("serve --bind 127.0.0.1:0");
    command.env("BOOKSTATE_MODELS_PROMPTS", "told");
    let (program, url) = serve(&place, command);
    place.ok(&format!("process book.pdf --server {url}"));
    assert_eq!(told()[pages..], vec![json!("Read it in silence."); pages]);
    place
        .run(&format!("process book.pdf --prompts told --server {url}"))
        .fails(2, &["--prompts is the server's own"]);
    program.signal("TERM");
    assert_eq!(program.wait().code, Some(0));
}

#[test]
fn what_was_answered_and_believed_is_paid_for_once() {
    let server = ModelServer::start(read).unwrap();
    let (place, pages) = place(&server);
    let asked = || server.seen().len();
    place.ok("process book.pdf");
    assert_eq!(asked(), pages);
    let paid = spent(&place);

    // All of it again, for nothing.
    place.ok("reset book.pdf ocr --yes");
    let line = place.ok("process book.pdf --json").json();
    assert_eq!((&line["status"], asked()), (&json!("complete"), pages), "{line}");
    assert_eq!(spent(&place), paid, "nothing was paid again");

    // Unless one says so, or pages are to be read again.
    place.ok("reset book.pdf ocr --yes");
    place.ok("process book.pdf --no-cache");
    assert_eq!(asked(), 2 * pages);
    place.ok("reread book.pdf --pages 1 --engine replay:some/model --yes");
    place.ok("process book.pdf");
    assert_eq!(asked(), 2 * pages + 1);

    // What is not believed is not kept, and nothing is where nothing is to be.
    let kept = || files_with("The words of a page.", &place.path(".bookstate/sources")).len();
    assert_eq!(kept(), 1, "of the page that was read again");
    server.answer(|_| Answer::said(&"the same again ".repeat(200), COST));
    place.ok("reset book.pdf ocr --yes");
    place.run("process book.pdf --no-cache");
    assert!(files_with("the same again the same again", &place.path(".bookstate/sources")).is_empty());
    place.ok("rm book.pdf --yes");
    assert_eq!(std::fs::read_dir(place.path(".bookstate/sources")).unwrap().count(), 0);
}

/// Killed again and again, at requests that come and go: what was answered and stored is not asked again.
#[test]
fn a_kill_repeats_at_most_what_was_in_flight() {
    let server = ModelServer::start(|asked| read(asked).after(Duration::from_millis(150))).unwrap();
    let (place, pages) = place(&server);
    let mut kills = 0;
    // Each life sees a few more requests than the last one, by a fixed but uneven measure.
    for more in [1, 2, 1, 2] {
        let before = server.seen().len();
        let mut job = place.start("process book.pdf --json");
        while server.seen().len() < before + more && !job.has_ended() {
            std::thread::sleep(Duration::from_millis(2));
        }
        if job.has_ended() {
            break;
        }
        job.signal("KILL");
        job.wait();
        kills += 1;
    }
    assert!(kills >= 1, "{kills}");
    let line = place.ok("process book.pdf --json").json();
    assert_eq!(line["status"], "complete", "{line}");
    let seen = server.seen();
    assert!(seen.len() <= pages + kills * CONCURRENCY, "{} requests, {kills} kills", seen.len());
    // What was answered and not stored was paid and is not in the Metrics: at most what was in flight.
    let answered =
        seen.iter().filter(|seen| seen.ended == Ended::Answered).map(|seen| seen.cost).sum::<u64>();
    let each = (COST * 1e9) as u64;
    assert_eq!(spent(&place), pages as u64 * each, "each page once");
    assert!(answered <= spent(&place) + (kills * CONCURRENCY) as u64 * each, "{answered}");
}
