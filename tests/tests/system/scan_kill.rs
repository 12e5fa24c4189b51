//! `kill -9` at any moment of a job that reads page images: of the program, and of the one that reads for it.
//!
//! How many moments: `BOOKSTATE_SCAN_KILLS`, of which each is one kill of the program and one of its reader.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use bookstate_tests::{books::Book, system::Place};
use rand::RngExt;

use crate::moments::random;

const PROCESS: &str = "process scan --json --unit-log units.jsonl";
const PAGES: usize = 5;

/// A place with a folder of page images, and one for the files of the program that reads them.
fn scanned(images: &Path) -> Place {
    let place = Place::new();
    fs::create_dir(place.path("tmp")).unwrap();
    std::os::unix::fs::symlink(images, place.path("scan")).unwrap();
    place
}

fn started(place: &Place) -> Child {
    let mut command = place.command(PROCESS);
    command.env("TMPDIR", place.path("tmp")).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// The processes that work in a place's folder for temporary files, and what they are called.
fn readers(place: &Place) -> Vec<(i32, String)> {
    let tmp = place.path("tmp").canonicalize().unwrap();
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let working = processes.filter_map(|process| {
        let pid: i32 = process.file_name().to_str()?.parse().ok()?;
        let works_in: PathBuf = fs::read_link(process.path().join("cwd")).ok()?;
        let name = fs::read_to_string(process.path().join("comm")).ok()?;
        works_in.starts_with(&tmp).then(|| (pid, name.trim().to_owned()))
    });
    working.collect()
}

fn nothing_is_left(place: &Place) -> bool {
    readers(place).is_empty() && fs::read_dir(place.path("tmp")).unwrap().next().is_none()
}

/// The lines of the log of units, as far as it is written.
fn logged(place: &Place) -> Vec<String> {
    let log = fs::read_to_string(place.path("units.jsonl")).unwrap_or_default();
    log.lines().map(str::to_owned).collect()
}

/// No unit whose result was safe ran again. One whose reader was killed may run again in the same process.
fn never_again_when_safe(place: &Place) {
    let mut safe = BTreeSet::new();
    for line in logged(place) {
        // A line that was cut by a kill says nothing.
        let Ok(line) = serde_json::from_str::<serde_json::Value>(&line) else { continue };
        let unit = line["unit"].as_str().unwrap().to_owned();
        match line["event"].as_str().unwrap() {
            "run" => assert!(!safe.contains(&unit), "{unit} ran again"),
            _ => drop(safe.insert(unit)),
        }
    }
    assert!(safe.iter().filter(|unit| unit.ends_with(":tesseract")).count() == PAGES);
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..12_000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{what}: it did not come to that within two minutes");
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    // It may have ended by itself.
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
}

#[test]
fn a_scan_goes_on_where_it_was_killed_and_leaves_no_reader_behind() {
    let moments: u32 = std::env::var("BOOKSTATE_SCAN_KILLS").map_or(1, |n| n.parse().unwrap());
    let mut random = random("kills of scans");
    let made = Place::with(&Book::new("scanned").chapters(1).pages(6).make_pdf());
    let images = made.path("images");
    fs::create_dir(&images).unwrap();
    let drawn = Command::new("pdftoppm")
        .args(["-gray", "-png", "-r", "110", "-f", "3", "-l", "7"])
        .args([made.path("book.pdf"), images.join("page")])
        .status();
    assert!(drawn.unwrap().success());
    let place = scanned(&images);
    let ended = place.ok(PROCESS);
    assert_eq!((&ended.json()["status"], &ended.json()["pages"]), (&"complete".into(), &PAGES.into()));
    let undisturbed = place.canonical("scan");
    // What is logged before the last page has been read.
    let all = logged(&place);
    let reading = all.iter().rposition(|line| line.contains("tesseract")).unwrap();

    for moment in 0..moments {
        let place = scanned(&images);
        // The program is killed, which leaves no process that reads for it.
        let mut running = started(&place);
        let lines = random.random_range(0..reading);
        until("the moment", || logged(&place).len() >= lines || running.try_wait().unwrap().is_some());
        std::thread::sleep(Duration::from_millis(random.random_range(0..400)));
        running.kill().unwrap();
        running.wait().unwrap();
        until("no reader is left, and no file of one", || nothing_is_left(&place));
        // Its reader is killed, which is a failure that passes.
        let mut running = started(&place);
        let mut killed = false;
        until("a reader is killed, or the end", || {
            let reader = readers(&place).into_iter().find(|(_, name)| name == "tesseract");
            killed = reader.map(|(pid, _)| kill(pid)).is_some();
            killed || running.try_wait().unwrap().is_some()
        });
        running.wait().unwrap();
        let ended = place.ok(PROCESS);
        assert_eq!(ended.json()["status"], "complete", "moment {moment}: {ended:?}");
        assert!(place.canonical("scan") == undisturbed, "moment {moment}: the export differs");
        println!("moment {moment}: killed behind line {lines}; its reader was killed: {killed}");
        never_again_when_safe(&place);
        assert!(nothing_is_left(&place), "moment {moment}: {:?}", readers(&place));
    }
}
