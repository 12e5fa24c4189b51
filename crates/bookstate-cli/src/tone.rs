//! Colours of the words that say how something is: only where a person looks, and never the only sign.
//!
//! `NO_COLOR` and a terminal that has none leave them out; `CLICOLOR_FORCE` has them in a file, too.

use console::Style;

/// The colour of a word; none for what is neither good nor bad.
fn of(word: &str) -> Option<Style> {
    Some(match word {
        "complete" | "completed" | "good" | "healthy" | "done" => Style::new().green(),
        "degraded" | "interrupted" | "stalled" | "paused" | "warning" | "skipped" | "doubtful" => {
            Style::new().yellow()
        }
        "failed" | "bad" | "unusable" | "failing" | "cancelled" | "error" => Style::new().red(),
        "running" | "in_progress" | "processing" => Style::new().cyan(),
        _ => return None,
    })
}

/// A word, or a text that begins with one, for standard output.
pub(crate) fn on_stdout(text: &str) -> String {
    let word = text.split([' ', ':', ',']).next().unwrap_or_default();
    let Some(colour) = of(word) else { return text.to_owned() };
    colour.for_stdout().apply_to(text).to_string()
}

/// A word for standard error.
pub(crate) fn on_stderr(word: &str) -> String {
    let Some(colour) = of(word) else { return word.to_owned() };
    colour.for_stderr().bold().apply_to(word).to_string()
}
