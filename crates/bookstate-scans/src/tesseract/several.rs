//! Several things at once, on all processors.

use std::{
    sync::{Mutex, PoisonError},
    thread,
};

use super::OcrError;

/// What is still to be done.
struct Left<W, S> {
    wanted: W,
    spare: S,
    /// How many of `wanted` are being done.
    open: usize,
    failed: bool,
}

/// Does all of `wanted`, and says what came of each that was begun, in no order. A processor that would have nothing to
/// do while the others are at the last of them does what comes next of `spare`, which may be of use later.
///
/// # Errors
/// The first error of `work`; after it nothing is begun.
pub(super) fn several<T, R>(
    wanted: impl IntoIterator<Item = T, IntoIter: Send>,
    spare: impl IntoIterator<Item = T, IntoIter: Send>,
    work: impl Fn(T) -> Result<R, OcrError> + Sync,
) -> Result<Vec<R>, OcrError>
where
    R: Send,
{
    let left = Left { wanted: wanted.into_iter(), spare: spare.into_iter(), open: 0, failed: false };
    let (left, done) = (Mutex::new(left), Mutex::new(Vec::new()));
    let next = || {
        let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.failed {
            return None;
        }
        match left.wanted.next() {
            Some(item) => {
                left.open += 1;
                Some((item, true))
            }
            None if left.open > 0 => left.spare.next().map(|item| (item, false)),
            None => None,
        }
    };
    let worker = || {
        while let Some((item, is_wanted)) = next() {
            let result = work(item);
            let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
            left.open -= usize::from(is_wanted);
            left.failed |= result.is_err();
            drop(left);
            done.lock().unwrap_or_else(PoisonError::into_inner).push(result?);
        }
        Ok(())
    };
    let processors = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(worker)).collect();
        // Whoever panicked has done what it has done.
        let ends: Vec<_> = workers.into_iter().map(|worker| worker.join().unwrap_or(Ok(()))).collect();
        ends.into_iter().collect::<Result<(), OcrError>>()
    })?;
    Ok(done.into_inner().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wanted_is_done_once() {
        let mut done = several(0..100, [], Ok).unwrap();
        done.sort_unstable();
        assert_eq!(done, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_is_done_for_nothing() {
        let none: [u32; 0] = [];
        assert_eq!(several(none, 0..100, Ok).unwrap(), Vec::<u32>::new());
    }

    #[test]
    fn an_error_ends_it() {
        let fails = |n: u32| if n == 3 { Err(OcrError::Cancelled) } else { Ok(n) };
        assert_eq!(several(0.., [], fails), Err(OcrError::Cancelled), "of things without end");
    }

    #[test]
    fn what_may_be_of_use_is_begun_only_while_others_are_at_work() {
        // The one that is wanted ends when two others were done, which takes a second processor.
        if thread::available_parallelism().map_or(1, usize::from) < 2 {
            return;
        }
        let (told, done) = std::sync::mpsc::channel();
        let done = Mutex::new(done);
        let work = |n: u32| {
            if n == 0 {
                let done = done.lock().unwrap();
                done.recv().unwrap();
                done.recv().unwrap();
            } else {
                told.clone().send(()).unwrap();
            }
            Ok(n)
        };
        let of = several([0], 1.., work).unwrap();
        assert!(of.contains(&0) && of.contains(&1) && of.contains(&2), "{of:?}");
    }
}
