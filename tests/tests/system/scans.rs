//! A scanned book: the pages to look at first, and pages that are read again.

use std::process::Command;

use bookstate_tests::books::Book;
use bookstate_tests::system::{Place, UnitLog};
use serde_json::Value;

#[test]
fn doubtful_pages_come_first_and_pages_are_read_again_when_it_is_asked() {
    let place = Place::with(&Book::new("scanned").chapters(1).pages(3).make_pdf());
    std::fs::create_dir(place.path("scan")).unwrap();
    let drawn = Command::new("pdftoppm")
        .args(["-gray", "-png", "-r", "120", "-f", "3", "-l", "5"])
        .args([place.path("book.pdf"), place.path("scan/page")])
        .status();
    assert!(drawn.unwrap().success());
    place.ok("process scan --languages eng");
    let doubtful = place.ok("pages scan --doubtful --json").json();
    let pages = doubtful["pages"].as_array().unwrap();
    let sure: Vec<f64> = pages.iter().map(|page| page["confidence"].as_f64().unwrap()).collect();
    assert_eq!(sure.len(), 3, "{doubtful}");
    assert!(sure.is_sorted() && sure.iter().all(|sure| (0.0..=1.0).contains(sure)), "{sure:?}");

    let complete = |place: &Place| -> Vec<Value> {
        let pages = place.ok("pages scan --json").json();
        pages["pages"].as_array().unwrap().iter().map(|page| page["ocr_complete"].clone()).collect()
    };
    place.ok("reread scan --pages 2 --engine tesseract");
    assert_eq!(complete(&place), [true, false, true]);
    let again = place.ok("process scan --json --unit-log units.jsonl");
    assert_eq!(again.json()["status"], "complete");
    assert_eq!(complete(&place), [true, true, true]);
    let log = UnitLog::read(&place.path("units.jsonl"));
    let read: Vec<&str> = log.units().into_iter().filter(|unit| unit.contains("tesseract")).collect();
    assert_eq!(read.len(), 1, "{:?}", log.units());
    assert_eq!(place.run("reread scan --below 0.001").code, Some(3), "no page is meant");
    let nobody = place.run("reread scan --engine nobody");
    assert_eq!(nobody.code, Some(2), "{nobody:?}");
    assert_eq!(complete(&place), [true, true, true], "nothing was changed");

    let sources = || std::fs::read_dir(place.data().join("sources")).unwrap().count();
    assert_eq!(sources(), 2, "the images, and the words on them");
    place.ok("rm scan --yes");
    assert_eq!(sources(), 0, "nothing of a removed book is left");
}
