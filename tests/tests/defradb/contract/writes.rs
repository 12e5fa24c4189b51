//! Compare-and-set, and documents that are not as the target believes.

use std::time::Duration;

use bookstate_domain::{BookId, WriteOp};
use bookstate_sink::defradb::{DefraOptions, DefraTarget};
use bookstate_store::{BookSync, Chunk, Target, TargetError, WriteMark, WriterId};
use bookstate_tests::node::{End, Fault, Node, Proxy};
use serde_json::Value;

use super::{Session, WRITER, book_id, delete, node, page, patch, put, target};

/// Everything that the node holds of the book, by a client of the tests' own.
fn whole(node: &Node) -> Value {
    let query = "{ BookSync { book_id writer write_no token persisted_seq } \
                 Page(order: [{key: ASC}]) { key book_id nonce ocr_markdown } }";
    node.client().graphql(query, &Value::Null).unwrap()
}

fn by_hand(node: &Node, mutation: &str) {
    node.client().graphql(mutation, &Value::Null).unwrap();
}

#[tokio::test]
async fn a_wrong_expectation_changes_nothing() {
    let (node, target, mut session) = node().await;
    let first = session.chunk(&[put(1, "one")]);
    let mark = |write_no: u32, token| WriteMark { writer: WRITER, write_no, token };
    let other = Chunk { expect: Some(mark(1, 1)), ..first.clone() };
    assert_eq!(target.write_chunk(&other).await, Err(TargetError::Mismatch));
    assert_eq!(target.book_sync(&book_id()).await, Ok(None));
    session.write(&target, &[put(1, "one")]).await.unwrap();
    let right = session.sync.as_ref().map(BookSync::mark).unwrap();
    let before = whole(&node);
    let second = session.chunk(&[put(2, "two"), delete(1)]);
    let wrong = [
        None,
        Some(mark(0, right.token)),
        Some(mark(2, right.token)),
        Some(mark(1, 8)),
        Some(WriteMark { writer: WriterId([8; 16]), ..right }),
    ];
    for expect in wrong {
        let chunk = Chunk { expect, ..second.clone() };
        assert_eq!(target.write_chunk(&chunk).await, Err(TargetError::Mismatch), "{expect:?}");
        assert_eq!(whole(&node), before, "{expect:?}");
    }
    let stray = Chunk { book_id: BookId::new("another").unwrap(), ..session.chunk(&[put(3, "three")]) };
    assert!(matches!(target.write_chunk(&stray).await, Err(TargetError::Refused { .. })));
    // Twice the same is a wrong expectation too.
    assert_eq!(target.write_chunk(&first).await, Err(TargetError::Mismatch));
    target.write_chunk(&second).await.unwrap();
    session.taken(second);
    session.check(&target).await;
}

#[tokio::test]
async fn a_request_that_arrives_late_changes_nothing() {
    let (node, _, mut session) = node().await;
    let proxy = Proxy::start(node.address()).unwrap();
    let slow = target(&proxy.url());
    slow.prepare().await.unwrap();
    for (late, then) in [(put(1, "late"), put(1, "first")), (patch(1, "late"), patch(1, "later"))] {
        proxy.next([Fault::Stall { answers: 2 }]);
        let stalled = session.chunk(&[late]);
        let lost = tokio::time::timeout(Duration::from_millis(300), slow.write_chunk(&stalled)).await;
        assert!(lost.is_err(), "{lost:?}");
        session.write(&slow, &[then]).await.unwrap();
        let answered = proxy.counts().late;
        session.write(&slow, &[put(2, "second")]).await.unwrap();
        assert!(proxy.wait(|counts| counts.late > answered), "the late request was delivered");
        session.check(&slow).await;
    }
    assert!(proxy.late_answers().iter().all(|answer| answer.text().contains("errors")));
}

#[tokio::test]
async fn an_answer_that_is_lost_is_ambiguous_and_the_sync_document_tells() {
    let (node, _, mut session) = node().await;
    let proxy = Proxy::start(node.address()).unwrap();
    let target = target(&proxy.url());
    target.prepare().await.unwrap();
    session.write(&target, &[put(1, "one")]).await.unwrap();
    let faults = [
        (Fault::LoseAnswer(End::Reset), true),
        (Fault::CutAnswer, true),
        (Fault::Lose(End::Reset), false),
        (Fault::CutRequest, false),
    ];
    for (page_num, (fault, applied)) in (2..).zip(faults) {
        proxy.next([fault]);
        let chunk = session.chunk(&[put(page_num, "new"), patch(1, &format!("{fault:?}"))]);
        let lost = target.write_chunk(&chunk).await.unwrap_err();
        assert!(matches!(lost, TargetError::Ambiguous { .. }), "{fault:?}: {lost:?}");
        let sync = target.book_sync(&book_id()).await.unwrap();
        assert_eq!(sync.as_ref() == Some(&chunk.sync), applied, "{fault:?}");
        if applied {
            session.taken(chunk);
        }
        session.check(&target).await;
        session.write(&target, &[put(page_num, "again")]).await.unwrap();
    }
    session.check(&target).await;
}

#[tokio::test]
async fn a_node_that_does_not_answer_is_not_waited_for() {
    let (node, _, mut session) = node().await;
    let proxy = Proxy::start(node.address()).unwrap();
    let mut options = DefraOptions::new(proxy.url());
    options.timeout = Duration::from_millis(500);
    let target = DefraTarget::new(&options).unwrap();
    session.write(&target, &[put(1, "one")]).await.unwrap();
    proxy.next([Fault::Lose(End::Silence), Fault::Lose(End::Silence)]);
    let unread = target.book_sync(&book_id()).await.unwrap_err();
    assert!(matches!(unread, TargetError::Unavailable { .. }), "{unread}");
    let unwritten = target.write_chunk(&session.chunk(&[put(2, "two")])).await.unwrap_err();
    assert!(matches!(unwritten, TargetError::Ambiguous { .. }), "{unwritten}");
    session.write(&target, &[put(2, "two")]).await.unwrap();
    session.check(&target).await;
}

#[tokio::test]
async fn a_node_that_is_not_there_is_unavailable() {
    let (mut node, target, mut session) = node().await;
    session.write(&target, &[put(1, "one")]).await.unwrap();
    node.kill();
    let unavailable = |error: &TargetError| matches!(error, TargetError::Unavailable { .. });
    // A connection from before cannot tell whether the node got the request.
    let first = session.write(&target, &[put(2, "two")]).await.unwrap_err();
    assert!(unavailable(&first) || matches!(first, TargetError::Ambiguous { .. }), "{first:?}");
    assert!(session.write(&target, &[put(2, "two")]).await.is_err_and(|error| unavailable(&error)));
    assert!(target.book_sync(&book_id()).await.is_err_and(|error| unavailable(&error)));
    assert!(target.load_book(&book_id()).await.is_err_and(|error| unavailable(&error)));
    assert!(target.prepare().await.is_err_and(|error| unavailable(&error)));
    node.start_again().unwrap();
    session.write(&target, &[put(2, "two")]).await.unwrap();
    session.check(&target).await;
}

#[tokio::test]
async fn a_patch_of_what_is_not_there_takes_its_whole_chunk_with_it() {
    let (node, target, mut session) = node().await;
    session.write(&target, &[put(1, "one"), put(2, "two")]).await.unwrap();
    let before = whole(&node);
    let ops = [delete(2), put(1, "new"), put(3, "three"), patch(9, "nothing there")];
    assert_eq!(session.write(&target, &ops).await, Err(TargetError::Missing { key: page(9) }));
    assert_eq!(whole(&node), before);
    // Somebody deletes a document by hand.
    by_hand(&node, r#"mutation { delete_Page(filter: {key: {_eq: "b/2"}}) { key } }"#);
    assert_eq!(session.write(&target, &[patch(2, "x")]).await, Err(TargetError::Missing { key: page(2) }));
    // A put of it goes through, although the target believes that it is there; so does a delete.
    session.write(&target, &[put(2, "back"), patch(1, "x")]).await.unwrap();
    by_hand(&node, r#"mutation { delete_Page(filter: {key: {_eq: "b/1"}}) { key } }"#);
    session.write(&target, &[delete(1)]).await.unwrap();
    session.check(&target).await;
}

#[tokio::test]
async fn a_document_of_somebody_else_is_neither_changed_nor_deleted() {
    let (node, target, mut session) = node().await;
    let theirs = |key: &str, book: &str| {
        format!(
            r#"mutation {{ add_Page(input: [{{key: "{key}", book_id: {book}, ocr_markdown: "theirs"}}]) {{ key }} }}"#
        )
    };
    by_hand(&node, &theirs("b/1", "\"another\""));
    by_hand(&node, &theirs("b/2", "null"));
    by_hand(&node, &theirs("c/1", "\"c\""));
    let before = whole(&node);
    for ops in [vec![put(1, "ours"), put(3, "ours")], vec![put(2, "ours")]] {
        let refused = session.write(&target, &ops).await.unwrap_err();
        assert!(
            matches!(&refused, TargetError::Refused { reason } if reason.contains("Page/b/")),
            "{refused:?}"
        );
        assert_eq!(whole(&node), before);
    }
    session.write(&target, &[put(3, "ours")]).await.unwrap();
    for op in [patch(1, "ours"), put(2, "ours")] {
        let refused = session.write(&target, &[op]).await.unwrap_err();
        assert!(matches!(refused, TargetError::Refused { .. }), "{refused:?}");
    }
    session.write(&target, &[delete(1)]).await.unwrap();
    session.check(&target).await;
    let theirs =
        whole(&node)["Page"].as_array().unwrap().iter().filter(|p| p["ocr_markdown"] == "theirs").count();
    assert_eq!(theirs, 3);
}

/// A book of its own beside many others, through any of them.
async fn other_book(target: &DefraTarget, number: u32) {
    let id = BookId::new(&format!("other-{number}")).unwrap();
    let chunk = Session::new().chunk(&[]);
    target.write_chunk(&Chunk { book_id: id, ..chunk }).await.unwrap();
}

#[tokio::test]
async fn two_targets_on_one_node_do_not_disturb_each_other() {
    let (node, one, mut session) = node().await;
    let two = target(&node.url());
    other_book(&two, 0).await;
    for number in 1..20 {
        let pages: Vec<WriteOp> = (0..5).map(|page| put(page, &number.to_string())).collect();
        let (a, ()) = tokio::join!(session.write(&one, &pages), async {
            loop {
                let id = BookId::new(&format!("other-{number}")).unwrap();
                let chunk = Chunk { book_id: id, ..Session::new().chunk(&[]) };
                // Two transactions that add documents conflict: the node takes one of them.
                match two.write_chunk(&chunk).await {
                    Err(TargetError::Conflict { .. }) => {}
                    other => break other.unwrap(),
                }
            }
        });
        match a {
            Err(TargetError::Conflict { .. }) => session.write(&one, &pages).await.unwrap(),
            other => other.unwrap(),
        }
    }
    session.check(&two).await;
    assert_eq!(one.list_books().await.unwrap().len(), 21);
}

#[tokio::test]
async fn a_node_that_was_replaced_by_an_empty_one_is_set_up_again() {
    let (mut node, target, mut session) = node().await;
    session.write(&target, &[put(1, "one")]).await.unwrap();
    let copy = tempfile::tempdir().unwrap();
    let copy = copy.path().join("empty");
    let mut empty = Node::throwaway().unwrap();
    empty.stop().unwrap();
    empty.copy_data(&copy).unwrap();
    node.stop().unwrap();
    node.restore(&copy).unwrap();
    node.start_again().unwrap();
    // Later it will work: first the connection is one to the old node, then the next call sets the new one up.
    let mut away = target.write_chunk(&session.chunk(&[patch(1, "x")])).await;
    if matches!(away, Err(TargetError::Ambiguous { .. })) {
        away = target.write_chunk(&session.chunk(&[patch(1, "x")])).await;
    }
    assert!(matches!(away, Err(TargetError::Unavailable { .. })), "{away:?}");
    assert_eq!(target.write_chunk(&session.chunk(&[patch(1, "x")])).await, Err(TargetError::Mismatch));
    assert_eq!(target.book_sync(&book_id()).await, Ok(None));
    session = Session::new();
    session.write(&target, &[put(1, "anew")]).await.unwrap();
    session.check(&target).await;
}
