//! All documents of a book as one JSON document, with the list of what is in no chapter.

use bookstate_domain::{BookState, Collection, CollectionVisitor, Document, Seq, value::Kind};
use serde_json::{Map, Value};

/// What the JSON document holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonForm {
    /// Every document with all its fields, and the seq.
    Full,
    /// What two runs of the same book must have in common: no times, no seqs, no metrics.
    Canonical,
}

/// All documents of a book, by collection and in the order of their keys; null fields are left out. `seq` is
/// the last commit in the state. Beside the documents: what was set aside of the whole book, in its order.
///
/// # Errors
/// A document that JSON cannot hold. None of today's can be one.
pub fn json(state: &BookState, seq: Seq, form: JsonForm) -> Result<Value, serde_json::Error> {
    let mut export = Map::new();
    export.insert("book_id".to_owned(), state.book_id().as_str().into());
    if form == JsonForm::Full {
        export.insert("seq".to_owned(), seq.get().into());
    }
    let mut documents = Documents { state, form, found: Map::new(), result: Ok(()) };
    Collection::each(&mut documents);
    documents.result?;
    let set_aside = state.ordered_chapters().into_iter().flat_map(|chapter| {
        let pieces = chapter.set_aside.iter().flat_map(|list| list.iter());
        pieces.map(|piece| {
            serde_json::json!({
                "chapter": &*chapter.entry_id,
                "page": piece.page,
                "reason": piece.reason.as_str(),
                "text": &*piece.text,
            })
        })
    });
    export.insert("set_aside".to_owned(), set_aside.collect());
    export.insert("documents".to_owned(), Value::Object(documents.found));
    Ok(Value::Object(export))
}

/// Collects the documents, collection by collection.
struct Documents<'a> {
    state: &'a BookState,
    form: JsonForm,
    found: Map<String, Value>,
    result: Result<(), serde_json::Error>,
}

impl Documents<'_> {
    fn collect<D: Document>(&self) -> Result<Value, serde_json::Error> {
        let documents = D::table(self.state).iter().map(|(key, document)| self.document::<D>(key, document));
        documents.collect::<Result<Vec<_>, _>>().map(Value::Array)
    }

    fn document<D: Document>(&self, key: &D::Key, document: &D) -> Result<Value, serde_json::Error> {
        let mut row = Map::new();
        row.insert("key".to_owned(), key.to_string().into());
        if let Value::Object(fields) = serde_json::to_value(document)? {
            row.extend(fields.into_iter().filter(|(name, _)| self.keeps(D::COLUMNS, name)));
        }
        Ok(Value::Object(row))
    }

    fn keeps(&self, columns: &[bookstate_domain::document::Column], name: &str) -> bool {
        let varies = |column: &bookstate_domain::document::Column| {
            column.name == name && (column.kind == Kind::Time || name == "created_seq")
        };
        self.form == JsonForm::Full || !columns.iter().any(varies)
    }
}

impl CollectionVisitor for Documents<'_> {
    fn visit<D: Document>(&mut self) {
        let left_out = self.form == JsonForm::Canonical && D::COLLECTION == Collection::Metric;
        if left_out || self.result.is_err() {
            return;
        }
        match self.collect::<D>() {
            Ok(documents) => {
                self.found.insert(D::COLLECTION.to_string(), documents);
            }
            Err(error) => self.result = Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{book, book_at};
    use super::*;

    #[test]
    fn the_full_form_is_every_document_with_its_key() {
        let state = book();
        let full = json(&state, Seq::new(9).unwrap(), JsonForm::Full).unwrap();
        assert_eq!(full["book_id"], "b-1");
        assert_eq!(full["seq"], 9);
        let documents = full["documents"].as_object().unwrap();
        let count: usize = documents.values().map(|of| of.as_array().unwrap().len()).sum();
        assert_eq!(count, state.document_count());
        let names: Vec<_> = documents.keys().map(String::as_str).collect();
        assert_eq!(names, Collection::ALL.iter().map(|c| c.as_str()).collect::<Vec<_>>());
        let page = &documents["Page"][0];
        assert_eq!(page["key"], "b-1/1");
        assert_eq!(page["created_at"], "1970-01-01T00:00:00.000000000Z");
        assert!(page.get("header").is_none(), "null fields are left out: {page}");
    }

    #[test]
    fn the_canonical_form_does_not_depend_on_when_it_was_made() {
        let (early, late) = (book_at(0, 1), book_at(86_400_000_000_000, 4000));
        let canonical = |state, seq| json(state, Seq::new(seq).unwrap(), JsonForm::Canonical).unwrap();
        assert_eq!(canonical(&early, 5), canonical(&late, 4001));
        assert_ne!(
            json(&early, Seq::ZERO, JsonForm::Full).unwrap(),
            json(&late, Seq::ZERO, JsonForm::Full).unwrap()
        );
        let text = serde_json::to_string(&canonical(&early, 5)).unwrap();
        for absent in ["created_", "_at\"", "seq\"", "\"Metric\""] {
            assert!(!text.contains(absent), "{absent} in {text}");
        }
        assert!(text.contains("Call me Ishmael"), "{text}");
    }
}
