//! Which pages stand for a book.

/// So many pages, each the middle of one of as many equal parts of a book; all of them, where there are no more.
pub(crate) fn spread_over(pages: u32, many: u32) -> impl Iterator<Item = u32> {
    let (all, many) = (u64::from(pages), u64::from(many.min(pages)));
    (0..many).filter_map(move |n| u32::try_from((2 * n + 1) * all / (2 * many) + 1).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_different_pages_of_the_book() {
        let sampled = |pages, many| spread_over(pages, many).collect::<Vec<_>>();
        assert_eq!(sampled(100, 3), [17, 51, 84]);
        assert_eq!(sampled(3, 9), [1, 2, 3]);
        assert_eq!(sampled(1, 3), [1]);
        assert!(sampled(0, 3).is_empty());
    }
}
