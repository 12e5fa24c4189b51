//! Small files that are large, or do not end, once they are opened.

use std::{fs, time::Instant};

use serde_json::Value;

use crate::{
    bomb_files::{Entry, archive, epub, huge_images, huge_scan, nested_forms, nested_patterns},
    rig::{Answer, HEALTHY, PATIENCE, TOKEN, Victim, exchange, from, get, upload},
};

/// What the server may take beside what it has for the healthy client's books, in MiB.
const ROOM: u64 = 250;

impl Victim {
    /// Where a page is given up soon: by its seconds, whatever else the machine does.
    fn impatient() -> Self {
        let victim = Self::with("[ocr]\npage_seconds = 1\nlanguages = [\"eng\"]\n", "exec \"$@\"");
        victim.serves_the_healthy();
        victim
    }

    fn take_in(&self, name: &str, bytes: &[u8]) -> Answer {
        exchange(from(HEALTHY, self.address).unwrap(), &upload(name, bytes))
    }

    fn asked(&self, path: &str) -> Answer {
        exchange(from(HEALTHY, self.address).unwrap(), &get(path, Some(TOKEN)))
    }

    /// The book of an upload that was accepted, once its job is over.
    fn ended(&self, answer: &Answer) -> Value {
        assert_eq!(answer.status, 202, "{answer:?}");
        let path = format!("/api/books/{}", answer.json()["book_id"].as_str().unwrap());
        let began = Instant::now();
        loop {
            let book = self.asked(&path).json();
            if ["complete", "degraded", "failed"].iter().any(|status| book["status"] == *status) {
                return book;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end: {book}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Neither its memory nor a process or thread of its own is left to a bomb.
    fn is_sound(&self, before: u64) {
        assert!(self.peak() < before + ROOM, "{} MiB, {before} before", self.peak());
        self.until("no process of it is left", || {
            let children = format!("/proc/{0}/task/{0}/children", self.server.pid());
            fs::read_to_string(children).is_ok_and(|children| children.trim().is_empty())
        });
        self.until("no thread of it is left", || {
            let threads = fs::read_dir(format!("/proc/{}/task", self.server.pid())).unwrap();
            let names =
                threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok());
            names.into_iter().all(|name| !name.starts_with("bookstate-image"))
        });
        assert!(!self.log().contains("panicked"), "{}", self.log());
    }
}

#[test]
fn a_page_that_does_not_end_is_given_up_and_holds_nobody_up() {
    let victim = Victim::impatient();
    let before = victim.peak();
    let forms = nested_forms("one");
    assert!(forms.len() < 4000, "{}", forms.len());
    let mut bombs = vec![forms, nested_forms("another")];
    bombs.extend(["a", "b", "c", "d"].map(nested_patterns));
    bombs.extend(fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/faults/bomb6.pdf")));
    let answers: Vec<Answer> = bombs.iter().map(|bomb| victim.take_in("a.pdf", bomb)).collect();
    victim.serves_the_healthy();
    for answer in &answers {
        let book = victim.ended(answer);
        assert_eq!(book["status"], "failed", "{book}");
        let reason = book["status_reason"].as_str().unwrap();
        let why = ["draws more than", "more memory or time than is allowed", "was not there within"];
        assert!(why.iter().any(|why| reason.contains(why)), "{book}");
    }
    // Looked at, they do no more.
    for answer in [&answers[0], &answers[2]] {
        let book = answer.json()["book_id"].as_str().unwrap().to_owned();
        let image = victim.asked(&format!("/api/books/{book}/pages/1/image"));
        assert_eq!((image.status, &image.json()["code"]), (422, &"image_failed".into()), "{image:?}");
    }
    victim.is_sound(before);
    victim.serves_the_healthy();
}

#[test]
fn an_image_is_no_larger_than_a_page() {
    let victim = Victim::impatient();
    let before = victim.peak();
    let images = huge_images();
    for (name, bytes) in &images {
        let answer = victim.take_in(name, bytes);
        assert_eq!(answer.status, 422, "{name}: {answer:?}");
    }
    // In an archive each costs its page.
    let pages: Vec<Entry<'_>> =
        images.iter().map(|(name, beginning)| Entry { name, beginning, zeros: 0 }).collect();
    let answers = [victim.take_in("a.cbz", &archive(&pages)), victim.take_in("a.pdf", &huge_scan())];
    victim.serves_the_healthy();
    let [archived, scan] = answers.map(|answer| victim.ended(&answer));
    assert_eq!((&archived["status"], &archived["page_count"]), (&"failed".into(), &4.into()), "{archived}");
    println!("a scan of 256 million pixels is {}: {}", scan["status"], scan["status_reason"]);
    victim.is_sound(before);
}

#[test]
fn an_archive_unpacks_to_no_more_than_a_book() {
    let victim = Victim::impatient();
    let before = victim.peak();
    let zeros = 280 << 20;
    let bombs = [
        ("a.cbz", archive(&[Entry { name: "1.png", beginning: b"\x89PNG\r\n\x1a\n", zeros }])),
        ("b.cbz", archive(&[Entry { name: "1.tif", beginning: b"II*\0\x08\0\0\0", zeros }])),
        ("c.epub", epub("", "", zeros / 2)),
    ];
    for (name, bomb) in &bombs {
        assert!(bomb.len() < 1 << 20, "{name} has {} bytes", bomb.len());
        let answer = victim.take_in(name, bomb);
        if answer.status == 202 {
            assert_eq!(victim.ended(&answer)["status"], "failed", "{name}");
        } else {
            assert_eq!(answer.status, 422, "{name}: {answer:?}");
        }
    }
    victim.serves_the_healthy();
    victim.is_sound(before);
}

#[test]
fn an_epub_names_nothing_outside_of_itself() {
    let victim = Victim::impatient();
    let before = victim.peak();
    victim.place.write("secret", "the-secret-of-the-server");
    let secret =
        format!("<!DOCTYPE x [<!ENTITY e SYSTEM \"file://{}\">]>", victim.place.path("secret").display());
    // Ten entities of which each is ten of the one before: three gigabytes.
    let laughs: String =
        (1..10).map(|n| format!("<!ENTITY e{n} \"{}\">", format!("&e{};", n - 1).repeat(10))).collect();
    let laughs = format!("<!DOCTYPE x [<!ENTITY e0 \"ha\">{laughs}<!ENTITY e \"&e9;&e9;&e9;\">]>");
    for (name, doctype) in [("a.epub", secret), ("b.epub", laughs)] {
        let answer = victim.take_in(name, &epub(&doctype, "&e; and so on.", 0));
        let book = victim.ended(&answer);
        assert_eq!(book["status"], "complete", "{book}");
        let id = answer.json()["book_id"].as_str().unwrap().to_owned();
        let export = victim.asked(&format!("/api/books/{id}/export?format=json"));
        let text = String::from_utf8(export.body).unwrap();
        assert!(text.contains("It turned.") && text.contains("and so on."), "{text}");
        assert!(!text.contains("the-secret") && !text.contains("haha"), "{text}");
    }
    victim.serves_the_healthy();
    victim.is_sound(before);
}
