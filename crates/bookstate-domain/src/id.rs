//! Identities: books, jobs and the other words that come from outside.
//!
//! Ids match `^[A-Za-z0-9_-]{1,200}$`, so that they are safe in paths, URLs and keys.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::value::{Field, Kind, Text, Value, ValueError};

/// Not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not an id: 1 to 200 of the characters A-Z a-z 0-9 _ - are allowed")]
pub struct IdError {
    /// The text, shortened.
    pub found: String,
}

fn checked(text: &str) -> Result<Text, IdError> {
    let ok = (1..=200).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if ok { Ok(text.into()) } else { Err(IdError { found: text.chars().take(60).collect() }) }
}

macro_rules! id {
    ($(#[$about:meta])* $name:ident) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Text);
        impl $name {
            /// The id of this text.
            ///
            /// # Errors
            /// The text has other characters, or none, or too many.
            pub fn new(text: &str) -> Result<Self, IdError> { checked(text).map(Self) }
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(&self.0) }
        }
        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> { Self::new(text) }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
        impl Field for $name {
            const KIND: Kind = Kind::Text;
            fn to_value(&self) -> Value { Value::Text(self.0.clone()) }
            fn from_value(value: Value) -> Option<Self> {
                match value { Value::Text(text) => Self::new(&text).ok(), _ => None }
            }
        }
    };
}

id! {
    /// A book's id.
    ///
    /// ```
    /// use bookstate_domain::BookId;
    ///
    /// assert!(BookId::new("moby-dick").is_ok());
    /// // An id is safe in paths, URLs and keys.
    /// assert!(BookId::new("../moby dick").is_err());
    /// ```
    BookId
}
id! {
    /// A job's id.
    JobId
}
id! {
    /// An OCR provider's name.
    Provider
}

impl Provider {
    /// The name under which a person's corrections are kept. No engine has it.
    pub const PERSON: &str = "person";

    /// The provider of that name.
    #[must_use]
    pub fn person() -> Self {
        Self(Self::PERSON.into())
    }
}

/// The number of a commit within its book: the first is 1, 0 is "before any". 31 bits, since DefraDB's
/// `Int` input is a signed 32-bit number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Seq(u32);

impl Seq {
    /// Before any commit.
    pub const ZERO: Self = Self(0);
    /// The seq of this number; `None` above 2^31 - 1.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number <= i32::MAX as u32 { Some(Self(number)) } else { None }
    }
    /// The next seq; `None` at the end of the range.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        Self::new(self.0.saturating_add(1))
    }
    /// As a number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u32> for Seq {
    type Error = ValueError;
    fn try_from(number: u32) -> Result<Self, ValueError> {
        Self::new(number).ok_or(ValueError::OutOfRange { field: "seq" })
    }
}

impl From<Seq> for u32 {
    fn from(seq: Seq) -> u32 {
        seq.0
    }
}

impl Field for Seq {
    const KIND: Kind = Kind::Int;
    fn to_value(&self) -> Value {
        Value::Int(i64::from(self.0))
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Int(i) => u32::try_from(i).ok().and_then(Self::new),
            Value::Null => Some(Self::ZERO),
            _ => None,
        }
    }
}
