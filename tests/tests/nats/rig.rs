//! A stream of its own for each test, in one server of all of them.

use std::sync::atomic::{AtomicU32, Ordering};

use bookstate_nats::{NatsOptions, NatsTarget};
use bookstate_tests::nats::shared;

/// How to reach a new stream.
pub(crate) fn options() -> NatsOptions {
    static STREAMS: AtomicU32 = AtomicU32::new(0);
    let mut options = NatsOptions::new(shared().unwrap());
    options.stream = format!("stream-{}", STREAMS.fetch_add(1, Ordering::Relaxed));
    options
}

/// A new stream as a target.
pub(crate) fn target() -> NatsTarget {
    NatsTarget::new(options()).unwrap()
}
