//! The operations: one file each in `graphql/operations`, compiled by graphql_client against `schema.json`,
//! the node's own description of itself.
//!
//! Files and schema are made by `cargo xtask codegen` and `cargo xtask schema-drift`. graphql_client does not
//! check arguments, filters and undeclared variables; the test `defradb_operations` validates all of it. The
//! list below has to name every collection, which is tested here.

use bookstate_domain::{
    AgentState, Book, BookId, Chapter, Document, Job, Metric, OcrResult, Op, Page, Toc, TocEntry, WriteOp,
};
use bookstate_store::WriteMark;
use graphql_client::GraphQLQuery;

use super::{
    compose::{Ask, Batch, ComposeError},
    wire::{Changes, Found, NewDocument, Stored, StoredSync, SyncChange, Written, WrittenSync, token_text},
};

/// A change of the schema makes the operations compile again.
const _: &str = include_str!("../../graphql/schema.json");

/// DefraDB's own scalars, which generated code refers to.
type DateTime = String;
type Float64 = f64;
#[expect(clippy::upper_case_acronyms, reason = "the node's name")]
type JSON = serde_json::Value;

/// The operations of a collection. Each adds itself to a batch and says where its rows will be.
pub(super) trait Operations: Document {
    /// The op, when it is one of this collection.
    fn of(op: &WriteOp) -> Option<&Op<Self>>;
    /// Adds documents. The list must not be empty: the node would answer with the whole collection.
    fn add(batch: &mut Batch, documents: Vec<NewDocument<Self>>) -> Result<Ask<Written>, ComposeError>;
    /// Changes a document, or ends the whole transaction when the book has none of this key.
    fn update(
        batch: &mut Batch,
        book_id: &BookId,
        key: String,
        fields: Changes<Self>,
    ) -> Result<Ask<Written>, ComposeError>;
    /// Deletes documents of a book, those of these keys that there are.
    fn delete(batch: &mut Batch, book_id: &BookId, keys: Vec<String>) -> Result<Ask<Written>, ComposeError>;
    /// Asks which of these keys there are, of any book.
    fn find(batch: &mut Batch, keys: Vec<String>) -> Result<Ask<Found>, ComposeError>;
    /// Reads all documents of a book.
    fn load(batch: &mut Batch, book_id: &BookId) -> Result<Ask<Stored<Self>>, ComposeError>;
}

/// Code for every collection in turn.
pub(super) trait EachCollection {
    /// Called once per collection.
    fn visit<D: Operations>(&mut self) -> Result<(), ComposeError>;
}

/// Reads the rows of an operation's answer through its own type.
macro_rules! rows_of {
    ($Operation:ty) => {
        |answer, index| Ok(answer.take::<$Operation>(index)?.rows.into_iter().flatten().flatten().collect())
    };
}

macro_rules! operations {
    ($($module:ident $Doc:ident:
        $Add:ident $add:ident $add_path:tt
        $Update:ident $update:ident $update_path:tt
        $Delete:ident $delete:ident $delete_path:tt
        $Find:ident $find:ident $find_path:tt
        $Load:ident $load:ident $load_path:tt
    )*) => {
        $(mod $module {
            use super::*;

            type New = NewDocument<$Doc>;
            type Fields = Changes<$Doc>;
            type Row = Stored<$Doc>;

            #[derive(Debug, GraphQLQuery)]
            #[graphql(
                schema_path = "graphql/schema.json", query_path = $add_path,
                variable_types("New"), response_type = "Written"
            )]
            struct $Add;
            #[derive(Debug, GraphQLQuery)]
            #[graphql(
                schema_path = "graphql/schema.json", query_path = $update_path,
                variable_types("Fields"), response_type = "Written"
            )]
            struct $Update;
            #[derive(Debug, GraphQLQuery)]
            #[graphql(
                schema_path = "graphql/schema.json", query_path = $delete_path, response_type = "Written"
            )]
            struct $Delete;
            #[derive(Debug, GraphQLQuery)]
            #[graphql(
                schema_path = "graphql/schema.json", query_path = $find_path, response_type = "Found"
            )]
            struct $Find;
            #[derive(Debug, GraphQLQuery)]
            #[graphql(schema_path = "graphql/schema.json", query_path = $load_path, response_type = "Row")]
            struct $Load;

            impl Operations for $Doc {
                fn of(op: &WriteOp) -> Option<&Op<Self>> {
                    match op {
                        WriteOp::$Doc(op) => Some(op),
                        _ => None,
                    }
                }
                fn add(batch: &mut Batch, documents: Vec<New>) -> Result<Ask<Written>, ComposeError> {
                    batch.push::<$Add, _>($add::Variables { documents }, rows_of!($Add))
                }
                fn update(
                    batch: &mut Batch,
                    book_id: &BookId,
                    key: String,
                    fields: Fields,
                ) -> Result<Ask<Written>, ComposeError> {
                    let variables = $update::Variables { fields, key, book_id: book_id.to_string() };
                    batch.push::<$Update, _>(variables, rows_of!($Update))
                }
                fn delete(
                    batch: &mut Batch,
                    book_id: &BookId,
                    keys: Vec<String>,
                ) -> Result<Ask<Written>, ComposeError> {
                    let variables = $delete::Variables { keys, book_id: book_id.to_string() };
                    batch.push::<$Delete, _>(variables, rows_of!($Delete))
                }
                fn find(batch: &mut Batch, keys: Vec<String>) -> Result<Ask<Found>, ComposeError> {
                    batch.push::<$Find, _>($find::Variables { keys }, rows_of!($Find))
                }
                fn load(batch: &mut Batch, book_id: &BookId) -> Result<Ask<Row>, ComposeError> {
                    let variables = $load::Variables { book_id: book_id.to_string() };
                    batch.push::<$Load, _>(variables, rows_of!($Load))
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

operations! {
    book Book:
        AddBook add_book "graphql/operations/add_book.graphql"
        UpdateBook update_book "graphql/operations/update_book.graphql"
        DeleteBook delete_book "graphql/operations/delete_book.graphql"
        FindBook find_book "graphql/operations/find_book.graphql"
        LoadBook load_book "graphql/operations/load_book.graphql"
    page Page:
        AddPage add_page "graphql/operations/add_page.graphql"
        UpdatePage update_page "graphql/operations/update_page.graphql"
        DeletePage delete_page "graphql/operations/delete_page.graphql"
        FindPage find_page "graphql/operations/find_page.graphql"
        LoadPage load_page "graphql/operations/load_page.graphql"
    ocr_result OcrResult:
        AddOcrResult add_ocr_result "graphql/operations/add_ocr_result.graphql"
        UpdateOcrResult update_ocr_result "graphql/operations/update_ocr_result.graphql"
        DeleteOcrResult delete_ocr_result "graphql/operations/delete_ocr_result.graphql"
        FindOcrResult find_ocr_result "graphql/operations/find_ocr_result.graphql"
        LoadOcrResult load_ocr_result "graphql/operations/load_ocr_result.graphql"
    to_c Toc:
        AddToC add_to_c "graphql/operations/add_to_c.graphql"
        UpdateToC update_to_c "graphql/operations/update_to_c.graphql"
        DeleteToC delete_to_c "graphql/operations/delete_to_c.graphql"
        FindToC find_to_c "graphql/operations/find_to_c.graphql"
        LoadToC load_to_c "graphql/operations/load_to_c.graphql"
    toc_entry TocEntry:
        AddTocEntry add_toc_entry "graphql/operations/add_toc_entry.graphql"
        UpdateTocEntry update_toc_entry "graphql/operations/update_toc_entry.graphql"
        DeleteTocEntry delete_toc_entry "graphql/operations/delete_toc_entry.graphql"
        FindTocEntry find_toc_entry "graphql/operations/find_toc_entry.graphql"
        LoadTocEntry load_toc_entry "graphql/operations/load_toc_entry.graphql"
    chapter Chapter:
        AddChapter add_chapter "graphql/operations/add_chapter.graphql"
        UpdateChapter update_chapter "graphql/operations/update_chapter.graphql"
        DeleteChapter delete_chapter "graphql/operations/delete_chapter.graphql"
        FindChapter find_chapter "graphql/operations/find_chapter.graphql"
        LoadChapter load_chapter "graphql/operations/load_chapter.graphql"
    agent_state AgentState:
        AddAgentState add_agent_state "graphql/operations/add_agent_state.graphql"
        UpdateAgentState update_agent_state "graphql/operations/update_agent_state.graphql"
        DeleteAgentState delete_agent_state "graphql/operations/delete_agent_state.graphql"
        FindAgentState find_agent_state "graphql/operations/find_agent_state.graphql"
        LoadAgentState load_agent_state "graphql/operations/load_agent_state.graphql"
    job Job:
        AddJob add_job "graphql/operations/add_job.graphql"
        UpdateJob update_job "graphql/operations/update_job.graphql"
        DeleteJob delete_job "graphql/operations/delete_job.graphql"
        FindJob find_job "graphql/operations/find_job.graphql"
        LoadJob load_job "graphql/operations/load_job.graphql"
    metric Metric:
        AddMetric add_metric "graphql/operations/add_metric.graphql"
        UpdateMetric update_metric "graphql/operations/update_metric.graphql"
        DeleteMetric delete_metric "graphql/operations/delete_metric.graphql"
        FindMetric find_metric "graphql/operations/find_metric.graphql"
        LoadMetric load_metric "graphql/operations/load_metric.graphql"
}

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.json",
    query_path = "graphql/operations/add_book_sync.graphql",
    variable_types("SyncChange"),
    response_type = "WrittenSync"
)]
struct AddBookSync;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.json",
    query_path = "graphql/operations/move_book_sync.graphql",
    variable_types("SyncChange"),
    response_type = "WrittenSync"
)]
struct MoveBookSync;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.json",
    query_path = "graphql/operations/find_book_sync.graphql",
    response_type = "StoredSync"
)]
struct FindBookSync;

#[derive(Debug, GraphQLQuery)]
#[graphql(
    schema_path = "graphql/schema.json",
    query_path = "graphql/operations/list_book_sync.graphql",
    response_type = "StoredSync"
)]
struct ListBookSync;

/// Adds the sync document of a book, or ends the transaction when the book has one.
pub(super) fn add_sync(batch: &mut Batch, sync: SyncChange) -> Result<Ask<WrittenSync>, ComposeError> {
    batch.push::<AddBookSync, _>(add_book_sync::Variables { sync }, rows_of!(AddBookSync))
}

/// The compare-and-set: moves the sync document of a book on, or ends the transaction when it is not at this
/// mark.
pub(super) fn move_sync(
    batch: &mut Batch,
    book_id: &BookId,
    expect: WriteMark,
    sync: SyncChange,
) -> Result<Ask<WrittenSync>, ComposeError> {
    let variables = move_book_sync::Variables {
        sync,
        book_id: book_id.to_string(),
        writer: expect.writer.to_string(),
        write_no: i64::from(expect.write_no),
        token: token_text(expect.token),
    };
    batch.push::<MoveBookSync, _>(variables, rows_of!(MoveBookSync))
}

/// Where a book stands.
pub(super) fn find_sync(batch: &mut Batch, book_id: &BookId) -> Result<Ask<StoredSync>, ComposeError> {
    let variables = find_book_sync::Variables { book_id: book_id.to_string() };
    batch.push::<FindBookSync, _>(variables, rows_of!(FindBookSync))
}

/// Where all books stand.
pub(super) fn list_sync(batch: &mut Batch) -> Result<Ask<StoredSync>, ComposeError> {
    batch.push::<ListBookSync, _>(list_book_sync::Variables {}, rows_of!(ListBookSync))
}

#[cfg(test)]
#[path = "../../tests/introspection/mod.rs"]
mod introspection;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use apollo_compiler::ExecutableDocument;
    use bookstate_domain::{
        Collection,
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

    impl EachCollection for All {
        fn visit<D: Operations>(&mut self) -> Result<(), ComposeError> {
            self.names.push(D::COLLECTION);
            let book_id = BookId::new("b").unwrap();
            let document = Arc::new(document::<D>());
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
            writer: WriterId([1; 16]),
            write_no: 1,
            token: 1,
            persisting_seq: <_>::default(),
            persisted_seq: <_>::default(),
            parked: Vec::new(),
        };
        let book_id = BookId::new("b").unwrap();
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
