//! Which part of the book a chapter belongs to, what it holds, and whether it would be read aloud.
//!
//! Invariants: front matter comes before body and body before back matter among the chapters of the highest level;
//! a chapter below another belongs to the same part. Each decision says why.

use super::matter::{KnownTitle, known_title};
use crate::toc::Numeral;
use bookstate_domain::{Chapter, ChapterSubject, MatterType, Text, persist::ChapterClassification};

/// The parts of all `chapters`, which are in their order and have their texts.
pub fn classify<'a>(chapters: impl IntoIterator<Item = &'a Chapter>) -> Vec<ChapterClassification> {
    let facts: Vec<Facts> = chapters.into_iter().map(Facts::of).collect();
    let body = Body::of(&facts);
    let mut above = (MatterType::Body, "the only part", true);
    let mut out = Vec::with_capacity(facts.len());
    for (i, chapter) in facts.iter().enumerate() {
        if chapter.level <= body.level {
            let (matter, why) = body.matter(i, chapter);
            above = (matter, why, chapter.read_aloud());
        }
        let (matter, why, read_above) = above;
        let nested = chapter.level > body.level;
        let reasoning =
            if nested { format!("belongs to the chapter above it: {why}") } else { why.to_owned() };
        let (audio_include, audio_reason) = if chapter.words == 0 {
            (false, "it has no text of its own")
        } else if !chapter.read_aloud() {
            (false, "it is for looking things up")
        } else if nested && !read_above {
            (false, "the chapter above it is for looking things up")
        } else {
            (true, "it is running text")
        };
        out.push(ChapterClassification {
            subject: chapter.subject.clone(),
            matter_type: matter,
            content_type: Some(chapter.content_type(matter, nested).into()),
            classification_reasoning: Some(reasoning.into()),
            audio_include,
            audio_include_reasoning: Some(audio_reason.into()),
        });
    }
    out
}

struct Facts {
    subject: ChapterSubject,
    known: Option<KnownTitle>,
    level: i32,
    level_name: Option<Text>,
    numeral: Option<Numeral>,
    words: i32,
}

impl Facts {
    fn of(chapter: &Chapter) -> Self {
        let number = chapter.entry_number.as_deref().unwrap_or_default().trim_end_matches('.');
        let first = number.split('.').next().unwrap_or_default();
        Self {
            subject: chapter.subject.clone(),
            known: chapter.title.as_deref().and_then(known_title),
            level: chapter.level,
            level_name: chapter.level_name.clone(),
            numeral: Numeral::parse(first),
            words: chapter.word_count,
        }
    }

    fn read_aloud(&self) -> bool {
        self.known.is_none_or(|k| k.read_aloud)
    }

    fn is_appendix(&self) -> bool {
        let word = self.level_name.as_deref() == Some("appendix");
        word || self.known.is_some_and(|k| k.content_type == "appendix")
    }

    fn content_type(&self, matter: MatterType, nested: bool) -> &str {
        match (self.known, self.level_name.as_deref()) {
            (Some(known), _) => known.content_type,
            (None, Some("part" | "book" | "volume")) => "part",
            (None, _) if nested => "section",
            (None, _) => match matter {
                MatterType::FrontMatter => "front_matter",
                MatterType::BackMatter if self.is_appendix() || self.numeral.is_some() => "appendix",
                MatterType::BackMatter => "back_matter",
                _ => "chapter",
            },
        }
    }
}

/// Where the body of a book begins and ends, by index of the chapters of the highest level.
struct Body {
    level: i32,
    /// The first numbered one, if there is any.
    first_numbered: Option<usize>,
    /// The last one that is certainly in the body.
    last: usize,
    /// The first lettered one behind a numbered one.
    appendices: Option<usize>,
}

impl Body {
    fn of(facts: &[Facts]) -> Self {
        let level = facts.iter().map(|f| f.level).min().unwrap_or(1);
        let top = || facts.iter().enumerate().filter(|(_, f)| f.level <= level);
        // Appendices begin with an A that comes after the numbered chapters.
        let appendices = top().find_map(|(i, f)| {
            let first = f.numeral == Numeral::as_letter("A") && top().any(|(j, g)| j < i && counts(g));
            (f.is_appendix() || first).then_some(i)
        });
        let in_body = |(i, f): &(usize, &Facts)| counts(f) && appendices.is_none_or(|a| *i < a);
        let first_numbered = top().find(&in_body).map(|(i, _)| i);
        // "VI Index" at the end is back matter with a number.
        let is_back = |f: &Facts| f.known.is_some_and(|k| k.matter == Some(MatterType::BackMatter));
        let last_numbered = top().filter(&in_body).rfind(|(_, f)| !is_back(f)).map(|(i, _)| i);
        // Without numbers the body ends with the last chapter that no title places elsewhere.
        let unplaced = || top().rfind(|(_, f)| f.known.is_none_or(|k| k.matter.is_none())).map(|(i, _)| i);
        let last = last_numbered.or_else(unplaced).unwrap_or(0);
        Self { level, first_numbered, last, appendices }
    }

    fn matter(&self, i: usize, chapter: &Facts) -> (MatterType, &'static str) {
        use MatterType::{BackMatter, Body, FrontMatter};
        let known = chapter.known.and_then(|k| k.matter);
        let before = self.first_numbered.is_some_and(|first| i < first);
        let behind = i > self.last;
        if self.appendices.is_some_and(|a| i >= a) && behind {
            return (BackMatter, "an appendix, or behind one");
        }
        match known {
            _ if before => (FrontMatter, "before the first numbered chapter"),
            Some(BackMatter) if behind => (BackMatter, "its title, behind the last chapter of the body"),
            Some(FrontMatter) if behind && self.first_numbered.is_some() => {
                (BackMatter, "its title, behind the last chapter of the body")
            }
            Some(FrontMatter) if i <= self.last && self.first_numbered.is_none() && !self.inside(i) => {
                (FrontMatter, "its title, before the body")
            }
            _ if behind && chapter.known.is_some_and(|k| k.content_type == "acknowledgements") => {
                (BackMatter, "its title, behind the last chapter of the body")
            }
            _ => (Body, "among the chapters of the body"),
        }
    }

    /// Without numbers only leading chapters can be front matter.
    fn inside(&self, i: usize) -> bool {
        i > 0 && i > 3.min(self.last)
    }
}

/// Numbered with digits, in roman or in words: a chapter of the body, unless it is an appendix.
fn counts(facts: &Facts) -> bool {
    use crate::toc::NumeralStyle::Letter;
    facts.numeral.is_some_and(|n| n.style != Letter) && !facts.is_appendix()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookstate_domain::{At, BookId, ChapterKey, Seq, Timestamp};

    fn chapter(i: i32, number: &str, title: &str, level: i32) -> Chapter {
        let at = At { seq: Seq::new(1).unwrap(), now: Timestamp::from_nanos(0) };
        let key = ChapterKey { book_id: BookId::new("b").unwrap(), subject: ChapterSubject::Orphan(i) };
        let mut chapter = key.document(&at);
        chapter.entry_number = (!number.is_empty()).then(|| number.into());
        chapter.title = Some(title.into());
        chapter.level = level;
        chapter.word_count = 100;
        chapter
    }

    fn parts(chapters: &[(&str, &str, i32)]) -> Vec<(&'static str, String, bool)> {
        let chapters: Vec<Chapter> = (0..)
            .zip(chapters)
            .map(|(i, (number, title, level))| chapter(i, number, title, *level))
            .collect();
        let short = |m| match m {
            MatterType::FrontMatter => "front",
            MatterType::BackMatter => "back",
            _ => "body",
        };
        let of = |c: ChapterClassification| {
            (short(c.matter_type), c.content_type.unwrap().to_string(), c.audio_include)
        };
        classify(&chapters).into_iter().map(of).collect()
    }

    fn expect(rows: &[(&'static str, &str, bool)]) -> Vec<(&'static str, String, bool)> {
        rows.iter().map(|(m, c, a)| (*m, (*c).to_owned(), *a)).collect()
    }

    #[test]
    fn a_manual() {
        let chapters = [
            ("", "Preface", 1),
            ("1", "Introduction", 1),
            ("1.1", "Scope", 2),
            ("2", "Usage", 1),
            ("A", "A sample session", 1),
            ("C", "The editor", 1),
            ("", "References", 1),
            ("", "Concept index", 1),
        ];
        assert_eq!(
            parts(&chapters),
            expect(&[
                ("front", "preface", true),
                ("body", "introduction", true),
                ("body", "section", true),
                ("body", "chapter", true),
                ("back", "appendix", true),
                ("back", "appendix", true),
                ("back", "bibliography", false),
                ("back", "index", false)
            ])
        );
    }

    #[test]
    fn a_novel_without_numbers() {
        let chapters = [("", "Vorwort", 1), ("", "Der Anfang", 1), ("", "Das Ende", 1), ("", "Nachwort", 1)];
        assert_eq!(
            parts(&chapters),
            expect(&[
                ("front", "preface", true),
                ("body", "chapter", true),
                ("body", "chapter", true),
                ("back", "afterword", true)
            ])
        );
    }

    #[test]
    fn an_index_with_a_number_is_back_matter() {
        let matters: Vec<_> =
            parts(&[("I", "Use", 1), ("II", "Index", 1)]).into_iter().map(|p| p.0).collect();
        assert_eq!(matters, ["body", "back"]);
    }

    #[test]
    fn a_title_does_not_move_a_numbered_chapter() {
        let chapters = [("1", "Index", 1), ("2", "Notes", 1), ("3", "Conclusion", 1), ("", "Приложение", 1)];
        let matters: Vec<_> = parts(&chapters).into_iter().map(|p| p.0).collect();
        assert_eq!(matters, ["body", "body", "body", "back"]);
    }

    #[test]
    fn no_text_is_not_read_aloud() {
        let mut one = chapter(1, "1", "One", 1);
        one.word_count = 0;
        let result = classify([&one]);
        assert!(!result[0].audio_include);
        assert_eq!(result[0].audio_include_reasoning.as_deref(), Some("it has no text of its own"));
    }
}
