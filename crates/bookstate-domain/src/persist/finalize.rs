//! Persist methods of finalize: patterns, discovered entries, gaps, order.
//!
//! What is to be done (entries to find, gaps to check) is stored when its phase begins; what is done is the
//! set of complete agent states. The six counters are derived from the two, inside each commit.

use super::{AgentRecord, Misuse, Ops, distinct, put};
use crate::{
    AgentType, At, Book, BookPatch, BookState, EntryIdent, FinalizePhase, Gap, Json, MissingEntry, Op,
    Operation, OperationEvent, PatternAnalysis, Text, TocEntry, TocEntryPatch, TocPatch, WriteOp,
    document::Document, persist::toc::SORT_STEP,
};

/// An entry that was looked for, and where it was found, if it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Discovery {
    /// What was looked for: one of the analysis' `entries_to_find`.
    pub missing: MissingEntry,
    /// The page and the title as it stands there.
    pub found: Option<(i32, Text)>,
}

/// What a look into a gap led to.
#[derive(Debug, Clone, PartialEq)]
pub enum GapFix {
    /// An entry was missing.
    Add {
        /// Its title.
        title: Text,
        /// Its number.
        entry_number: Option<Text>,
        /// Its level.
        level: i32,
        /// Its page.
        page: i32,
    },
    /// An entry had the wrong page.
    Correct {
        /// The entry.
        entry: EntryIdent,
        /// The right page.
        page: i32,
    },
    /// Something is wrong here that a person should look at.
    Flag {
        /// What.
        note: Text,
    },
    /// All is well.
    None,
}

/// The six counters of finalize.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the fields are those of Book, without their prefix")]
pub struct FinalizeProgress {
    pub entries_total: i32,
    pub entries_complete: i32,
    pub entries_found: i32,
    pub gaps_total: i32,
    pub gaps_complete: i32,
    pub gaps_fixes: i32,
}

impl BookState {
    /// What the pattern phase found; empty before it.
    #[must_use]
    pub fn pattern_analysis(&self) -> Option<&PatternAnalysis> {
        self.book().and_then(|book| book.pattern_analysis_json.as_deref())
    }

    fn require_finalize(&self) -> Result<&Book, Misuse> {
        let book = self.require_book()?;
        // Any event that is possible only while in progress asks whether it is.
        self.require_status(Operation::TocFinalize, OperationEvent::Interrupt)?;
        Ok(book)
    }

    fn analysis_op(&self, analysis: PatternAnalysis) -> WriteOp {
        self.update_book(BookPatch {
            pattern_analysis_json: Some(Some(Json::from(analysis))),
            ..BookPatch::default()
        })
    }

    /// The op that sets the six counters to what they count once `ops` are applied.
    fn progress_after(&self, ops: &Ops) -> WriteOp {
        let mut after = self.clone();
        for op in ops {
            after.apply(op);
        }
        self.update_book(progress_patch(after.finalize_progress()))
    }

    fn phase_op(&self, at: &At, phase: FinalizePhase) -> WriteOp {
        self.upsert_toc(at, TocPatch { finalize_phase: Some(Some(phase)), ..TocPatch::default() })
    }

    /// Sets the phase of finalize.
    ///
    /// # Errors
    /// Finalize is not in progress.
    pub fn persist_finalize_phase(&self, at: &At, phase: FinalizePhase) -> Result<Ops, Misuse> {
        self.require_finalize()?;
        Ok(vec![self.phase_op(at, phase)])
    }

    /// Sets the six counters of finalize from what they count.
    ///
    /// # Errors
    /// Finalize is not in progress.
    pub fn persist_finalize_progress(&self, _: &At) -> Result<Ops, Misuse> {
        self.require_finalize()?;
        Ok(vec![self.update_book(progress_patch(self.finalize_progress()))])
    }

    /// What the pattern phase found, with which the discover phase begins.
    ///
    /// # Errors
    /// Finalize is not in progress.
    pub fn persist_pattern_analysis(&self, at: &At, analysis: PatternAnalysis) -> Result<Ops, Misuse> {
        self.require_finalize()?;
        let mut ops = vec![self.analysis_op(analysis), self.phase_op(at, FinalizePhase::Discover)];
        ops.push(self.progress_after(&ops));
        Ok(ops)
    }

    /// The gaps to check, with which the validate phase begins. They are stored, since the fixes change the
    /// entries that the gaps were derived from.
    ///
    /// # Errors
    /// Finalize is not in progress.
    pub fn persist_gaps(&self, at: &At, gaps: Vec<Gap>) -> Result<Ops, Misuse> {
        self.require_finalize()?;
        let analysis = PatternAnalysis { gaps, ..self.pattern_analysis().cloned().unwrap_or_default() };
        let mut ops = vec![self.analysis_op(analysis), self.phase_op(at, FinalizePhase::Validate)];
        ops.push(self.progress_after(&ops));
        Ok(ops)
    }

    /// A missing entry was looked for: the entry when it was found, the agent's state, the counters.
    ///
    /// # Errors
    /// Finalize is not in progress, or the page is not in the book.
    pub fn persist_discovered_entry(&self, at: &At, discovery: Discovery) -> Result<Ops, Misuse> {
        self.require_finalize()?;
        let missing = &discovery.missing;
        let ident = EntryIdent::Discovered { level: missing.level, identifier: missing.identifier.clone() };
        let mut ops = Ops::new();
        if let Some((page, title)) = &discovery.found {
            self.require_page(*page)?;
            let mut entry = self.entry_key(&ident).document(at);
            entry.entry_number = missing.number().cloned();
            entry.title = Some(title.clone());
            entry.level = missing.level;
            entry.level_name.clone_from(&missing.level_name);
            entry.actual_page = Some(*page);
            entry.source = Some(ident.source());
            entry.sort_order = self.sort_order_at(*page);
            ops.push(put(self, entry));
        }
        let found = discovery.found.is_some();
        let result = format!("{{\"found\":{found}}}");
        let record = AgentRecord::finished(AgentType::ChapterFinder, missing.subject(), result.into());
        ops.push(self.agent_op(at, record));
        ops.push(self.progress_after(&ops));
        Ok(ops)
    }

    /// Entries that were found twice, or although the table has them, go; the counters.
    ///
    /// # Errors
    /// Finalize is not in progress, there is no such entry, or it was not found by it.
    pub fn persist_found_again(&self, _: &At, entries: &[EntryIdent]) -> Result<Ops, Misuse> {
        self.require_finalize()?;
        distinct::<TocEntry>(entries.iter().map(|ident| self.entry_key(ident)))?;
        let mut ops = Ops::new();
        for ident in entries {
            self.require_entry(ident)?;
            let key = self.entry_key(ident);
            if !matches!(ident, EntryIdent::Discovered { .. }) {
                return Err(Misuse::NoSuchDocument(TocEntry::any_key(key)));
            }
            ops.push(Op::<TocEntry>::Delete { key }.into());
        }
        ops.push(self.progress_after(&ops));
        Ok(ops)
    }

    /// A gap was looked into: the fix, the agent's state, the counters.
    ///
    /// # Errors
    /// Finalize is not in progress, or the fix names a page or entry that does not exist.
    pub fn persist_gap_fix(&self, at: &At, gap: &Gap, fix: GapFix) -> Result<Ops, Misuse> {
        self.require_finalize()?;
        let mut ops = Ops::new();
        let result = match &fix {
            GapFix::None => "{\"fix\":\"none\"}".to_owned(),
            GapFix::Flag { note } => format!("{{\"fix\":\"flag\",\"note\":{}}}", serde_json::json!(&**note)),
            GapFix::Correct { entry, page } => {
                self.require_page(*page)?;
                self.require_entry(entry)?;
                let patch = TocEntryPatch { actual_page: Some(Some(*page)), ..TocEntryPatch::default() };
                ops.push(self.update_entry(entry, patch));
                format!("{{\"fix\":\"correct\",\"page\":{page}}}")
            }
            GapFix::Add { title, entry_number, level, page } => {
                self.require_page(*page)?;
                let ident = EntryIdent::Validated { gap: gap.key.clone() };
                let mut entry = self.entry_key(&ident).document(at);
                entry.title = Some(title.clone());
                entry.entry_number.clone_from(entry_number);
                entry.level = *level;
                entry.actual_page = Some(*page);
                entry.source = Some(ident.source());
                entry.sort_order = self.sort_order_at(*page);
                ops.push(put(self, entry));
                format!("{{\"fix\":\"add\",\"page\":{page}}}")
            }
        };
        let record = AgentRecord::finished(AgentType::GapInvestigator, gap.key.clone(), result.into());
        ops.push(self.agent_op(at, record));
        ops.push(self.progress_after(&ops));
        Ok(ops)
    }

    /// A missing entry could not be looked for, or a gap not looked into: the agent's state with the reason, the counters.
    /// The look is settled, and the book does not count as whole.
    ///
    /// # Errors
    /// Finalize is not in progress.
    pub fn persist_look_failed(
        &self,
        at: &At,
        agent_type: AgentType,
        subject: Text,
        reason: &str,
    ) -> Result<Ops, Misuse> {
        self.require_finalize()?;
        let mut ops = vec![self.agent_op(at, AgentRecord::failed(agent_type, subject, reason))];
        ops.push(self.progress_after(&ops));
        Ok(ops)
    }

    /// Puts the entries in the order of their pages and completes finalize. Printed entries without a page
    /// keep their place behind the printed entry that they followed.
    ///
    /// # Errors
    /// Finalize is not in progress.
    pub fn persist_entry_order(&self, at: &At) -> Result<Ops, Misuse> {
        let done = self.toc_patch(Operation::TocFinalize, OperationEvent::Complete)?;
        // By page, then by key: as printed, then those found. It must not depend on the order in which entries
        // were found, which is chance: a run that was interrupted has to end like one that was not.
        let mut page = 0;
        let mut keyed: Vec<_> = self
            .toc_entries()
            .values()
            .map(|entry| {
                page = entry.actual_page.unwrap_or(page);
                (page, entry)
            })
            .collect();
        keyed.sort_by_key(|(page, _)| *page);
        let mut ops = Ops::new();
        for (place, (_, entry)) in (1i32..).zip(keyed) {
            let sort_order = place.saturating_mul(SORT_STEP);
            if entry.sort_order != sort_order {
                let patch = TocEntryPatch { sort_order: Some(sort_order), ..TocEntryPatch::default() };
                ops.push(self.update_entry(&entry.ident, patch));
            }
        }
        let done = TocPatch { finalize_phase: Some(Some(FinalizePhase::Done)), ..done };
        ops.push(self.upsert_toc(at, done));
        Ok(ops)
    }

    /// A place right behind the entries that begin on or before `page`.
    fn sort_order_at(&self, page: i32) -> i32 {
        let before = self.toc_entries().values().filter(|e| e.actual_page.is_some_and(|p| p <= page));
        before.map(|e| e.sort_order).max().unwrap_or(0).saturating_add(1)
    }

    /// The six counters, from what they count.
    #[must_use]
    pub fn finalize_progress(&self) -> FinalizeProgress {
        let Some(analysis) = self.pattern_analysis() else { return FinalizeProgress::default() };
        let sought = analysis.entries_to_find.iter();
        let done = |agent, subject: &Text| self.is_agent_complete(agent, subject);
        FinalizeProgress {
            entries_total: count(analysis.entries_to_find.len()),
            entries_complete: count(
                sought.clone().filter(|m| done(AgentType::ChapterFinder, &m.subject())).count(),
            ),
            entries_found: count(
                sought
                    .filter(|m| {
                        let identifier = m.identifier.clone();
                        self.toc_entry(&EntryIdent::Discovered { level: m.level, identifier }).is_some()
                    })
                    .count(),
            ),
            gaps_total: count(analysis.gaps.len()),
            gaps_complete: count(
                analysis.gaps.iter().filter(|g| done(AgentType::GapInvestigator, &g.key)).count(),
            ),
            gaps_fixes: count(
                analysis
                    .gaps
                    .iter()
                    .filter_map(|g| {
                        self.agent_states().get(&self.agent_key(AgentType::GapInvestigator, &g.key))
                    })
                    .filter_map(|a| a.result_json.as_deref())
                    .filter(|r| r.starts_with("{\"fix\":\"add\"") || r.starts_with("{\"fix\":\"correct\""))
                    .count(),
            ),
        }
    }
}

fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

fn progress_patch(progress: FinalizeProgress) -> BookPatch {
    BookPatch {
        finalize_entries_total: Some(progress.entries_total),
        finalize_entries_complete: Some(progress.entries_complete),
        finalize_entries_found: Some(progress.entries_found),
        finalize_gaps_total: Some(progress.gaps_total),
        finalize_gaps_complete: Some(progress.gaps_complete),
        finalize_gaps_fixes: Some(progress.gaps_fixes),
        ..BookPatch::default()
    }
}
