//! Editing chapters' texts with a language model: it proposes edits, and those that may be are applied.
//!
//! The text is never the model's: what is not edited stays byte for byte. Edits that may not be are dropped and counted;
//! an answer most of whose edits may not be is refused, and the chapter keeps its text as it was.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use bookstate_domain::{Chapter, Text};
use bookstate_llm::{ChatRequest, Estimate, Schema};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{
    Model,
    edits::{Edited, Known, Proposed, edit},
    prompts::Prompts,
};
use crate::{
    engine::{BookContext, EngineError, EngineResult, Polisher, blocking},
    engines::LocalAnalysis,
    part::Part,
};

/// The most bytes of text in a request: a longer chapter is edited in pieces.
pub const PIECE_BYTES: usize = 8_000;
const MOST_TOKENS: u32 = 3_000;
/// From so many edits on an answer may be refused for those that may not be.
const FEW: usize = 4;

/// Pieces of chapters that are not at their end, by the text before: a chapter whose provider is held is begun anew, and
/// what was paid for is not asked again, kept answers or not.
type Done = Mutex<HashMap<String, Edited>>;

/// A language model for the part `polish`.
#[derive(Debug, Clone)]
pub struct ModelPolisher(Model);

impl ModelPolisher {
    /// Edits with this model.
    #[must_use]
    pub const fn new(model: Model) -> Self {
        Self(model)
    }

    /// What a piece of a chapter may take at most.
    #[must_use]
    pub fn estimate(&self, prompts: &Prompts) -> Estimate {
        self.0.estimate(&self.request(prompts.get(Some(Part::Polish)), &"x".repeat(PIECE_BYTES)))
    }

    fn request(&self, prompt: &str, piece: &str) -> ChatRequest {
        let edit = json!({
            "type": "object", "additionalProperties": false, "required": ["find", "replace"],
            "properties": {
                "find": { "type": "string", "minLength": 1 },
                "replace": { "type": "string" },
            },
        });
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["edits"],
            "properties": { "edits": { "type": "array", "maxItems": 200, "items": edit } },
        });
        let schema = Schema { name: "edits".to_owned(), schema };
        ChatRequest::new(&self.0.name, MOST_TOKENS).system(prompt).user(piece).answer_as(schema)
    }

    async fn piece(&self, book: &BookContext, piece: &str, known: &Known) -> Result<Edited, EngineError> {
        let done = book.memo.get_or_make("edited pieces", Done::default)?;
        if let Some(edited) = done.lock().get(piece) {
            return Ok(edited.clone());
        }
        let request = self.request(&Prompts::told(book, Some(Part::Polish))?, piece);
        let edited = self.0.ask_json(book, &request, |answer| edited(answer, piece, known)).await?;
        done.lock().insert(piece.to_owned(), edited.clone());
        Ok(edited)
    }
}

#[async_trait]
impl Polisher for ModelPolisher {
    async fn polish(&self, book: BookContext, chapter: Chapter) -> EngineResult<(Text, i32)> {
        self.0.ready()?;
        let text = chapter.mechanical_text.clone().unwrap_or_default();
        let of_chapter = text.clone();
        let known = Arc::new(blocking(move || Ok(Known::of(&of_chapter))).await?);
        let (mut out, mut applied, mut refused) = (String::with_capacity(text.len()), 0, 0);
        for piece in pieces(&text) {
            if piece.trim().is_empty() {
                out.push_str(piece);
                continue;
            }
            let edited = self.piece(&book, piece, &known).await?;
            (applied, refused) = (applied + edited.applied, refused + edited.refusals());
            out.push_str(&edited.text);
        }
        let done = book.memo.get_or_make("edited pieces", Done::default)?;
        let own = pieces(&text);
        done.lock().retain(|piece, _| !own.contains(&piece.as_str()));
        let (id, subject) = (book.state.book_id(), &chapter.subject);
        tracing::info!(book = %id, chapter = %subject, applied, refused, "edits of a model");
        // The rules go over it as over any text.
        LocalAnalysis.polish(book, Chapter { mechanical_text: Some(out.into()), ..chapter }).await
    }
}

/// A text in pieces of at most [`PIECE_BYTES`], which together are the text: cut between paragraphs, or else lines, or
/// else anywhere.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.len() > PIECE_BYTES {
        let most = (0..=PIECE_BYTES).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(PIECE_BYTES);
        let head = rest.get(..most).unwrap_or(rest);
        let behind = |mark: &str| head.rfind(mark).map(|at| at + mark.len());
        let at = behind("\n\n").or_else(|| behind("\n")).or_else(|| behind(" ")).unwrap_or(most);
        let (piece, behind) = rest.split_at(at);
        pieces.push(piece);
        rest = behind;
    }
    pieces.push(rest);
    pieces
}

/// The piece with the edits of an answer, unless most of them may not be.
fn edited(answer: &Value, piece: &str, known: &Known) -> Result<Edited, EngineError> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let listed = answer["edits"].as_array().map(Vec::as_slice).unwrap_or_default();
    let proposed: Vec<Proposed> = listed
        .iter()
        .filter_map(|edit| Some(Proposed { find: text(&edit["find"])?, replace: text(&edit["replace"])? }))
        .collect();
    let edited = edit(piece, &proposed, known);
    let refused = edited.refusals();
    if proposed.len() >= FEW && refused * 2 > proposed.len() {
        let (all, kinds) = (proposed.len(), &edited.refused);
        return Err(EngineError::permanent(format!("{refused} of {all} edits may not be: {kinds:?}")));
    }
    if refused > 0 {
        tracing::debug!(refused = ?edited.refused, "edits of a model that may not be are dropped");
    }
    Ok(edited)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_answer_most_of_whose_edits_may_not_be_is_refused() {
        let text = "It was in 1851, tbe year of the whale, and then tbey went home.";
        let answer = |edits: &[(&str, &str)]| {
            let edits: Vec<Value> =
                edits.iter().map(|(find, replace)| json!({ "find": find, "replace": replace })).collect();
            edited(&json!({ "edits": edits }), text, &Known::of(text))
        };
        let good = [("tbe year", "the year"), ("tbey went", "they went")];
        let bad = [("1851", "1852"), ("nowhere", "there"), ("whale, and", "Whale, and")];
        let some = answer(&[good[0], good[1], bad[0], bad[1]]).unwrap();
        assert_eq!((some.applied, some.refusals()), (2, 2), "those that may not be are dropped");
        assert_eq!(some.text, text.replace("tbe", "the"));
        assert!(answer(&[good[0], bad[0], bad[1], bad[2]]).unwrap_err().is_permanent());
        assert_eq!(answer(&[]).unwrap().text, text);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn pieces_are_the_text(text in "([a-z ä]{0,3000}\n?\n?){0,12}") {
            let pieces = pieces(&text);
            prop_assert_eq!(pieces.concat(), text.as_str());
            prop_assert!(pieces.iter().all(|piece| piece.len() <= PIECE_BYTES));
        }
    }
}
