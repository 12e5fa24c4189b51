//! What a document is: a struct with a typed key, a typed patch, and a table of its fields.
//!
//! Everything here is implemented by `#[document]`; code that works on any document is generic over
//! [`Document`], code that works on any collection goes through [`crate::collections`].

use std::{fmt, hash::Hash, str::FromStr};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    BookId, BookState, Collection, Op, Seq, Table, Timestamp, WriteOp,
    value::{Kind, Value, ValueError},
};

/// The longest key, in bytes: every target can index it.
pub const MAX_KEY_BYTES: usize = 1000;

/// One column of a collection's field table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The field's name, in memory as in every target.
    pub name: &'static str,
    /// What it stores.
    pub kind: Kind,
    /// Whether it may be null.
    pub nullable: bool,
    /// Whether it is a part of the key.
    pub key: bool,
    /// Whether targets should index it.
    pub indexed: bool,
    /// The words that it may hold; none when it is free.
    pub words: &'static [&'static str],
}

/// Not a key of this collection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a key of this collection")]
pub struct KeyError {
    /// The text, shortened.
    pub found: String,
}

/// The key of a document: its parts, joined by `/` when written. Only the last part may hold a `/`.
pub trait DocumentKey:
    Sized + Clone + Ord + Hash + fmt::Debug + fmt::Display + FromStr<Err = KeyError>
{
    /// Writes the key as text.
    ///
    /// # Errors
    /// The formatter's.
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
    /// Reads a key from its text.
    ///
    /// # Errors
    /// The text is not a key of this collection.
    fn read(text: &str) -> Result<Self, KeyError>;
    /// The book: the first part of every key.
    fn book_id(&self) -> &BookId;
}

pub(crate) fn write_parts(f: &mut fmt::Formatter<'_>, parts: &[&dyn fmt::Display]) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str("/")?;
        }
        write!(f, "{part}")?;
    }
    Ok(())
}

/// A type that may be a part of a key.
pub(crate) trait KeyPart: fmt::Display + Sized {
    /// Reads the part; `None` unless it is written exactly as `Display` writes it: one key, one text.
    fn read_part(text: &str) -> Option<Self>;
}

impl KeyPart for crate::Text {
    fn read_part(text: &str) -> Option<Self> {
        Some(text.into())
    }
}

macro_rules! key_parts {
    ($($part:ty),*) => {
        $(impl KeyPart for $part {
            fn read_part(text: &str) -> Option<Self> {
                text.parse::<Self>().ok().filter(|part| part.to_string() == text)
            }
        })*
    };
}
key_parts!(
    i32,
    crate::BookId,
    crate::JobId,
    crate::Provider,
    crate::AgentType,
    crate::EntryIdent,
    crate::ChapterSubject
);

pub(crate) fn read_part<T: KeyPart>(text: &str, part: Option<&str>) -> Result<T, KeyError> {
    part.and_then(T::read_part).ok_or_else(|| KeyError { found: text.chars().take(80).collect() })
}

/// Serde of a type by its text.
macro_rules! serde_by_text {
    ($key:ident) => {
        impl ::serde::Serialize for $key {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> ::serde::Deserialize<'de> for $key {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = ::std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(::serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_by_text;

/// Display, FromStr and serde of a key, by its text.
macro_rules! key_impls {
    ($key:ident) => {
        impl ::std::fmt::Display for $key {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                crate::document::DocumentKey::write(self, f)
            }
        }
        impl ::std::str::FromStr for $key {
            type Err = crate::document::KeyError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                <Self as crate::document::DocumentKey>::read(text)
            }
        }
        crate::document::serde_by_text!($key);
    };
}
pub(crate) use key_impls;

/// A set of a document's fields, by their position behind the key in the field table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FieldSet(u64);

impl FieldSet {
    /// No field.
    pub const EMPTY: Self = Self(0);
    /// Every field.
    pub const ALL: Self = Self(u64::MAX);
    /// Adds the field at this position (below 64).
    pub fn insert(&mut self, bit: u32) {
        self.0 |= 1 << (bit & 63);
    }
    /// Whether the field at this position is in the set.
    #[must_use]
    pub const fn contains(self, bit: u32) -> bool {
        self.0 >> (bit & 63) & 1 == 1
    }
    /// Whether no field is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// The fields of either.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    /// The fields that `other` has not.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
    /// The positions in the set.
    pub fn iter(self) -> impl Iterator<Item = u32> {
        (0..64).filter(move |bit| self.contains(*bit))
    }
}

/// The fields of a document that change. Absent, null and value are three different things.
pub trait Patch:
    Clone + Default + PartialEq + fmt::Debug + Serialize + DeserializeOwned + Send + Sync
{
    /// The fields that it sets.
    fn fields(&self) -> FieldSet;
    /// Whether it sets none.
    fn is_empty(&self) -> bool {
        self.fields().is_empty()
    }
    /// `self`, then `later`.
    fn merge(&mut self, later: Self);
    /// The fields that it sets, with their values.
    fn values(&self) -> Vec<(&'static str, Value)>;
    /// Whether every target can store it.
    ///
    /// # Errors
    /// The first field that breaks a limit.
    fn check(&self) -> Result<(), ValueError>;
}

/// One row of a collection. See the module documentation.
pub trait Document:
    Sized + Clone + PartialEq + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The collection.
    const COLLECTION: Collection;
    /// The field table: the key's parts first, then `created_at`, `created_seq`, then the fields.
    const COLUMNS: &'static [Column];
    /// The typed key.
    type Key: DocumentKey + Send + Sync + Serialize + DeserializeOwned;
    /// The typed patch.
    type Patch: Patch;
    /// The document's key.
    fn key(&self) -> Self::Key;
    /// The commit that created it.
    fn created_seq(&self) -> Seq;
    /// When it was created.
    fn created_at(&self) -> Option<Timestamp>;
    /// Takes the creation of `of`: for a replacement of a document that exists.
    fn keep_creation(&mut self, of: &Self);
    /// Sets the patch's fields.
    fn apply(&mut self, patch: &Self::Patch);
    /// The fields in which `newer` differs.
    fn changed(&self, newer: &Self) -> FieldSet;
    /// The patch that sets these fields to this document's values.
    fn patch(&self, fields: FieldSet) -> Self::Patch;
    /// The row, in the field table's order.
    fn values(&self) -> Vec<Value>;
    /// The document of a row.
    ///
    /// # Errors
    /// The row has another number of values, or a value of another kind.
    fn from_values(values: Vec<Value>) -> Result<Self, ValueError>;
    /// Whether every target can store it.
    ///
    /// # Errors
    /// The first field that breaks a limit.
    fn check(&self) -> Result<(), ValueError>;

    /// The book that it belongs to.
    fn book_id(&self) -> &BookId;
    /// The documents of this collection.
    fn table(state: &BookState) -> &Table<Self>;
    /// This op as an op of any collection.
    fn write_op(op: Op<Self>) -> WriteOp;
    /// This key as a key of any collection.
    fn any_key(key: Self::Key) -> crate::AnyKey;
}
