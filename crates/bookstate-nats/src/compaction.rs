//! When a book's messages are replaced by a checkpoint. Pure; `log` does it.

use crate::fold::Amount;

/// What a book's log has grown to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Growth {
    /// Since the last checkpoint.
    pub(crate) since: Amount,
    /// The bytes of that checkpoint.
    pub(crate) base: usize,
    /// The book has no document any more.
    pub(crate) removed: bool,
}

/// A book has at least that many messages before it is worth it: each costs whoever reads the book a little.
const FEWEST: usize = 256;

/// Bytes behind a checkpoint that are never worth another one.
const LEAST: usize = 4 * 1024 * 1024;

/// Whether a checkpoint is due. The work of all checkpoints of a book stays within a few times that of its messages,
/// since one is written only when as much as itself came since the last; and who reads a book reads no more than a few
/// times what it is. A book that was removed gets one at once, elsewhere: its texts are not to stay.
pub(crate) const fn is_due(growth: Growth) -> bool {
    let Growth { since, base, .. } = growth;
    let weight = if base > LEAST { base } else { LEAST };
    since.bytes > 2 * weight || (since.messages >= FEWEST && since.bytes > base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_due_when_as_much_as_itself_has_come() {
        let due = |messages, bytes, base| {
            is_due(Growth { since: Amount { messages, bytes }, base, removed: false })
        };
        assert!(!due(0, 0, 0) && !due(FEWEST - 1, LEAST, 0));
        assert!(due(FEWEST, 1, 0), "many small ones");
        assert!(!due(FEWEST, 1000, 1000) && due(FEWEST, 1001, 1000), "not more often than it grows");
        assert!(!due(3, 2 * LEAST, 0) && due(3, 2 * LEAST + 1, 0), "few large ones");
        assert!(!due(3, 3 * LEAST, 2 * LEAST) && due(3, 4 * LEAST + 1, 2 * LEAST));
    }

    #[test]
    fn all_checkpoints_of_a_book_are_a_few_times_its_messages() {
        // A book that grows, and one that is only rewritten.
        for grows in [true, false] {
            let (mut growth, mut written, mut checkpoints) = (Growth::default(), 0, 0);
            for _ in 0..20_000 {
                growth.since.add(3_000);
                written += 3_000;
                if is_due(growth) {
                    let base = if grows { written } else { 2_000_000.min(written) };
                    checkpoints += base;
                    growth = Growth { base, ..Growth::default() };
                }
            }
            assert!(checkpoints <= 3 * written, "{checkpoints} of {written}");
            assert!(checkpoints > 0);
        }
    }
}
