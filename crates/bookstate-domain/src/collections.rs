//! The list of all collections, once, and what has one variant, table or arm per collection.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    BookId, Effect, Op, OpShape,
    document::{Column, Document, DocumentKey, KeyError},
    documents::{
        AgentState, AgentStateKey, Book, BookKey, Chapter, ChapterKey, Job, JobKey, Metric, MetricKey,
        OcrResult, OcrResultKey, Page, PageKey, Toc, TocEntry, TocEntryKey, TocKey,
    },
    value::{ValueError, word_enum},
};

/// The documents of one collection, ordered by key; a copy is cheap and shares everything.
pub type Table<D> = rpds::RedBlackTreeMapSync<<D as Document>::Key, Arc<D>>;

/// Code for every collection in turn.
///
/// ```
/// use bookstate_domain::{BookState, Collection, CollectionVisitor, Document};
///
/// /// `CREATE TABLE` for nine collections, without naming one.
/// #[derive(Default)]
/// struct Schema(Vec<String>);
///
/// impl CollectionVisitor for Schema {
///     fn visit<D: Document>(&mut self) {
///         let columns: Vec<&str> = D::COLUMNS.iter().map(|column| column.name).collect();
///         self.0.push(format!("CREATE TABLE {} ({})", D::COLLECTION, columns.join(", ")));
///     }
/// }
///
/// let mut schema = Schema::default();
/// Collection::each(&mut schema);
/// assert_eq!(schema.0.len(), Collection::ALL.len());
/// assert!(schema.0[0].starts_with("CREATE TABLE Book (book_id, created_at, created_seq, "));
/// ```
pub trait CollectionVisitor {
    /// Called once per collection.
    fn visit<D: Document>(&mut self);
}

/// Code for an op of any collection.
pub trait OpVisitor {
    /// The result.
    type Out;
    /// Called with the typed op.
    fn visit<D: Document>(self, op: &Op<D>) -> Self::Out;
}

/// Code for a key of any collection.
pub trait KeyVisitor {
    /// The result.
    type Out;
    /// Called with the typed key.
    fn visit<D: Document>(self, key: &D::Key) -> Self::Out;
}

macro_rules! collections {
    ($($(#[$about:meta])* $Doc:ident, $Key:ident, $name:literal, $table:ident;)*) => {
        word_enum! {
            /// A collection of documents. The names are those of the system that ADR 010 was written for.
            Collection { $($(#[$about])* $Doc = $name,)* }
        }

        impl Collection {
            /// The collection's field table.
            #[must_use]
            pub const fn columns(self) -> &'static [Column] {
                match self { $(Self::$Doc => <$Doc as Document>::COLUMNS,)* }
            }
            /// Reads a key of this collection.
            ///
            /// # Errors
            /// The text is not a key of this collection.
            pub fn key(self, text: &str) -> Result<AnyKey, KeyError> {
                match self { $(Self::$Doc => $Key::read(text).map(AnyKey::$Doc),)* }
            }
            /// Visits every collection, in order.
            pub fn each(visitor: &mut impl CollectionVisitor) {
                $(visitor.visit::<$Doc>();)*
            }
        }

        /// The key of a document of any collection. Written as `Collection/key`.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum AnyKey { $($(#[$about])* $Doc($Key),)* }

        impl AnyKey {
            /// The collection.
            #[must_use]
            pub const fn collection(&self) -> Collection {
                match self { $(Self::$Doc(_) => Collection::$Doc,)* }
            }
            /// The book.
            #[must_use]
            pub const fn book_id(&self) -> &BookId {
                match self { $(Self::$Doc(key) => &key.book_id,)* }
            }
            /// The key without its collection.
            #[must_use]
            pub fn key_text(&self) -> String {
                match self { $(Self::$Doc(key) => key.to_string(),)* }
            }
            /// Runs typed code on it.
            pub fn visit<V: KeyVisitor>(&self, visitor: V) -> V::Out {
                match self { $(Self::$Doc(key) => visitor.visit::<$Doc>(key),)* }
            }
        }

        /// A change of one document of any collection.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub enum WriteOp { $($(#[$about])* #[serde(rename = $name)] $Doc(Op<$Doc>),)* }

        impl WriteOp {
            /// The document's key.
            #[must_use]
            pub fn key(&self) -> AnyKey {
                match self { $(Self::$Doc(op) => AnyKey::$Doc(op.key()),)* }
            }
            /// Runs typed code on it.
            pub fn visit<V: OpVisitor>(&self, visitor: V) -> V::Out {
                match self { $(Self::$Doc(op) => visitor.visit(op),)* }
            }
            /// What sort of change it is.
            #[must_use]
            pub const fn shape(&self) -> OpShape {
                match self { $(Self::$Doc(op) => op.shape(),)* }
            }
            /// The book that the document belongs to.
            #[must_use]
            pub fn book_id(&self) -> &BookId {
                match self { $(Self::$Doc(op) => op.book_id(),)* }
            }
            /// See [`Op::check`].
            ///
            /// # Errors
            /// The first field that breaks a limit.
            pub fn check(&self) -> Result<(), ValueError> {
                match self { $(Self::$Doc(op) => op.check(),)* }
            }
            /// See [`Op::field_count`].
            #[must_use]
            pub fn field_count(&self) -> usize {
                match self { $(Self::$Doc(op) => op.field_count(),)* }
            }
        }

        $(impl From<Op<$Doc>> for WriteOp {
            fn from(op: Op<$Doc>) -> Self { Self::$Doc(op) }
        })*

        /// The documents of one book. A copy is cheap and shares everything: that is what readers get.
        #[derive(Debug, Clone, PartialEq)]
        pub struct BookState {
            book_id: BookId,
            $($table: Table<$Doc>,)*
        }

        impl BookState {
            /// A book without any document.
            #[must_use]
            pub fn new(book_id: BookId) -> Self {
                Self { book_id, $($table: Table::<$Doc>::new_sync(),)* }
            }
            /// The book.
            #[must_use]
            pub const fn book_id(&self) -> &BookId { &self.book_id }
            $($(#[$about])*
            #[must_use]
            pub const fn $table(&self) -> &Table<$Doc> { &self.$table })*
            /// The only mutator. Total: an update or delete of what is not there does nothing and says so.
            pub fn apply(&mut self, op: &WriteOp) -> Effect {
                match op { $(WriteOp::$Doc(op) => op.apply(&mut self.$table),)* }
            }
            /// Whether there is such a document.
            #[must_use]
            pub fn has(&self, key: &AnyKey) -> bool {
                match key { $(AnyKey::$Doc(key) => self.$table.contains_key(key),)* }
            }
            /// A document as a put, or as a delete when it is not there.
            #[must_use]
            pub fn whole(&self, key: &AnyKey) -> WriteOp {
                match key {
                    $(AnyKey::$Doc(key) => WriteOp::$Doc(match self.$table.get(key) {
                        Some(document) => Op::Upsert(document.clone()),
                        None => Op::Delete { key: key.clone() },
                    }),)*
                }
            }
            /// The state as puts: what a reload applies to an empty state.
            pub fn documents(&self) -> impl Iterator<Item = WriteOp> {
                std::iter::empty()
                    $(.chain(self.$table.values().map(|document| WriteOp::$Doc(Op::Upsert(document.clone())))))*
            }
            /// How many documents there are.
            #[must_use]
            pub fn document_count(&self) -> usize {
                [$(self.$table.size()),*].iter().sum()
            }
        }
    };
}

collections! {
    /// The book itself.
    Book, BookKey, "Book", books;
    /// Pages, from 1.
    Page, PageKey, "Page", pages;
    /// What an OCR provider read on a page.
    OcrResult, OcrResultKey, "OcrResult", ocr_results;
    /// The table of contents.
    Toc, TocKey, "ToC", tocs;
    /// Entries of the table of contents.
    TocEntry, TocEntryKey, "TocEntry", toc_entries;
    /// Chapters.
    Chapter, ChapterKey, "Chapter", chapters;
    /// What agents have said and done.
    AgentState, AgentStateKey, "AgentState", agent_states;
    /// Jobs of the book.
    Job, JobKey, "Job", jobs;
    /// Cost and time per unit of work.
    Metric, MetricKey, "Metric", metrics;
}

impl std::fmt::Display for AnyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.collection(), self.key_text())
    }
}

impl std::str::FromStr for AnyKey {
    type Err = KeyError;
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let error = || KeyError { found: text.chars().take(80).collect() };
        let (collection, key) = text.split_once('/').ok_or_else(error)?;
        collection.parse::<Collection>().map_err(|_| error())?.key(key)
    }
}

impl Serialize for AnyKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AnyKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
