//! Making this machine the owner of a book that a fleet shares: what is here is kept or replaced by a target's copy, and
//! the targets are claimed under the new epoch. The choice is pure.

use bookstate_domain::{BookId, Seq};
use bookstate_store::{BookSync, Epoch, ReplaceError, SetAside, StoredBook, TargetName, Tenure, WriteMark};
use serde::Serialize;

use crate::{
    command::{Command, CommandError, Judged, TakenOver},
    cursor::{Claim, Owner},
    sink::Sink,
    transport::blocking,
    trust::{Trust, may_claim},
};

/// A book that is this machine's now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// The target whose copy the book was made from; `None` when what is here was kept, or nobody has the book yet.
    pub made_from: Option<TargetName>,
    /// What that copy was; as [`TakenOver::default`] when there was none.
    pub taken: TakenOver,
    /// The targets that take it from here now, under the epoch of the tenure.
    pub claimed: Vec<TargetName>,
    /// Nobody who answered has the book, and it is not here: it is to be created. A silent target that turns out to have it
    /// is not to be claimed unasked.
    pub anew: bool,
    /// The targets that did not say whether they have it. They may have had more than what it was made from; what they
    /// have is left alone until [`Sink::claim`] is called for them.
    pub silent: Vec<TargetName>,
    /// What this data directory had of the book and no target took, when it was replaced.
    pub set_aside: Option<SetAside>,
}

/// The highest epoch that targets show of a book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HighestEpoch {
    /// The epoch; [`Epoch::NONE`] when no target that answers has one.
    pub epoch: Epoch,
    /// The targets that did not answer.
    pub silent: Vec<TargetName>,
}

/// A copy of the book, as a target that answered shows it.
#[derive(Debug, Clone)]
struct Copy {
    name: TargetName,
    judged: Judged,
}

/// What to do with the book here.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Course {
    /// It is what the targets have, or ahead of that, or there is none anywhere.
    Keep,
    /// Make it from this target's copy.
    MakeFrom(TargetName),
}

/// Chooses. `here`: the last commit of the book here, zero for none. `answered`: every target said whether it has it.
///
/// The last owner's copy counts, not the longest: what an earlier owner wrote beyond what the last one found was given
/// up. Of one owner's copies the one with the most commits counts, of equal ones the one that is whole.
fn choose(
    book_id: &BookId,
    own: (bookstate_store::WriterId, Epoch),
    here: Seq,
    copies: &[Copy],
    answered: bool,
) -> Result<Course, CommandError> {
    let (writer, epoch) = own;
    if let Some(later) = copies.iter().find(|copy| !may_claim(&copy.judged.sync, writer, epoch)) {
        let (book_id, target) = (book_id.clone(), later.name.clone());
        return Err(CommandError::Superseded { book_id, target, epoch: later.judged.sync.epoch });
    }
    let is_ours = |copy: &Copy| copy.judged.trust != Trust::Foreign;
    if here > Seq::ZERO && copies.iter().all(is_ours) {
        return Ok(Course::Keep);
    }
    let is_whole = |sync: &BookSync| sync.persisting_seq == sync.persisted_seq && sync.parked.is_empty();
    let best = copies.iter().max_by_key(|Copy { judged: Judged { sync, .. }, .. }| {
        (sync.epoch, sync.persisted_seq, is_whole(sync))
    });
    let Some(best) = best else { return Ok(Course::Keep) };
    let most = best.judged.sync.persisted_seq;
    // One that was being compared when its writer ended does not say what it has. Alone it is all there is.
    let is_unclear = |copy: &&Copy| {
        let sync = &copy.judged.sync;
        sync.persisted_seq == Seq::ZERO && sync.persisting_seq > most && sync.epoch >= best.judged.sync.epoch
    };
    if let Some(unclear) = copies.iter().find(is_unclear).filter(|_| copies.len() > 1 || !answered) {
        return Err(CommandError::Unclear { book_id: book_id.clone(), target: unclear.name.clone() });
    }
    Ok(Course::MakeFrom(best.name.clone()))
}

impl Sink {
    /// The highest epoch that the targets show of a book: the next owner's is above it, and above what the fleet itself
    /// remembers. Cancel safe.
    ///
    /// # Errors
    /// The sink is being shut down.
    pub async fn highest_epoch(&self, book: &BookId) -> Result<HighestEpoch, CommandError> {
        let (mut epoch, mut silent) = (Epoch::NONE, Vec::new());
        for name in self.remote_targets() {
            match self.ask(&name, |answer| Command::Look(book.clone(), answer)).await {
                Ok(found) => epoch = epoch.max(found.map_or(Epoch::NONE, |found| found.epoch)),
                Err(CommandError::Stopped) => return Err(CommandError::Stopped),
                Err(_) => silent.push(name),
            }
        }
        Ok(HighestEpoch { epoch, silent })
    }

    /// Makes this machine the owner of a book, under a tenure that the fleet gave it: claims every target that answers, and
    /// then grants the tenure to the library, so that the book may be opened.
    ///
    /// What is here is kept when every target that answers shows it as this data directory's: it is what they have, or
    /// ahead of that. Otherwise somebody else had the book since: what no target took of what is here is
    /// [set aside](Owned::set_aside), never merged, and the book becomes the copy of the last owner. A book that is
    /// unknown here is made from that copy; one that nobody who answers has is to be created ([`anew`](Owned::anew)): a
    /// target that is away must not keep others from beginning, and one that turns out to have the book is left alone.
    ///
    /// Called again with the tenure that the book is granted under, it claims what answers now, and changes nothing here.
    ///
    /// Nobody writes the book meanwhile: a tenure that it was granted under before is revoked first. When the future is
    /// dropped or fails, the book is here as it was or as the copy is, nothing of it may be written, and some targets may
    /// be claimed already: call it again with the same tenure, or a later one.
    ///
    /// # Errors
    /// [`CommandError::Superseded`]: a target shows this epoch or a later one of another owner, so the tenure is worth
    /// nothing. [`CommandError::InUse`]: a job that was fenced has not ended yet. [`CommandError::Unclear`],
    /// [`CommandError::Unanswered`]: not enough is known of the copies. Others: a target or the local store failed.
    pub async fn take_over_under(&self, book: &BookId, tenure: &Tenure) -> Result<Owned, CommandError> {
        self.library.revoke_other(book, tenure);
        let is_granted = self.library.tenure(book).is_some();
        let (mut copies, mut silent, mut answers) = (Vec::new(), Vec::new(), false);
        for name in self.remote_targets() {
            match self.ask(&name, |answer| Command::Judge(book.clone(), answer)).await {
                Ok(judged) => {
                    answers = true;
                    copies.extend(judged.map(|judged| Copy { name, judged }));
                }
                Err(error) => silent.push((name, error)),
            }
        }
        let (library, id) = (self.library.clone(), book.clone());
        let here = blocking(move || library.book_seq(&id)).await?;
        let own = (self.library.writer(), tenure.epoch());
        let mut owned = Owned {
            made_from: None,
            taken: TakenOver::default(),
            anew: false,
            claimed: Vec::new(),
            silent: silent.iter().map(|(name, _)| name.clone()).collect(),
            set_aside: None,
        };
        let mut same = None;
        let course = match is_granted {
            // What the targets lack of it is here and nowhere else.
            true => Course::Keep,
            false => choose(book, own, here, &copies, silent.is_empty())?,
        };
        match course {
            Course::Keep if here == Seq::ZERO && !silent.is_empty() && !answers => {
                let (target, error) = silent.swap_remove(0);
                return Err(CommandError::Unanswered { target, reason: error.to_string() });
            }
            Course::Keep => owned.anew = here == Seq::ZERO,
            Course::MakeFrom(target) => {
                let shipped = copies.iter().map(|copy| copy.judged.shipped).max().unwrap_or(Seq::ZERO);
                same = self.make_from(book, &target, (here, shipped), &copies, &mut owned).await?;
                owned.made_from = Some(target);
            }
        }
        // The copy that it was made from first: it is what the others get.
        copies.sort_by_key(|copy| owned.made_from.as_ref() != Some(&copy.name));
        for Copy { name, .. } in copies {
            let same = same.filter(|_| owned.made_from.as_ref() == Some(&name));
            self.claim_as(&name, book, Owner { epoch: tenure.epoch(), same }).await?;
            owned.claimed.push(name);
        }
        self.library.grant(book, tenure.clone());
        Ok(owned)
    }

    /// Claims one more target for a book that is this machine's, one that was [silent](Owned::silent) before, and makes its
    /// copy what is here: whatever it has beyond that is overwritten.
    ///
    /// # Errors
    /// [`CommandError::Superseded`], or the target failed.
    pub async fn claim(
        &self,
        target: &TargetName,
        book: &BookId,
        tenure: &Tenure,
    ) -> Result<TakenOver, CommandError> {
        self.claim_as(target, book, Owner { epoch: tenure.epoch(), same: None }).await
    }

    async fn claim_as(
        &self,
        target: &TargetName,
        book: &BookId,
        owner: Owner,
    ) -> Result<TakenOver, CommandError> {
        self.ask(target, |answer| Command::TakeOver(book.clone(), Claim::Owner(owner), answer)).await
    }

    fn remote_targets(&self) -> impl Iterator<Item = TargetName> {
        self.targets().into_iter().filter(|name| *name != TargetName::local())
    }

    /// Makes the book here what a target has. Returns which copy that was and at which seq it is here, if it is whole.
    async fn make_from(
        &self,
        book: &BookId,
        target: &TargetName,
        (here, shipped): (Seq, Seq),
        copies: &[Copy],
        owned: &mut Owned,
    ) -> Result<Option<(WriteMark, Seq)>, CommandError> {
        if here > Seq::ZERO {
            // It leaves memory once the local store has all of it.
            drop(self.reached(&TargetName::local()).await?);
        }
        let copy = self.ask(target, |answer| Command::Fetch(book.clone(), answer)).await?;
        let copy = copy.ok_or_else(|| CommandError::NoSuchBook(book.clone()))?;
        let (mark, parked) = (copy.sync.mark(), copy.sync.parked.len());
        let in_flux = copy.sync.persisting_seq != copy.sync.persisted_seq;
        owned.taken = TakenOver { from: Some(copy.sync.writer), in_flux, parked };
        if in_flux || parked > 0 {
            tracing::warn!(%target, %book, in_flux, parked, "the copy was not whole");
        }
        let beyond = copies
            .iter()
            .map(|Copy { judged: Judged { sync, .. }, .. }| sync.persisting_seq.max(sync.persisted_seq));
        let beyond = beyond.max().unwrap_or(Seq::ZERO);
        let seq = self.become_copy(book, copy, here, shipped, beyond, owned).await?;
        Ok((!in_flux && parked == 0).then_some((mark, seq)))
    }

    async fn become_copy(
        &self,
        book: &BookId,
        copy: StoredBook,
        here: Seq,
        shipped: Seq,
        beyond: Seq,
        owned: &mut Owned,
    ) -> Result<Seq, CommandError> {
        let (library, id) = (self.library.clone(), book.clone());
        let not_replaced = |reason: String| CommandError::NotReplaced { book_id: book.clone(), reason };
        if here == Seq::ZERO {
            let imported = blocking(move || Ok(library.import_book(&copy).map(|()| library.book_seq(&id))));
            let imported = imported.await?.map_err(|error| not_replaced(error.to_string()))?;
            return imported.map_err(|error| not_replaced(error.to_string()));
        }
        let replaced = blocking(move || Ok(library.replace_book(&copy, shipped, beyond))).await?;
        let replaced = replaced.map_err(|error| match error {
            ReplaceError::InUse { book_id } => CommandError::InUse { book_id },
            error => not_replaced(error.to_string()),
        })?;
        if let Some(aside) = &replaced.set_aside {
            let (commits, file) = (aside.commits, aside.file.display());
            tracing::warn!(%book, commits, %file, "another machine had the book: what no target took is set aside");
        }
        owned.set_aside = replaced.set_aside;
        Ok(replaced.seq)
    }
}
