//! The token of a chunk: its upper 40 bits name the batch, at random, the lower 24 count the contents that its
//! chunks have had. So what a target shows can be told apart from what this data directory never sent.

const CONTENT_BITS: u32 = 24;

/// The token of the first content of a batch with this random name.
pub(crate) const fn first(random: u64) -> u64 {
    random >> CONTENT_BITS << CONTENT_BITS
}

/// The token of the next content. After 16 million it begins anew: the first ones are long superseded.
pub(crate) const fn next(token: u64) -> u64 {
    first(token) | (token.wrapping_add(1) & ((1 << CONTENT_BITS) - 1))
}

/// What the tokens of a batch have in common.
pub(crate) const fn batch(token: u64) -> u64 {
    token >> CONTENT_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contents_of_a_batch_have_its_name_and_differ() {
        let token = first(u64::MAX);
        let second = next(token);
        assert_ne!(token, second);
        assert_eq!(batch(token), batch(second));
        assert_ne!(batch(token), batch(first(0)));
        assert_eq!(next(u64::MAX), token);
    }
}
