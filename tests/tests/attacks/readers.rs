//! Clients that ask for much and read nothing.

use std::{io::Write, net::TcpStream};

use crate::rig::{HEALTHY, TOKEN, Victim, exchange, from, get, head, upload};

/// So many pages as an attacker may have.
fn many_pages(pages: usize) -> Vec<u8> {
    (0..pages).flat_map(|page| format!("Page {page} of a long book.\n\x0c").into_bytes()).collect()
}

#[test]
fn answers_that_nobody_reads_are_bounded() {
    let victim = Victim::new();
    let answer = exchange(from(HEALTHY, victim.address).unwrap(), &upload("a.txt", &many_pages(4000)));
    assert_eq!(answer.status, 202, "{answer:?}");
    let id = answer.json()["book_id"].as_str().unwrap().to_owned();
    let ask = |path: &str| exchange(from(HEALTHY, victim.address).unwrap(), &get(path, Some(TOKEN)));
    victim.until("the book is read", || {
        let status = ask(&format!("/api/books/{id}")).json()["status"].clone();
        status == "complete" || status == "degraded"
    });
    let page = ask(&format!("/books/{id}"));
    assert!(page.body.len() < 1 << 20, "the page of a book has {} bytes", page.body.len());
    let second = ask(&format!("/books/{id}?pages=1000"));
    let second = String::from_utf8(second.body).unwrap();
    assert!(second.contains("data-page=\"1001\"") && !second.contains("data-page=\"1000\""));
    let export = format!("/api/books/{id}/export?format=json");
    let size = ask(&export).body.len();
    // Then each answer needs a copy of the whole book.
    victim.until("the book has left memory", || !ask(&format!("/api/books/{id}")).is_from_memory());
    let before = victim.peak();
    let readers: Vec<TcpStream> = (0..400)
        .map(|_| {
            let mut stream = victim.hostile().unwrap();
            stream.write_all(&head("GET", &export, Some(TOKEN), "")).unwrap();
            stream
        })
        .collect();
    victim.serves_the_healthy();
    let unbounded = (size * readers.len()) >> 20;
    println!("400 answers of {} kB, {before} MiB before, {} after", size >> 10, victim.peak());
    assert!(unbounded > 700, "the attack would take {unbounded} MiB");
    assert!(victim.peak() < before + 400, "{} MiB, {before} before", victim.peak());
}
