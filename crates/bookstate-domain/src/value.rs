//! The kinds of value that a field may have, and the limits that every target can store.
//!
//! A value is checked where it enters (a persist call), so that no target meets one that it could not
//! store: integers have 32 bits, floats are finite, texts have at most [`MAX_TEXT_BYTES`] bytes
//! (DefraDB 1.0 takes 8 MB and refuses 10).

use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};

/// Shared text: memory, journal record and batch hold the same bytes.
pub type Text = Arc<str>;

/// The longest text a field may have, in bytes.
pub const MAX_TEXT_BYTES: usize = 8 * 1000 * 1000;

/// What a column stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A 32-bit integer.
    Int,
    /// A finite 64-bit float.
    Float,
    /// A truth value.
    Bool,
    /// Any JSON value in canonical form.
    Json,
    /// A list of texts.
    TextList,
    /// A point in time, RFC 3339 with nanoseconds.
    Time,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Absent.
    Null,
    /// See [`Kind::Bool`].
    Bool(bool),
    /// See [`Kind::Int`].
    Int(i64),
    /// See [`Kind::Float`].
    Float(f64),
    /// See [`Kind::Text`]; also [`Kind::Time`] and, as JSON text, [`Kind::Json`] and [`Kind::TextList`].
    Text(Text),
}

/// A value that cannot be stored, or cannot be read back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// A text is too long for some target.
    #[error("field {field} has {bytes} bytes of text, the limit is {MAX_TEXT_BYTES}; shorten it")]
    TooLong {
        /// The field.
        field: &'static str,
        /// The text's length.
        bytes: usize,
    },
    /// A float is not finite.
    #[error("field {field} is not a finite number")]
    NotFinite {
        /// The field.
        field: &'static str,
    },
    /// An integer does not fit into 32 bits.
    #[error("field {field} does not fit into 32 bits")]
    OutOfRange {
        /// The field.
        field: &'static str,
    },
    /// A stored value is not of the field's kind.
    #[error("field {field} holds {found}, which is not of its kind")]
    WrongKind {
        /// The field.
        field: &'static str,
        /// The value found.
        found: String,
    },
    /// A row has another number of columns.
    #[error("a row has {found} values where {expected} are expected")]
    Count {
        /// The field table's length.
        expected: usize,
        /// The row's length.
        found: usize,
    },
}

impl ValueError {
    /// The same error, said of `name`.
    #[must_use]
    pub fn of(self, name: &'static str) -> Self {
        match self {
            Self::TooLong { bytes, .. } => Self::TooLong { field: name, bytes },
            Self::NotFinite { .. } => Self::NotFinite { field: name },
            Self::OutOfRange { .. } => Self::OutOfRange { field: name },
            Self::WrongKind { found, .. } => Self::WrongKind { field: name, found },
            Self::Count { .. } => self,
        }
    }
}

/// A type that a document's field may have.
pub trait Field: Sized {
    /// What the column stores.
    const KIND: Kind;
    /// Whether the column may be null: `Option<T>` only.
    const NULLABLE: bool = false;
    /// The words that there are, when the field is one of a list of words.
    const WORDS: &'static [&'static str] = &[];
    /// Whether the value is null.
    fn is_null(&self) -> bool {
        false
    }
    /// The value as a row holds it.
    fn to_value(&self) -> Value;
    /// The value read back; `None` when it is not of this kind. Null reads as the default.
    fn from_value(value: Value) -> Option<Self>;
    /// Whether every target can store the value.
    ///
    /// # Errors
    /// The limit that it breaks; the field's name is filled in by the caller.
    fn check(&self) -> Result<(), ValueError> {
        Ok(())
    }
}

impl<T: Field> Field for Option<T> {
    const KIND: Kind = T::KIND;
    const NULLABLE: bool = true;
    const WORDS: &'static [&'static str] = T::WORDS;
    fn is_null(&self) -> bool {
        self.is_none()
    }
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Field::to_value)
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
    fn check(&self) -> Result<(), ValueError> {
        self.as_ref().map_or(Ok(()), Field::check)
    }
}

fn check_text(bytes: usize) -> Result<(), ValueError> {
    if bytes > MAX_TEXT_BYTES { Err(ValueError::TooLong { field: "", bytes }) } else { Ok(()) }
}

impl Field for Text {
    const KIND: Kind = Kind::Text;
    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text),
            Value::Null => Some(Text::default()),
            _ => None,
        }
    }
    fn check(&self) -> Result<(), ValueError> {
        check_text(self.len())
    }
}

impl Field for bool {
    const KIND: Kind = Kind::Bool;
    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Bool(b) => Some(b),
            Value::Int(i) => Some(i != 0),
            Value::Null => Some(false),
            _ => None,
        }
    }
}

impl Field for i32 {
    const KIND: Kind = Kind::Int;
    fn to_value(&self) -> Value {
        Value::Int(i64::from(*self))
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Int(i) => i.try_into().ok(),
            Value::Null => Some(0),
            _ => None,
        }
    }
}

impl Field for f64 {
    const KIND: Kind = Kind::Float;
    fn to_value(&self) -> Value {
        Value::Float(*self)
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Float(f) => Some(f),
            #[expect(clippy::cast_precision_loss, reason = "a float column may hold a whole number")]
            Value::Int(i) => Some(i as f64),
            Value::Null => Some(0.0),
            _ => None,
        }
    }
    fn check(&self) -> Result<(), ValueError> {
        if self.is_finite() { Ok(()) } else { Err(ValueError::NotFinite { field: "" }) }
    }
}

impl Field for Vec<Text> {
    const KIND: Kind = Kind::TextList;
    fn is_null(&self) -> bool {
        self.is_empty()
    }
    fn to_value(&self) -> Value {
        Value::Text(canonical(self).into())
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(text) => serde_json::from_str(&text).ok(),
            Value::Null => Some(Vec::new()),
            _ => None,
        }
    }
    fn check(&self) -> Result<(), ValueError> {
        // What is stored is the JSON, which quotes and escapes.
        check_text(canonical(self).len())
    }
}

/// A typed value that is stored as JSON. Shared, so that a copy of its document is cheap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Json<T>(pub Arc<T>);

impl<T> From<T> for Json<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T> std::ops::Deref for Json<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Serialize> Serialize for Json<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Json<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::from)
    }
}

impl<T: Serialize + DeserializeOwned + Default> Field for Json<T> {
    const KIND: Kind = Kind::Json;
    fn to_value(&self) -> Value {
        Value::Text(canonical(&*self.0).into())
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(text) => serde_json::from_str(&text).ok(),
            Value::Null => Some(Self(Arc::default())),
            _ => None,
        }
    }
    fn check(&self) -> Result<(), ValueError> {
        check_text(canonical(&*self.0).len())
    }
}

/// The one JSON text of a value: our types have a fixed field order and no maps, so serialising is enough.
fn canonical<T: Serialize>(value: &T) -> String {
    // Serialising our own types to a string cannot fail: they hold no maps with other keys than strings.
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// A point in time, nanoseconds since the Unix epoch. Written as RFC 3339 with nanoseconds, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// From nanoseconds since the Unix epoch; what does not fit into years -9999 to 9999 is cut to that.
    #[must_use]
    pub fn from_nanos(nanos: i128) -> Self {
        let limit = if nanos < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        Self(jiff::Timestamp::from_nanosecond(nanos).unwrap_or(limit))
    }
    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub fn as_nanos(self) -> i128 {
        self.0.as_nanosecond()
    }
    /// Seconds from `earlier` to `self`; negative when `earlier` is later.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a span in seconds is for people")]
    pub fn seconds_since(self, earlier: Self) -> f64 {
        (self.as_nanos() - earlier.as_nanos()) as f64 / 1e9
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.9}", self.0)
    }
}

impl std::str::FromStr for Timestamp {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        text.parse().map(Self)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Field for Timestamp {
    const KIND: Kind = Kind::Time;
    fn to_value(&self) -> Value {
        Value::Text(self.to_string().into())
    }
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

/// A field whose type is an enum of words: stored as text, read back by [`std::str::FromStr`].
macro_rules! word_enum {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[non_exhaustive]
        pub enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant,)* }
        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The word that is stored and shown.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $word,)* } }
        }
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result { f.pad(self.as_str()) }
        }
        impl ::std::str::FromStr for $name {
            type Err = crate::value::UnknownWord;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(crate::value::UnknownWord { found: text.to_owned(), known: &[$($word),*] }),
                }
            }
        }
        impl crate::value::Field for $name {
            const KIND: crate::value::Kind = crate::value::Kind::Text;
            const WORDS: &'static [&'static str] = &[$($word),*];
            fn to_value(&self) -> crate::value::Value { crate::value::Value::Text(self.as_str().into()) }
            fn from_value(value: crate::value::Value) -> Option<Self> {
                match value { crate::value::Value::Text(text) => text.parse().ok(), _ => None }
            }
        }
    };
}
pub(crate) use word_enum;

/// A word that is not one of an enum's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown value {found:?}; known are {}", known.join(", "))]
pub struct UnknownWord {
    /// The word.
    pub found: String,
    /// The words that there are.
    pub known: &'static [&'static str],
}

/// Reads the next value of a row.
pub(crate) fn take<T: Field>(value: Option<Value>, field: &'static str) -> Result<T, ValueError> {
    let value = value.unwrap_or(Value::Null);
    T::from_value(value.clone()).ok_or_else(|| ValueError::WrongKind { field, found: shorten(&value) })
}

fn shorten(value: &Value) -> String {
    let text = format!("{value:?}");
    text.chars().take(60).collect()
}

/// Null reads as the default: a field that is never null may be absent or null in what was stored.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    d: D,
) -> Result<T, D::Error> {
    Option::deserialize(d).map(Option::unwrap_or_default)
}

/// A present field of a patch: null is a value here, absence is not.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}
