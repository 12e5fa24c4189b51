//! Files that would make much of little, or end the program.

use std::fs;

use bookstate_tests::{
    books::Book,
    system::{Place, Server},
};
use rustix::process::{Pid, Signal, kill_process};

use crate::rig::{HEALTHY, Victim, exchange, from, upload};

#[test]
fn a_file_of_form_feeds_makes_no_large_book() {
    let victim = Victim::new();
    let bytes = b"a\x0c".repeat(150_000);
    let before = victim.peak();
    // Of form feeds beyond any book's the pages between them are put together.
    let answer = exchange(from(HEALTHY, victim.address).unwrap(), &upload("a.txt", &bytes));
    assert_eq!(answer.status, 202, "{answer:?}");
    assert!(answer.json()["page_count"].as_u64() < Some(1000), "{answer:?}");
    // Fewer pages, and still far more book than file.
    let answer = exchange(from(HEALTHY, victim.address).unwrap(), &upload("b.txt", &b"a\x0c".repeat(10_000)));
    assert_eq!((answer.status, &answer.json()["code"]), (422, &"book_too_large".into()), "{answer:?}");
    assert!(victim.peak() < before + 150, "{} MiB, {before} before", victim.peak());
    victim.serves_the_healthy();
    let place = Place::new();
    // What an operator allows is taken in.
    place.write("b.txt", b"a\x0c".repeat(30));
    place.write("bookstate.toml", "[intake]\nmax_pages = 29\n");
    place.run("process b.txt").fails(3, &["29 are allowed"]);
    place.write("bookstate.toml", "[intake]\nmax_pages = 31\n");
    place.ok("process b.txt --variant text-only");
}

#[test]
fn a_file_that_takes_too_much_memory_to_open_ends_its_own_process() {
    let place = Place::with(&Book::new("opened").chapters(2).sections(2).make_pdf());
    assert_eq!(place.run("open-file book.pdf").code, Some(0));
    place.write("broken.pdf", "%PDF-1.7\nnothing more");
    assert_eq!(place.run("open-file broken.pdf").code, Some(3));
    let ended = place.run("open-file --memory-mb 32 book.pdf");
    assert!(ended.was_killed() || ended.code == Some(3), "{ended:?}");
}

/// A place with a job that was killed, and its book's id.
fn killed() -> (Place, String) {
    let place = Place::with(&Book::new("killed").chapters(3).sections(3).pages(30).make_pdf());
    let mut running = place.start_logged("process book.pdf --json");
    let marks = || {
        let files = fs::read_dir(place.data().join("in-flight")).ok()?;
        files
            .filter_map(Result::ok)
            .map(|file| file.path())
            .find(|path| path.extension().is_some_and(|e| e == "jsonl"))
    };
    let has_begun = || fs::read_to_string(marks()?).ok().filter(|text| text.contains("extract:"));
    running.until("a unit has begun", || has_begun().is_some());
    let ended = running.kill();
    assert!(ended.was_killed(), "{ended:?}");
    let id = marks().unwrap().file_stem().unwrap().to_str().unwrap().to_owned();
    (place, id)
}

#[test]
fn a_unit_that_ends_the_program_again_and_again_is_given_up() {
    let (place, id) = killed();
    let marks = place.data().join("in-flight").join(format!("{id}.jsonl"));
    fs::write(&marks, "{\"deaths\":7}\n{\"suspect\":[\"extract:7\",7]}\n{\"begin\":\"extract:7\"}\n")
        .unwrap();
    let server = Server::start(&place);
    let book = || server.asked("GET", &format!("/api/books/{id}"), b"");
    let began = std::time::Instant::now();
    while book()["status"] != "degraded" && book()["status"] != "failed" {
        assert!(began.elapsed() < crate::rig::PATIENCE, "{}", book());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let page = server.asked("GET", &format!("/api/books/{id}/pages/7"), b"");
    let reason = page["failure_reason"].as_str().unwrap();
    assert!(reason.contains("the program died 8 times"), "{page}");
    assert!(server.stop().success());
    assert!(!marks.exists(), "the job is over");
    // It is not begun again by itself; asked for, it is, and nothing is wrong with it.
    place.ok("reset book.pdf ocr --yes");
    assert_eq!(place.ok("process book.pdf --json").json()["status"], "complete");
}

#[test]
fn a_job_that_ends_the_program_again_and_again_is_not_resumed_by_itself() {
    let (place, id) = killed();
    let marks = place.data().join("in-flight").join(format!("{id}.jsonl"));
    fs::write(&marks, "{\"deaths\":15}\n{\"begin\":\"metadata\"}\n").unwrap();
    let server = Server::start(&place);
    let log = || fs::read_to_string(place.path("serve.log")).unwrap();
    let began = std::time::Instant::now();
    while !log().contains("the program died again and again") {
        assert!(began.elapsed() < crate::rig::PATIENCE, "{}", log());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(server.asked("GET", "/api/status", b"")["jobs"].as_array().unwrap().is_empty());
    assert!(server.stop().success());
    assert_eq!(place.ok("process book.pdf --json").json()["status"], "complete");
}

#[test]
fn a_program_that_is_killed_by_chance_gives_nothing_up() {
    let (place, _) = killed();
    let pid = |server: &Server| Pid::from_raw(i32::try_from(server.pid()).unwrap()).unwrap();
    let server = Server::start(&place);
    kill_process(pid(&server), Signal::KILL).unwrap();
    drop(server);
    assert_eq!(place.ok("process book.pdf --json").json()["status"], "complete");
    assert!(fs::read_dir(place.data().join("in-flight")).unwrap().next().is_none());
}
