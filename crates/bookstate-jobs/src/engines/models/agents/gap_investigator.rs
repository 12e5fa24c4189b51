//! The agent that looks into a wide gap between entries: the part `gaps`.

use async_trait::async_trait;
use bookstate_domain::{
    AgentType, BookState, EntryIdent, Gap, Text,
    persist::{AgentTrace, GapFix},
};
use serde_json::{Value, json};

use super::{
    Agent,
    chapter_finder::{known_at, placed},
    pages::{Pages, beginning},
    talk::{Subject, Verdict},
};
use crate::{
    engine::{BookContext, EngineResult, GapInvestigator, Turn},
    engines::{LocalAnalysis, models::entries::entries_around},
    part::Part,
};

/// Entries around that are told.
const AROUND: usize = 4;
/// The longest note, in characters.
const LONGEST_NOTE: usize = 300;
/// The levels that an entry may have.
const LEVELS: std::ops::RangeInclusive<i64> = 1..=9;

#[async_trait]
impl GapInvestigator for Agent {
    async fn gap(&self, book: BookContext, gap: Gap) -> EngineResult<Turn<GapFix>> {
        let subject = Stretch { state: book.state.clone(), gap: gap.clone() };
        let fix = |fix: Option<GapFix>, _: &AgentTrace| fix.unwrap_or(GapFix::None);
        self.turn_or(&book, subject, fix, LocalAnalysis.gap(book.clone(), gap)).await
    }
}

/// A stretch of pages without an entry.
pub(super) struct Stretch {
    pub(super) state: BookState,
    pub(super) gap: Gap,
}

impl Stretch {
    /// The fix that an answer asks for.
    ///
    /// # Errors
    /// Why it cannot be.
    fn fix(&self, pages: &Pages, said: &Value) -> Result<GapFix, String> {
        let text = |name: &str| said[name].as_str().map(str::trim).filter(|text| !text.is_empty());
        let range = (self.gap.from_page, self.gap.to_page);
        let page = || said["page"].as_i64().ok_or_else(|| "`page` is missing.".to_owned());
        match text("fix") {
            Some("none") => Ok(GapFix::None),
            Some("flag") => {
                let note = beginning(text("note").ok_or("`note` is missing.")?, LONGEST_NOTE);
                Ok(GapFix::Flag { note: note.into() })
            }
            Some("add") => {
                let (page, title) = placed(pages, range, page()?, text("title").unwrap_or_default())?;
                if let Some(known) = known_at(&self.state, page, &title, |_| true) {
                    return Err(format!("that is the entry {known}, which the table has."));
                }
                let level = said["level"].as_i64().filter(|level| LEVELS.contains(level));
                let level =
                    level.and_then(|level| i32::try_from(level).ok()).ok_or("`level` must be 1 to 9.")?;
                let entry_number = text("entry_number").map(Text::from);
                Ok(GapFix::Add { title, entry_number, level, page })
            }
            Some("correct") => {
                let ident: Option<EntryIdent> = text("entry").and_then(|key| key.parse().ok());
                let entry = ident.as_ref().and_then(|ident| self.state.toc_entry(ident));
                let entry = entry.ok_or("`entry` is the key of no entry.")?;
                let title = entry.title.as_deref().unwrap_or_default();
                let (page, _) = placed(pages, range, page()?, title)?;
                Ok(GapFix::Correct { entry: entry.ident.clone(), page })
            }
            _ => Err("`fix` must be none, add, correct or flag.".to_owned()),
        }
    }
}

impl Subject for Stretch {
    type Found = GapFix;
    const AGENT: AgentType = AgentType::GapInvestigator;
    const PART: Part = Part::Gaps;

    fn members() -> Value {
        let text = json!({ "type": ["string", "null"] });
        json!({
            "fix": { "type": ["string", "null"], "enum": ["none", "add", "correct", "flag", null] },
            "title": text, "entry_number": text, "entry": text, "note": text,
            "level": { "type": ["integer", "null"] },
        })
    }

    fn key(&self) -> Text {
        self.gap.key.clone()
    }

    fn question(&self, pages: &Pages) -> String {
        let Gap { from_page, to_page, .. } = &self.gap;
        let around = entries_around(&self.state, (*from_page, *to_page), AROUND, |_| true);
        format!(
            "{}Between pages {from_page} and {to_page} no entry begins. Entries around:\n{around}",
            pages.book_line()
        )
    }

    fn judge(&self, pages: &Pages, said: &Value) -> Verdict<Option<GapFix>> {
        match self.fix(pages, said) {
            Err(why) => Verdict::Refused(why),
            // That a gap is as it should be is a finding, too.
            Ok(fix) => Verdict::of(Some(fix), said, "You are not sure.".to_owned()),
        }
    }
}
