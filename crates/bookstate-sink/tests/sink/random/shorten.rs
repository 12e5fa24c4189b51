//! A story that fails, with what does not matter left out.

use std::time::{Duration, Instant};

use super::{
    event::{self, Event},
    run,
};

/// How long it is tried.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to print of a story that failed.
pub(super) fn tell(seed: u64, text: &str) -> String {
    let (events, text) = shorten(seed, event::story(seed), text.to_owned());
    let lines: Vec<String> = events.iter().map(|event| format!("  {event:?}")).collect();
    format!(
        "the story of seed {seed} fails: {text}\nshortened to {} events:\n{}\nagain: BOOKSTATE_STORIES=1 \
         BOOKSTATE_STORY_SEED={seed} cargo test -p bookstate-sink --test sink random",
        events.len(),
        lines.join("\n")
    )
}

/// Leaves out halves, then quarters, and so on, as long as it still fails.
fn shorten(seed: u64, mut events: Vec<Event>, mut text: String) -> (Vec<Event>, String) {
    let until = Instant::now() + PATIENCE;
    let mut piece = events.len().div_ceil(2);
    loop {
        let mut from = 0;
        let mut shorter = false;
        while from < events.len() && Instant::now() < until {
            let mut fewer = events.clone();
            fewer.drain(from..(from + piece).min(events.len()));
            match run(seed, &fewer) {
                Err(told) if kind(&told) == kind(&text) => (events, text, shorter) = (fewer, told, true),
                _ => from += piece,
            }
        }
        if Instant::now() >= until || (piece == 1 && !shorter) {
            return (events, text);
        }
        if !shorter {
            piece = piece.div_ceil(2);
        }
    }
}

/// What went wrong, without numbers: another mistake is another story.
fn kind(text: &str) -> String {
    text.split(':').next().unwrap_or_default().chars().filter(|c| !c.is_ascii_digit()).collect()
}
