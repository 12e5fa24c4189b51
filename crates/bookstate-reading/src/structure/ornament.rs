//! Lines of plain text that are drawn as titles: `== Title ==`, `_Chapter 1_`, `C H A P T E R   I`.
//!
//! Invariant: decides on one line by itself; its letters and their order stay.

use std::borrow::Cow;

/// Signs that stand in equal number before and behind a title.
const SIGNS: [char; 5] = ['=', '*', '_', '~', '-'];
/// So many letters apart from each other are no initials.
const FEWEST_APART: usize = 4;

/// The line without signs around it; `None` where there are none.
pub(super) fn within_signs(line: &str) -> Option<&str> {
    let sign = line.chars().next().filter(|c| SIGNS.contains(c))?;
    let inner = line.trim_start_matches(sign);
    let signs = line.len() - inner.len();
    let title = inner.trim_end_matches(sign);
    let even = inner.len() - title.len() == signs && signs <= 6;
    let title = title.trim();
    (even && title.contains(char::is_alphanumeric) && !title.contains(sign)).then_some(title)
}

/// The words of a line whose letters all stand apart, two spaces or more between words; `None` for another line.
fn letters_apart(line: &str) -> Option<String> {
    // Every line is asked, and hardly one begins with a letter by itself.
    line.chars().nth(1).filter(|c| *c == ' ')?;
    let words: Vec<Vec<&str>> = line
        .split("  ")
        .map(|word| word.split_whitespace().collect())
        .filter(|w: &Vec<&str>| !w.is_empty())
        .collect();
    let mut letters = 0;
    for word in &words {
        let apart = word.iter().all(|part| part.chars().count() == 1);
        match (apart, word.len()) {
            (true, n) => letters += n,
            // A number may be set as usual.
            (false, 1) => {}
            (false, _) => return None,
        }
    }
    let longest = words.iter().map(Vec::len).max().unwrap_or(0);
    (letters >= FEWEST_APART && longest >= FEWEST_APART)
        .then(|| words.iter().map(|word| word.concat()).collect::<Vec<_>>().join(" "))
}

/// What a line says, as it would be without ornament.
pub(super) fn plain(line: &str) -> Cow<'_, str> {
    let line = within_signs(line).unwrap_or(line);
    letters_apart(line).map_or(Cow::Borrowed(line), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ornament_is_told_from_text() {
        for (line, said) in [
            ("== The Mill ==", "The Mill"),
            ("_Chapter 1_", "Chapter 1"),
            ("*** The Mill ***", "The Mill"),
            ("- 3 -", "3"),
            ("C H A P T E R   I V", "CHAPTER IV"),
            ("C H A P T E R  12", "CHAPTER 12"),
            ("* * *", "* * *"),
            ("= The Mill", "= The Mill"),
            ("_one_ and _two_", "_one_ and _two_"),
            ("J. R. R. Tolkien", "J. R. R. Tolkien"),
            ("A B C", "A B C"),
            ("", ""),
        ] {
            assert_eq!(plain(line), said, "{line}");
        }
    }
}
