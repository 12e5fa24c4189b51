//! SPDX licence expressions: whether a list of licences allows what one says.
//!
//! `OR`, `AND`, parentheses, `WITH` and the old `/` for `OR`. A name that is not on the list is refused, so an
//! expression that is not understood is never allowed.

/// Whether `expression` can be fulfilled with licences of `allowed`; an exception is part of its licence's name.
pub(super) fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, allowed };
    parser.alternatives() == Some(true) && parser.words.is_empty()
}

struct Parser<'a> {
    words: &'a [&'a str],
    allowed: &'a [String],
}

/// Each part is `None` when it cannot be read.
impl Parser<'_> {
    fn alternatives(&mut self) -> Option<bool> {
        let mut holds = self.conjunction()?;
        while self.take("OR") {
            holds |= self.conjunction()?;
        }
        Some(holds)
    }

    fn conjunction(&mut self) -> Option<bool> {
        let mut holds = self.licence()?;
        while self.take("AND") {
            holds &= self.licence()?;
        }
        Some(holds)
    }

    fn licence(&mut self) -> Option<bool> {
        if self.take("(") {
            let holds = self.alternatives()?;
            return self.take(")").then_some(holds);
        }
        let mut name = self.next()?.to_owned();
        if self.take("WITH") {
            name = format!("{name} WITH {}", self.next()?);
        }
        Some(self.allowed.contains(&name))
    }

    fn next(&mut self) -> Option<&str> {
        let (word, rest) = self.words.split_first()?;
        self.words = rest;
        Some(word)
    }

    fn take(&mut self, word: &str) -> bool {
        let is_next = self.words.first() == Some(&word);
        if is_next {
            self.words = self.words.get(1..).unwrap_or_default();
        }
        is_next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_allowed_when_some_choice_of_licences_is() {
        let allowed =
            ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"].map(String::from);
        let cases = [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("MIT/GPL-3.0-only", true),
            ("GPL-3.0-only OR MIT", true),
            ("GPL-3.0-only AND MIT", false),
            ("(MIT OR GPL-3.0-only) AND Unicode-3.0", true),
            ("MIT OR GPL-3.0-only AND Unicode-3.0", true),
            ("(MIT OR Unicode-3.0) AND GPL-3.0-only", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("MIT WITH LLVM-exception", false),
            ("(MIT", false),
            ("MIT MIT", false),
            ("MIT OR", false),
            ("", false),
        ];
        for (expression, expected) in cases {
            assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
        }
    }
}
