//! Servers that are killed, stand still, or lose what they had.

use std::time::Instant;

use bookstate_domain::Priority;
use bookstate_fleet::{End, FleetError, FleetOptions};
use bookstate_nats::NatsOptions;
use bookstate_tests::nats::{Cluster, shared};
use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process};

use crate::rig::{Bucket, Told, book, claim, job, until};

/// Each book is held by the first machine, or was lost once and can be claimed by the second.
async fn held_or_lost(
    bucket: &Bucket,
    a: &bookstate_fleet::Fleet,
    told: &Told,
    books: &[bookstate_domain::BookId],
) -> usize {
    let (b, _) = bucket.machine("b").await;
    let mut held = 0;
    for book in books {
        if told.lost.lock().contains_key(book) {
            assert_eq!(a.lease_of(book), None);
            assert!(claim(&b, book, 0).await.epoch > 1);
        } else {
            held += 1;
            assert!(a.lease_of(book).is_some());
        }
    }
    held
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_outlast_a_server_that_is_started_again_or_end_cleanly() {
    let mut cluster = Cluster::throwaway(1).unwrap();
    let bucket = Bucket::new(cluster.url(), 15);
    let (a, told) = bucket.machine("a").await;
    let books: Vec<_> = (0..50).map(|number| book(&format!("b{number}"))).collect();
    join_all(books.iter().map(|book| claim(&a, book, 0))).await;
    let begun = Instant::now();
    cluster.kill();
    cluster.servers()[0].start().unwrap();
    cluster.wait().unwrap();
    let back = Instant::now();
    // A renewal that was acknowledged after the server was back ends a whole lease after that.
    let margin = bucket.ttl / 10;
    until("each is renewed or lost", async || {
        books.iter().all(|book| {
            told.lost.lock().contains_key(book)
                || a.lease_of(book).is_some_and(|lease| lease.until + margin > back + bucket.ttl)
        })
    })
    .await;
    let held = held_or_lost(&bucket, &a, &told, &books).await;
    println!(
        "the server was away for {} ms: {held} of {} leases outlast it, renewed {} ms after the kill",
        (back - begun).as_millis(),
        books.len(),
        begun.elapsed().as_millis()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_outlast_the_death_of_the_server_that_leads_or_end_cleanly() {
    let mut cluster = Cluster::throwaway(3).unwrap();
    let bucket = Bucket::new(cluster.url(), 15);
    let (a, told) = bucket.machine("a").await;
    let books: Vec<_> = (0..200).map(|number| book(&format!("b{number}"))).collect();
    let begun = Instant::now();
    join_all(books.iter().map(|book| claim(&a, book, 0))).await;
    println!("three servers: {} leases claimed in {} ms", books.len(), begun.elapsed().as_millis());
    let leads = bucket.leader().await;
    let killed = Instant::now();
    cluster.servers()[leads].kill();
    let margin = bucket.ttl / 10;
    until("each is renewed or lost", async || {
        books.iter().all(|book| {
            told.lost.lock().contains_key(book)
                || a.lease_of(book).is_some_and(|lease| lease.until + margin > killed + bucket.ttl)
        })
    })
    .await;
    println!("all were renewed or lost {} ms after the kill", killed.elapsed().as_millis());
    let held = held_or_lost(&bucket, &a, &told, &books).await;
    println!("{held} of {} leases outlast the server that led", books.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_cannot_be_renewed_ends_by_itself_and_its_book_is_claimed_anew() {
    let mut cluster = Cluster::throwaway(1).unwrap();
    let bucket = Bucket::new(cluster.url(), 3);
    let (a, told) = bucket.machine("a").await;
    let b = book("b");
    let lease = claim(&a, &b, 0).await;
    let server = Pid::from_raw(cluster.servers()[0].pid().unwrap()).unwrap();
    kill_process(server, Signal::STOP).unwrap();
    until("it ends", async || told.lost.lock().contains_key(&b)).await;
    assert_eq!(told.lost.lock().get(&b), Some(&End::Expired));
    assert_eq!(a.lease_of(&b), None);
    kill_process(server, Signal::CONT).unwrap();
    assert!(claim(&a, &b, lease.epoch).await.epoch > lease.epoch);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_bucket_that_was_emptied_the_holders_end_before_their_time_and_jobs_are_wanted_again() {
    let bucket = Bucket::new(shared().unwrap(), 10);
    let (a, told) = bucket.machine("a").await;
    let (b, _) = bucket.machine("b").await;
    let one = book("one");
    a.announce_job(&one, job("one", Priority::Bulk)).await.unwrap();
    let lease = claim(&a, &one, 6).await;
    let (_, stream) = bucket.raw().await;
    stream.purge().await.unwrap();
    until("it ends", async || told.lost.lock().contains_key(&one)).await;
    println!(
        "emptied: the holder ends {} ms before its lease would",
        lease.until.saturating_duration_since(Instant::now()).as_millis()
    );
    assert_eq!(told.lost.lock().get(&one), Some(&End::Refused));
    until("b hears of the job again", async || !b.jobs().is_empty() && b.owner_of(&one).is_none()).await;
    // The counter is gone too; the targets are not.
    assert_eq!(claim(&b, &one, lease.epoch).await.epoch, lease.epoch + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_was_deleted_is_made_anew_and_used() {
    let bucket = Bucket::new(shared().unwrap(), 9);
    let (a, told) = bucket.machine("a").await;
    let one = book("one");
    a.announce_job(&one, job("one", Priority::Bulk)).await.unwrap();
    let lease = claim(&a, &one, 0).await;
    let (context, _) = bucket.raw().await;
    context.delete_stream(format!("KV_{}", bucket.name)).await.unwrap();
    until("the lease ends", async || told.lost.lock().contains_key(&one)).await;
    let (b, _) = bucket.machine("b").await;
    let candidate = b.wanted().next().await.unwrap();
    assert_eq!(candidate.book, one, "the machine that lost it has said so again");
    assert!(claim(&b, &one, lease.epoch).await.epoch > lease.epoch);
    until("a hears of it", async || a.owner_of(&one).is_some_and(|owner| owner.machine == "b")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_forgets_or_compares_nothing_is_refused_with_the_reason() {
    let bucket = Bucket::new(shared().unwrap(), 5);
    let context = async_nats::jetstream::new(async_nats::connect(&bucket.url).await.unwrap());
    let config = async_nats::jetstream::stream::Config {
        name: format!("KV_{}", bucket.name),
        subjects: vec![format!("$KV.{}.>", bucket.name)],
        ..Default::default()
    };
    context.create_stream(config).await.unwrap();
    let mut options = FleetOptions::new(NatsOptions::new(&bucket.url), "a", "http://a.example");
    options.bucket.clone_from(&bucket.name);
    let fleet = bookstate_fleet::Fleet::start(options, std::sync::Arc::new(Told::default())).unwrap();
    let announced = fleet.announce_job(&book("b"), job("b", Priority::Bulk)).await;
    assert!(matches!(announced, Err(FleetError::Unusable { .. })), "{announced:?}");
}
