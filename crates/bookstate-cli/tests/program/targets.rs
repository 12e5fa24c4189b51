//! Targets: configured, fed, compared, lost.

use crate::place::{Place, SMALL};

fn lag(place: &Place) -> u64 {
    let listed = place.ok("target list --json").json();
    let books = listed["targets"][0]["books"].as_array().unwrap().clone();
    books.iter().map(|book| book["lag"].as_u64().unwrap()).sum()
}

#[test]
fn a_target_is_configured_fed_and_compared() {
    let place = Place::new();
    place.write("book.txt", SMALL);
    place.write("bookstate.toml", "# mine\n[sink]\ndrain_ms = 20000\n");
    place.ok("process book.txt");
    place.ok("target add mirror sqlite:mirror.sqlite");
    place.run("target add mirror sqlite:other.sqlite").fails(2, &["already"]);
    place.run("target add second sqlite:mirror.sqlite").fails(2, &["target mirror"]);
    place.run("target add third sqlite:none/x.sqlite").fails(2, &["make it first"]);
    assert!(lag(&place) > 0, "it has nothing yet");

    place.ok("target resync mirror");
    assert_eq!(lag(&place), 0);
    let verified = place.ok("target verify mirror --json").json();
    assert_eq!(
        (verified["equal"].as_bool(), verified["books"][0]["missing"].as_array().map(Vec::len)),
        (Some(true), Some(0))
    );

    let mirror = rusqlite::Connection::open(place.path("mirror.sqlite")).unwrap();
    assert!(mirror.execute("UPDATE Chapter SET title = 'changed by hand'", []).unwrap() > 0);
    drop(mirror);
    place.run("target verify mirror").fails(5, &["differ", "target resync mirror"]);
    place.ok("target resync mirror book.txt");
    place.ok("target verify mirror");

    place.ok("target remove mirror");
    let config = std::fs::read_to_string(place.path("bookstate.toml")).unwrap();
    assert_eq!(config.trim_end(), "# mine\n[sink]\ndrain_ms = 20000");
    assert!(place.ok("target list --json").json()["targets"].as_array().unwrap().is_empty());
}

#[test]
fn process_brings_a_book_to_its_targets() {
    let place = Place::new();
    place.write("book.txt", SMALL);
    place.ok("process book.txt --target mirror=sqlite:mirror.sqlite");
    place.write("bookstate.toml", "[targets.mirror]\nkind = \"sqlite\"\npath = \"mirror.sqlite\"\n");
    assert_eq!(lag(&place), 0, "the end of the command waited for it");
    place.ok("reset book.txt structure --yes");
    assert_eq!(lag(&place), 0);
}

#[test]
fn a_target_that_is_down_is_told_and_fails_nothing() {
    let place = Place::new();
    place.write("book.txt", SMALL);
    let ended = place.ok("process book.txt --json --target nas=sqlite:not/mounted/books.sqlite");
    assert_eq!(ended.json()["status"], "complete");
    assert!(ended.err.contains("warning: target nas lacks"), "{ended:?}");
}

#[test]
fn a_lost_data_directory_is_taken_back_from_a_target() {
    let place = Place::new();
    place.write("book.txt", SMALL);
    place.write("bookstate.toml", "[targets.mirror]\nkind = \"sqlite\"\npath = \"mirror.sqlite\"\n");
    let line = place.ok("process book.txt --json").json();
    place.ok("target resync mirror");
    let before = place.canonical("book.txt");
    std::fs::remove_dir_all(place.path(".bookstate")).unwrap();
    let id = line["book_id"].as_str().unwrap();
    place.ok(&format!("target takeover mirror {id}"));
    assert_eq!(place.canonical(id), before);
    place.ok("target verify mirror");
}

#[test]
fn nothing_is_parked_by_a_healthy_target() {
    let place = Place::new();
    place.write("book.txt", SMALL);
    place.write("bookstate.toml", "[targets.mirror]\nkind = \"sqlite\"\npath = \"mirror.sqlite\"\n");
    place.ok("process book.txt");
    assert!(place.ok("parked list --json").json()["parked"].as_array().unwrap().is_empty());
    let retried = place.ok("parked retry mirror --json").json();
    assert_eq!((retried["tried"].as_u64(), retried["still_parked"].as_u64()), (Some(0), Some(0)));
    place.run("parked drop mirror nonsense").fails(2, &["nonsense", "parked list"]);
}
