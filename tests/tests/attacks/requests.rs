//! Requests that mean something else than they seem to.

use crate::rig::{HEALTHY, TOKEN, Victim, exchange, from, get, head};

fn status(victim: &Victim, request: &[u8]) -> u16 {
    exchange(from(HEALTHY, victim.address).unwrap(), request).status
}

#[test]
fn a_request_that_two_could_read_differently_is_refused() {
    let victim = Victim::new();
    let raw = |lines: &str| status(&victim, format!("{lines}\r\nconnection: close\r\n\r\n").as_bytes());
    assert_eq!(raw("GET /api/health HTTP/1.1\r\nhost: localhost"), 200);
    assert_eq!(raw("GET /api/health HTTP/1.1"), 400);
    assert_eq!(raw("GET /api/health HTTP/1.1\r\nhost: localhost\r\nhost: localhost"), 400);
    assert_eq!(raw("GET http://other/api/health HTTP/1.1\r\nhost: localhost"), 400);
    let smuggled =
        "POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\ntransfer-encoding: chunked";
    assert!(![200, 303].contains(&raw(smuggled)));
    // A little below and a little above the limit of 32 KiB.
    let padded = |bytes: usize| {
        status(
            &victim,
            &head("GET", "/api/health", None, &format!("connection: close\r\nx: {}\r\n", "a".repeat(bytes))),
        )
    };
    assert_eq!((padded(30_000), padded(34_000)), (200, 431));
    // One that has no end yet is refused at once: else it would be kept for as long as it comes.
    let endless = format!("GET /api/health HTTP/1.1\r\nhost: localhost\r\nx: {}", "a".repeat(34_000));
    assert_eq!(status(&victim, endless.as_bytes()), 431);
    victim.serves_the_healthy();
}

#[test]
fn a_page_of_another_site_is_told_from_ours() {
    let victim = Victim::new();
    let from_site = |method: &str, more: &str| {
        status(&victim, &head(method, "/api/books", Some(TOKEN), &format!("connection: close\r\n{more}")))
    };
    assert_eq!(from_site("GET", "sec-fetch-site: same-origin\r\n"), 200);
    assert_eq!(from_site("GET", "sec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\n"), 403);
    assert_eq!(
        from_site(
            "GET",
            "sec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\nsec-fetch-dest: document\r\n"
        ),
        200
    );
    assert_eq!(from_site("POST", "sec-fetch-site: same-site\r\n"), 403);
}

#[test]
fn tokens_cannot_be_guessed_in_bulk_and_who_has_one_gets_in() {
    let victim = Victim::new();
    let login = |token: &str| {
        let body = format!("token={token}");
        let more = format!(
            "connection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n",
            body.len()
        );
        let request = [head("POST", "/login", None, &more), body.into_bytes()].concat();
        exchange(victim.hostile().unwrap(), &request)
    };
    let right = login(TOKEN);
    assert_eq!(right.status, 303, "{right:?}");
    let guesses: Vec<u16> =
        (0..30).map(|guess| login(&format!("guess-guess-guess-{guess}")).status).collect();
    assert_eq!(guesses.iter().filter(|status| **status == 401).count(), 20, "{guesses:?}");
    assert_eq!(login(TOKEN).status, 429, "nothing is learnt from an answer any more");
    assert_eq!(exchange(victim.hostile().unwrap(), &get("/api/books", Some(TOKEN))).status, 200);
    victim.serves_the_healthy();
}
