//! The reader on PDF files made here, whole, encrypted and damaged.

use super::super::{Source, SourceError};
use std::path::Path;

/// A PDF with a page per text (a line per `\n`), in Helvetica; `None` is a page with an image and no text.
fn pdf(pages: &[Option<&str>], trailer: &str) -> Vec<u8> {
    let kids: Vec<String> = (0..pages.len()).map(|i| format!("{} 0 R", 5 + 2 * i)).collect();
    let image =
        "<</Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8/Length 1>>";
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        format!("<</Type/Pages/Count {}/Kids[{}]>>", pages.len(), kids.join(" ")),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_owned(),
        format!("{image}stream\n0\nendstream"),
    ];
    for (i, page) in pages.iter().enumerate() {
        let content = match page {
            Some(text) => {
                let lines = text.lines().map(|l| format!("({l}) Tj 0 -14 Td\n"));
                format!("BT /F 10 Tf 72 700 Td\n{}ET", lines.collect::<String>())
            }
            None => "q 500 0 0 700 50 50 cm /I Do Q".to_owned(),
        };
        objects.push(format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]\
             /Resources<</Font<</F 3 0 R>>/XObject<</I 4 0 R>>>>\
             /Contents {} 0 R>>",
            6 + 2 * i
        ));
        objects.push(format!("<</Length {}>>stream\n{content}\nendstream", content.len()));
    }
    let mut out = "%PDF-1.7\n".to_owned();
    let mut offsets = Vec::new();
    for (i, object) in objects.iter().enumerate() {
        offsets.push(out.len());
        out.push_str(&format!("{} 0 obj\n{object}\nendobj\n", i + 1));
    }
    let xref = out.len();
    out.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    offsets.iter().for_each(|o| out.push_str(&format!("{o:010} 00000 n \n")));
    let size = objects.len() + 1;
    out.push_str(&format!("trailer<</Size {size}/Root 1 0 R{trailer}>>\nstartxref\n{xref}\n%%EOF\n"));
    out.into_bytes()
}

fn open(bytes: Vec<u8>) -> Result<Source, SourceError> {
    Source::from_bytes(Path::new("made.pdf"), bytes)
}

#[test]
fn text_scan_and_blank_page_differ() {
    let source = open(pdf(&[Some("Hello World\n1 Introduction"), None, Some("")], "")).unwrap();
    assert_eq!(source.page_count(), 3);
    let page = |n| source.page_text(n).unwrap();
    assert_eq!((page(1).text.as_str(), page(1).has_image), ("Hello World\n1 Introduction\n", false));
    assert_eq!((page(2).text.as_str(), page(2).has_image), ("", true));
    assert_eq!((page(3).text.as_str(), page(3).has_image), ("", false));
}

#[test]
fn pages_are_the_same_in_any_order() {
    let texts: Vec<String> = (0..40).map(|i| format!("page number {i}")).collect();
    let pages: Vec<Option<&str>> = texts.iter().map(|t| Some(t.as_str())).collect();
    let source = open(pdf(&pages, "")).unwrap();
    for n in (1..=40).rev() {
        assert_eq!(source.page_text(n).unwrap().text, format!("page number {}\n", n - 1));
    }
}

#[test]
fn encrypted_broken_and_without_pages() {
    let bad = "00".repeat(32);
    let encrypt =
        format!("/ID[<00><00>]/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -4/O<{bad}>/U<{bad}>>>");
    let locked = open(pdf(&[Some("x")], &encrypt)).unwrap_err();
    assert!(matches!(locked, SourceError::Encrypted { .. }), "{locked}");
    let broken = open(b"%PDF-1.4\nnothing else".to_vec()).unwrap_err();
    assert!(matches!(broken, SourceError::Broken { .. }), "{broken}");
    let none = open(pdf(&[], "")).unwrap_err();
    assert!(matches!(none, SourceError::NoPages { .. }), "{none}");
}

#[test]
fn what_the_file_says_about_itself() {
    let info = "/Info<</Title(The Harbour)/Author<FEFF0416>>>";
    let info = open(pdf(&[Some("x")], info)).unwrap().info();
    assert_eq!((info.title.as_deref(), info.author.as_deref()), (Some("The Harbour"), Some("Ж")));
}

#[test]
fn a_panic_becomes_an_error() {
    let caught = super::on_deep_stack(|| -> u8 { panic!("index out of bounds\nand more") });
    assert_eq!(caught, Err("the PDF library gave up: index out of bounds".to_owned()));
}

/// Reads everything there is to read; what comes of it does not matter, as long as it comes.
fn read_all(bytes: Vec<u8>) {
    if let Ok(source) = open(bytes) {
        source.info();
        for n in 1..=source.page_count().min(100) {
            drop(source.page(n));
        }
    }
}

fn damage_and_read(name: &str, whole: &[u8], copies: u64) {
    for seed in 1..=copies {
        println!("{name}: seed {seed}");
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below.max(1)
        };
        let mut bytes = whole.to_vec();
        if seed % 3 == 0 {
            bytes.truncate(next(whole.len()));
        }
        for _ in 0..=next(30) {
            let (at, value) = (next(bytes.len()), next(256));
            if let Some(byte) = bytes.get_mut(at) {
                *byte = u8::try_from(value).unwrap();
            }
        }
        read_all(bytes);
    }
}

#[test]
fn damaged_copies_do_not_panic() {
    damage_and_read("made", &pdf(&[Some("Hello World\n1 Introduction"), None, Some("more text")], ""), 150);
}

#[test]
fn damaged_copies_of_a_real_book_do_not_panic() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/books/fhs.pdf");
    match std::fs::read(&path) {
        Ok(whole) => damage_and_read("fhs", &whole, 6),
        Err(_) => println!("SKIPPED: the folder of real books is not there"),
    }
}
