//! Uploads that dawdle, swell or break off.

use std::{
    io::{ErrorKind, Write},
    net::TcpStream,
};

use crate::rig::{Answer, TOKEN, Victim, exchange, head, part, upload_head};

/// Whether nothing has come yet, neither an answer nor an end.
fn waits(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let waits = matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
    stream.set_nonblocking(false).unwrap();
    waits
}

#[test]
fn slow_uploads_leave_room_for_others_and_are_ended() {
    let victim = Victim::new();
    let slow: Vec<TcpStream> = (0..10)
        .map(|_| {
            let mut stream = victim.hostile().unwrap();
            stream.write_all(&upload_head("slow.txt", 1 << 20)).unwrap();
            stream.write_all(b"a").unwrap();
            stream
        })
        .collect();
    let uploads = victim.place.path(".bookstate/uploads");
    let under_way = || std::fs::read_dir(&uploads).map_or(0, Iterator::count);
    victim.until("the slow uploads are there", || under_way() >= 3);
    victim.serves_the_healthy();
    // They are never silent for long, and are given up.
    victim.until("the slow uploads are gone", || {
        for mut stream in slow.iter().filter(|stream| waits(stream)) {
            drop(stream.write_all(b"a"));
        }
        under_way() == 0
    });
    let ends: Vec<Answer> = slow.into_iter().map(|stream| exchange(stream, b"")).collect();
    assert_eq!(ends.iter().filter(|answer| answer.status == 408).count(), 3, "{ends:?}");
    assert_eq!(ends.iter().filter(|answer| answer.status == 429).count(), 7, "{ends:?}");
}

/// Sends the same bytes until the server has enough; how many MB it took, and what it answered.
fn swell(victim: &Victim, beginning: &[u8], bytes: &[u8]) -> (usize, Answer) {
    let more = "connection: close\r\ncontent-type: multipart/form-data; boundary=x\r\ntransfer-encoding: \
                chunked\r\n";
    let mut stream = victim.hostile().unwrap();
    stream.write_all(&head("POST", "/api/books/upload", Some(TOKEN), more)).unwrap();
    let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    stream.write_all(&chunk(beginning)).unwrap();
    let mut sent = 0;
    while sent < 100 << 20 && stream.write_all(&chunk(bytes)).is_ok() {
        sent += bytes.len();
    }
    (sent >> 20, exchange(stream, b""))
}

#[test]
fn what_is_not_the_file_is_bounded() {
    let victim = Victim::new();
    let filler = vec![b'a'; 64 << 10];
    let before = victim.peak();
    let (field, answer) = swell(&victim, &part("other", "x"), &filler);
    assert!(field < 20 && [0, 413].contains(&answer.status), "a field: {field} MB, {answer:?}");
    let (line, answer) = swell(&victim, b"--x\r\nx-endless: ", &filler);
    assert!(line < 20 && [0, 413].contains(&answer.status), "a part's head: {line} MB, {answer:?}");
    let (preamble, answer) = swell(&victim, b"no part at all", &filler);
    assert!(preamble < 20 && [0, 413].contains(&answer.status), "{preamble} MB, {answer:?}");
    assert!(victim.peak() < before + 50, "{} MiB, {before} before", victim.peak());
    victim.serves_the_healthy();
}

#[test]
fn an_upload_that_breaks_off_is_nobodys_fault() {
    let victim = Victim::new();
    for _ in 0..20 {
        let mut stream = victim.hostile().unwrap();
        stream.write_all(&upload_head("broken.txt", 100_000)).unwrap();
        stream.write_all(&[b'a'; 5000]).unwrap();
    }
    victim.serves_the_healthy();
    let uploads = victim.place.path(".bookstate/uploads");
    victim.until("nothing is left of them", || std::fs::read_dir(&uploads).unwrap().count() == 0);
    let log = victim.log();
    assert!(!log.contains("ERROR") && !log.contains("500"), "{log}");
}
