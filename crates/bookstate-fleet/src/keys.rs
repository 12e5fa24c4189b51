//! The bucket's keys. Each is two words: what it is, and of whom.

use bookstate_domain::BookId;

/// What a key is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A lease of a book: goes when it is not renewed.
    Own,
    /// The counter of a book's epochs: stays.
    Epoch,
    /// An active job of a book: stays until it is finished.
    Job,
    /// A machine that lives: goes when it is not renewed.
    Machine,
    /// A provider that asked to be left alone: goes when that is over.
    Pause,
    /// A machine that has a share of quotas: stays until what it has used counts no more.
    Quota,
}

const KINDS: [(Kind, &str); 6] = [
    (Kind::Own, "own."),
    (Kind::Epoch, "epoch."),
    (Kind::Job, "job."),
    (Kind::Machine, "machine."),
    (Kind::Pause, "pause."),
    (Kind::Quota, "quota."),
];

impl Kind {
    fn word(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, word)| word)
    }

    /// The key of a book.
    pub(crate) fn of(self, book: &BookId) -> String {
        // Letters, digits, `_` and `-`, 200 at most: one word of a key.
        format!("{}{book}", self.word())
    }

    /// The key of a name, whatever it has in it.
    pub(crate) fn named(self, name: &str) -> String {
        format!("{}{}", self.word(), word(name))
    }
}

/// What a key is of, and its second word.
pub(crate) fn parse(key: &str) -> Option<(Kind, &str)> {
    KINDS.iter().find_map(|(kind, word)| Some((*kind, key.strip_prefix(word)?)))
}

/// Any text as one word of a key: what is no letter, digit, `_` or `-` as `=` and two digits.
fn word(text: &str) -> String {
    let mut word = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' {
            word.push(byte.into());
        } else {
            word.push_str(&format!("={byte:02X}"));
        }
    }
    word
}

/// The text that [`word`] made a word of.
pub(crate) fn unword(word: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(word.len()), word.bytes());
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_say_what_they_are_of() {
        let book = BookId::new("moby-dick_1").unwrap();
        assert_eq!(Kind::Own.of(&book), "own.moby-dick_1");
        assert_eq!(parse("own.moby-dick_1"), Some((Kind::Own, "moby-dick_1")));
        assert_eq!(Kind::Machine.named("a.example:80"), "machine.a=2Eexample=3A80");
        assert_eq!(parse("other.b"), None);
        assert_eq!([unword("="), unword("=4"), unword("=ZZ")], [const { None }; 3]);
    }

    proptest! {
        #[test]
        fn any_name_is_one_word_of_a_key_and_comes_back(name in any::<String>()) {
            let word = word(&name);
            prop_assert!(word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-=".contains(&byte)));
            prop_assert_eq!(unword(&word), Some(name));
        }
    }
}
