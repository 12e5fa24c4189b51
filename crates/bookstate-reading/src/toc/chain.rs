//! The heaviest assignment of pages to titles such that pages never fall from one title to the next.

/// A page a title may be on, and how much speaks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) page: u32,
    pub(super) weight: u32,
}

/// For each title its page, or `None` where leaving it out makes the whole heavier. Of equally heavy
/// assignments the one with the earliest pages.
pub(super) fn heaviest(candidates: &[Vec<Candidate>]) -> Vec<Option<u32>> {
    struct Step {
        title: usize,
        page: u32,
        total: u64,
        before: Option<usize>,
    }
    let mut steps: Vec<Step> = Vec::new();
    // The best step that ends on a page, per page, in page order.
    let mut best: std::collections::BTreeMap<u32, usize> = std::collections::BTreeMap::new();
    for (title, options) in candidates.iter().enumerate() {
        let mut new: Vec<(u32, usize)> = Vec::new();
        for option in options {
            // `best` rises in total with the page, so that the last one not beyond the page is the heaviest.
            let before = best.range(..=option.page).next_back().map(|(_, step)| *step);
            let total = before.and_then(|b| steps.get(b)).map_or(0, |s| s.total) + u64::from(option.weight);
            new.push((option.page, steps.len()));
            steps.push(Step { title, page: option.page, total, before });
        }
        for (page, step) in new {
            let total = steps.get(step).map_or(0, |s| s.total);
            let total_of = |s: &usize| steps.get(*s).map_or(0, |s| s.total);
            if best.range(..=page).next_back().is_some_and(|(_, s)| total_of(s) >= total) {
                continue;
            }
            let beaten: Vec<u32> =
                best.range(page..).take_while(|(_, s)| total_of(s) <= total).map(|(p, _)| *p).collect();
            for page in beaten {
                best.remove(&page);
            }
            best.insert(page, step);
        }
    }
    let mut pages = vec![None; candidates.len()];
    let mut at = best.values().next_back().copied();
    while let Some(step) = at.and_then(|i| steps.get(i)) {
        if let Some(page) = pages.get_mut(step.title) {
            *page = Some(step.page);
        }
        at = step.before;
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(pages: &[u32]) -> Vec<Candidate> {
        pages.iter().map(|page| Candidate { page: *page, weight: 1 }).collect()
    }

    #[test]
    fn one_stray_title_does_not_pull_the_others() {
        let found = heaviest(&[at(&[3]), at(&[90]), at(&[5, 80]), at(&[7])]);
        assert_eq!(found, [Some(3), None, Some(5), Some(7)]);
    }

    proptest! {
        #[test]
        fn as_heavy_as_trying_everything(
            options in prop::collection::vec(
                prop::collection::vec((1u32..6, 1u32..4), 0..3), 0..6)
        ) {
            let candidates: Vec<Vec<Candidate>> = options
                .iter()
                .map(|o| o.iter().map(|(page, weight)| Candidate { page: *page, weight: *weight }).collect())
                .collect();
            fn all(rest: &[Vec<Candidate>], last: u32) -> u32 {
                let Some((first, rest)) = rest.split_first() else { return 0 };
                let skip = all(rest, last);
                let take = first.iter().filter(|c| c.page >= last).map(|c| c.weight + all(rest, c.page));
                take.max().unwrap_or(0).max(skip)
            }
            let found = heaviest(&candidates);
            let pages: Vec<u32> = found.iter().flatten().copied().collect();
            prop_assert!(pages.is_sorted());
            let weight: u32 = found
                .iter()
                .zip(&candidates)
                .filter_map(|(page, c)| {
                    page.map(|p| c.iter().filter(|c| c.page == p).map(|c| c.weight).max().unwrap_or(0))
                })
                .sum();
            prop_assert_eq!(weight, all(&candidates, 0));
        }
    }
}
