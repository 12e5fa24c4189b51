//! A scanned book: the pages to look at first, and pages that are read again.

use std::process::Command;

use bookstate_scans::images::{PageImages, Resolution};
use bookstate_tests::books::Book;
use bookstate_tests::system::{Place, Server, UnitLog};
use serde_json::Value;

/// A place with a folder of page images, `scan`.
fn scanned(pages: u32) -> Place {
    let place = Place::with(&Book::new("scanned").chapters(1).pages(3).make_pdf());
    std::fs::create_dir(place.path("scan")).unwrap();
    let drawn = Command::new("pdftoppm")
        .args(["-gray", "-png", "-r", "120", "-f", "3", "-l", &(2 + pages).to_string()])
        .args([place.path("book.pdf"), place.path("scan/page")])
        .status();
    assert!(drawn.unwrap().success());
    place
}

#[test]
fn doubtful_pages_come_first_and_pages_are_read_again_when_it_is_asked() {
    let place = scanned(3);
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
    place.ok("reread scan --pages 2 --engine tesseract --yes");
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
    assert_eq!(sources(), 3, "the images, their name, and the words on them");
    place.ok("rm scan --yes");
    assert_eq!(sources(), 0, "nothing of a removed book is left");
}

#[test]
fn a_scanned_page_is_shown_as_it_is_with_its_words_where_they_stand() {
    let place = scanned(1);
    let book = place.ok("process scan --languages eng --json").json()["book_id"].as_str().unwrap().to_owned();
    let server = Server::start(&place);
    let page = format!("/api/books/{book}/pages/1");
    let size = |width: u32| {
        let image = server.get(&format!("{page}/image?width={width}"));
        assert_eq!((image.status(), image.header("content-type")), (Some(200), Some("image/jpeg")));
        place.write("shown.jpg", image.body());
        let pixels = PageImages::open(&place.path("shown.jpg")).unwrap();
        let pixels = pixels.image(1, Resolution::Native).unwrap().pixels;
        (pixels.width(), pixels.height())
    };
    let scan = std::fs::read_dir(place.path("scan")).unwrap().next().unwrap().unwrap().path();
    let scan = PageImages::open(&scan).unwrap().image(1, Resolution::Native).unwrap().pixels;
    assert_eq!(size(3000), (scan.width(), scan.height()), "a scan is never enlarged");
    let (width, height) = size(300);
    let expected = f64::from(scan.height()) * 300.0 / f64::from(scan.width());
    assert!(width == 300 && (f64::from(height) - expected).abs() <= 1.0, "{width} x {height}");

    let words = server.asked("GET", &format!("{page}/words"), b"");
    assert_eq!((&words["width"], &words["height"]), (&scan.width().into(), &scan.height().into()));
    let text = server.asked("GET", &page, b"")["markdown"].as_str().unwrap().to_owned();
    let mut printed: Vec<&str> = text.split_whitespace().collect();
    let read = words["words"].as_array().unwrap();
    let mut read_words: Vec<&str> = read.iter().map(|word| word["text"].as_str().unwrap()).collect();
    assert!(read_words.len() > 50, "{words}");
    printed.sort_unstable();
    read_words.sort_unstable();
    assert_eq!(printed, read_words);
    for word in read {
        let side = |name: &str| word["area"][name].as_f64().unwrap();
        assert!(side("x0") < side("x1") && side("x1") <= f64::from(scan.width()), "{word}");
        assert!(side("y0") < side("y1") && side("y1") <= f64::from(scan.height()), "{word}");
    }
    let kept = || std::fs::read_dir(place.data().join("page-images")).unwrap().count();
    assert_eq!(kept(), 2);
    assert!(server.stop().success());
    place.ok("rm scan --yes");
    assert_eq!(kept(), 0, "nothing of a removed book is left");
}
