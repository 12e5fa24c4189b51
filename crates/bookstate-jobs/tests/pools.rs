//! Worker pools: attempts, pauses, permits.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bookstate_jobs::{
    engine::EngineError,
    pool::{Pool, PoolConfig, RetryPolicy},
};
use tokio::time::Instant;

fn pool(concurrency: usize) -> Pool {
    let retry = RetryPolicy { attempts: 7, base: Duration::from_secs(1), cap: Duration::from_secs(8) };
    Pool::new(PoolConfig { concurrency, retry, ..PoolConfig::new("pool") })
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_tried_seven_times() {
    let mut numbers = Vec::new();
    let (result, _) = pool(1)
        .run(|number| {
            numbers.push(number);
            async move { Err::<(), _>(EngineError::transient(number)) }
        })
        .await;
    assert_eq!(result, Err(EngineError::transient(7)));
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_not_tried_again() {
    let mut attempts = 0;
    let (result, _) = pool(1)
        .run(|_| {
            attempts += 1;
            async { Err::<(), _>(EngineError::permanent("no")) }
        })
        .await;
    assert_eq!((result.unwrap_err().to_string().as_str(), attempts), ("no", 1));
}

#[tokio::test(start_paused = true)]
async fn a_held_unit_waits_as_long_as_it_has_to_and_keeps_its_attempts() {
    let (start, mut asked, mut numbers) = (Instant::now(), 0, Vec::new());
    let (result, _) = pool(1)
        .run(|number| {
            asked += 1;
            let held = asked <= 100;
            numbers.push(number);
            async move {
                let (provider, reason) = ("x".to_owned(), "is away".to_owned());
                let held = held.then_some(EngineError::Held { provider, reason, pause: None });
                Err::<(), _>(held.unwrap_or_else(|| EngineError::transient("busy")))
            }
        })
        .await;
    assert_eq!((result, asked), (Err(EngineError::transient("busy")), 107));
    assert!(start.elapsed() >= Duration::from_secs(500), "{:?}", start.elapsed());
    assert!(numbers.iter().take(100).all(|number| *number == 1));
}

#[tokio::test(start_paused = true)]
async fn a_rate_limited_provider_is_left_alone_by_every_unit() {
    let pool = pool(2);
    let start = Instant::now();
    let (first, _) = pool
        .run(|number| async move {
            let retry_after = Duration::from_secs(30);
            if number == 1 {
                Err(EngineError::RateLimited { reason: "slow down".into(), retry_after })
            } else {
                Ok(())
            }
        })
        .await;
    assert_eq!(first, Ok(()));
    assert!(start.elapsed() >= Duration::from_secs(30));
    let pool = Arc::new(pool);
    let paused = pool.clone();
    let other = tokio::spawn(async move {
        let retry_after = Duration::from_secs(60);
        let limited = EngineError::RateLimited { reason: "slow down".into(), retry_after };
        paused
            .run(|number| std::future::ready(if number == 1 { Err(limited.clone()) } else { Ok(()) }))
            .await
            .0
    });
    tokio::task::yield_now().await;
    let start = Instant::now();
    pool.run(|_| async { Ok(()) }).await.0.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(60), "{:?}", start.elapsed());
    other.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_more_units_run_at_once_than_the_pool_has_workers() {
    let pool = Arc::new(pool(3));
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let units: Vec<_> = (0..20)
        .map(|_| {
            let (pool, now, most) = (pool.clone(), now.clone(), most.clone());
            tokio::spawn(async move {
                let work = |_| async {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    now.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                };
                pool.run(work).await.0
            })
        })
        .collect();
    for unit in units {
        unit.await.unwrap().unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_waits_for_its_next_attempt_holds_no_worker() {
    let pool = Arc::new(pool(1));
    let waiting = pool.clone();
    let failing = tokio::spawn(async move {
        waiting
            .run(|number| {
                std::future::ready(if number < 3 { Err(EngineError::transient("busy")) } else { Ok(()) })
            })
            .await
            .0
    });
    tokio::task::yield_now().await;
    let start = Instant::now();
    pool.run(|_| async { Ok(()) }).await.0.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    failing.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_panic_gives_the_worker_back() {
    let pool = Arc::new(pool(1));
    let panicking = pool.clone();
    let unit = tokio::spawn(async move {
        panicking.run(|_| async { if true { panic!("on purpose") } else { Ok(()) } }).await.0
    });
    assert!(unit.await.unwrap_err().is_panic());
    pool.run(|_| async { Ok(()) }).await.0.unwrap();
}
