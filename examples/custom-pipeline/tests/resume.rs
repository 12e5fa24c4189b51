//! The program dies, is started again, and ends as if it had not died; its mirror has the same.

use std::{
    path::Path,
    process::{Command, Output},
};

use bookstate_domain::BookId;
use bookstate_store::{LibraryConfig, SqliteStore};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_custom-pipeline")).args(arguments).output().expect("it starts")
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("it prints text")
}

/// Every text of the book, in order.
fn book(file: &Path) -> Vec<String> {
    let store = SqliteStore::open_read_only(file).expect("the file is there");
    let book = store.load_book(&BookId::new("a-tale").expect("an id")).expect("it can be read");
    let state = book.expect("the book is there").state;
    state.ocr_results().values().map(|read| format!("{} {:?}", read.provider, read.text)).collect()
}

#[test]
fn a_job_that_died_is_resumed_and_its_mirror_has_all_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a name").to_owned();
    let (data, mirror, other) = (path("data"), path("mirror.sqlite"), path("other"));

    let killed = run(&["translate", &data, "--mirror", &mirror, "--die-after", "13"]);
    assert!(!killed.status.success(), "{killed:?}");
    let resumed = text(&run(&["translate", &data, "--mirror", &mirror]));
    assert!(resumed.contains("27 pages translated, 13 found translated"), "{resumed}");
    let again = text(&run(&["translate", &data, "--mirror", &mirror]));
    assert!(again.contains("0 pages translated, 40 found translated"), "{again}");
    text(&run(&["translate", &other]));

    let undisturbed = book(&LibraryConfig::store_path(Path::new(&other)));
    assert_eq!(undisturbed.len(), 80);
    assert_eq!(book(&LibraryConfig::store_path(Path::new(&data))), undisturbed);
    assert_eq!(book(Path::new(&mirror)), undisturbed);
    assert!(text(&run(&["show", &data])).contains("isthay isay"));
}
