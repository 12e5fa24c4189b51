//! Who has which book: one at a time, another when one died, at once when one gives it back.

use std::time::Instant;

use bookstate_domain::Priority;
use bookstate_fleet::ClaimError;
use bookstate_tests::nats::shared;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;

use crate::rig::{Bucket, book, claim, job, until};

#[tokio::test(flavor = "multi_thread")]
async fn of_two_machines_that_claim_at_once_one_has_the_book_and_the_other_is_told_who() {
    let bucket = Bucket::new(shared().unwrap(), 10);
    let (a, _) = bucket.machine("a").await;
    let (b, _) = bucket.machine("b").await;
    let (reader, _) = bucket.machine("reader").await;
    let books: Vec<_> = (0..40).map(|number| book(&format!("b{number}"))).collect();
    let claims = books.iter().map(|book| async { tokio::join!(a.claim(book, 0), b.claim(book, 0)) });
    for (book, claimed) in books.iter().zip(join_all(claims).await) {
        let (lease, owner, name) = match claimed {
            (Ok(lease), Err(ClaimError::HeldBy(owner))) => (lease, owner, "a"),
            (Err(ClaimError::HeldBy(owner)), Ok(lease)) => (lease, owner, "b"),
            other => panic!("{other:?}"),
        };
        assert_eq!((owner.machine.as_str(), owner.epoch), (name, lease.epoch));
        assert_eq!(owner.address, format!("http://{name}.example"));
        until("the reader knows", async || reader.owner_of(book).as_ref() == Some(&owner)).await;
    }
    let first = &books[0];
    let (has, lacks) = if a.lease_of(first).is_some() { (&a, &b) } else { (&b, &a) };
    assert_eq!(has.claim(first, 0).await, Err(ClaimError::Mine));
    let before = has.lease_of(first).unwrap().epoch;
    has.release(first).await;
    assert_eq!(has.lease_of(first), None);
    let after = lacks.claim(first, 0).await.unwrap().epoch;
    assert!(after > before, "{after} {before}");
    lacks.release(first).await;
    assert_eq!(has.claim(first, 100).await.unwrap().epoch, 101, "above what the targets know");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_is_wanted_at_once_when_it_is_given_back_and_after_its_lease_when_its_machine_died() {
    let bucket = Bucket::new(shared().unwrap(), 4);
    let (a, _) = bucket.machine("a").await;
    let (b, told) = bucket.machine("b").await;
    let (one, two) = (book("one"), book("two"));
    a.announce_job(&one, job("one", Priority::Bulk)).await.unwrap();
    let mut first = claim(&a, &one, 0).await;
    let mut wanted = b.wanted();
    until("b knows the owner", async || b.owner_of(&one).is_some()).await;

    let released = Instant::now();
    let (candidate, ()) = tokio::join!(wanted.next(), a.release(&one));
    let candidate = candidate.unwrap();
    assert_eq!((&candidate.book, &candidate.note), (&one, &job("one", Priority::Bulk)));
    let second = b.claim(&one, 0).await.unwrap();
    let handed_over = released.elapsed();
    assert!(second.epoch > first.epoch);

    // One that dies: its tasks are gone, and nothing is said.
    a.announce_job(&two, job("two", Priority::Interactive)).await.unwrap();
    first = claim(&a, &two, 0).await;
    until("it is renewed", async || a.lease_of(&two).is_some_and(|lease| lease.until > first.until)).await;
    let last = a.lease_of(&two).unwrap().until;
    let killed = Instant::now();
    drop(a);
    let candidate = wanted.next().await.unwrap();
    assert_eq!(candidate.book, two);
    let second = claim(&b, &two, 0).await;
    let now = Instant::now();
    assert!(second.epoch > first.epoch);
    assert!(now > last, "while the first still believed to hold it");
    let taken_over = now - killed;
    println!(
        "leases of {} s: handed over in {} ms, taken over {} ms after the kill",
        bucket.ttl.as_secs(),
        handed_over.as_millis(),
        taken_over.as_millis()
    );
    assert!(handed_over < taken_over);
    assert!(told.lost.lock().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn interactive_jobs_come_before_others_and_finished_ones_not_at_all() {
    let bucket = Bucket::new(shared().unwrap(), 5);
    let (a, _) = bucket.machine("a").await;
    let (b, _) = bucket.machine("b").await;
    for number in 0..10 {
        let priority = if number == 7 { Priority::Interactive } else { Priority::Bulk };
        let name = format!("b{number}");
        a.announce_job(&book(&name), job(&name, priority)).await.unwrap();
    }
    a.finish_job(&book("b3")).await.unwrap();
    until("all are known", async || b.jobs().len() == 9).await;
    let mut wanted = b.wanted();
    assert_eq!(wanted.next().await.unwrap().book, book("b7"));
    let mut seen: Vec<String> = Vec::new();
    for _ in 0..8 {
        let candidate = wanted.next().await.unwrap();
        b.claim(&candidate.book, 0).await.unwrap();
        seen.push(candidate.book.to_string());
    }
    seen.sort();
    assert_eq!(seen, ["b0", "b1", "b2", "b4", "b5", "b6", "b8", "b9"]);
    // The one that was not claimed comes again.
    assert_eq!(wanted.next().await.unwrap().book, book("b7"));

    b.release_all().await;
    assert_eq!(wanted.next().await, None, "it takes nothing new");
    assert!(matches!(b.claim(&book("b7"), 0).await, Err(ClaimError::Unavailable { .. })));
    until("a is told", async || a.owner_of(&book("b0")).is_none() && a.machines().len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_leases_are_renewed_beside_each_other() {
    let bucket = Bucket::new(shared().unwrap(), 15);
    let (a, told) = bucket.machine("a").await;
    let books: Vec<_> = (0..2_000).map(|number| book(&format!("b{number}"))).collect();
    let begun = Instant::now();
    let claims = stream::iter(&books).map(|book| a.claim(book, 0)).buffer_unordered(8);
    let claimed: Vec<_> = claims.collect().await;
    let took = begun.elapsed();
    assert!(claimed.iter().all(Result::is_ok), "{:?}", claimed.iter().find(|claim| claim.is_err()));
    until("each was renewed three times", async || books.iter().all(|book| told.extensions(book) >= 3)).await;
    assert!(told.lost.lock().is_empty(), "{:?}", told.lost.lock());
    let least = books.iter().map(|book| a.lease_of(book).unwrap().until).min().unwrap();
    println!(
        "{} leases claimed in {} ms, renewed three times each after {} ms; the one that ends first has {} ms left",
        books.len(),
        took.as_millis(),
        begun.elapsed().as_millis(),
        least.saturating_duration_since(Instant::now()).as_millis()
    );
    let begun = Instant::now();
    a.release_all().await;
    println!("given back in {} ms", begun.elapsed().as_millis());
}
