//! Who can read what we write, and where a link would lead it.

use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
};

use bookstate_tests::{books::Book, system::Place};

use crate::rig::Victim;

/// Every file and directory below one, itself included.
fn all(path: &Path, found: &mut Vec<(String, u32)>) {
    let metadata = fs::symlink_metadata(path).unwrap();
    found.push((path.display().to_string(), metadata.mode() & 0o777));
    if metadata.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| all(&entry.unwrap().path(), found));
    }
}

#[test]
fn nobody_else_can_read_a_data_directory() {
    let config = "data_dir = \"data\"\n[journal]\nsegment_mb = 1\n";
    let victim = Victim::with(config, "umask 022 && exec \"$@\" --unit-log units.jsonl");
    let data = victim.place.path("data");
    // Looked at while it is at work, too.
    for _ in 0..2 {
        let mut found = Vec::new();
        all(&data, &mut found);
        all(&victim.place.path("units.jsonl"), &mut found);
        found.retain(|(_, mode)| mode & 0o077 != 0);
        assert_eq!(found, [], "others can get at these");
        victim.serves_the_healthy();
    }
    let mut found = Vec::new();
    all(&data, &mut found);
    for name in ["sources/", "uploads", "in-flight", "books.sqlite"] {
        assert!(found.iter().any(|(path, _)| path.contains(name)), "{name} is not among {found:?}");
    }
}

#[test]
fn a_token_that_others_can_read_is_refused() {
    let place = Place::new();
    place.write("the token", "token-token-token-token\n");
    place.write("bookstate.toml", "[server]\ntoken_file = \"the token\"\n");
    let mode = |mode: &str| {
        let status = std::process::Command::new("chmod").arg(mode).arg(place.path("the token")).status();
        assert!(status.unwrap().success());
    };
    for others in ["644", "640", "604", "620"] {
        mode(others);
        let mut serving = place.start_logged("serve --bind 127.0.0.1:0");
        let has_begun = serving.until_ended_or(|| place.data().join("server").exists());
        assert!(!has_begun, "{others}: it serves");
        serving.wait().fails(2, &["chmod 600 'the token'"]);
    }
    mode("600");
    assert!(bookstate_tests::system::Server::start(&place).stop().success());
}

#[test]
fn a_link_in_the_place_of_a_file_of_ours_leads_nowhere() {
    let book = Book::new("linked").chapters(2).sections(2).make_text();
    for name in ["lock", "books.sqlite", "in-flight", "uploads", "sources", "config.toml.new"] {
        let place = Place::with(&book);
        place.write("victim", "mine");
        symlink(place.path("victim"), place.data().join(name)).unwrap();
        // Whether it is refused or goes on without the link: the file is as it was.
        let _ended = place.run("process book.txt");
        let _added = place.run("target add mirror sqlite:mirror.sqlite");
        assert_eq!(fs::read_to_string(place.path("victim")).unwrap(), "mine", "{name}");
    }
    let place = Place::with(&book);
    place.write("victim", "mine");
    symlink(place.path("victim"), place.path("units.jsonl")).unwrap();
    place.run("process book.txt --unit-log units.jsonl").fails(2, &["units.jsonl"]);
    assert_eq!(fs::read_to_string(place.path("victim")).unwrap(), "mine");
}
