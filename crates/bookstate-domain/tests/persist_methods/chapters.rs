//! Chapters: skeleton, texts, classes, edited texts.

use bookstate_domain::{
    ChapterSubject, LayoutBlock, LayoutKind, MatterType, Misuse, Note, Operation, StructurePhase,
    persist::{
        ChapterClassification, ChapterExtract, ChapterPolish, NewChapter, POLISH_RETRIES, PolishOutcome,
    },
};

use crate::session::{Session, wrong_state};

const COUNTERS: &str = "patch Book/b: structure_phase structure_chapters_total structure_chapters_extracted \
                        structure_chapters_polished structure_polish_failed";

/// Chapters of two pages each.
pub(crate) fn skeleton(count: i32) -> Vec<NewChapter> {
    (0..count)
        .map(|n| NewChapter {
            subject: ChapterSubject::Orphan((n + 1) * 100),
            entry_id: format!("ch_{:03}", n + 1).into(),
            sort_order: (n + 1) * 100,
            title: None,
            level: 1,
            level_name: None,
            entry_number: None,
            start_page: 2 * n + 1,
            end_page: 2 * n + 2,
            parent_id: None,
            source: Some("heading".into()),
        })
        .collect()
}

fn first() -> ChapterSubject {
    ChapterSubject::Orphan(100)
}

fn building() -> Session {
    let mut s = Session::book();
    s.start(Operation::Structure);
    s.writes(|s, at| s.persist_chapter_skeleton(at, skeleton(3)));
    s
}

fn extract(subject: ChapterSubject) -> ChapterExtract {
    ChapterExtract::plain(subject, "two words".into(), 2)
}

fn class(subject: ChapterSubject) -> ChapterClassification {
    ChapterClassification {
        subject,
        matter_type: MatterType::Body,
        content_type: Some("chapter".into()),
        classification_reasoning: Some("title".into()),
        audio_include: true,
        audio_include_reasoning: None,
    }
}

fn polish(outcome: PolishOutcome) -> ChapterPolish {
    ChapterPolish { subject: first(), outcome }
}

fn polished() -> PolishOutcome {
    PolishOutcome::Polished { text: "three edited words".into(), word_count: 3 }
}

#[test]
fn chapter_skeleton_replaces_an_earlier_one() {
    let idle = Session::book().refuses(|s, at| s.persist_chapter_skeleton(at, skeleton(1)));
    assert!(wrong_state(&idle, Operation::Structure));
    let mut s = building();
    let written = s.writes(|s, at| s.persist_chapter_skeleton(at, skeleton(2)));
    let gone = "delete Chapter/b/orphan:300";
    assert_eq!(written, ["put Chapter/b/orphan:100", "put Chapter/b/orphan:200", gone, COUNTERS]);
    let book = s.state.book().unwrap();
    assert_eq!((book.structure_chapters_total, book.structure_phase), (2, Some(StructurePhase::Extract)));
    let ids: Vec<_> = s.state.ordered_chapters().iter().map(|c| c.entry_id.to_string()).collect();
    assert_eq!(ids, ["ch_001", "ch_002"]);

    let twice = [skeleton(1), skeleton(1)].concat();
    assert!(matches!(s.refuses(|s, at| s.persist_chapter_skeleton(at, twice)), Misuse::Twice(_)));
    for (start_page, end_page) in [(0, 1), (4, 3), (1, 900)] {
        let chapter = NewChapter { start_page, end_page, ..skeleton(1).remove(0) };
        let misuse = s.refuses(|s, at| s.persist_chapter_skeleton(at, vec![chapter]));
        assert_eq!(misuse, Misuse::BadRange { start: start_page, end: end_page, page_count: 10 });
    }
}

#[test]
fn a_layout_that_does_not_lie_over_its_text_is_not_stored() {
    for (bytes, kept) in [(9, true), (8, false), (10, false)] {
        let mut s = building();
        let layout = Some(vec![LayoutBlock { kind: LayoutKind::Verse, bytes }]);
        let note = Note { mark: "1".into(), text: "a note".into(), page: 1, at: Some(3) };
        let with = ChapterExtract { layout: layout.clone(), notes: vec![note.clone()], ..extract(first()) };
        s.writes(|s, at| s.persist_chapter_extracts(at, vec![with]));
        let chapters = s.state.ordered_chapters();
        assert_eq!(chapters[0].layout.as_deref().cloned(), layout.filter(|_| kept), "{bytes}");
        assert_eq!(chapters[0].notes.as_deref(), Some(&vec![note]));
        assert_eq!(chapters[0].set_aside, None);
    }
}

#[test]
fn chapter_extracts_are_a_batch() {
    let mut s = building();
    let batch = vec![extract(first()), extract(ChapterSubject::Orphan(300))];
    let written = s.writes(|s, at| s.persist_chapter_extracts(at, batch));
    let fields = "mechanical_text layout notes set_aside word_count extract_complete";
    assert_eq!(
        written,
        [
            format!("patch Chapter/b/orphan:100: {fields}"),
            format!("patch Chapter/b/orphan:300: {fields}"),
            COUNTERS.to_owned()
        ]
    );
    assert_eq!(s.state.book().unwrap().structure_chapters_extracted, 2);
    refusals(|s, subjects| {
        s.refuses(|s, at| s.persist_chapter_extracts(at, subjects.into_iter().map(extract).collect()))
    });
}

#[test]
fn chapter_classifications_are_a_batch_and_lead_to_polish() {
    let mut s = building();
    let written = s.writes(|s, at| s.persist_chapter_classifications(at, vec![class(first())]));
    let fields = "matter_type classification_reasoning content_type audio_include audio_include_reasoning";
    assert_eq!(written, [format!("patch Chapter/b/orphan:100: {fields}"), COUNTERS.to_owned()]);
    assert_eq!(s.state.book().unwrap().structure_phase, Some(StructurePhase::Polish));
    refusals(|s, subjects| {
        s.refuses(|s, at| s.persist_chapter_classifications(at, subjects.into_iter().map(class).collect()))
    });
}

#[test]
fn chapter_polish_sets_the_text_or_keeps_the_mechanical_one() {
    let mut s = building();
    s.writes(|s, at| s.persist_chapter_extracts(at, vec![extract(first())]));
    for retries in 1..=POLISH_RETRIES {
        let failed = vec![polish(PolishOutcome::Failed)];
        let written = s.writes(|s, at| s.persist_chapter_polish(at, failed));
        assert_eq!(written, ["patch Chapter/b/orphan:100: polish_failed polish_retries", COUNTERS]);
        let chapter = s.state.ordered_chapters()[0];
        assert_eq!((chapter.polish_retries, chapter.polish_failed), (retries, retries == POLISH_RETRIES));
    }
    let chapter = s.state.ordered_chapters()[0];
    assert!(chapter.is_polish_settled());
    assert_eq!((chapter.text().map(|t| &**t), chapter.word_count), (Some("two words"), 2));
    assert_eq!(s.state.book().unwrap().structure_polish_failed, 1);

    let written = s.writes(|s, at| s.persist_chapter_polish(at, vec![polish(polished())]));
    let fields = "polished_text word_count polish_complete polish_failed";
    assert_eq!(written, [format!("patch Chapter/b/orphan:100: {fields}"), COUNTERS.to_owned()]);
    let chapter = s.state.ordered_chapters()[0];
    assert_eq!((chapter.text().map(|t| &**t), chapter.word_count), (Some("three edited words"), 3));
    refusals(|s, subjects| {
        let polishes = subjects.into_iter().map(|subject| ChapterPolish { subject, outcome: polished() });
        s.refuses(|s, at| s.persist_chapter_polish(at, polishes.collect()))
    });
}

#[test]
fn a_late_failure_does_not_take_an_edited_text_back() {
    let mut s = building();
    s.writes(|s, at| s.persist_chapter_polish(at, vec![polish(polished())]));
    for _ in 0..POLISH_RETRIES {
        s.writes(|s, at| s.persist_chapter_polish(at, vec![polish(PolishOutcome::Failed)]));
    }
    let chapter = s.state.ordered_chapters()[0];
    assert!(chapter.polish_complete && !chapter.polish_failed);
}

/// What every batch on chapters refuses: one that is not there, one twice, and any when none is expected.
fn refusals(call: impl Fn(&Session, Vec<ChapterSubject>) -> Misuse) {
    let s = building();
    assert!(matches!(call(&s, vec![first(), ChapterSubject::Orphan(7)]), Misuse::NoSuchDocument(_)));
    assert!(matches!(call(&s, vec![first(), first()]), Misuse::Twice(_)));
    assert!(wrong_state(&call(&Session::book(), vec![first()]), Operation::Structure));
}
