//! Schemas of the domain's enums of words: a string with the words that there are.

use bookstate_domain::{
    AgentType, BookStatus, EntrySource, JobStatus, MatterType, Operation, OperationState, Stage, StageState,
    Variant,
};
use utoipa::openapi::{
    RefOr, Schema,
    schema::{Object, ObjectBuilder, SchemaType, Type},
};

/// An enum of words of the domain.
pub(super) trait Words {
    /// The words.
    fn words() -> Vec<&'static str>;
}

macro_rules! words {
    ($($type:ident),*) => {
        $(impl Words for $type {
            fn words() -> Vec<&'static str> {
                Self::ALL.iter().map(|word| word.as_str()).collect()
            }
        })*
    };
}

words!(
    AgentType,
    BookStatus,
    EntrySource,
    JobStatus,
    MatterType,
    Operation,
    OperationState,
    Stage,
    StageState,
    Variant
);

/// The schema of a field that has one of the words.
pub(super) fn word<W: Words>() -> RefOr<Schema> {
    let object: Object = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(W::words())).build();
    Schema::Object(object).into()
}

/// The schema of a field that has one of the words, or none.
pub(super) fn optional_word<W: Words>() -> RefOr<Schema> {
    let words = W::words().into_iter().map(serde_json::Value::from).chain([serde_json::Value::Null]);
    let types = SchemaType::Array(vec![Type::String, Type::Null]);
    let object: Object = ObjectBuilder::new().schema_type(types).enum_values(Some(words)).build();
    Schema::Object(object).into()
}
