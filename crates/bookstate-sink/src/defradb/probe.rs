//! Does a node do what chunks rely on? Tried on a book that nobody has, whatever version the node is of.
//!
//! Each request has to be refused in words that are understood, and to take what is beside it in the request with it.
//! So nothing of a probe stays in a node that can be used.

use std::{collections::HashSet, sync::Arc};

use bookstate_domain::{AnyKey, At, BookId, Op, Page, PageKey, PagePatch, Seq, Timestamp, WriteOp};
use bookstate_store::{BookSync, Chunk, StartId, TargetError, WriteMark, WriterId};

use super::{
    chunk::{ChunkRequest, LookUp},
    client::Client,
    compose::{Batch, ComposeError, Composer},
    failure::{CallError, Meaning, meaning, shortened},
    load, operations,
};

/// No book has this id: those of files are made of digits, and this one is said to be taken.
const BOOK: &str = "bookstate-probe";

/// Another transaction may be in the way that often.
const MOST_ATTEMPTS: usize = 8;

/// Tries it.
///
/// # Errors
/// [`TargetError::Unusable`] when the node does something else than what is relied on; or it is unavailable.
pub(super) async fn probe(client: &Client, composer: &Composer) -> Result<(), TargetError> {
    let book_id = BookId::new(BOOK).map_err(|error| unusable(&error.to_string()))?;
    let page = |page_num| PageKey { book_id: book_id.clone(), page_num };
    let put = |header: &str| {
        let mut put = page(1).document(&At { seq: Seq::ZERO, now: Timestamp::from_nanos(0) });
        put.header = Some(header.into());
        WriteOp::from(Op::Upsert(Arc::new(put)))
    };
    let patch = Op::<Page>::Update { key: page(2), patch: Box::new(PagePatch::default()) }.into();
    let nobody = WriteMark { writer: WriterId([0; 16]), write_no: 1, token: 1 };
    // What is asked for, what the node has to say to it, and what it would mean if it did not.
    let tries = [
        (Some(nobody), vec![put("a")], Meaning::SyncMoved, "a chunk for a book that it does not have"),
        (None, vec![put("a"), put("b")], Meaning::OtherDocuments, "two documents of one key"),
        (None, vec![put("a"), patch], Meaning::OtherDocuments, "a patch of a document that it does not have"),
    ];
    for (expect, ops, right, what) in tries {
        let sync = BookSync {
            writer: nobody.writer,
            start: StartId::default(),
            epoch: bookstate_store::Epoch::NONE,
            write_no: 1,
            token: rand::random(),
            persisting_seq: Seq::ZERO,
            persisted_seq: Seq::ZERO,
            parked: Vec::new(),
        };
        let chunk = Chunk { book_id: book_id.clone(), expect, sync, ops };
        refuses(client, composer, &chunk, right, what).await?;
    }
    is_not_there(client, composer, &book_id, AnyKey::Page(page(1))).await
}

async fn refuses(
    client: &Client,
    composer: &Composer,
    chunk: &Chunk,
    right: Meaning,
    what: &str,
) -> Result<(), TargetError> {
    for _ in 0..MOST_ATTEMPTS {
        let request = ChunkRequest::new(chunk, &HashSet::new(), true).map_err(defect)?;
        let answer = client.graphql(request.batch.request(composer).map_err(defect)?).await;
        match answer {
            Ok(_) => return Err(unusable(&format!("it takes {what}"))),
            Err(CallError::Errors(text)) => match meaning(&text) {
                Meaning::Conflict => tokio::task::yield_now().await,
                found if found == right => return Ok(()),
                Meaning::Later => return Err(CallError::Errors(text).of_read()),
                _ => return Err(unusable(&format!("it says of {what}: {}", shortened(&text)))),
            },
            Err(error) => return Err(error.of_read()),
        }
    }
    Err(TargetError::Unavailable { reason: "other transactions are in the way all the time".to_owned() })
}

/// What was refused has taken all of its request with it.
async fn is_not_there(
    client: &Client,
    composer: &Composer,
    book_id: &BookId,
    key: AnyKey,
) -> Result<(), TargetError> {
    let ask = async |batch: &Batch| {
        let request = batch.request(composer).map_err(defect)?;
        client.graphql(request).await.map_err(CallError::of_read)
    };
    let mut batch = Batch::default();
    let sync = operations::find_sync(&mut batch, book_id).map_err(defect)?;
    let syncs = load::syncs(&mut ask(&batch).await?, sync)?;
    let look_up = LookUp::new([key]).map_err(defect)?;
    let found = look_up.found(ask(&look_up.batch).await?).map_err(|error| unusable(&error.to_string()))?;
    if syncs.is_empty() && found.is_empty() {
        return Ok(());
    }
    Err(unusable(&format!(
        "it keeps a part of a request that it refuses; if you mend it, delete what it has of the book {BOOK}"
    )))
}

fn unusable(how: &str) -> TargetError {
    TargetError::Unusable {
        reason: format!(
            "it does not do what bookstate relies on, as DefraDB 1.0 does ({how}): use a node of that"
        ),
    }
}

fn defect(error: ComposeError) -> TargetError {
    TargetError::Unusable { reason: format!("a request cannot be made: {error}") }
}
