//! What scripts ask of the joining of lines.

/// The character is of a script that sets no spaces between words: Chinese, Japanese, and their signs.
pub(crate) fn unspaced(c: char) -> bool {
    matches!(u32::from(c),
        0x2E80..=0x312F | 0x31A0..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0xFE30..=0xFE4F
        | 0xFF01..=0xFF0F | 0xFF1A..=0xFF1F | 0xFF3B..=0xFF3D | 0xFF5B..=0xFF9F | 0x20000..=0x3FFFF)
}

/// How many words a text has: what Unicode takes for a word, and each sign of a script without spaces.
#[must_use]
pub fn count_words(text: &str) -> usize {
    use unicode_segmentation::UnicodeSegmentation as _;
    if text.is_ascii() {
        return text.split_whitespace().filter(|w| w.contains(char::is_alphanumeric)).count();
    }
    let words = |piece: &str| match piece.chars().any(unspaced) {
        true => piece.unicode_words().count(),
        false => usize::from(piece.contains(char::is_alphanumeric)),
    };
    text.split_whitespace().map(words).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_scripts_with_and_without_spaces() {
        assert_eq!(count_words("one — two3, * four's"), 3);
        assert_eq!(count_words("Groß- und Kleinbuchstaben"), 3);
        assert_eq!(count_words("潮が引いた港"), 6);
        assert_eq!(count_words("שלום עולם"), 2);
    }
}
