//! Names of authors: which texts are names, and how a list of them is split.
//!
//! Invariant: what is returned are pieces of the text as it is printed.

/// What people and programs put where a name should be.
const NO_NAMES: &[&str] = &[
    "user",
    "admin",
    "administrator",
    "unknown",
    "root",
    "owner",
    "author",
    "anonymous",
    "microsoft",
    "default",
    "latex",
    "tex",
    "pdftex",
    "windows user",
    "none",
    "n/a",
    "unbekannt",
    "неизвестно",
];

/// Words at the start of what follows "by" but is no name.
const NOT_AFTER_BY: &[&str] =
    &["the", "a", "an", "any", "which", "this", "that", "using", "means", "clicking"];

/// The names in a text that lists authors; empty when it holds none.
pub(super) fn names(text: &str) -> Vec<String> {
    let text = without_year(text.trim());
    let separated = text.replace(" und ", ";").replace(" and ", ";").replace(" et ", ";").replace(" & ", ";");
    let separated = separated.replace(" и ", ";");
    // "Austen, Jane" is one name, "W. N. Venables, D. M. Smith" are two.
    let one_name = separated.matches(',').count() == 1
        && !separated.contains(';')
        && separated.split(',').any(|part| !part.trim().contains(' '));
    let pieces = separated.split(|c| c == ';' || (c == ',' && !one_name));
    pieces.map(clean).filter(|name| is_name(name)).collect()
}

/// The author in a line `by Jane Austen`; also of a line that is only `by` followed by `next`.
pub(super) fn after_by<'a>(line: &'a str, next: Option<&'a str>) -> Option<&'a str> {
    let text = line.trim();
    let first = text.split_whitespace().next()?;
    if !matches!(first.to_lowercase().as_str(), "by" | "von" | "par" | "por" | "written" | "автор" | "автор:")
    {
        return None;
    }
    let rest = text.get(first.len()..)?.trim_start().trim_start_matches("by ").trim_start_matches(':').trim();
    let named = if rest.is_empty() { next?.trim() } else { rest };
    let begins = named.split_whitespace().next()?.to_lowercase();
    let capital = named.starts_with(char::is_uppercase) && named.chars().count() <= 80;
    (capital && !NOT_AFTER_BY.contains(&begins.as_str()) && !named.ends_with('.')).then_some(named)
}

fn clean(piece: &str) -> String {
    let piece = piece.trim().trim_end_matches("et al.").trim_end_matches("et al").trim();
    let piece = piece.split(['<', '(']).next().unwrap_or_default();
    piece.trim_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ':' | '*')).to_owned()
}

/// "Jane Austen (1803)" without the year.
fn without_year(text: &str) -> &str {
    match text.rsplit_once('(') {
        Some((name, year))
            if year.trim_end_matches(')').trim().bytes().all(|b| b.is_ascii_digit() || b == b'-') =>
        {
            name.trim()
        }
        _ => text,
    }
}

pub(super) fn is_name(text: &str) -> bool {
    let lower = text.to_lowercase();
    let length = text.chars().count();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let capital = text.split_whitespace().any(|w| w.starts_with(char::is_uppercase));
    let strange = text.contains(['@', '/', '\\', '_', '{', '=', '©']) || text.contains("..");
    (2..=60).contains(&length)
        && letters * 10 >= length * 6
        && !text.chars().any(|c| c.is_ascii_digit())
        && capital
        && !strange
        && !NO_NAMES.contains(&lower.as_str())
        && text.split_whitespace().count() <= 7
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_names() {
        assert_eq!(
            names("W. N. Venables, D. M. Smith and the R Core Team"),
            ["W. N. Venables", "D. M. Smith", "the R Core Team"]
        );
        assert_eq!(names("Austen, Jane"), ["Austen, Jane"]);
        assert_eq!(names("Thomas Williams & Colin Kelley"), ["Thomas Williams", "Colin Kelley"]);
        assert_eq!(
            names("Marco Daniel, Patrick Gundlach, Walter Schmidt et al."),
            ["Marco Daniel", "Patrick Gundlach", "Walter Schmidt"]
        );
        assert_eq!(names("Jane Austen (1803)"), ["Jane Austen"]);
        for text in [
            "",
            "user",
            "Windows User",
            "Unknown",
            "root",
            "x",
            "me@example.org",
            "Version 2.0",
            "lower case",
        ] {
            assert_eq!(names(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn by_whom() {
        assert_eq!(after_by("by", Some("Jane Austen (1803)")), Some("Jane Austen (1803)"));
        assert_eq!(after_by("By Jane Austen", None), Some("Jane Austen"));
        assert_eq!(after_by("by the Free Software Foundation.", None), None);
        assert_eq!(after_by("Bytes and bits", None), None);
    }
}
