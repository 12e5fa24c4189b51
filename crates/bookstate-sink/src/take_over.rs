//! Taking a book over from wherever most of it is: which copy it is made from, and which are claimed. The choice is
//! pure.

use bookstate_domain::{BookId, Seq};
use bookstate_store::{BookSync, TargetName, WriterId};
use serde::Serialize;

use crate::{
    command::{Command, CommandError, TakenOver},
    sink::Sink,
    transport::blocking,
};

/// A book that was taken over from the targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TakenEverywhere {
    /// The target whose copy it was made from.
    pub made_from: TargetName,
    /// What that copy was.
    pub taken: TakenOver,
    /// The targets that take it from here now.
    pub claimed: Vec<TargetName>,
    /// The targets that did not say whether they have it.
    pub silent: Vec<TargetName>,
}

/// What to do about a book.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plan {
    /// The target whose copy it is made from.
    make_from: Option<TargetName>,
    /// The targets that take it from another data directory.
    claim: Vec<TargetName>,
}

/// Chooses, for a book that is unknown here. Most of a book is where the last commit is the highest; of equal copies the
/// one that is whole.
///
/// A copy that is being compared says nothing of what it has, so none that may have more is passed over.
fn choose(book_id: &BookId, own: WriterId, copies: &[(TargetName, BookSync)]) -> Result<Plan, CommandError> {
    let claim = copies.iter().filter(|(_, sync)| sync.writer != own).map(|(name, _)| name.clone()).collect();
    let is_whole = |sync: &BookSync| sync.persisting_seq == sync.persisted_seq && sync.parked.is_empty();
    let best = copies.iter().max_by_key(|(_, sync)| (sync.persisted_seq, is_whole(sync)));
    let most = best.map_or(Seq::ZERO, |(_, sync)| sync.persisted_seq);
    let unclear =
        copies.iter().find(|(_, sync)| sync.persisted_seq == Seq::ZERO && sync.persisting_seq > most);
    if let Some((target, _)) = unclear {
        return Err(CommandError::Unclear { book_id: book_id.clone(), target: target.clone() });
    }
    Ok(Plan { make_from: best.map(|(name, _)| name.clone()), claim })
}

impl Sink {
    /// Takes a book over that is unknown here: it is made from the copy that has most of it, and every target that has
    /// it takes it from here from then on. `None` when no target has it, or it is here and no target takes it from
    /// somebody else.
    ///
    /// A target that does not answer is passed over as long as another one has the book: it may have had more, which is
    /// why it is named. Nobody opens or creates the book meanwhile.
    ///
    /// # Errors
    /// No target that answers has the book, and one does not answer ([`CommandError::Unanswered`]); one may have more than
    /// it says ([`CommandError::Unclear`]). The book is or was here, and a target takes it from somebody else
    /// ([`CommandError::Known`]): which of two histories is to stay is a person's choice.
    pub async fn take_over_everywhere(&self, book: &BookId) -> Result<Option<TakenEverywhere>, CommandError> {
        let (mut copies, mut silent) = (Vec::new(), Vec::new());
        for name in self.targets().into_iter().filter(|name| *name != TargetName::local()) {
            match self.ask(&name, |answer| Command::Look(book.clone(), answer)).await {
                Ok(sync) => copies.extend(sync.map(|sync| (name, sync))),
                Err(error) => silent.push((name, error)),
            }
        }
        let (library, id) = (self.library.clone(), book.clone());
        let here = blocking(move || library.book_seq(&id)).await?;
        let own = self.library.writer();
        if here > Seq::ZERO {
            let foreign = copies.into_iter().find(|(_, sync)| sync.writer != own);
            return foreign
                .map_or(Ok(None), |(target, _)| Err(CommandError::Known { book_id: book.clone(), target }));
        }
        let Plan { make_from, claim } = choose(book, own, &copies)?;
        let Some(make_from) = make_from else {
            let unanswered = silent.into_iter().next();
            return unanswered.map_or(Ok(None), |(target, error)| {
                Err(CommandError::Unanswered { target, reason: error.to_string() })
            });
        };
        let silent = silent.into_iter().map(|(name, _)| name).collect();
        // The copy that it is made from first: it is what the others get.
        let taken = self.take_over(&make_from, book).await?;
        for name in claim.iter().filter(|name| **name != make_from) {
            self.take_over(name, book).await?;
        }
        Ok(Some(TakenEverywhere { made_from: make_from, taken, claimed: claim, silent }))
    }
}

#[cfg(test)]
mod tests {
    use bookstate_domain::{AnyKey, PageKey};
    use bookstate_store::StartId;

    use super::*;

    const OWN: WriterId = WriterId([1; 16]);
    const OTHER: WriterId = WriterId([2; 16]);

    fn copy(name: &str, writer: WriterId, persisted: u32, persisting: u32) -> (TargetName, BookSync) {
        let seq = |n| Seq::new(n).unwrap();
        let sync = BookSync {
            writer,
            start: StartId(1),
            epoch: bookstate_store::Epoch::NONE,
            write_no: 9,
            token: 9,
            persisting_seq: seq(persisting),
            persisted_seq: seq(persisted),
            parked: Vec::new(),
        };
        (name.parse().unwrap(), sync)
    }

    fn chosen(copies: &[(TargetName, BookSync)]) -> Result<(Option<String>, Vec<String>), String> {
        match choose(&BookId::new("b").unwrap(), OWN, copies) {
            Ok(Plan { make_from, claim }) => {
                Ok((make_from.map(|name| name.to_string()), claim.iter().map(ToString::to_string).collect()))
            }
            Err(CommandError::Unclear { target, .. }) => Err(target.to_string()),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_book_is_made_from_the_copy_that_has_most_and_all_are_claimed() {
        let (a, b) = (copy("a", OTHER, 7, 9), copy("b", OTHER, 8, 8));
        let both = || vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(chosen(&[a, b.clone()]), Ok((Some("b".into()), both())));
        assert_eq!(
            chosen(&[b.clone(), copy("a", OTHER, 8, 9)]).unwrap().0,
            Some("b".into()),
            "one is in flux"
        );
        let mut lacking = copy("c", OTHER, 8, 8);
        lacking.1.parked = vec![AnyKey::Page(PageKey { book_id: BookId::new("b").unwrap(), page_num: 1 })];
        assert_eq!(chosen(&[b, lacking]).unwrap().0, Some("b".into()), "one lacks what it refused");
        assert_eq!(chosen(&[]), Ok((None, vec![])));
        // Our own copy, after our data directory was lost but for its name.
        assert_eq!(chosen(&[copy("a", OWN, 7, 7)]), Ok((Some("a".into()), vec![])));
    }

    #[test]
    fn a_copy_that_is_being_compared_may_have_more() {
        let compared = copy("a", OTHER, 0, 5000);
        assert_eq!(chosen(&[compared.clone(), copy("b", OTHER, 3000, 3000)]), Err("a".into()));
        assert_eq!(chosen(&[compared.clone(), copy("b", OTHER, 5000, 5000)]).unwrap().0, Some("b".into()));
        assert_eq!(chosen(&[compared]), Err("a".into()));
    }
}
