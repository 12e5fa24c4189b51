//! What a node's answers mean.
//!
//! DefraDB answers 200 to almost everything, and an error is a text, so that texts are what is judged here, and
//! nowhere else. Two of them are not failures but answers: the node found a key that should not be there, or
//! found none where a document should be.

use bookstate_store::TargetError;

/// The longest part of a node's text that is passed on: it may echo whole documents, as hexadecimal digits.
const MOST_CHARS: usize = 200;

/// Why a call has no answer.
#[derive(Debug)]
pub(super) enum CallError {
    /// The node could not be reached; nothing was sent.
    NotSent(String),
    /// The request was sent, and no whole answer came back.
    Lost(String),
    /// An answer that is not one of GraphQL.
    Status(u16, String),
    /// The node says that it did not do it.
    Errors(String),
}

/// What the node's own words mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A sync document is not where it is expected, or is there and should not be.
    SyncMoved,
    /// A document is there and should not be, or the other way round.
    OtherDocuments,
    /// The node has, or has had and deleted, a document of the very same content.
    SameContent,
    /// Another transaction was in the way; in a moment it will work.
    Conflict,
    /// Later it will work: the node is in trouble.
    Later,
    /// The request is too large.
    TooLarge,
    /// The node lacks our collections.
    NoSchema,
    /// The node does not take what is in the request.
    Refused,
}

/// Reads an error's text.
pub(super) fn meaning(text: &str) -> Meaning {
    let has = |words: &str| text.contains(words);
    if has("violates unique index") || has("value not provided for non-nillable field") {
        // The field's name stands behind the text, and a value may hold anything: a key cannot name a field.
        let of_sync = ends_with_field(text, "book_id");
        return if of_sync { Meaning::SyncMoved } else { Meaning::OtherDocuments };
    }
    if has("a document with the given ID") {
        return Meaning::SameContent;
    }
    if has("transaction conflict") {
        return Meaning::Conflict;
    }
    const LATER: [&str; 10] = [
        "no space left",
        "input/output error",
        "read-only file system",
        "too many open files",
        "cannot allocate memory",
        "context canceled",
        "context deadline exceeded",
        "DB Closed",
        "database is closed",
        "Writes are blocked",
    ];
    if LATER.into_iter().any(has) {
        return Meaning::Later;
    }
    if has("Txn is too big") || has("demanded too many resources") {
        return Meaning::TooLarge;
    }
    let of_schema = [
        "Cannot query field",
        "cannot be non-input type",
        "Unknown type",
        "Unknown argument",
        "Unknown field",
        "collection not found",
    ];
    if of_schema.into_iter().any(has) {
        return Meaning::NoSchema;
    }
    Meaning::Refused
}

/// Whether an error is about this field: `… index. DocID: X, book_id: VALUE`, or `… field. Name: book_id`.
fn ends_with_field(text: &str, field: &str) -> bool {
    let after = |words: &str| text.split_once(words).map(|(_, rest)| rest);
    let named = after("field. Name: ").is_some_and(|name| name.trim() == field);
    let violated = after("unique index. DocID: ").and_then(|rest| rest.split_once(", "));
    let names = |rest: &str| rest.strip_prefix(field).is_some_and(|rest| rest.starts_with(':'));
    named || violated.is_some_and(|(_, rest)| names(rest))
}

/// A node's text, shortened.
pub(super) fn shortened(text: &str) -> String {
    let text = text.trim();
    let short: String = text.chars().take(MOST_CHARS).collect();
    if short.len() < text.len() { short + "…" } else { short }
}

impl CallError {
    /// What it means when a read fails: nothing can have changed.
    pub(super) fn of_read(self) -> TargetError {
        match self {
            Self::NotSent(reason) | Self::Lost(reason) => TargetError::Unavailable { reason },
            Self::Status(status @ (408 | 425 | 429 | 500..), text) => {
                TargetError::Unavailable { reason: format!("the node answers {status} {text}") }
            }
            Self::Status(status, text) => unusable(status, &text),
            // Whatever it is, nothing of ours can be the cause: the operations are valid ones.
            Self::Errors(text) => TargetError::Unavailable { reason: shortened(&text) },
        }
    }

    /// What it means when a write fails.
    pub(super) fn of_write(self) -> TargetError {
        match self {
            Self::NotSent(reason) => TargetError::Unavailable { reason },
            Self::Lost(reason) => TargetError::Ambiguous { reason },
            // The node rolls back when it panics, and says so with nothing but 500; a proxy says that it has
            // nobody to ask with 503, and that it does not take a request now with 425 and 429.
            Self::Status(status @ (425 | 429 | 500 | 503), text) => {
                TargetError::Unavailable { reason: format!("the node answers {status} {text}") }
            }
            // 408: what was sent of the request may have been all of it.
            Self::Status(status @ (408 | 501..), text) => {
                TargetError::Ambiguous { reason: format!("the node answers {status} {text}") }
            }
            Self::Status(status @ (400 | 413), text) => {
                TargetError::Refused { reason: format!("the node answers {status} {text}") }
            }
            Self::Status(status, text) => unusable(status, &text),
            Self::Errors(text) => {
                let reason = shortened(&text);
                match meaning(&text) {
                    Meaning::SyncMoved => TargetError::Mismatch,
                    Meaning::Conflict => TargetError::Conflict { reason },
                    Meaning::SameContent | Meaning::Later | Meaning::NoSchema => {
                        TargetError::Unavailable { reason }
                    }
                    Meaning::TooLarge => TargetError::TooLarge { reason },
                    Meaning::OtherDocuments | Meaning::Refused => TargetError::Refused { reason },
                }
            }
        }
    }
}

fn unusable(status: u16, text: &str) -> TargetError {
    let advice = match status {
        401 | 403 => "the node does not accept the token: check token_env or token_file",
        404 | 405 => "there is no DefraDB at this URL: check it",
        _ => "that is no answer of DefraDB: check the URL",
    };
    TargetError::Unusable { reason: format!("the node answers {status} {text}: {advice}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_node_mean_what_they_meant_when_they_were_seen() {
        let violation = |field: &str| {
            format!("can not index a doc's field(s) that violates unique index. DocID: bae-1, {field}: b")
        };
        assert_eq!(meaning(&violation("book_id")), Meaning::SyncMoved);
        assert_eq!(meaning(&violation("key")), Meaning::OtherDocuments);
        assert_eq!(meaning(&violation("key: book_id: x, book_id")), Meaning::OtherDocuments);
        let none = |field: &str| format!("value not provided for non-nillable field. Name: {field}");
        assert_eq!(meaning(&none("book_id")), Meaning::SyncMoved);
        assert_eq!(meaning(&none("key")), Meaning::OtherDocuments);
        assert_eq!(meaning("transaction conflict. Please retry"), Meaning::Conflict);
        assert_eq!(
            meaning("a document with the given ID has been deleted. DocID: bae-1"),
            Meaning::SameContent
        );
        assert_eq!(
            meaning("failed to store value: Txn is too big to fit into one request"),
            Meaning::TooLarge
        );
        assert_eq!(meaning(r#"Cannot query field "Page" on type "Query"."#), Meaning::NoSchema);
        let gone = r#"Variable "$sync_0" cannot be non-input type "BookSyncMutationInputArg!"."#;
        assert_eq!(meaning(gone), Meaning::NoSchema);
        assert_eq!(meaning("Expected type \"Int\", found \"2.147483648e+09\"."), Meaning::Refused);
    }

    #[test]
    fn a_status_that_passes_is_no_reason_for_a_person_to_act() {
        for status in [408, 425, 429, 500, 502, 503, 504] {
            let read = CallError::Status(status, String::new()).of_read();
            assert!(matches!(read, TargetError::Unavailable { .. }), "{status}: {read}");
            let write = CallError::Status(status, String::new()).of_write();
            // Where something may have been done, the target is asked.
            let may_be_applied = matches!(status, 408 | 502 | 504);
            assert_eq!(matches!(write, TargetError::Ambiguous { .. }), may_be_applied, "{status}: {write}");
            assert_eq!(
                matches!(write, TargetError::Unavailable { .. }),
                !may_be_applied,
                "{status}: {write}"
            );
        }
        for status in [401, 403, 404] {
            let write = CallError::Status(status, String::new()).of_write();
            assert!(matches!(write, TargetError::Unusable { .. }), "{status}: {write}");
        }
    }

    /// What a chunk that was refused means for it: a conflict is nobody's fault.
    #[test]
    fn a_conflict_is_told_from_trouble_and_from_refusal() {
        let of = |text: &str| CallError::Errors(text.to_owned()).of_write();
        assert!(matches!(of("transaction conflict. Please retry"), TargetError::Conflict { .. }));
        assert!(matches!(of("write: no space left on device"), TargetError::Unavailable { .. }));
        assert!(matches!(of("the frobnicator is out of plasma"), TargetError::Refused { .. }));
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        let text = "ä".repeat(MOST_CHARS + 1);
        assert_eq!(shortened(&text).chars().count(), MOST_CHARS + 1);
        assert!(shortened(&text).ends_with('…'));
        assert_eq!(shortened(" as it is\n"), "as it is");
    }
}
