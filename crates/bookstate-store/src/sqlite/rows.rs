//! Values of the field tables as SQLite stores them, both ways.
//!
//! Truth values are 0 and 1, times and JSON are texts as the domain writes them. A value that no version of ours
//! writes is an error when read, never replaced by something likely.

use std::error::Error;
use std::str::FromStr;
use std::sync::Arc;

use bookstate_domain::document::Document;
use bookstate_domain::value::{Kind, Value};
use bookstate_domain::{AnyKey, Seq};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Row, params_from_iter};

use super::StoreError;

/// A value of a document, to be bound to a statement.
struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Bool(truth) => ValueRef::Integer(i64::from(*truth)),
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Float(number) => ValueRef::Real(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// The values as the parameters of a statement.
pub(super) fn bound(values: &[Value]) -> impl rusqlite::Params {
    params_from_iter(values.iter().map(Bound))
}

fn value(stored: ValueRef<'_>, kind: Kind) -> FromSqlResult<Value> {
    Ok(match (stored, kind) {
        (ValueRef::Null, _) => Value::Null,
        (ValueRef::Integer(number @ (0 | 1)), Kind::Bool) => Value::Bool(number == 1),
        (ValueRef::Integer(number), Kind::Int | Kind::Float) => Value::Int(number),
        (ValueRef::Real(number), Kind::Float) => Value::Float(number),
        (ValueRef::Text(bytes), Kind::Text | Kind::Json | Kind::TextList | Kind::Time) => {
            Value::Text(std::str::from_utf8(bytes).map_err(FromSqlError::Utf8Error)?.into())
        }
        _ => return Err(FromSqlError::InvalidType),
    })
}

/// A document and the seq of its last change, from a row of `key, updated_seq` and the fields in order.
pub(super) fn document<D: Document>(row: &Row<'_>) -> Result<(Arc<D>, Seq), StoreError> {
    let stored_key = row.get_ref(0)?.as_str().map_err(|error| damaged::<D>("?", &error))?;
    let StoredSeq(updated) = row.get(1)?;
    let mut values = Vec::with_capacity(D::COLUMNS.len());
    for (index, column) in (2..).zip(D::COLUMNS) {
        values.push(value(row.get_ref(index)?, column.kind).map_err(|error| StoreError::Damaged {
            reason: format!("{}/{stored_key}, field {}: {error}", D::COLLECTION, column.name),
        })?);
    }
    let document = D::from_values(values).map_err(|error| damaged::<D>(stored_key, &error))?;
    let key = document.key().to_string();
    if key != stored_key {
        return Err(damaged::<D>(stored_key, &format!("its fields are those of {key}")));
    }
    Ok((Arc::new(document), updated))
}

fn damaged<D: Document>(key: &str, found: &dyn std::fmt::Display) -> StoreError {
    StoreError::Damaged { reason: format!("{}/{key}: {found}", D::COLLECTION) }
}

/// A seq in a column.
pub(super) struct StoredSeq(pub(super) Seq);

impl FromSql for StoredSeq {
    fn column_result(stored: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = stored.as_i64()?;
        let seq = u32::try_from(number).ok().and_then(Seq::new);
        seq.map(Self).ok_or(FromSqlError::OutOfRange(number))
    }
}

/// Anything that is stored as the text that it is written as.
pub(super) struct Parsed<T>(pub(super) T);

impl<T: FromStr<Err: Into<Box<dyn Error + Send + Sync>>>> FromSql for Parsed<T> {
    fn column_result(stored: ValueRef<'_>) -> FromSqlResult<Self> {
        stored.as_str()?.parse().map(Self).map_err(|error: T::Err| FromSqlError::Other(error.into()))
    }
}

/// Keys as a JSON list of texts.
pub(super) struct KeyList(pub(super) Vec<AnyKey>);

impl FromSql for KeyList {
    fn column_result(stored: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(stored.as_str()?).map(Self).map_err(FromSqlError::other)
    }
}

impl ToSql for KeyList {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let json = serde_json::to_string(&self.0);
        json.map(ToSqlOutput::from).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
    }
}
