//! The operations: one file each in `graphql/operations`, with the types of its variables and of its rows.
//!
//! An operation of all collections is one type, generic over the document, so that what is right of one collection
//! is right of each. Files and schema are made by `cargo xtask codegen` and `cargo xtask schema-drift`. That the
//! files are what the schema takes, and each type what its file declares, is found by tests, here and in
//! `defradb_operations`: graphql_client's own derive looks at less (no arguments, filters, undeclared variables),
//! and took eight seconds of each build.

use std::marker::PhantomData;

use bookstate_domain::{
    AgentState, Book, BookId, Chapter, Document, Job, Metric, OcrResult, Op, Page, Toc, TocEntry, WriteOp,
};
use bookstate_store::WriteMark;
use graphql_client::{GraphQLQuery, QueryBody};
use serde::Serialize;

use super::{
    compose::{Ask, Batch, ComposeError, Rows},
    wire::{Changes, Found, NewDocument, Stored, StoredSync, SyncChange, Written, WrittenSync, token_text},
};

/// An operation's file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text {
    name: &'static str,
    text: &'static str,
}

impl Text {
    const fn with<V>(self, variables: V) -> QueryBody<V> {
        QueryBody { variables, query: self.text, operation_name: self.name }
    }
}

macro_rules! text {
    ($verb:literal $Collection:literal, $($file:literal)+) => {
        Text {
            name: concat!($verb, $Collection),
            text: include_str!(concat!("../../graphql/operations/", $($file,)+ ".graphql")),
        }
    };
}

/// The files of a collection's operations.
#[derive(Debug, Clone, Copy)]
pub(super) struct Texts {
    add: Text,
    update: Text,
    delete: Text,
    find: Text,
    load: Text,
}

#[derive(Debug, Serialize)]
#[serde(bound = "")]
struct AddVariables<D: Document> {
    documents: Vec<NewDocument<D>>,
}

#[derive(Debug, Serialize)]
#[serde(bound = "")]
struct UpdateVariables<D: Document> {
    fields: Changes<D>,
    key: String,
    book_id: String,
}

#[derive(Debug, Serialize)]
struct DeleteVariables {
    keys: Vec<String>,
    book_id: String,
}

#[derive(Debug, Serialize)]
struct FindVariables {
    keys: Vec<String>,
}

#[derive(Debug, Serialize)]
struct BookVariables {
    book_id: String,
}

macro_rules! operations_of_documents {
    ($($Operation:ident $file:ident: $Variables:ty => $Row:ty;)*) => {
        $(struct $Operation<D>(PhantomData<D>);

        impl<D: Operations> GraphQLQuery for $Operation<D> {
            type Variables = $Variables;
            type ResponseData = Rows<$Row>;
            fn build_query(variables: $Variables) -> QueryBody<$Variables> {
                D::TEXTS.$file.with(variables)
            }
        })*
    };
}

operations_of_documents! {
    Add add: AddVariables<D> => Written;
    Update update: UpdateVariables<D> => Written;
    Delete delete: DeleteVariables => Written;
    Find find: FindVariables => Found;
    Load load: BookVariables => Stored<D>;
}

/// The operations of a collection. Each adds itself to a batch and says where its rows will be.
pub(super) trait Operations: Document {
    /// Their files.
    const TEXTS: Texts;
    /// The op, when it is one of this collection.
    fn of(op: &WriteOp) -> Option<&Op<Self>>;
    /// Adds documents. The list must not be empty: the node would answer with the whole collection.
    fn add(batch: &mut Batch, documents: Vec<NewDocument<Self>>) -> Result<Ask<Written>, ComposeError> {
        batch.push::<Add<Self>, _>(AddVariables { documents })
    }
    /// Changes a document, or ends the whole transaction when the book has none of this key.
    fn update(
        batch: &mut Batch,
        book_id: &BookId,
        key: String,
        fields: Changes<Self>,
    ) -> Result<Ask<Written>, ComposeError> {
        batch.push::<Update<Self>, _>(UpdateVariables { fields, key, book_id: book_id.to_string() })
    }
    /// Deletes documents of a book, those of these keys that there are.
    fn delete(batch: &mut Batch, book_id: &BookId, keys: Vec<String>) -> Result<Ask<Written>, ComposeError> {
        batch.push::<Delete<Self>, _>(DeleteVariables { keys, book_id: book_id.to_string() })
    }
    /// Asks which of these keys there are, of any book.
    fn find(batch: &mut Batch, keys: Vec<String>) -> Result<Ask<Found>, ComposeError> {
        batch.push::<Find<Self>, _>(FindVariables { keys })
    }
    /// Reads all documents of a book.
    fn load(batch: &mut Batch, book_id: &BookId) -> Result<Ask<Stored<Self>>, ComposeError> {
        batch.push::<Load<Self>, _>(BookVariables { book_id: book_id.to_string() })
    }
}

/// Code for every collection in turn.
pub(super) trait EachCollection {
    /// Called once per collection.
    fn visit<D: Operations>(&mut self) -> Result<(), ComposeError>;
}

macro_rules! collections {
    ($($Doc:ident $Collection:literal $file:literal;)*) => {
        $(impl Operations for $Doc {
            const TEXTS: Texts = Texts {
                add: text!("Add" $Collection, "add_" $file),
                update: text!("Update" $Collection, "update_" $file),
                delete: text!("Delete" $Collection, "delete_" $file),
                find: text!("Find" $Collection, "find_" $file),
                load: text!("Load" $Collection, "load_" $file),
            };
            fn of(op: &WriteOp) -> Option<&Op<Self>> {
                match op {
                    WriteOp::$Doc(op) => Some(op),
                    _ => None,
                }
            }
        })*

        /// Visits every collection.
        pub(super) fn each(visitor: &mut impl EachCollection) -> Result<(), ComposeError> {
            $(visitor.visit::<$Doc>()?;)*
            Ok(())
        }
    };
}

collections! {
    Book "Book" "book";
    Page "Page" "page";
    OcrResult "OcrResult" "ocr_result";
    Toc "ToC" "to_c";
    TocEntry "TocEntry" "toc_entry";
    Chapter "Chapter" "chapter";
    AgentState "AgentState" "agent_state";
    Job "Job" "job";
    Metric "Metric" "metric";
}

#[derive(Debug, Serialize)]
struct AddSyncVariables {
    sync: SyncChange,
}

#[derive(Debug, Serialize)]
struct MoveSyncVariables {
    sync: SyncChange,
    book_id: String,
    writer: String,
    write_no: u32,
    token: String,
}

macro_rules! operations_of_syncs {
    ($($Operation:ident $verb:literal $file:literal: $Variables:ty => $Row:ty;)*) => {
        $(struct $Operation;

        impl $Operation {
            const TEXT: Text = text!($verb "BookSync", $file);
        }

        impl GraphQLQuery for $Operation {
            type Variables = $Variables;
            type ResponseData = Rows<$Row>;
            fn build_query(variables: $Variables) -> QueryBody<$Variables> {
                Self::TEXT.with(variables)
            }
        })*
    };
}

operations_of_syncs! {
    AddSync "Add" "add_book_sync": AddSyncVariables => WrittenSync;
    MoveSync "Move" "move_book_sync": MoveSyncVariables => WrittenSync;
    FindSync "Find" "find_book_sync": BookVariables => StoredSync;
    ListSync "List" "list_book_sync": () => StoredSync;
}

/// Adds the sync document of a book, or ends the transaction when the book has one.
pub(super) fn add_sync(batch: &mut Batch, sync: SyncChange) -> Result<Ask<WrittenSync>, ComposeError> {
    batch.push::<AddSync, _>(AddSyncVariables { sync })
}

/// The compare-and-set: moves the sync document of a book on, or ends the transaction when it is not at this
/// mark.
pub(super) fn move_sync(
    batch: &mut Batch,
    book_id: &BookId,
    expect: WriteMark,
    sync: SyncChange,
) -> Result<Ask<WrittenSync>, ComposeError> {
    batch.push::<MoveSync, _>(MoveSyncVariables {
        sync,
        book_id: book_id.to_string(),
        writer: expect.writer.to_string(),
        write_no: expect.write_no,
        token: token_text(expect.token),
    })
}

/// Where a book stands.
pub(super) fn find_sync(batch: &mut Batch, book_id: &BookId) -> Result<Ask<StoredSync>, ComposeError> {
    batch.push::<FindSync, _>(BookVariables { book_id: book_id.to_string() })
}

/// Where all books stand.
pub(super) fn list_sync(batch: &mut Batch) -> Result<Ask<StoredSync>, ComposeError> {
    batch.push::<ListSync, _>(())
}

#[cfg(test)]
#[path = "../../tests/introspection/mod.rs"]
mod introspection;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use apollo_compiler::ExecutableDocument;
    use bookstate_domain::{
        AnyKey, Collection, PageKey,
        document::FieldSet,
        value::{Value, ValueError},
    };
    use bookstate_store::{BookSync, WriterId};

    use super::{super::compose::Composer, *};

    #[derive(Default)]
    struct All {
        names: Vec<Collection>,
        writes: Batch,
        reads: Batch,
    }

    /// Some document: the first row that its types take.
    fn document<D: Document>() -> D {
        let candidates = ["b", "1", "0001", "toc_finder"].map(|text| Value::Text(text.into()));
        let candidates = [&[Value::Null, Value::Int(1)], &candidates[..]].concat();
        let mut row = vec![Value::Null; D::COLUMNS.len()];
        for (index, column) in D::COLUMNS.iter().enumerate().filter(|(_, column)| column.key) {
            for value in candidates.iter().filter(|value| **value != Value::Null) {
                row[index] = value.clone();
                match D::from_values(row.clone()) {
                    Err(ValueError::WrongKind { field, .. }) if field == column.name => {}
                    _ => break,
                }
            }
        }
        D::from_values(row).unwrap()
    }

    /// What an operation asks for of each row.
    fn selected(text: &str) -> Vec<String> {
        use graphql_parser::query::{Definition, OperationDefinition as Of, Selection};
        let parsed = graphql_parser::parse_query::<String>(text).unwrap().into_static();
        let root = match parsed.definitions.into_iter().next() {
            Some(Definition::Operation(Of::Query(query))) => query.selection_set,
            Some(Definition::Operation(Of::Mutation(mutation))) => mutation.selection_set,
            _ => unreachable!("{text}"),
        };
        let field = |selection| match selection {
            Selection::Field(field) => field,
            _ => unreachable!("{text}"),
        };
        let rows = field(root.items.into_iter().next().unwrap());
        assert_eq!(rows.alias.as_deref(), Some("rows"), "{text}");
        rows.selection_set.items.into_iter().map(|item| field(item).name).collect()
    }

    /// A row of an operation, read as its type: of these fields, those that it asks for.
    fn row<R: serde::de::DeserializeOwned>(text: &str, fields: &serde_json::Value) -> R {
        let asked = selected(text);
        let fields = fields.as_object().unwrap().iter().filter(|(name, _)| asked.contains(name));
        let row: serde_json::Map<_, _> = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
        serde_json::from_value(row.into()).unwrap()
    }

    impl EachCollection for All {
        fn visit<D: Operations>(&mut self) -> Result<(), ComposeError> {
            self.names.push(D::COLLECTION);
            let Texts { add, update, delete, find, load } = D::TEXTS;
            for (kind, verb, text) in [
                ("mutation", "Add", add),
                ("mutation", "Update", update),
                ("mutation", "Delete", delete),
                ("query", "Find", find),
                ("query", "Load", load),
            ] {
                assert_eq!(text.name, format!("{verb}{}", D::COLLECTION));
                assert!(text.text.starts_with(&format!("{kind} {}(", text.name)), "{}", text.text);
            }
            let book_id = BookId::new("b").unwrap();
            let document = Arc::new(document::<D>());
            let new = serde_json::to_value(NewDocument::new(document.clone(), None)).unwrap();
            for text in [add, update, delete] {
                assert_eq!(row::<Written>(text.text, &new).key, document.key().to_string());
            }
            assert_eq!(row::<Found>(find.text, &new).book_id.as_deref(), Some("b"));
            assert_eq!(row::<Stored<D>>(load.text, &new).document, *document);
            // What is null in this document is asked for as well.
            let columns = D::COLUMNS.iter().map(|column| column.name);
            assert!(selected(load.text).iter().map(String::as_str).eq(["key"].into_iter().chain(columns)));
            for nonce in 0..2 {
                D::add(&mut self.writes, vec![NewDocument::new(document.clone(), Some(nonce))])?;
                D::update(&mut self.writes, &book_id, "b/1".to_owned(), document.patch(FieldSet::ALL))?;
            }
            D::delete(&mut self.writes, &book_id, vec!["b/1".to_owned()])?;
            D::find(&mut self.reads, vec!["b/1".to_owned()])?;
            D::load(&mut self.reads, &book_id)?;
            Ok(())
        }
    }

    #[test]
    fn every_collection_has_its_operations_and_all_of_them_together_are_valid() {
        let mut all = All::default();
        let sync = BookSync {
            start: bookstate_store::StartId(1),
            epoch: bookstate_store::Epoch::NONE,
            writer: WriterId([1; 16]),
            write_no: 1,
            token: 1,
            persisting_seq: <_>::default(),
            persisted_seq: <_>::default(),
            parked: vec![AnyKey::Page(PageKey { book_id: BookId::new("b").unwrap(), page_num: 3 })],
        };
        let book_id = BookId::new("b").unwrap();
        let new = serde_json::to_value(SyncChange::add(&book_id, &sync, 1)).unwrap();
        for text in [AddSync::TEXT, MoveSync::TEXT] {
            assert_eq!(row::<WrittenSync>(text.text, &new).book_id, book_id);
        }
        for text in [FindSync::TEXT, ListSync::TEXT] {
            assert_eq!(row::<StoredSync>(text.text, &new).sync(), Ok((book_id.clone(), sync.clone())));
        }
        add_sync(&mut all.writes, SyncChange::add(&book_id, &sync, 1)).unwrap();
        move_sync(&mut all.writes, &book_id, sync.mark(), SyncChange::change(&sync)).unwrap();
        find_sync(&mut all.reads, &book_id).unwrap();
        list_sync(&mut all.reads).unwrap();
        each(&mut all).unwrap();
        assert_eq!(all.names, Collection::ALL);
        let schema = introspection::schema();
        for batch in [all.writes, all.reads] {
            let request = batch.request(&Composer::default()).unwrap();
            let request: serde_json::Value = serde_json::from_slice(&request).unwrap();
            let text = request["query"].as_str().unwrap();
            let parsed = ExecutableDocument::parse_and_validate(&schema, text, "chunk").unwrap();
            let operation = parsed.operations.iter().next().unwrap();
            assert!(operation.root_fields(&parsed).count() > 18);
            let variables: Vec<&str> = operation.variables.iter().map(|v| v.name.as_str()).collect();
            let sent: Vec<&String> = request["variables"].as_object().unwrap().keys().collect();
            assert_eq!(sent.len(), variables.len());
            assert!(sent.iter().all(|name| variables.contains(&name.as_str())));
        }
    }
}
