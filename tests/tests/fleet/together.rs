//! What machines have together: quotas, pauses, sources.

use std::path::Path;
use std::time::{Duration, Instant};

use bookstate_fleet::{NatsSources, SourceError, Sources};
use bookstate_nats::NatsOptions;
use bookstate_tests::nats::shared;

use crate::rig::{Bucket, until};

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_waits_for_its_share_and_those_of_the_others_grow_when_what_it_used_counts_no_more() {
    let bucket = Bucket::new(shared().unwrap(), 3);
    let counts = bucket.ttl + bucket.window;
    let (a, _) = bucket.machine("a").await;
    until("the first one has all", async || a.share(60) == 60).await;
    let came = Instant::now();
    let (b, _) = bucket.machine("b").await;
    until("its share shrinks", async || a.share(60) == 30).await;
    until("the other has one", async || (a.share(60), b.share(60)) == (30, 30)).await;
    assert!(came.elapsed() > counts, "{:?}", came.elapsed());
    b.release_all().await;
    let gone = Instant::now();
    drop(b);
    until("it is gone", async || a.machines().len() == 1).await;
    until("the share grows", async || a.share(60) == 60).await;
    // Its key stood since its last beat, a third of a lease ago at most.
    assert!(gone.elapsed() > bucket.window + bucket.ttl / 2, "{:?}", gone.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_asked_of_one_machine_is_told_to_all_and_passes() {
    let bucket = Bucket::new(shared().unwrap(), 5);
    let (a, _) = bucket.machine("a").await;
    let (b, _) = bucket.machine("b").await;
    assert_eq!(b.paused_until("a model"), None);
    a.pause("a model", Duration::from_secs(2)).await.unwrap();
    until("b is told", async || b.paused_until("a model").is_some()).await;
    assert_eq!(b.paused_until("another"), None);
    until("it passes", async || b.paused_until("a model").is_none()).await;
}

fn sources(bucket: &str) -> NatsSources {
    NatsSources::new(NatsOptions::new(shared().unwrap())).with_bucket(bucket)
}

fn written(place: &Path, name: &str, bytes: usize) -> std::path::PathBuf {
    let path = place.join(name);
    let content: Vec<u8> = (0..bytes).map(|at| (at * 31 + at / 977) as u8).collect();
    std::fs::write(&path, content).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_one_machine_put_another_one_fetches() {
    let place = tempfile::tempdir().unwrap();
    let (from, to) = (written(place.path(), "book.pdf", 20_000_000), place.path().join("out.pdf"));
    let a = sources("sources-1");
    let begun = Instant::now();
    let sha256 = a.put(&from).await.unwrap();
    let put = begun.elapsed();
    assert_eq!(a.put(&from).await, Ok(sha256.clone()), "twice is once");
    let b = sources("sources-1");
    assert_eq!(b.has(&sha256).await, Ok(true));
    let begun = Instant::now();
    b.fetch(&sha256, &to).await.unwrap();
    println!("20 MB: put in {} ms, fetched in {} ms", put.as_millis(), begun.elapsed().as_millis());
    assert!(std::fs::read(&from).unwrap() == std::fs::read(&to).unwrap());
    let empty = written(place.path(), "empty.pdf", 0);
    let sha256 = a.put(&empty).await.unwrap();
    b.fetch(&sha256, &to).await.unwrap();
    assert_eq!(std::fs::read(&to).unwrap(), b"");
    let none = "0".repeat(64);
    assert_eq!(b.has(&none).await, Ok(false));
    assert_eq!(b.fetch(&none, &to).await, Err(SourceError::NotThere { sha256: none }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_which_a_part_is_there_is_not_there() {
    let place = tempfile::tempdir().unwrap();
    let from = written(place.path(), "book.pdf", 30_000_000);
    let a = sources("sources-2");
    let none = "0".repeat(64);
    assert_eq!(a.has(&none).await, Ok(false), "the bucket is there");
    let context = async_nats::jetstream::new(async_nats::connect(shared().unwrap()).await.unwrap());
    let stream = context.get_stream("OBJ_sources-2").await.unwrap();
    let path = from.clone();
    let putting = tokio::spawn(async move { sources("sources-2").put(&path).await });
    until("some of it is there", async || stream.get_info().await.unwrap().state.messages > 3).await;
    putting.abort();
    let ended = putting.await;
    assert!(ended.is_err(), "it was all there before it was ended: {ended:?}");
    let hash = bookstate_fleet::DirSources::new(place.path().join("dir")).unwrap().put(&from).await.unwrap();
    assert_eq!(a.has(&hash).await, Ok(false));
    assert_eq!(a.put(&from).await, Ok(hash.clone()));
    assert_eq!(a.has(&hash).await, Ok(true));

    // Something else under a hash is not given out.
    let store = context.get_object_store("sources-2").await.unwrap();
    store.put(none.as_str(), &mut &b"else"[..]).await.unwrap();
    let to = place.path().join("out.pdf");
    let fetched = a.fetch(&none, &to).await;
    assert!(matches!(fetched, Err(SourceError::Damaged { .. })), "{fetched:?}");
    assert!(!to.exists());
}
