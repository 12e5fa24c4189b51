//! The engine `paddle` with its real models: pages that were made here, alone and in a job of the real program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::{path::Path, process::Command, sync::LazyLock};

use bookstate_scans::{
    images::{PageImage, PageImages, Resolution},
    layout,
    paddle::Paddle,
    tesseract::{Cancel, OcrError},
    words::PageWords,
};
use bookstate_tests::{books::Book, paddle::models, system::Place};
use image::{DynamicImage, GrayImage, Luma};

static PADDLE: LazyLock<Paddle> = LazyLock::new(|| Paddle::load(&models().unwrap()).unwrap());

fn read(image: DynamicImage) -> PageWords {
    PADDLE.read(&PageImage { pixels: image, dpi: Some(150.0) }, &Cancel::default()).unwrap()
}

/// A book with two chapters and a table of contents with leaders, its pages as images, and what is printed on each.
fn book() -> (Place, PageImages) {
    let place = Place::with(&Book::new("read by networks").chapters(2).sections(3).pages(8).make_pdf());
    let images = PageImages::open(&place.path("book.pdf")).unwrap();
    (place, images)
}

fn printed(pdf: &Path, page: u32) -> Vec<String> {
    let page = page.to_string();
    let told =
        Command::new("pdftotext").args(["-layout", "-f", &page, "-l", &page]).arg(pdf).arg("-").output();
    let text = String::from_utf8(told.unwrap().stdout).unwrap();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

#[test]
fn what_is_printed_is_read_in_order_where_it_stands() {
    let (place, images) = book();
    for page in 1..=images.page_count().min(4) {
        let wanted = printed(&place.path("book.pdf"), page);
        let image = images.image(page, Resolution::Dpi(150.0)).unwrap();
        let (width, height) = (image.pixels.width() as f32, image.pixels.height() as f32);
        let read = PADDLE.read(&image, &Cancel::default()).unwrap();
        let text = layout::text(&read).to_lowercase();
        let found: Vec<&str> =
            text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        // Each is looked for a little way behind the last one that was found.
        let (mut at, mut in_order) = (0, 0);
        for word in &wanted {
            if let Some(next) = found.iter().skip(at).take(12).position(|other| other == word) {
                at += next + 1;
                in_order += 1;
            }
        }
        assert!(in_order * 100 >= wanted.len() * 95, "page {page}: {in_order} of {}:\n{text}", wanted.len());
        for word in &read.words {
            let area = word.area;
            assert!(area.x0 >= 0.0 && area.y0 >= 0.0 && area.x1 <= width && area.y1 <= height, "{word:?}");
            assert!(area.width() > 0.0 && (0.0..=1.0).contains(&word.confidence), "{word:?}");
        }
    }
}

#[test]
fn nothing_is_read_where_nothing_is_printed() {
    let paper = GrayImage::from_pixel(1000, 1400, Luma([250]));
    let blank = read(DynamicImage::ImageLuma8(paper.clone()));
    assert_eq!((blank.words.len(), blank.certainty()), (0, 1.0));
    assert_eq!(read(DynamicImage::new_luma8(1, 1)).words, []);
    // As large as letters, and none.
    let mut specks = paper;
    for n in 0..400_u32 {
        let (x, y) = ((n * 7919) % 980, (n * 104_729) % 1380);
        (0..8 * 12).for_each(|at| specks.put_pixel(x + at % 8, y + at / 8, Luma([30])));
    }
    let noise = read(DynamicImage::ImageLuma8(specks));
    assert_eq!(noise.words, []);
    assert!(noise.certainty() < 0.5, "there may be something: {}", noise.certainty());
}

#[test]
fn nobody_waits_for_what_was_cancelled_and_models_that_are_none_are_refused() {
    let (_place, images) = book();
    let cancel = Cancel::default();
    cancel.cancel();
    let image = images.image(1, Resolution::Dpi(150.0)).unwrap();
    assert_eq!(PADDLE.read(&image, &cancel), Err(OcrError::Cancelled));

    let empty = tempfile::tempdir().unwrap();
    let refused = || Paddle::load(empty.path()).unwrap_err().to_string();
    assert!(refused().contains("there is no *_det_*.onnx"), "{}", refused());
    for name in ["any_det_1.onnx", "any_rec_1.onnx"] {
        std::fs::write(empty.path().join(name), "no model").unwrap();
    }
    assert!(refused().contains("any_"), "{}", refused());
    std::fs::write(empty.path().join("other_det_2.onnx"), "").unwrap();
    assert!(refused().contains("there are several *_det_*.onnx"), "{}", refused());
}

/// A page whose lines run up and down.
fn wavy(page: &GrayImage) -> GrayImage {
    GrayImage::from_fn(page.width(), page.height(), |x, y| {
        let shift = (9.0 * (x as f32 / 60.0 * std::f32::consts::TAU).sin()).round() as i32;
        let from = u32::try_from(i64::from(y) + i64::from(shift)).unwrap_or(0);
        *page.get_pixel_checked(x, from).unwrap_or(&Luma([255]))
    })
}

#[test]
fn what_tesseract_doubts_is_read_by_it_too() {
    let (place, images) = book();
    let page = images.image(4, Resolution::Dpi(150.0)).unwrap().pixels.to_luma8();
    std::fs::create_dir(place.path("scan")).unwrap();
    wavy(&page).save(place.path("scan/1.png")).unwrap();
    let models = models().unwrap();
    let text = "[jobs]\nocr = [\"text-layer\", \"tesseract\", \"paddle\"]\n";
    place.write("bookstate.toml", format!("{text}[ocr]\npaddle_models = {models:?}\n"));
    place.ok("process scan --languages eng --unit-log units.jsonl");
    let log = std::fs::read_to_string(place.path("units.jsonl")).unwrap();
    assert!(log.contains("tesseract") && log.contains("paddle"), "{log}");
    // Of a page like this tesseract reads not one word.
    let read = place.ok("pages scan --json").json();
    assert!(read["pages"][0]["characters"].as_u64().unwrap() > 300, "what was read is the page's: {read}");
    let sure = read["pages"][0]["confidence"].as_f64().unwrap();
    assert!(sure < 0.5, "lines of it were not read: {read}");
}

#[test]
fn a_scan_is_read_by_it_where_it_is_named_and_asked_for_doubtful_pages_only_behind_another() {
    let (place, images) = book();
    std::fs::create_dir(place.path("scan")).unwrap();
    for page in [3, 4] {
        let image = images.image(page, Resolution::Dpi(150.0)).unwrap();
        std::fs::write(place.path(&format!("scan/{page}.jpg")), image.jpeg().unwrap()).unwrap();
    }
    let configure = |engines: &str, models: &Path| {
        let text = format!("[jobs]\nocr = {engines}\n[ocr]\npaddle_models = {models:?}\n");
        place.write("bookstate.toml", text);
    };
    place.write("bookstate.toml", "[jobs]\nocr = [\"paddle\"]\n");
    place.run("process scan").fails(2, &["ocr.paddle_models"]);
    configure("[\"paddle\"]", &place.path("none"));
    place.run("process scan").fails(2, &["models of the engine paddle", "none"]);

    configure("[\"text-layer\", \"tesseract\", \"paddle\"]", &models().unwrap());
    place.ok("process scan --languages eng --unit-log units.jsonl");
    let log = std::fs::read_to_string(place.path("units.jsonl")).unwrap();
    assert!(
        log.contains("tesseract") && !log.contains("paddle"),
        "what is read well is not read again: {log}"
    );

    // Models that are none: no page is to blame, so the job waits for better ones.
    place.ok("rm scan --yes");
    std::fs::create_dir(place.path("models")).unwrap();
    for name in ["a_det.onnx", "a_rec.onnx"] {
        place.write(&format!("models/{name}"), "no model");
    }
    configure("[\"text-layer\", \"paddle\"]", &place.path("models"));
    assert!(place.run("doctor").out.contains("models of the engine paddle cannot be used"));
    let mut waiting = place.start_logged("process scan");
    waiting.until("it waits", || place.said().contains("the models of the engine paddle cannot be used"));
    waiting.kill();
    // Nor is one when the configuration does not say any more where they are.
    place.write("bookstate.toml", "");
    let mut waiting = place.start_logged("process scan");
    waiting.until("it says so", || place.said().contains("the engine paddle needs `ocr.paddle_models`"));
    waiting.kill();
    configure("[\"text-layer\", \"paddle\"]", &place.path("models"));
    std::fs::remove_dir_all(place.path("models")).unwrap();
    std::os::unix::fs::symlink(models().unwrap(), place.path("models")).unwrap();
    assert_eq!(place.ok("process scan --json").json()["status"], "complete");
    let hocr = place.ok("export scan --format hocr").out;
    let words = printed(&place.path("book.pdf"), 3);
    let long: Vec<&String> = words.iter().filter(|word| word.len() > 5).collect();
    let there = long.iter().filter(|word| hocr.to_lowercase().contains(word.as_str())).count();
    assert!(there * 100 >= long.len() * 95 && hocr.contains("bbox"), "{there} of {}", long.len());
}
