//! `#[document(pages)]`: everything that walks the fields of a document, generated from its one definition.
//!
//! From a plain struct it makes the key type (`PageKey`), the patch (`PagePatch`), the field table
//! (`Document::COLUMNS`) and the impls of `Document` and `Patch`. The struct is the only place that
//! names a field: SQLite tables, DefraDB's schema and the GraphQL operations come from the field table.
//!
//! Rules: fields marked `#[key]` come first; `#[index]` asks targets for an index; every other field is
//! `T` (never null: null reads as default) or `Option<T>`. The attribute adds `created_at` and
//! `created_seq` after the key. The first part of every key is `book_id`. The argument names the collection's
//! accessor on `BookState`: `#[document(pages)]`.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{format_ident, quote};
use syn::{Attribute, Error, Fields, Ident, ItemStruct, parse_macro_input, parse_quote};

/// See the [crate] documentation.
#[proc_macro_attribute]
pub fn document(args: TokenStream, item: TokenStream) -> TokenStream {
    let (table, item) = (parse_macro_input!(args as Ident), parse_macro_input!(item as ItemStruct));
    expand(&table, item).unwrap_or_else(Error::into_compile_error).into()
}

fn is(attribute: &Attribute, name: &str) -> bool {
    attribute.path().is_ident(name)
}

fn expand(table_name: &Ident, mut item: ItemStruct) -> syn::Result<Tokens> {
    let doc = item.ident.clone();
    let (patch, key) = (format_ident!("{doc}Patch"), format_ident!("{doc}Key"));
    let about_patch = format!(
        "The fields of a [`{doc}`] that change: `None` leaves a field as it is, `Some` sets it (`Some(None)` to null)."
    );
    let about_key = format!("The key of a [`{doc}`], assigned by the writer.");
    let Fields::Named(fields) = &mut item.fields else {
        return Err(Error::new_spanned(&doc, "a document has named fields"));
    };
    let keys = fields.named.iter().take_while(|f| f.attrs.iter().any(|a| is(a, "key"))).count();
    if keys == 0 || fields.named.first().and_then(|f| f.ident.as_ref()).is_none_or(|n| n != "book_id") {
        return Err(Error::new_spanned(&doc, "the first field of a document is book_id, marked #[key]"));
    }
    fields.named.insert(
        keys,
        parse_quote! {
            /// The commit that created the document. It makes a re-creation a new document to a database
            /// that never takes equal content twice.
            pub created_seq: crate::Seq
        },
    );
    fields.named.insert(
        keys,
        parse_quote! {
            /// When the document was created.
            pub created_at: Option<crate::Timestamp>
        },
    );
    let (mut part, mut part_ty, mut part_doc) = (vec![], vec![], vec![]);
    let (mut name, mut ty, mut docs) = (vec![], vec![], vec![]);
    let mut table: Vec<Tokens> = vec![];
    for (i, f) in fields.named.iter_mut().enumerate() {
        let Some(n) = f.ident.clone() else {
            return Err(Error::new_spanned(f, "a document has named fields"));
        };
        let t = f.ty.clone();
        let d: Vec<_> = f.attrs.iter().filter(|a| is(a, "doc")).cloned().collect();
        let is_key = f.attrs.iter().any(|a| is(a, "key"));
        if is_key && i >= keys {
            return Err(Error::new_spanned(f, "#[key] fields come first"));
        }
        let indexed = f.attrs.iter().any(|a| is(a, "index"));
        f.attrs.retain(|a| !is(a, "key") && !is(a, "index"));
        table.push(quote!(crate::document::Column {
            name: stringify!(#n),
            kind: <#t as crate::value::Field>::KIND,
            nullable: <#t as crate::value::Field>::NULLABLE,
            key: #is_key,
            indexed: #indexed,
            words: <#t as crate::value::Field>::WORDS,
        }));
        if is_key {
            part.push(n);
            part_ty.push(t);
            part_doc.push(d);
            continue;
        }
        f.attrs.push(parse_quote!(#[serde(
            default,
            skip_serializing_if = "crate::value::Field::is_null",
            deserialize_with = "crate::value::or_default"
        )]));
        name.push(n);
        ty.push(t);
        docs.push(d);
    }
    let count = part.len();
    let total = count + name.len();
    let bit = 0..name.len() as u32;
    let bits: Vec<_> = bit.map(|b| quote!(#b)).collect();
    if name.len() > 64 {
        return Err(Error::new_spanned(&doc, "a document has at most 64 fields beside its key"));
    }
    Ok(quote! {
        #[derive(Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #item
        #[doc = #about_key]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct #key { #( #(#part_doc)* pub #part: #part_ty, )* }
        impl crate::document::DocumentKey for #key {
            fn write(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                crate::document::write_parts(f, &[#(&self.#part),*])
            }
            fn read(text: &str) -> Result<Self, crate::document::KeyError> {
                let mut parts = text.splitn(#count, '/');
                Ok(Self { #(#part: crate::document::read_part(text, parts.next())?,)* })
            }
            fn book_id(&self) -> &crate::BookId { &self.book_id }
        }
        crate::document::key_impls!(#key);
        #[doc = #about_patch]
        #[derive(Debug, Clone, PartialEq, Default, ::serde::Serialize, ::serde::Deserialize)]
        pub struct #patch { #(
            #(#docs)*
            #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::value::present")]
            pub #name: Option<#ty>,
        )* }
        impl #key {
            /// A document with this key, its creation, and nothing else.
            #[must_use]
            pub fn document(self, at: &crate::At) -> #doc {
                let mut new = #doc { #(#part: self.#part,)* #(#name: Default::default(),)* };
                new.created_at = Some(at.now);
                new.created_seq = at.seq;
                new
            }
        }
        impl crate::document::Patch for #patch {
            fn fields(&self) -> crate::document::FieldSet {
                let mut set = crate::document::FieldSet::EMPTY;
                #(if self.#name.is_some() { set.insert(#bits); })*
                set
            }
            fn merge(&mut self, later: Self) { #(if later.#name.is_some() { self.#name = later.#name; })* }
            fn values(&self) -> Vec<(&'static str, crate::value::Value)> {
                let mut values = Vec::new();
                #(if let Some(v) = &self.#name { values.push((stringify!(#name), crate::value::Field::to_value(v))); })*
                values
            }
            fn check(&self) -> Result<(), crate::value::ValueError> {
                #(if let Some(v) = &self.#name { crate::value::Field::check(v).map_err(|e| e.of(stringify!(#name)))?; })*
                Ok(())
            }
        }
        impl crate::document::Document for #doc {
            const COLLECTION: crate::Collection = crate::Collection::#doc;
            const COLUMNS: &'static [crate::document::Column] = &[#(#table),*];
            type Key = #key;
            type Patch = #patch;
            fn key(&self) -> #key { #key { #(#part: self.#part.clone(),)* } }
            fn book_id(&self) -> &crate::BookId { &self.book_id }
            fn table(state: &crate::BookState) -> &crate::Table<Self> { state.#table_name() }
            fn write_op(op: crate::Op<Self>) -> crate::WriteOp { crate::WriteOp::#doc(op) }
            fn any_key(key: #key) -> crate::AnyKey { crate::AnyKey::#doc(key) }
            fn created_seq(&self) -> crate::Seq { self.created_seq }
            fn created_at(&self) -> Option<crate::Timestamp> { self.created_at }
            fn keep_creation(&mut self, of: &Self) {
                self.created_at = of.created_at;
                self.created_seq = of.created_seq;
            }
            fn apply(&mut self, patch: &#patch) {
                #(if let Some(v) = &patch.#name { self.#name.clone_from(v); })*
            }
            fn changed(&self, newer: &Self) -> crate::document::FieldSet {
                let mut set = crate::document::FieldSet::EMPTY;
                #(if self.#name != newer.#name { set.insert(#bits); })*
                set
            }
            fn patch(&self, fields: crate::document::FieldSet) -> #patch {
                #patch { #(#name: fields.contains(#bits).then(|| self.#name.clone()),)* }
            }
            fn values(&self) -> Vec<crate::value::Value> {
                vec![#(crate::value::Field::to_value(&self.#part),)* #(crate::value::Field::to_value(&self.#name),)*]
            }
            fn from_values(values: Vec<crate::value::Value>) -> Result<Self, crate::value::ValueError> {
                if values.len() != #total {
                    return Err(crate::value::ValueError::Count { expected: #total, found: values.len() });
                }
                let mut values = values.into_iter();
                Ok(Self {
                    #(#part: crate::value::take(values.next(), stringify!(#part))?,)*
                    #(#name: crate::value::take(values.next(), stringify!(#name))?,)*
                })
            }
            fn check(&self) -> Result<(), crate::value::ValueError> {
                #(crate::value::Field::check(&self.#part).map_err(|e| e.of(stringify!(#part)))?;)*
                #(crate::value::Field::check(&self.#name).map_err(|e| e.of(stringify!(#name)))?;)*
                Ok(())
            }
        }
    })
}
