//! Small pieces of text that several pages show: states, numbers, times.

use maud::{Markup, html};

/// A word of the domain for people: `toc_finder` is "toc finder".
pub(super) fn word(word: &str) -> String {
    word.replace('_', " ")
}

/// A state as a badge. The class gives the colour, the word says it.
pub(super) fn badge(state: &str) -> Markup {
    html! { span.badge data-state=(state) { (word(state)) } }
}

/// "1 page", "2 pages".
pub(super) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// "5", or "5–7".
pub(super) fn range(first: i32, last: i32) -> String {
    if first == last { first.to_string() } else { format!("{first}–{last}") }
}

/// Seconds as people say them; a dash for none at all.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s <= 0.0 => "–".to_owned(),
        s if s < 1.0 => format!("{:.0} ms", (s * 1000.0).ceil()),
        s if s < 60.0 => format!("{s:.1} s"),
        s if s < 3600.0 => format!("{:.0} min {:.0} s", (s / 60.0).floor(), (s % 60.0).floor()),
        s => format!("{:.0} h {:.0} min", (s / 3600.0).floor(), (s % 3600.0 / 60.0).floor()),
    }
}

/// US dollars.
pub(super) fn dollars(dollars: f64) -> String {
    if dollars == 0.0 { "–".to_owned() } else { format!("${dollars:.4}") }
}

/// A time as people read it, from its RFC 3339 form in UTC; without the parts of a second.
pub(super) fn time(timestamp: &str) -> String {
    match timestamp.trim_end_matches('Z').split_once('T') {
        Some((day, time)) => format!("{day} {} UTC", time.split('.').next().unwrap_or(time)),
        None => timestamp.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let cases = [
            (0.0, "–"),
            (0.0004, "1 ms"),
            (0.25, "250 ms"),
            (1.25, "1.2 s"),
            (61.0, "1 min 1 s"),
            (7260.0, "2 h 1 min"),
        ];
        for (given, shown) in cases {
            assert_eq!(seconds(given), shown);
        }
    }

    #[test]
    fn a_moment_is_a_day_and_a_time() {
        assert_eq!(time("2026-11-25T03:39:04.779297928Z"), "2026-11-25 03:39:04 UTC");
        assert_eq!(time("2026-11-25T03:39:04Z"), "2026-11-25 03:39:04 UTC");
        assert_eq!(time("<b>"), "<b>");
    }
}
