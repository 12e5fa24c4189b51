//! What a message holds: its heads say where it stands, its payload has ops.

use std::fmt::Display;

use async_nats::HeaderMap;
use bookstate_domain::WriteOp;
use bookstate_store::{BookSync, Epoch, TargetError};

/// The newest version that is known. A larger one is refused.
const VERSION: u32 = 2;

/// The version of what is written. A message without an epoch is as it was before there were epochs, and of that
/// version. A program that does not know epochs must not write behind one that has one: its chunk would have none.
fn version_of(sync: &BookSync) -> u32 {
    if sync.epoch == Epoch::NONE { 1 } else { VERSION }
}

const HEAD_VERSION: &str = "Bookstate-Version";
const HEAD_SYNC: &str = "Bookstate-Sync";
const HEAD_BEHIND: &str = "Bookstate-Behind";
const HEAD_PARTS: &str = "Bookstate-Parts";

/// The heads of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heads {
    /// Where the book stands with this message.
    pub(crate) sync: BookSync,
    /// Of a chunk: the message of the book that it was written behind, 0 for none. Of a checkpoint: the last message of
    /// the book that it covers.
    pub(crate) behind: u64,
    /// The messages that have the payload's beginning.
    pub(crate) parts: Vec<u64>,
}

impl Heads {
    pub(crate) fn write(&self) -> Result<HeaderMap, TargetError> {
        let mut heads = HeaderMap::new();
        heads.insert(HEAD_VERSION, version_of(&self.sync).to_string());
        heads.insert(HEAD_SYNC, serde_json::to_string(&self.sync).map_err(refused)?);
        heads.insert(HEAD_BEHIND, self.behind.to_string());
        if !self.parts.is_empty() {
            let parts: Vec<String> = self.parts.iter().map(u64::to_string).collect();
            heads.insert(HEAD_PARTS, parts.join(","));
        }
        Ok(heads)
    }

    pub(crate) fn read(heads: &HeaderMap) -> Result<Self, TargetError> {
        let get = |name: &str| heads.get(name).map(|value| value.as_str());
        let version: u32 =
            get(HEAD_VERSION).and_then(|text| text.parse().ok()).ok_or_else(|| strange("version"))?;
        if version > VERSION {
            return Err(TargetError::Unusable {
                reason: format!(
                    "the stream has messages of version {version}, this program knows {VERSION}: update it"
                ),
            });
        }
        let sync =
            get(HEAD_SYNC).and_then(|text| serde_json::from_str(text).ok()).ok_or_else(|| strange("sync"))?;
        let behind = get(HEAD_BEHIND).and_then(|text| text.parse().ok()).ok_or_else(|| strange("behind"))?;
        let parts = get(HEAD_PARTS).map_or(Ok(Vec::new()), |text| text.split(',').map(str::parse).collect());
        Ok(Self { sync, behind, parts: parts.map_err(|_| strange("parts"))? })
    }
}

/// The payload of ops.
pub(crate) fn payload(ops: &[WriteOp]) -> Result<Vec<u8>, TargetError> {
    rmp_serde::to_vec_named(ops).map_err(refused)
}

/// The ops of a payload.
pub(crate) fn ops(payload: &[u8]) -> Result<Vec<WriteOp>, TargetError> {
    rmp_serde::from_slice(payload).map_err(|error| strange(&error.to_string()))
}

fn refused(error: impl Display) -> TargetError {
    TargetError::Refused { reason: format!("a message cannot be made: {error}") }
}

fn strange(what: &str) -> TargetError {
    TargetError::Unusable { reason: format!("the stream holds a message that is not bookstate's ({what})") }
}

#[cfg(test)]
mod tests {
    use bookstate_domain::{AnyKey, BookId, PageKey, Seq};
    use bookstate_store::{StartId, WriterId};

    use super::*;

    fn heads() -> Heads {
        let book_id = BookId::new("b").unwrap();
        let sync = BookSync {
            writer: WriterId([7; 16]),
            start: StartId(u64::MAX),
            epoch: Epoch::NONE,
            write_no: u32::MAX,
            token: u64::MAX,
            persisting_seq: Seq::ZERO,
            persisted_seq: Seq::ZERO,
            parked: vec![AnyKey::Page(PageKey { book_id, page_num: 3 })],
        };
        Heads { sync, behind: u64::MAX, parts: vec![1, 20] }
    }

    #[test]
    fn heads_come_back_as_they_were_written() {
        for parts in [vec![], vec![9], vec![1, 20]] {
            let heads = Heads { parts, ..heads() };
            assert_eq!(Heads::read(&heads.write().unwrap()), Ok(heads));
        }
    }

    /// So that a stream of books which no fleet owns is still read by programs that know no epochs, and one of books that
    /// a fleet owns is refused by them.
    #[test]
    fn only_a_message_with_an_epoch_is_of_the_version_that_has_them() {
        let mut heads = heads();
        let text = |heads: &Heads, name: &str| heads.write().unwrap().get(name).unwrap().as_str().to_owned();
        assert_eq!(text(&heads, HEAD_VERSION), "1");
        assert!(!text(&heads, HEAD_SYNC).contains("epoch"));
        heads.sync.epoch = Epoch(i32::MAX.unsigned_abs());
        assert_eq!(text(&heads, HEAD_VERSION), "2");
        assert_eq!(Heads::read(&heads.write().unwrap()), Ok(heads));
    }

    #[test]
    fn what_is_not_ours_or_newer_is_refused() {
        let changed = |name: &'static str, value: Option<&str>| {
            let mut map = HeaderMap::new();
            for (other, values) in heads().write().unwrap().iter() {
                let other: &str = other.as_ref();
                if other != name {
                    values.iter().for_each(|value| map.append(other, value.as_str()));
                }
            }
            value.into_iter().for_each(|value| map.insert(name, value));
            Heads::read(&map)
        };
        for (name, value) in [
            (HEAD_VERSION, None),
            (HEAD_VERSION, Some("3")),
            (HEAD_VERSION, Some("x")),
            (HEAD_SYNC, None),
            (HEAD_SYNC, Some("{}")),
            (HEAD_BEHIND, None),
            (HEAD_BEHIND, Some("-1")),
            (HEAD_PARTS, Some("1,,2")),
        ] {
            let read = changed(name, value);
            assert!(matches!(read, Err(TargetError::Unusable { .. })), "{name} {value:?}: {read:?}");
        }
        assert!(changed(HEAD_PARTS, None).is_ok());
        assert!(matches!(ops(b"\xc1"), Err(TargetError::Unusable { .. })));
    }
}
