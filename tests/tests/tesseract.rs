//! The real program: pages that were made here, limits, and that no process of it outlives a call.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use bookstate_scans::{
    images::PageImage,
    layout,
    tesseract::{Cancel, OcrError, Tesseract, TesseractConfig},
};
use image::{DynamicImage, GrayImage, Luma, imageops};

const WORDS: [&str; 4] = [
    "The captain walked along the quiet harbour in the evening",
    "and counted the ships that had come home from the north",
    "while the lamps of the town were lighted one by one and",
    "the wind carried the smell of bread over the dark water",
];

/// A page of printed lines, drawn with the letters that `pdftoppm` has.
fn page(folder: &Path) -> GrayImage {
    page_of(folder, &WORDS)
}

/// A page on which these lines are printed, over and over.
fn page_of(folder: &Path, lines: &[&str]) -> GrayImage {
    let mut text = Vec::new();
    for (n, line) in lines.iter().cycle().take(24).enumerate() {
        text.push(format!("BT /F 13 Tf 72 {} Td ({line}) Tj ET", 720 - 26 * n));
    }
    let content = text.join("\n");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman >>".to_owned(),
    ];
    let mut pdf = String::from("%PDF-1.4\n");
    let mut places = Vec::new();
    for (n, object) in objects.iter().enumerate() {
        places.push(pdf.len());
        pdf.push_str(&format!("{} 0 obj\n{object}\nendobj\n", n + 1));
    }
    let table = pdf.len();
    pdf.push_str("xref\n0 6\n0000000000 65535 f \n");
    places.iter().for_each(|place| pdf.push_str(&format!("{place:010} 00000 n \n")));
    pdf.push_str(&format!("trailer << /Size 6 /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n"));
    let file = folder.join("page.pdf");
    std::fs::write(&file, pdf).unwrap();
    let images = bookstate_scans::images::PageImages::open(&file).unwrap();
    let image = images.image(1, bookstate_scans::images::Resolution::Dpi(200.0)).unwrap();
    assert_eq!((image.pixels.width(), image.pixels.height()), (1653, 2339), "sizes are rounded up");
    image.pixels.to_luma8()
}

fn tesseract() -> Tesseract {
    Tesseract::find(TesseractConfig::default()).unwrap()
}

fn read(image: GrayImage) -> bookstate_scans::words::PageWords {
    let image = PageImage { pixels: DynamicImage::ImageLuma8(image), dpi: Some(200.0) };
    tesseract().read(&image, "eng", &Cancel::default()).unwrap()
}

/// The share of the page's words that were read, in order.
fn recall(text: &str) -> f64 {
    let printed: Vec<&str> = WORDS.iter().cycle().take(24).flat_map(|line| line.split(' ')).collect();
    let mut read = text.split_whitespace();
    let found =
        printed.iter().filter(|word| read.clone().take(12).any(|w| w == **word) && read.any(|w| w == **word));
    found.count() as f64 / printed.len() as f64
}

#[test]
fn a_page_is_read_upright_askew_and_on_its_side() {
    let folder = tempfile::tempdir().unwrap();
    let page = page(folder.path());
    let upright = read(page.clone());
    assert!(recall(&layout::text(&upright)) > 0.98, "{}", layout::text(&upright));
    let first = upright.words.iter().find(|word| word.text == "captain").unwrap();
    let (x, y) = first.area.centre();
    assert!((x - 330.0).abs() < 60.0 && (y - 325.0).abs() < 40.0, "where it stands: {first:?}");
    let side = read(imageops::rotate270(&page));
    assert_eq!(side.turned, 90);
    assert!(recall(&layout::text(&side)) > 0.98, "{}", layout::text(&side));
}

#[test]
fn the_languages_of_a_book_are_those_that_its_words_say() {
    let folder = tempfile::tempdir().unwrap();
    let found = |lines: &[&str]| {
        let page = page_of(folder.path(), lines);
        let image = |_| Ok(PageImage { pixels: DynamicImage::ImageLuma8(page.clone()), dpi: Some(200.0) });
        tesseract().find_languages(2, &image, &Cancel::default()).unwrap()
    };
    let english = found(&WORDS);
    assert_eq!(english.languages.codes, "eng");
    // What was read on the way is what reading would give.
    let words = |read: &bookstate_scans::words::PageWords| layout::text(read);
    assert_eq!(words(&english.read[&2]), words(&read(page_of(folder.path(), &WORDS))));
    let german = found(&[
        "Der Mann ist nicht mit dem Hund auf das Feld gegangen und hat sich",
        "an die Mauer gelehnt, die ein Nachbar mit eine Reihe Steine auf den",
        "Weg gebaut hat, und das ist nicht zu sehen",
    ]);
    assert_eq!(german.languages.codes, "deu");
    let french = "que les murs du salon et une dame au jardin dans le parc est sur";
    let quoting = found(&[WORDS[0], WORDS[1], WORDS[2], WORDS[3], WORDS[0], WORDS[1], french]);
    match tesseract().languages().contains("fra") {
        true => assert_eq!(quoting.languages.codes, "eng+fra"),
        false => assert!(quoting.languages.note.unwrap().contains("apt-get install tesseract-ocr-fra")),
    }
    // A job that continues has them without a look.
    let kept = folder.path().join("words");
    assert_eq!(tesseract().kept_languages(&kept), None);
    tesseract().keep_languages(&kept, &german.languages).unwrap();
    assert_eq!(tesseract().kept_languages(&kept), Some(german.languages));
}

#[test]
fn nothing_is_read_where_nothing_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let page = page(folder.path());
    assert!(read(GrayImage::from_pixel(1600, 2300, Luma([250]))).words.is_empty());
    // The other side, showing through: mirrored, pale, blurred.
    let mut behind = imageops::blur(&imageops::flip_horizontal(&page), 2.0);
    behind.pixels_mut().for_each(|pixel| pixel.0[0] = 215 + pixel.0[0] / 10);
    let read = read(behind);
    assert!(read.words.is_empty(), "{}", layout::text(&read));
}

/// A program that stands in for tesseract: lists a language, then does as it is told.
fn stand_in(folder: &Path, does: &str) -> PathBuf {
    let path = folder.join("stand-in");
    let script =
        format!("#!/bin/sh\nif [ \"$1\" = --list-langs ]; then echo list; echo eng; exit 0; fi\n{does}\n");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Whether a process whose command line has this text runs.
fn runs(text: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes.into_iter().any(|process| {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(text)
    })
}

fn until(what: &str, test: impl Fn() -> bool) {
    let began = Instant::now();
    while !test() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what} does not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_program_that_hangs_or_is_not_wanted_any_more_is_ended_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let image = PageImage { pixels: DynamicImage::ImageLuma8(page(folder.path())), dpi: None };
    let nap = format!("{}.5", 70_000 + std::process::id());
    let program = stand_in(folder.path(), &format!("sleep {nap} & sleep {nap}"));
    let config = TesseractConfig { program, wait: Duration::from_millis(300), ..TesseractConfig::default() };
    let error = Tesseract::find(config.clone()).unwrap().read(&image, "eng", &Cancel::default()).unwrap_err();
    assert!(matches!(error, OcrError::TimedOut { .. }), "{error}");
    until("the end of what hangs", || !runs(&nap));
    let cancel = Cancel::default();
    let patient = Tesseract::find(TesseractConfig { wait: Duration::from_secs(600), ..config }).unwrap();
    let reading = std::thread::spawn({
        let cancel = cancel.clone();
        move || patient.read(&image, "eng", &cancel)
    });
    until("the start", || runs(&nap));
    cancel.cancel();
    assert_eq!(reading.join().unwrap().unwrap_err(), OcrError::Cancelled);
    until("the end of what was cancelled", || !runs(&nap));
}

/// As many run at once as there are processors: one that takes them all holds up the others.
#[test]
fn each_program_has_one_processor() {
    let folder = tempfile::tempdir().unwrap();
    let image = PageImage { pixels: DynamicImage::ImageLuma8(page(folder.path())), dpi: None };
    let program = stand_in(folder.path(), "echo \"threads: $OMP_THREAD_LIMIT\" >&2; exit 1");
    let config = TesseractConfig { program, ..TesseractConfig::default() };
    let error = Tesseract::find(config).unwrap().read(&image, "eng", &Cancel::default()).unwrap_err();
    assert_eq!(error, OcrError::Failed { reason: "threads: 1".into() });
}

/// Script detection takes faint print for any script: one page alone does not make a book unreadable, most do.
#[test]
fn a_script_without_a_language_is_told_by_most_pages() {
    let folder = tempfile::tempdir().unwrap();
    let pixels = DynamicImage::ImageLuma8(page(folder.path()));
    let image = |_| Ok(PageImage { pixels: pixels.clone(), dpi: None });
    let found = |tamil: u32| {
        let asked = folder.path().join(format!("asked-{tamil}"));
        std::fs::write(&asked, "").unwrap();
        let asked = asked.display();
        let program = stand_in(
            folder.path(),
            &format!(
                "case \"$*\" in *'--psm 0'*) echo >> {asked}\n\
                 [ $(wc -l < {asked}) -le {tamil} ] && s=Tamil || s=Latin\n\
                 printf 'Script: %s\\nScript confidence: 9.0\\n' $s > out.osd; exit 0;; esac\n\
                 exec tesseract \"$@\""
            ),
        );
        let script = std::fs::read_to_string(&program).unwrap().replace("echo eng;", "echo eng; echo osd;");
        std::fs::write(&program, script).unwrap();
        let config = TesseractConfig { program, ..TesseractConfig::default() };
        Tesseract::find(config).unwrap().find_languages(9, &image, &Cancel::default())
    };
    assert_eq!(found(1).unwrap().languages.codes, "eng");
    let wanting = found(2).unwrap_err().to_string();
    assert!(wanting.contains("apt-get install tesseract-ocr-tam"), "{wanting}");
}

/// A machine that does much else is no fault of the page's: its processor's time counts.
#[test]
fn a_program_that_works_without_end_is_ended_by_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let image = PageImage { pixels: DynamicImage::ImageLuma8(page(folder.path())), dpi: None };
    let program = stand_in(folder.path(), "while :; do :; done");
    let time = Duration::from_secs(1);
    let config = TesseractConfig { program, time, ..TesseractConfig::default() };
    let error = Tesseract::find(config).unwrap().read(&image, "eng", &Cancel::default()).unwrap_err();
    assert_eq!(error, OcrError::TimedOut { seconds: 1 });
}

#[test]
fn what_is_missing_is_named_with_its_package() {
    let config = TesseractConfig { program: "/nowhere/tesseract".into(), ..TesseractConfig::default() };
    let missing = Tesseract::find(config).unwrap_err().to_string();
    assert!(missing.contains("apt-get install tesseract-ocr"), "{missing}");
    let language = tesseract().told(["eng", "xyz_old"]).unwrap_err().to_string();
    assert!(language.contains("apt-get install tesseract-ocr-xyz-old"), "{language}");
    assert_eq!(tesseract().told(["en"]).unwrap().codes, "eng");
}

#[test]
fn the_program_ends_with_a_process_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    if std::env::var_os("BOOKSTATE_TEST_READS").is_some() {
        // In the process that is to be killed.
        let program = PathBuf::from(std::env::var_os("BOOKSTATE_TEST_READS").unwrap());
        let image = PageImage { pixels: DynamicImage::ImageLuma8(page(folder.path())), dpi: None };
        let config = TesseractConfig { program, ..TesseractConfig::default() };
        drop(Tesseract::find(config).unwrap().read(&image, "eng", &Cancel::default()));
        return;
    }
    let nap = format!("{}.25", 80_000 + std::process::id());
    let program = stand_in(folder.path(), &format!("exec sleep {nap}"));
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["the_program_ends_with_a_process_that_is_killed", "--exact"])
        .env("BOOKSTATE_TEST_READS", &program)
        .env("TMPDIR", folder.path())
        .spawn()
        .unwrap();
    until("the start", || runs(&nap));
    child.kill().unwrap();
    child.wait().unwrap();
    until("the end of the program", || !runs(&nap));
}
