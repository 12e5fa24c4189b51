//! Persist methods on chapters, all in batches.

use std::collections::BTreeSet;

use super::{Misuse, Ops, distinct, put};
use crate::{
    At, BookPatch, BookState, Chapter, ChapterKey, ChapterPatch, ChapterSubject, Json, LayoutBlock,
    MatterType, Note, Op, Operation, OperationEvent, SetAsideText, StructurePhase, Text, WriteOp,
    document::Document, layout_blocks,
};

/// How often editing a chapter may fail before its mechanical text stays.
pub const POLISH_RETRIES: i32 = 3;

/// A chapter of the skeleton.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of Chapter")]
pub struct NewChapter {
    pub subject: ChapterSubject,
    pub entry_id: Text,
    pub sort_order: i32,
    pub title: Option<Text>,
    pub level: i32,
    pub level_name: Option<Text>,
    pub entry_number: Option<Text>,
    pub start_page: i32,
    pub end_page: i32,
    pub parent_id: Option<Text>,
    pub source: Option<Text>,
}

/// A chapter's text as taken from the pages.
#[derive(Debug, Clone, PartialEq)]
pub struct ChapterExtract {
    /// The chapter.
    pub subject: ChapterSubject,
    /// Its text.
    pub text: Text,
    /// Its words.
    pub word_count: i32,
    /// What each piece of the text is; none where that is not known. It must lie over the text.
    pub layout: Option<Vec<LayoutBlock>>,
    /// Its notes, which the text does not have.
    pub notes: Vec<Note>,
    /// Words of its pages that are neither in the text nor in a note.
    pub set_aside: Vec<SetAsideText>,
}

impl ChapterExtract {
    /// A text without layout, notes and words set aside.
    #[must_use]
    pub fn plain(subject: ChapterSubject, text: Text, word_count: i32) -> Self {
        Self { subject, text, word_count, layout: None, notes: Vec::new(), set_aside: Vec::new() }
    }
}

/// A list as a field has it: no items are none.
fn listed<T>(items: Vec<T>) -> Option<Json<Vec<T>>> {
    (!items.is_empty()).then(|| Json::from(items))
}

/// A chapter's part of the book.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of Chapter")]
pub struct ChapterClassification {
    pub subject: ChapterSubject,
    pub matter_type: MatterType,
    pub content_type: Option<Text>,
    pub classification_reasoning: Option<Text>,
    pub audio_include: bool,
    pub audio_include_reasoning: Option<Text>,
}

/// How editing a chapter ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ChapterPolish {
    /// The chapter.
    pub subject: ChapterSubject,
    /// How it ended.
    pub outcome: PolishOutcome,
}

/// See [`ChapterPolish`].
#[derive(Debug, Clone, PartialEq)]
pub enum PolishOutcome {
    /// The edited text and its words.
    Polished {
        /// The text.
        text: Text,
        /// Its words.
        word_count: i32,
    },
    /// The attempt failed; at the [limit](POLISH_RETRIES) the mechanical text stays.
    Failed,
}

impl BookState {
    fn chapter_key(&self, subject: &ChapterSubject) -> ChapterKey {
        ChapterKey { book_id: self.book_id().clone(), subject: subject.clone() }
    }

    /// The chapters in their order.
    #[must_use]
    pub fn ordered_chapters(&self) -> Vec<&std::sync::Arc<Chapter>> {
        let mut chapters: Vec<_> = self.chapters().values().collect();
        chapters.sort_by_key(|chapter| chapter.sort_order);
        chapters
    }

    pub(super) fn require_structure(&self) -> Result<(), Misuse> {
        self.require_book()?;
        // Any event that is possible only while in progress asks whether it is.
        self.require_status(Operation::Structure, OperationEvent::Interrupt).map(|_| ())
    }

    /// Structure in progress, every chapter there, none twice.
    fn require_chapters<'a>(
        &self,
        subjects: impl Iterator<Item = &'a ChapterSubject> + Clone,
    ) -> Result<(), Misuse> {
        self.require_structure()?;
        distinct::<Chapter>(subjects.clone().map(|s| self.chapter_key(s)))?;
        for subject in subjects {
            let key = self.chapter_key(subject);
            if !self.chapters().contains_key(&key) {
                return Err(Misuse::NoSuchDocument(Chapter::any_key(key)));
            }
        }
        Ok(())
    }

    fn update_chapter(&self, subject: &ChapterSubject, patch: ChapterPatch) -> WriteOp {
        Op::<Chapter>::Update { key: self.chapter_key(subject), patch: Box::new(patch) }.into()
    }

    /// The counters of structure once `ops` are applied, with `phase`.
    pub(super) fn structure_progress(&self, ops: &Ops, phase: StructurePhase) -> WriteOp {
        let mut after = self.clone();
        for op in ops {
            after.apply(op);
        }
        let count = |test: fn(&Chapter) -> bool| {
            let n = after.chapters().values().filter(|chapter| test(chapter)).count();
            Some(i32::try_from(n).unwrap_or(i32::MAX))
        };
        self.update_book(BookPatch {
            structure_phase: Some(Some(phase)),
            structure_chapters_total: count(|_| true),
            structure_chapters_extracted: count(|c| c.extract_complete),
            structure_chapters_polished: count(|c| c.polish_complete),
            structure_polish_failed: count(|c| c.polish_failed),
            ..BookPatch::default()
        })
    }

    /// Which chapters there are; those of an earlier skeleton that are not in this one go.
    ///
    /// # Errors
    /// Structure is not in progress, a chapter occurs twice, or its pages are not a range within the book.
    pub fn persist_chapter_skeleton(&self, at: &At, chapters: Vec<NewChapter>) -> Result<Ops, Misuse> {
        self.require_structure()?;
        distinct::<Chapter>(chapters.iter().map(|c| self.chapter_key(&c.subject)))?;
        for chapter in &chapters {
            self.require_range(chapter.start_page, chapter.end_page)?;
        }
        let kept: BTreeSet<ChapterKey> = chapters.iter().map(|c| self.chapter_key(&c.subject)).collect();
        let mut ops: Ops = chapters
            .into_iter()
            .map(|new| {
                let mut chapter = self.chapter_key(&new.subject).document(at);
                chapter.entry_id = new.entry_id;
                chapter.sort_order = new.sort_order;
                chapter.title = new.title;
                chapter.level = new.level;
                chapter.level_name = new.level_name;
                chapter.entry_number = new.entry_number;
                chapter.start_page = new.start_page;
                chapter.end_page = new.end_page;
                chapter.parent_id = new.parent_id;
                chapter.source = new.source;
                put(self, chapter)
            })
            .collect();
        let gone = self.chapters().keys().filter(|key| !kept.contains(key));
        ops.extend(gone.map(|key| WriteOp::from(Op::<Chapter>::Delete { key: key.clone() })));
        ops.push(self.structure_progress(&ops, StructurePhase::Extract));
        Ok(ops)
    }

    /// Chapters' texts as taken from the pages.
    ///
    /// # Errors
    /// Structure is not in progress, or a chapter does not exist or occurs twice.
    pub fn persist_chapter_extracts(&self, _: &At, extracts: Vec<ChapterExtract>) -> Result<Ops, Misuse> {
        self.require_chapters(extracts.iter().map(|e| &e.subject))?;
        let mut ops: Ops = extracts
            .into_iter()
            .map(|extract| {
                // A layout that does not lie over the text would cut words where none end.
                let layout = extract.layout.filter(|layout| layout_blocks(&extract.text, layout).is_some());
                let patch = ChapterPatch {
                    mechanical_text: Some(Some(extract.text)),
                    layout: Some(layout.and_then(listed)),
                    notes: Some(listed(extract.notes)),
                    set_aside: Some(listed(extract.set_aside)),
                    word_count: Some(extract.word_count),
                    extract_complete: Some(true),
                    ..ChapterPatch::default()
                };
                self.update_chapter(&extract.subject, patch)
            })
            .collect();
        ops.push(self.structure_progress(&ops, StructurePhase::Extract));
        Ok(ops)
    }

    /// Chapters' parts of the book; structure goes on to polish.
    ///
    /// # Errors
    /// Structure is not in progress, or a chapter does not exist or occurs twice.
    pub fn persist_chapter_classifications(
        &self,
        _: &At,
        classifications: Vec<ChapterClassification>,
    ) -> Result<Ops, Misuse> {
        self.require_chapters(classifications.iter().map(|c| &c.subject))?;
        let mut ops: Ops = classifications
            .into_iter()
            .map(|c| {
                let patch = ChapterPatch {
                    matter_type: Some(Some(c.matter_type)),
                    content_type: Some(c.content_type),
                    classification_reasoning: Some(c.classification_reasoning),
                    audio_include: Some(c.audio_include),
                    audio_include_reasoning: Some(c.audio_include_reasoning),
                    ..ChapterPatch::default()
                };
                self.update_chapter(&c.subject, patch)
            })
            .collect();
        ops.push(self.structure_progress(&ops, StructurePhase::Polish));
        Ok(ops)
    }

    /// How editing one chapter or many ended.
    ///
    /// # Errors
    /// Structure is not in progress, or a chapter does not exist or occurs twice.
    pub fn persist_chapter_polish(&self, _: &At, polishes: Vec<ChapterPolish>) -> Result<Ops, Misuse> {
        self.require_chapters(polishes.iter().map(|p| &p.subject))?;
        let mut ops: Ops = polishes
            .into_iter()
            .map(|polish| {
                let patch = match polish.outcome {
                    PolishOutcome::Polished { text, word_count } => ChapterPatch {
                        polished_text: Some(Some(text)),
                        word_count: Some(word_count),
                        polish_complete: Some(true),
                        polish_failed: Some(false),
                        ..ChapterPatch::default()
                    },
                    PolishOutcome::Failed => {
                        let old = self.chapters().get(&self.chapter_key(&polish.subject));
                        let retries = old.map_or(0, |c| c.polish_retries).saturating_add(1);
                        // A late failure, behind a result, takes nothing back.
                        let polished = old.is_some_and(|c| c.polish_complete);
                        ChapterPatch {
                            polish_retries: Some(retries),
                            polish_failed: Some(!polished && retries >= POLISH_RETRIES),
                            ..ChapterPatch::default()
                        }
                    }
                };
                self.update_chapter(&polish.subject, patch)
            })
            .collect();
        ops.push(self.structure_progress(&ops, StructurePhase::Polish));
        Ok(ops)
    }
}

impl Chapter {
    /// Whether nothing more will be done to its text.
    #[must_use]
    pub const fn is_polish_settled(&self) -> bool {
        self.polish_complete || self.polish_failed
    }

    /// Its best text: edited, else as taken from the pages.
    #[must_use]
    pub fn text(&self) -> Option<&Text> {
        self.polished_text.as_ref().or(self.mechanical_text.as_ref())
    }
}
