//! What a persist call costs.
//!
//! `cargo bench -p bookstate-sink --bench persist_call` prints percentiles for a hot loop beside a target that
//! is slow, down or fast, while another book commits megabytes and readers take snapshots, and the ratio to a
//! run that waits for the target at each call. Ratios and percentiles of one run on one machine; nothing here
//! fails on a number.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a bench prints, and fails by panicking")]

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bookstate_domain::{BookId, Document, Op, Page, PageKey, PagePatch, Text, WriteOp};
use bookstate_sink::{
    Pace, RemoteTarget, Sink, SinkConfig,
    sim::{Fault, SimTarget},
};
use bookstate_store::{BookHandle, Library, LibraryConfig, TargetName};
use criterion::{Criterion, criterion_group, criterion_main};

struct Bench {
    _dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    _sink: Sink,
    target: Arc<SimTarget>,
    library: Library,
    handle: BookHandle,
}

fn sim() -> TargetName {
    "sim".parse().expect("a name")
}

fn bench(linger: Duration) -> Bench {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let (library, _) = Library::open(LibraryConfig::new(dir.path())).expect("a library");
    let target = Arc::new(SimTarget::new());
    let pace = Pace { linger, ..Pace::REMOTE };
    let remote = RemoteTarget { name: sim(), target: target.clone(), pace };
    let sink = {
        let _guard = runtime.enter();
        Sink::start(&library, vec![remote], &SinkConfig::new())
    };
    let handle = library.create_book(&BookId::new("bench").expect("an id"), "bench").expect("a book");
    handle.commit(|_, at| Ok((1..=300).map(|n| put(handle.id(), n, at)).collect())).expect("a commit");
    Bench { _dir: dir, runtime, _sink: sink, target, library, handle }
}

fn put(book: &BookId, page_num: i32, at: &bookstate_domain::At) -> WriteOp {
    Page::write_op(Op::Upsert(Arc::new(PageKey { book_id: book.clone(), page_num }.document(at))))
}

/// One call as a job makes it: a page's text.
fn call(handle: &BookHandle, n: usize, text: &str) {
    let page_num = i32::try_from(n % 300).expect("small") + 1;
    let key = PageKey { book_id: handle.id().clone(), page_num };
    let patch = PagePatch {
        ocr_markdown: Some(Some(Text::from(text))),
        ocr_complete: Some(true),
        ..PagePatch::default()
    };
    let op = Op::<Page>::Update { key, patch: Box::new(patch) };
    black_box(handle.commit(|_, _| Ok(vec![op.into()])).expect("a commit"));
}

fn text(bytes: usize) -> String {
    "Die Sitten der Voelker und ihre \"Gebraeuche\", lorem ipsum.\n".chars().cycle().take(bytes).collect()
}

/// Runs `calls` calls, `pause` apart, and prints the percentiles.
fn percentiles(name: &str, bench: &Bench, calls: usize, bytes: usize, pause: Duration) {
    let text = text(bytes);
    for n in 0..calls.min(2000) {
        call(&bench.handle, n, &text);
        std::thread::sleep(pause.min(Duration::from_millis(1)));
    }
    let mut times: Vec<Duration> = (0..calls)
        .map(|n| {
            let start = Instant::now();
            call(&bench.handle, n, &text);
            let time = start.elapsed();
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
            time
        })
        .collect();
    times.sort_unstable();
    let at = |share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let index = ((times.len() - 1) as f64 * share) as usize;
        times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e6)
    };
    println!(
        "{name:<58} p50 {:>7.2} µs  p99 {:>7.2} µs  p99.9 {:>7.1} µs  max {:>8.0} µs",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
}

/// Another book that commits 4 MB, again and again, and 200 readers that take snapshots, until dropped.
struct Company {
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Company {
    fn of(bench: &Bench) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let other =
            bench.library.create_book(&BookId::new("other").expect("an id"), "bench").expect("a book");
        other.commit(|_, at| Ok((1..=300).map(|n| put(other.id(), n, at)).collect())).expect("a commit");
        let (library, id) = (bench.library.clone(), bench.handle.id().clone());
        let (writer_stop, reader_stop) = (stop.clone(), stop.clone());
        let writer = std::thread::spawn(move || {
            let text = text(4_000_000);
            for n in 0.. {
                if writer_stop.load(Ordering::Relaxed) {
                    break;
                }
                call(&other, n, &text);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        // 200 readers at ten requests a second each, on one thread: two cores have no more to give.
        let reader = std::thread::spawn(move || {
            while !reader_stop.load(Ordering::Relaxed) {
                black_box(library.active(&id));
                std::thread::sleep(Duration::from_micros(500));
            }
        });
        Self { stop, threads: vec![writer, reader] }
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().expect("no panic");
        }
    }
}

/// A target that is down lacks ten thousand documents: a call costs what it costs beside one that has them all.
fn many_keys() {
    for (name, down) in [("target has them all", false), ("target down", true)] {
        let bench = bench(Duration::from_millis(20));
        bench.target.set_down(down);
        let id = bench.handle.id().clone();
        for first in (1..=10_000).step_by(500) {
            bench
                .handle
                .commit(|_, at| Ok((first..first + 500).map(|n| put(&id, n, at)).collect()))
                .expect("a commit");
        }
        if !down {
            let seq = bench.handle.snapshot().seq;
            bench.runtime.block_on(bench.handle.persisted(seq, &sim()));
        }
        percentiles(
            &format!("500 B, one call each 200 µs, 10,000 keys, {name}"),
            &bench,
            20_000,
            500,
            Duration::from_micros(200),
        );
    }
}

fn table() {
    many_keys();
    for bytes in [500, 4000] {
        for (name, fault, down) in [
            ("target sleeps 50 ms per chunk", Fault::Slow(Duration::from_millis(50)), false),
            ("target fast", Fault::None, false),
            ("target down", Fault::None, true),
        ] {
            let bench = bench(Duration::from_millis(20));
            bench.target.set_faults(move |_| fault);
            bench.target.set_down(down);
            percentiles(
                &format!("{bytes} B, hot loop, {name}, alone"),
                &bench,
                100_000,
                bytes,
                Duration::ZERO,
            );
            let company = Company::of(&bench);
            percentiles(
                &format!("{bytes} B, hot loop, {name}, company"),
                &bench,
                100_000,
                bytes,
                Duration::ZERO,
            );
            drop(company);
        }
    }
    let bench = bench(Duration::from_millis(20));
    percentiles("500 B, one call each 30 ms", &bench, 300, 500, Duration::from_millis(30));
}

/// The same calls without waiting, and waiting for the target at each.
fn waiting(c: &mut Criterion) {
    table();
    let text = text(500);
    let mut group = c.benchmark_group("a target that sleeps 50 ms per chunk");
    group.sample_size(10);
    let fast = bench(Duration::from_millis(20));
    fast.target.set_faults(|_| Fault::Slow(Duration::from_millis(50)));
    let mut n = 0;
    group.bench_function("persist call", |b| {
        b.iter(|| {
            n += 1;
            call(&fast.handle, n, &text);
        });
    });
    let slow = bench(Duration::ZERO);
    slow.target.set_faults(|_| Fault::Slow(Duration::from_millis(50)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    group.bench_function("persist call that waits for the target", |b| {
        b.iter(|| {
            n += 1;
            call(&slow.handle, n, &text);
            let seq = slow.handle.snapshot().seq;
            runtime.block_on(slow.handle.persisted(seq, &sim()));
        });
    });
    group.finish();
}

criterion_group!(benches, waiting);
criterion_main!(benches);
