//! When two titles are the same, however they are printed.

use unicode_normalization::UnicodeNormalization;

/// What is compared of a title: its letters and digits, decomposed and in lower case.
pub fn normalise(text: &str) -> String {
    // Most text is; all lines of a book are compared, and decomposing them was a sixth of the time that a book took.
    if text.is_ascii() {
        let mut out = String::with_capacity(text.len());
        out.extend(text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()));
        return out;
    }
    text.nfkd().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}

/// Whether two normalised titles are the same but for a few characters (a lost accent, a glyph without
/// Unicode). Short ones must be equal.
pub fn similar(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let (long, short) = (a.chars().count().max(b.chars().count()), a.chars().count().min(b.chars().count()));
    short >= 8 && long - short <= 2.max(long / 8) && strsim::levenshtein(a, b) <= long / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_is_normalised_as_all_text_is() {
        let all: String = (0..=127_u8).map(char::from).collect();
        // A letter beside it keeps it from being taken for ASCII.
        assert_eq!(normalise(&format!("{all}ж")), format!("{}ж", normalise(&all)));
        assert_eq!(normalise("4.2  The *Mill*"), "42themill");
    }

    #[test]
    fn comparison_ignores_what_layout_changes() {
        assert_eq!(normalise("3.1  Über—blick"), "31uberblick");
        assert_eq!(normalise("ﬁle"), "file");
        assert!(similar("introductiontox", "introductiontoy"));
        assert!(!similar("chapter1", "chapter22"));
        assert!(!similar("abc", "abd"), "short titles must be equal");
    }
}
