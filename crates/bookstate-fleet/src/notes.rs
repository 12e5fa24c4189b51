//! What the bucket's keys hold, as JSON.

use bookstate_domain::Priority;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Who has a book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Owner {
    /// The machine's name.
    pub machine: String,
    /// Where others reach it.
    pub address: String,
    /// The epoch of its lease.
    pub epoch: u32,
    /// The process: a machine that was started again is another one.
    pub start: String,
}

/// A machine that lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Machine {
    /// Its name.
    pub machine: String,
    /// Where others reach it.
    pub address: String,
    /// The version of its program.
    pub version: String,
    /// How many books it would work on at once.
    pub capacity: u32,
    /// Its process.
    pub start: String,
}

/// A job that is active: what another machine needs to go on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobNote {
    /// The job.
    pub job_id: String,
    /// The book's file: its SHA-256 in hexadecimal, the name that [`Sources`](crate::Sources) know it by.
    pub source_sha256: String,
    /// Who goes first.
    #[serde(default)]
    pub priority: Priority,
    /// What the job is to do. Not looked into here.
    #[serde(default)]
    pub options: Value,
}

/// A provider that is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pause {
    pub(crate) pause_ms: u64,
    /// Any number: the same pause heard once more is no further one.
    #[serde(default)]
    pub(crate) id: u64,
}

/// A machine that has a share of quotas is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Beat {
    /// Its process.
    pub(crate) start: String,
    /// Counted by the process.
    pub(crate) beat: u64,
}

/// A counter of epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) epoch: u32,
}

/// The note as a key's value. What cannot be written is empty, and read as none; none of these is such.
pub(crate) fn write<T: Serialize>(note: &T) -> Vec<u8> {
    serde_json::to_vec(note).unwrap_or_default()
}

/// A key's value as a note; `None` when it is not one, or one of a newer version that lacks what is needed.
pub(crate) fn read<T: DeserializeOwned>(value: &[u8]) -> Option<T> {
    serde_json::from_slice(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_come_back_and_what_is_none_is_not_read() {
        let note = JobNote {
            job_id: "j".into(),
            source_sha256: "00".into(),
            priority: Priority::Interactive,
            options: serde_json::json!({"variant": "standard"}),
        };
        assert_eq!(read(&write(&note)), Some(note));
        assert_eq!(read::<JobNote>(b""), None);
        let least = read::<JobNote>(br#"{"job_id":"j","source_sha256":"00","new":1}"#).unwrap();
        assert_eq!(least.priority, Priority::Bulk);
    }
}
