//! Saying with a language model which part of the book chapters belong to.

use std::collections::HashMap;

use async_trait::async_trait;
use bookstate_domain::{BookState, Chapter, MatterType, Text, persist::ChapterClassification};
use bookstate_llm::{ChatRequest, Estimate, Schema};
use serde_json::{Value, json};

use super::{Model, by_the_rules, prompts::Prompts};
use crate::{
    engine::{BookContext, Classifier, EngineError, EngineResult},
    engines::LocalAnalysis,
    part::Part,
};

const MOST_TOKENS: u32 = 16_000;
/// With more chapters the local rules classify them: the answer would be too long.
const MOST_CHAPTERS: usize = 250;
/// The most characters of a chapter's text that are sent.
const TEXT_CHARS: usize = 200;
/// About what a chapter's line has.
const LINE_BYTES: usize = 320;

/// A language model for the part `classify`. Where its answer is refused, the local rules classify.
#[derive(Debug, Clone)]
pub struct ModelClassifier(Model);

impl ModelClassifier {
    /// Classifies with this model.
    #[must_use]
    pub const fn new(model: Model) -> Self {
        Self(model)
    }

    /// What a book may take at most.
    #[must_use]
    pub fn estimate(&self, prompts: &Prompts) -> Estimate {
        let most = "x".repeat(MOST_CHAPTERS * LINE_BYTES);
        self.0.estimate(&self.request(prompts.get(Some(Part::Classify)), most))
    }

    fn request(&self, prompt: &str, chapters: String) -> ChatRequest {
        let chapter = json!({
            "type": "object", "additionalProperties": false,
            "required": ["key", "matter", "content_type", "read_aloud", "reason"],
            "properties": {
                "key": { "type": "string" },
                "matter": { "type": "string", "enum": ["front_matter", "body", "back_matter"] },
                "content_type": { "type": "string", "minLength": 1, "maxLength": 40 },
                "read_aloud": { "type": "boolean" },
                "reason": { "type": "string", "maxLength": 300 },
            },
        });
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["chapters"],
            "properties": { "chapters": { "type": "array", "items": chapter } },
        });
        let schema = Schema { name: "chapters".to_owned(), schema };
        ChatRequest::new(&self.0.name, MOST_TOKENS).system(prompt).user(chapters).answer_as(schema)
    }

    async fn ask(&self, book: &BookContext) -> Result<Vec<ChapterClassification>, EngineError> {
        let chapters = chapters(&book.state);
        if chapters.len() > MOST_CHAPTERS {
            return Err(EngineError::permanent("there are too many chapters for a model"));
        }
        let prompt = Prompts::told(book, Some(Part::Classify))?;
        let request = self.request(&prompt, chapters.iter().map(|chapter| line(chapter)).collect());
        self.0.ask_json(book, &request, |answer| classified(answer, &chapters)).await
    }
}

#[async_trait]
impl Classifier for ModelClassifier {
    async fn classify(&self, book: BookContext) -> EngineResult<Vec<ChapterClassification>> {
        match self.ask(&book).await {
            Ok(chapters) => Ok(chapters.into()),
            Err(error) => {
                by_the_rules(&book, Part::Classify, error)?;
                LocalAnalysis.classify(book).await
            }
        }
    }
}

fn chapters(state: &BookState) -> Vec<&Chapter> {
    state.ordered_chapters().into_iter().map(|chapter| &**chapter).collect()
}

fn line(chapter: &Chapter) -> String {
    let Chapter { entry_id, level, start_page, end_page, word_count, .. } = chapter;
    let title = chapter.title.as_deref().unwrap_or_default();
    let text = chapter.mechanical_text.as_deref().unwrap_or_default();
    let text: String = text.chars().take(TEXT_CHARS).map(|c| if c == '\n' { ' ' } else { c }).collect();
    format!(
        "[{entry_id}] level {level}, {title:?}, pages {start_page} to {end_page}, {word_count} words: {text}\n"
    )
}

/// The answer, if it says one thing of each chapter, and the parts of the book are in order.
fn classified(answer: &Value, chapters: &[&Chapter]) -> Result<Vec<ChapterClassification>, EngineError> {
    let refused = |reason: String| Err(EngineError::permanent(reason));
    let listed = answer["chapters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let by_key: HashMap<&str, &Value> =
        listed.iter().filter_map(|said| Some((said["key"].as_str()?, said))).collect();
    if by_key.len() != listed.len() || listed.len() != chapters.len() {
        let (said, all) = (listed.len(), chapters.len());
        return refused(format!(
            "the answer has {said} chapters, some of them twice, and the book has {all}"
        ));
    }
    let highest = chapters.iter().map(|chapter| chapter.level).min().unwrap_or(1);
    let (mut so_far, mut out) = (MatterType::FrontMatter, Vec::with_capacity(chapters.len()));
    for chapter in chapters {
        let Some(said) = by_key.get(&*chapter.entry_id) else {
            return refused(format!("the answer lacks chapter {}", chapter.entry_id));
        };
        let matter: Option<MatterType> = said["matter"].as_str().and_then(|word| word.parse().ok());
        let is_ordered = |matter: &MatterType| match chapter.level > highest {
            true => *matter == so_far,
            false => *matter >= so_far,
        };
        let Some(matter_type) = matter.filter(is_ordered) else {
            return refused(format!("chapter {} is out of order", chapter.entry_id));
        };
        so_far = matter_type;
        let reason = said["reason"].as_str().map(Text::from);
        let is_read = said["read_aloud"] == true && chapter.word_count > 0;
        out.push(ChapterClassification {
            subject: chapter.subject.clone(),
            matter_type,
            content_type: said["content_type"].as_str().map(Text::from),
            classification_reasoning: reason.clone(),
            audio_include: is_read,
            audio_include_reasoning: reason,
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use bookstate_domain::{At, BookId, ChapterKey, ChapterSubject, Seq, Timestamp};

    use super::*;

    fn chapter(n: i32, level: i32, word_count: i32) -> Chapter {
        let key = ChapterKey { book_id: BookId::new("b").unwrap(), subject: ChapterSubject::Orphan(n) };
        let made = key.document(&At { seq: Seq::ZERO, now: Timestamp::from_nanos(0) });
        Chapter { entry_id: format!("ch_{n:03}").into(), level, word_count, ..made }
    }

    #[test]
    fn an_answer_says_one_thing_of_each_chapter_and_keeps_the_parts_in_order() {
        let book = [chapter(1, 1, 10), chapter(2, 1, 10), chapter(3, 2, 0), chapter(4, 1, 10)];
        let book: Vec<&Chapter> = book.iter().collect();
        let said = |parts: &[(&str, &str)]| {
            let chapters: Vec<Value> = parts
                .iter()
                .map(|(key, matter)| {
                    json!({ "key": key, "matter": matter, "content_type": "x", "read_aloud": true, "reason": "r" })
                })
                .collect();
            classified(&json!({ "chapters": chapters }), &book)
        };
        let (front, body, back) = ("front_matter", "body", "back_matter");
        let good = [("ch_002", body), ("ch_001", front), ("ch_003", body), ("ch_004", back)];
        let read = said(&good).unwrap();
        let parts: Vec<MatterType> = read.iter().map(|chapter| chapter.matter_type).collect();
        let wanted = [MatterType::FrontMatter, MatterType::Body, MatterType::Body, MatterType::BackMatter];
        assert_eq!(parts, wanted);
        assert!(read[0].audio_include && !read[2].audio_include, "without words nothing is read aloud");
        for wrong in [
            &good[..3],
            &[good[0], good[0], good[2], good[3]],
            &[good[0], ("ch_009", front), good[2], good[3]],
            &[good[0], ("ch_001", back), good[2], good[3]],
            &[good[0], good[1], ("ch_003", back), good[3]],
        ] {
            assert!(said(wrong).unwrap_err().is_permanent(), "{wrong:?}");
        }
    }
}
