//! The tokens that the server takes: kept as hashes, compared in constant time, never shown or logged.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// A token is at least so long: what is shorter can be guessed.
const SHORTEST: usize = 16;

/// What a request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Look.
    Read,
    /// Change something.
    Full,
}

/// Not a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a token has at least {SHORTEST} characters, all of them visible ASCII")]
pub struct TokenError;

/// What is kept of a token: nobody gets the token from it.
pub(crate) type TokenHash = [u8; 32];

/// The tokens that the server takes. They are not shown, not even by `Debug`.
#[derive(Clone, Default)]
pub struct Tokens(Vec<(TokenHash, Access)>);

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.0.len())
    }
}

/// What is kept of a token.
pub(crate) fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

impl Tokens {
    /// Takes a token.
    ///
    /// # Errors
    /// The text is too short or has characters that cannot stand in a header.
    pub fn add(&mut self, token: &str, access: Access) -> Result<(), TokenError> {
        if token.len() < SHORTEST || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError);
        }
        self.0.push((hash(token), access));
        Ok(())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a token allows. Takes the same time whatever the token is.
    #[must_use]
    pub fn access(&self, token: &str) -> Option<Access> {
        self.access_of(&hash(token))
    }

    /// What the token of a hash allows.
    pub(crate) fn access_of(&self, given: &TokenHash) -> Option<Access> {
        let (mut read, mut full) = (Choice::from(0), Choice::from(0));
        for (known, access) in &self.0 {
            let same = known.ct_eq(given);
            match access {
                Access::Read => read |= same,
                Access::Full => full |= same,
            }
        }
        match (bool::from(full), bool::from(read)) {
            (true, _) => Some(Access::Full),
            (_, true) => Some(Access::Read),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_allows_what_it_is_for_and_nothing_else_does() {
        let mut tokens = Tokens::default();
        tokens.add("reader-reader-reader", Access::Read).unwrap();
        tokens.add("writer-writer-writer", Access::Full).unwrap();
        assert_eq!(tokens.access("reader-reader-reader"), Some(Access::Read));
        assert_eq!(tokens.access("writer-writer-writer"), Some(Access::Full));
        for wrong in ["", "reader-reader-reade", "reader-reader-readerx", "READER-READER-READER"] {
            assert_eq!(tokens.access(wrong), None, "{wrong}");
        }
        assert_eq!(tokens.add("short", Access::Read), Err(TokenError));
        assert_eq!(tokens.add("sixteen characters and a space", Access::Read), Err(TokenError));
        assert!(!format!("{tokens:?}").contains("reader"));
    }
}
