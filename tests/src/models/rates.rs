//! What a server has had to do, by windows of its time: the measure for the limits that clients keep.

use std::time::{Duration, Instant};

use super::Seen;

/// So many windows are looked at for each window's length.
const STEPS: u32 = 60;

/// The most that any window holds, its ends included, of requests or of what they took.
#[must_use]
pub fn most(seen: &[Seen], window: Duration, of: impl Fn(&Seen) -> u64) -> u64 {
    // What is most begins with a request.
    seen.iter().map(|from| held(seen, from.at, window, &of)).max().unwrap_or(0)
}

/// The mean over all windows between the first request and the last one, of the larger share that a window has of what
/// is allowed: requests or tokens. 0 when they are not a window's length apart.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "small numbers of a test")]
pub fn mean_use(seen: &[Seen], window: Duration, requests: u64, tokens: u64) -> f64 {
    let share = |held: u64, allowed: u64| held as f64 / allowed as f64;
    let Some((first, last)) = seen.first().zip(seen.last()) else { return 0.0 };
    let starts =
        (0..).map(|step| first.at + window * step / STEPS).take_while(|from| *from + window <= last.at);
    let used = starts.map(|from| {
        let requests = share(held(seen, from, window, |_| 1), requests);
        requests.max(share(held(seen, from, window, |seen| seen.tokens), tokens))
    });
    let (sum, count) = used.fold((0.0, 0), |(sum, count), used| (sum + used, count + 1));
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

fn held(seen: &[Seen], from: Instant, window: Duration, of: impl Fn(&Seen) -> u64) -> u64 {
    seen.iter().filter(|seen| (from..=from + window).contains(&seen.at)).map(of).sum()
}
