//! The oracle: a book of pages as a map, with changes that it folds in its own way, not through `BookState`.

use std::{collections::BTreeMap, sync::Arc};

use bookstate_domain::{
    At, BookId, BookState, Misuse, Op, Ops, Page, PageKey, PagePatch, Seq, Text, Timestamp, WriteOp,
};
use bookstate_store::{BookHandle, PersistError, Receipt};

/// The fields of a page that the tests change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Row {
    text: Option<String>,
    footer: Option<String>,
    complete: bool,
}

/// A book: its pages by number.
pub(crate) type Pages = BTreeMap<i32, Row>;

/// A small change of a small book: enough for every kind of op, and for collisions.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Put { page: i32, text: String, footer: bool },
    Patch { page: i32, text: Option<String>, complete: bool },
    Delete { page: i32 },
}

impl Change {
    pub(crate) fn op(&self, book: &BookId, at: &At) -> WriteOp {
        let key = |page_num| PageKey { book_id: book.clone(), page_num };
        match self {
            Self::Put { page, text, footer } => {
                let mut document = key(*page).document(at);
                document.ocr_markdown = Some(text.as_str().into());
                document.footer = footer.then(|| "foot".into());
                Op::Upsert(Arc::new(document)).into()
            }
            Self::Patch { page, text, complete } => {
                let patch = PagePatch {
                    ocr_markdown: Some(text.as_deref().map(Text::from)),
                    ocr_complete: Some(*complete),
                    ..PagePatch::default()
                };
                Op::<Page>::Update { key: key(*page), patch: Box::new(patch) }.into()
            }
            Self::Delete { page } => Op::<Page>::Delete { key: key(*page) }.into(),
        }
    }

    pub(crate) fn fold(&self, pages: &mut Pages) {
        match self.clone() {
            Self::Put { page, text, footer } => {
                let footer = footer.then(|| "foot".to_owned());
                pages.insert(page, Row { text: Some(text), footer, complete: false });
            }
            Self::Patch { page, text, complete } => {
                if let Some(row) = pages.get_mut(&page) {
                    row.text = text;
                    row.complete = complete;
                }
            }
            Self::Delete { page } => {
                pages.remove(&page);
            }
        }
    }
}

/// The pages of a state; panics when it holds anything else.
pub(crate) fn pages_of(state: &BookState) -> Pages {
    assert_eq!(state.document_count(), state.pages().size(), "only pages were made");
    let row = |page: &Arc<Page>| Row {
        text: page.ocr_markdown.as_deref().map(str::to_owned),
        footer: page.footer.as_deref().map(str::to_owned),
        complete: page.ocr_complete,
    };
    state.pages().values().map(|page| (page.page_num, row(page))).collect()
}

/// The changes of commit `seq`: all kinds of ops, the same pages again and again, never without an effect.
pub(crate) fn changes(seq: u32) -> Vec<Change> {
    let page = i32::try_from(seq % 5).unwrap();
    let text = format!("text {seq}");
    match seq % 4 {
        0 => vec![
            Change::Put { page, text: text.clone(), footer: false },
            Change::Patch { page, text: Some(text), complete: true },
        ],
        1 | 2 => vec![Change::Put { page, text, footer: seq.is_multiple_of(2) }],
        _ => vec![Change::Delete { page: (page + 3) % 5 }, Change::Put { page, text, footer: true }],
    }
}

/// The book after each of the commits 0 to `last` of [`changes`].
pub(crate) fn folds(last: u32) -> Vec<Pages> {
    let mut pages = Pages::new();
    let mut folds = vec![pages.clone()];
    for seq in 1..=last {
        changes(seq).iter().for_each(|change| change.fold(&mut pages));
        folds.push(pages.clone());
    }
    folds
}

/// The book after commit `last` of [`changes`].
pub(crate) fn fold(last: u32) -> Pages {
    folds(last).pop().unwrap()
}

pub(crate) fn ops(book: &BookId, at: &At, changes: &[Change]) -> Ops {
    changes.iter().map(|change| change.op(book, at)).collect()
}

pub(crate) fn seq(number: u32) -> Seq {
    Seq::new(number).unwrap()
}

/// A time and a seq for ops that are made outside of a commit.
pub(crate) fn at(number: u32) -> At {
    At { seq: seq(number), now: Timestamp::from_nanos(0) }
}

pub(crate) fn commit(handle: &BookHandle, changes: &[Change]) -> Result<Receipt, PersistError> {
    handle.commit(|_, at| Ok::<_, Misuse>(ops(handle.id(), at, changes)))
}

/// Makes the commits of [`changes`] up to and including `last`; panics when one gets another seq.
pub(crate) fn commit_up_to(handle: &BookHandle, last: u32) {
    for number in handle.snapshot().seq.get() + 1..=last {
        assert_eq!(commit(handle, &changes(number)).unwrap().seq, seq(number));
    }
}
