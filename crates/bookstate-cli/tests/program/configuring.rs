//! The configuration at the command line, and what `doctor` makes of this machine.

use std::os::unix::fs::PermissionsExt;

use crate::place::{Place, SMALL};

#[test]
fn a_key_is_set_in_the_file_of_the_directory_or_of_the_user() {
    let place = Place::new();
    let get = |key: &str| place.ok(&format!("config get {key}")).out.trim().to_owned();
    assert_eq!(get("jobs.books"), "4");
    place.ok("config set jobs.books 2 --user");
    assert_eq!(get("jobs.books"), "2");
    let shown = place.ok("config show").out;
    assert!(shown.contains("config/bookstate/config.toml"), "{shown}");
    place.write("bookstate.toml", "# mine\n[jobs]\nworkers = 1 # few\n");
    place.ok("config set jobs.books 3");
    assert_eq!(get("jobs.books"), "3", "the directory's file outweighs the user's");
    let file = std::fs::read_to_string(place.path("bookstate.toml")).unwrap();
    assert!(file.starts_with("# mine\n[jobs]\nworkers = 1 # few\n"), "{file}");
    place.ok("config unset jobs.books");
    assert_eq!(get("jobs.books"), "2");
    // What is left is an empty table.
    place.ok("config unset jobs.workers");
    assert_eq!(get("jobs.workers"), "0");
    place.run("config set jobs.boks 3").fails(2, &["unknown key", "jobs.books"]);
    place.run("config set jobs.books many").fails(2, &["jobs.books", "1 to 1024"]);
    place.run("config get nothing.at.all").fails(2, &["unknown key"]);
    assert!(!place.path(".bookstate").exists(), "nothing else was made");
}

#[test]
fn a_doctor_says_what_is_there_and_what_to_do() {
    let place = Place::new();
    let first = place.ok("doctor").out;
    assert!(first.contains("data directory: .bookstate is not there yet"), "{first}");
    assert!(!place.path(".bookstate").exists(), "it only looks");
    place.write("book.txt", SMALL);
    place.ok("process book.txt --target m=sqlite:m.sqlite");
    let good = place.ok("doctor --json --target m=sqlite:m.sqlite").json();
    let check = |subject: &str| {
        let checks = good["checks"].as_array().unwrap();
        checks.iter().find(|check| check["subject"] == subject).cloned().unwrap_or_default()
    };
    assert_eq!(check("books")["found"], "1 book");
    assert_eq!(check("target m")["state"], "good", "{good}");
    let down = place.run("doctor --target d=http://127.0.0.1:1");
    assert_eq!(down.code, Some(5), "{down:?}");
    assert!(down.out.contains("bad      target d: http://127.0.0.1:1"), "{down:?}");
    // A program that is not there is only told: not every book needs it.
    let mut command = place.command("doctor");
    let poor = command.env("PATH", place.path("nowhere")).output().unwrap();
    let out = String::from_utf8_lossy(&poor.stdout).into_owned();
    assert!(poor.status.success() && out.contains("apt-get install tesseract-ocr"), "{out}");
}

#[test]
fn a_targets_token_is_its_owners_alone() {
    let place = Place::new();
    place.write("token", "secret\n");
    place.write("bookstate.toml", "[targets.d]\nurl = \"http://127.0.0.1:1\"\ntoken_file = \"token\"\n");
    std::fs::set_permissions(place.path("token"), PermissionsExt::from_mode(0o644)).unwrap();
    let told = place.run("doctor");
    assert!(told.code == Some(2) && told.out.contains("chmod 600"), "{told:?}");
    std::fs::set_permissions(place.path("token"), PermissionsExt::from_mode(0o600)).unwrap();
    let well = place.run("doctor");
    assert!(well.code == Some(5) && !well.out.contains("chmod"), "it is only down: {well:?}");
}
