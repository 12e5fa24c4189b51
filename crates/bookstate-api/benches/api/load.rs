//! Persist calls while a thousand event streams are read and requests come in.

use std::{
    io::BufRead,
    time::{Duration, Instant},
};

use bookstate_domain::{BookStatus, Text};
use bookstate_store::BookHandle;

use crate::{book, client};

const STREAMS: usize = 1000;
const PER_SECOND: u32 = 200;
/// A busy job: a commit every two milliseconds.
const PAUSE: Duration = Duration::from_millis(2);
const CALLS: usize = 5000;
/// The bar for a call with cold caches.
const BAR: Duration = Duration::from_micros(100);

/// Makes persist calls at a steady rate; what each took, sorted.
fn calls(handle: &BookHandle) -> Vec<Duration> {
    let reasons: [Text; 2] = ["a".repeat(500).into(), "b".repeat(500).into()];
    let mut took = Vec::with_capacity(CALLS);
    let began = Instant::now();
    for n in 0..CALLS {
        let due = PAUSE * u32::try_from(n).unwrap();
        if let Some(left) = due.checked_sub(began.elapsed()) {
            std::thread::sleep(left);
        }
        let reason = Some(reasons[n % 2].clone());
        let call = Instant::now();
        handle.persist_book_status(BookStatus::Degraded, reason).unwrap();
        took.push(call.elapsed());
    }
    took.sort_unstable();
    took
}

fn told(name: &str, took: &[Duration]) -> Duration {
    let of = |part: usize| took[(took.len() * part / 1000).min(took.len() - 1)];
    println!("{name}: p50 {:?}, p99 {:?}, p99.9 {:?}, memory {} MiB", of(500), of(990), of(999), memory());
    of(990)
}

/// Memory of this process, in MiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// Measures; whether the bar is reached.
pub(crate) fn run() -> bool {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let served = runtime.block_on(book::serve(60));
    println!("persist calls of 500 bytes, one every {PAUSE:?}");
    told("alone", &calls(&served.handle));
    let mut load = client::start(served.address, served.handle.id().as_str(), STREAMS, PER_SECOND);
    let mut line = String::new();
    std::io::BufReader::new(load.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let name = format!("with {STREAMS} event streams and {PER_SECOND} requests a second");
    let p99 = told(&name, &calls(&served.handle));
    told(&format!("{name}, again"), &calls(&served.handle));
    assert!(load.try_wait().unwrap().is_none(), "the clients were answered to the end");
    load.kill().unwrap();
    load.wait().unwrap();
    assert!(served.library.active(served.handle.id()).is_some());
    println!("p99 {p99:?} (bar {BAR:?})");
    p99 <= BAR
}
