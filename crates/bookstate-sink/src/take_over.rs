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
    /// The target whose copy it was made from; `None` when it was here already.
    pub made_from: Option<TargetName>,
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

/// Chooses. Most of a book is where the last commit is the highest; of equal copies the one that is not in flux.
fn choose(
    book_id: &BookId,
    own: WriterId,
    here: Seq,
    copies: &[(TargetName, BookSync)],
) -> Result<Plan, CommandError> {
    let foreign = || copies.iter().filter(|(_, sync)| sync.writer != own);
    let claim = foreign().map(|(name, _)| name.clone()).collect();
    if here == Seq::ZERO {
        let whole = |sync: &BookSync| sync.persisting_seq == sync.persisted_seq;
        let best = copies.iter().max_by_key(|(_, sync)| (sync.persisted_seq, whole(sync)));
        return Ok(Plan { make_from: best.map(|(name, _)| name.clone()), claim });
    }
    match foreign().max_by_key(|(_, sync)| sync.persisting_seq) {
        Some((target, sync)) if sync.persisting_seq > here => Err(CommandError::Ahead {
            book_id: book_id.clone(),
            target: target.clone(),
            there: sync.persisting_seq,
            here,
        }),
        _ => Ok(Plan { make_from: None, claim }),
    }
}

impl Sink {
    /// Takes a book over in every target that has it, from whoever wrote it there. When it is unknown here, it is made
    /// from the copy that has most of it. `None` when no target has it from somebody else.
    ///
    /// A target that does not answer is passed over as long as another one has the book: it may have had more, which is
    /// why it is named. Safe to be asked again after it was ended in the middle. Nobody opens or creates the book
    /// meanwhile.
    ///
    /// # Errors
    /// No target that answers has the book, and one does not answer; a copy of another data directory has more than is
    /// here ([`CommandError::Ahead`]).
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
        let Plan { make_from, claim } = choose(book, self.library.writer(), here, &copies)?;
        if make_from.is_none() && claim.is_empty() {
            let unanswered = silent.into_iter().next().filter(|_| here == Seq::ZERO);
            return unanswered.map_or(Ok(None), |(_, error)| Err(error));
        }
        let silent = silent.into_iter().map(|(name, _)| name).collect();
        // The copy that it is made from first: it is what the others get.
        let mut taken = TakenOver::default();
        if let Some(name) = &make_from {
            taken = self.take_over(name, book).await?;
        }
        for name in claim.iter().filter(|name| Some(*name) != make_from.as_ref()) {
            self.take_over(name, book).await?;
        }
        Ok(Some(TakenEverywhere { made_from: make_from, taken, claimed: claim, silent }))
    }
}

#[cfg(test)]
mod tests {
    use bookstate_store::StartId;

    use super::*;

    const OWN: WriterId = WriterId([1; 16]);
    const OTHER: WriterId = WriterId([2; 16]);

    fn copy(name: &str, writer: WriterId, persisted: u32, persisting: u32) -> (TargetName, BookSync) {
        let seq = |n| Seq::new(n).unwrap();
        let sync = BookSync {
            writer,
            start: StartId(1),
            write_no: 9,
            token: 9,
            persisting_seq: seq(persisting),
            persisted_seq: seq(persisted),
            parked: Vec::new(),
        };
        (name.parse().unwrap(), sync)
    }

    fn chosen(here: u32, copies: &[(TargetName, BookSync)]) -> Result<(Option<String>, Vec<String>), u32> {
        let plan = choose(&BookId::new("b").unwrap(), OWN, Seq::new(here).unwrap(), copies);
        match plan {
            Ok(Plan { make_from, claim }) => {
                Ok((make_from.map(|name| name.to_string()), claim.iter().map(ToString::to_string).collect()))
            }
            Err(CommandError::Ahead { there, .. }) => Err(there.get()),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_book_is_made_from_the_copy_that_has_most_and_all_are_claimed() {
        let (a, b) = (copy("a", OTHER, 7, 9), copy("b", OTHER, 8, 8));
        let both = || vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(chosen(0, &[a.clone(), b.clone()]), Ok((Some("b".into()), both())));
        assert_eq!(chosen(0, &[copy("a", OTHER, 8, 9), b]), Ok((Some("b".into()), both())), "one is in flux");
        assert_eq!(chosen(0, &[]), Ok((None, vec![])));
        // Our own copy, after our data directory was lost but for its name.
        assert_eq!(chosen(0, &[copy("a", OWN, 7, 7)]), Ok((Some("a".into()), vec![])));
    }

    #[test]
    fn what_is_here_is_not_overwritten_and_overwrites_nothing_that_is_more() {
        let a = copy("a", OTHER, 7, 9);
        assert_eq!(
            chosen(9, std::slice::from_ref(&a)),
            Ok((None, vec!["a".into()])),
            "ended after it was made"
        );
        assert_eq!(chosen(8, &[a.clone(), copy("b", OTHER, 8, 8)]), Err(9));
        assert_eq!(chosen(8, &[copy("a", OWN, 7, 9)]), Ok((None, vec![])), "our own, behind a copy");
    }
}
