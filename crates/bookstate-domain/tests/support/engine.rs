//! Engines without chance: what each unit of work of a book finds follows from the book's seed and the unit
//! alone, never from the order in which units run. So two runs of one book have to end alike.

use bookstate_domain::{BookState, Chapter, ChapterSubject};
use bookstate_domain::{
    EntryIdent, Gap, Heading, MatterType, MissingEntry, NumberingPattern, PatternAnalysis, Provider,
    persist::{
        ChapterClassification, ChapterExtract, Discovery, GapFix, LinkOutcome, MetadataResult, NewChapter,
        NewTocEntry, PageReading, TocFound,
    },
};

/// SplitMix64: a small generator whose whole state is one number.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }
    /// True once in `n` times.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A book's seed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Engine(pub(crate) u64);

impl Engine {
    fn of(self, unit: &str) -> Random {
        let mut random = Random(self.0);
        for byte in unit.bytes() {
            random = Random(random.next() ^ u64::from(byte));
        }
        random
    }
    fn page_in(self, unit: &str, pages: i32) -> i32 {
        1 + i32::try_from(self.of(unit).below(usize::try_from(pages).unwrap())).unwrap()
    }

    pub(crate) fn page_count(self) -> i32 {
        self.page_in("pages", 6)
    }
    pub(crate) fn providers(self) -> Vec<Provider> {
        let names = if self.of("providers").once_in(2) { vec!["one"] } else { vec!["one", "two"] };
        names.into_iter().map(|name| Provider::new(name).unwrap()).collect()
    }

    pub(crate) fn reading(self, page_num: i32, provider: &Provider) -> PageReading {
        let mut random = self.of(&format!("ocr {page_num} {provider}"));
        let mut text = |kinds| match random.below(kinds) {
            0 => None,
            1 => Some("".into()),
            n => Some(format!("{provider} {page_num} {n}").into()),
        };
        let (header, footer) = (text(3), text(4));
        let text = text(9).unwrap_or_default();
        PageReading { page_num, provider: provider.clone(), text, confidence: Some(0.5), header, footer }
    }
    pub(crate) fn headings(self, page: i32) -> Vec<Heading> {
        let n = self.of(&format!("headings {page}")).below(3);
        (0..i32::try_from(n).unwrap())
            .map(|line| Heading { level: 1, text: format!("h{page}").into(), line })
            .collect()
    }
    pub(crate) fn metadata(self) -> MetadataResult {
        let some = self.of("metadata").once_in(2);
        MetadataResult {
            title: Some("A Title".into()),
            authors: if some { vec!["A. Uthor".into()] } else { vec![] },
            publication_year: some.then_some(1997),
            subjects: vec!["tests".into()],
            cover_page: some.then_some(1),
            ..MetadataResult::default()
        }
    }
    pub(crate) fn contents(self) -> Option<TocFound> {
        let found = !self.of("contents").once_in(5);
        found.then(|| TocFound { start_page: 1, end_page: self.page_count(), ..TocFound::default() })
    }
    pub(crate) fn entries(self) -> Vec<NewTocEntry> {
        (0..self.of("entries").below(5))
            .map(|n| NewTocEntry {
                entry_number: Some(format!("{n}").into()),
                title: format!("Entry {n}").into(),
                level: 1 + i32::try_from(n % 2).unwrap(),
                ..NewTocEntry::default()
            })
            .collect()
    }
    pub(crate) fn link(self, ident: &EntryIdent) -> LinkOutcome {
        let unit = format!("link {ident}");
        if self.of(&unit).once_in(4) {
            return LinkOutcome::NotFound { reason: "nowhere".into() };
        }
        LinkOutcome::Linked { page: self.page_in(&unit, self.page_count()), reason: Some("seen".into()) }
    }
    pub(crate) fn analysis(self) -> PatternAnalysis {
        let entries = (0..self.of("missing").below(4)).map(|n| MissingEntry {
            identifier: format!("{n}").into(),
            level: 1,
            level_name: Some("chapter".into()),
            heading: format!("Chapter {n}").into(),
            from_page: 1,
            to_page: self.page_count(),
        });
        PatternAnalysis {
            patterns: vec![NumberingPattern { word: "Chapter".into(), ..NumberingPattern::default() }],
            entries_to_find: entries.collect(),
            ..PatternAnalysis::default()
        }
    }
    pub(crate) fn discovery(self, missing: &MissingEntry) -> Discovery {
        let unit = format!("discovery {}", missing.identifier);
        let found = !self.of(&unit).once_in(3);
        let page = self.page_in(&unit, self.page_count());
        Discovery { missing: missing.clone(), found: found.then(|| (page, missing.heading.clone())) }
    }
    pub(crate) fn gaps(self) -> Vec<Gap> {
        let to_page = self.page_count();
        (0..self.of("gaps").below(3))
            .map(|n| Gap { key: format!("{n}-{to_page}").into(), from_page: 1, to_page })
            .collect()
    }
    /// Only the first gap corrects an entry: of two corrections of one entry the later one stays.
    pub(crate) fn gap_fix(self, gap: &Gap) -> GapFix {
        let unit = format!("gap {}", gap.key);
        let page = self.page_in(&unit, self.page_count());
        match self.of(&unit).below(4) {
            0 => GapFix::Add { title: "Added".into(), entry_number: None, level: 1, page },
            1 | 2 if gap.key.starts_with('0') && !self.entries().is_empty() => {
                GapFix::Correct { entry: EntryIdent::Ordinal(0), page }
            }
            1 => GapFix::Flag { note: "a \"note\"".into() },
            _ => GapFix::None,
        }
    }

    pub(crate) fn skeleton(self, state: &BookState) -> Vec<NewChapter> {
        let linked: Vec<_> =
            state.ordered_entries().into_iter().filter(|entry| entry.actual_page.is_some()).collect();
        let starts: Vec<_> = linked
            .iter()
            .map(|e| {
                (ChapterSubject::Entry(e.ident.clone()), e.actual_page.unwrap(), e.title.clone(), e.level)
            })
            .collect();
        let starts = if starts.is_empty() { vec![(ChapterSubject::Orphan(100), 1, None, 1)] } else { starts };
        let ends = starts.iter().skip(1).map(|next| next.1 - 1).chain([self.page_count()]);
        let chapters = (1i32..).zip(starts.iter().zip(ends));
        chapters
            .map(|(n, ((subject, start_page, title, level), end))| NewChapter {
                subject: subject.clone(),
                entry_id: format!("ch_{n:03}").into(),
                sort_order: n * 100,
                title: title.clone(),
                level: *level,
                level_name: None,
                entry_number: None,
                start_page: *start_page,
                end_page: end.max(*start_page),
                parent_id: None,
                source: Some("toc".into()),
            })
            .collect()
    }
    pub(crate) fn extract(self, chapter: &Chapter) -> ChapterExtract {
        let text = format!("text of {}", chapter.subject).into();
        ChapterExtract::plain(chapter.subject.clone(), text, 3)
    }
    pub(crate) fn classification(self, chapter: &Chapter) -> ChapterClassification {
        let read_aloud = !self.of(&format!("class {}", chapter.subject)).once_in(3);
        ChapterClassification {
            subject: chapter.subject.clone(),
            matter_type: if read_aloud { MatterType::Body } else { MatterType::BackMatter },
            content_type: Some("chapter".into()),
            classification_reasoning: None,
            audio_include: read_aloud,
            audio_include_reasoning: Some("r".into()),
        }
    }
}
