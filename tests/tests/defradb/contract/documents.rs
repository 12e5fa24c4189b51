//! Documents of every collection come back as they were written.

use std::collections::BTreeSet;

use bookstate_domain::{
    AgentState, AgentStateKey, AgentType, AnyKey, At, Book, BookKey, Heading, Op, OpVisitor, Page, Timestamp,
    WriteOp, document::Document,
};
use bookstate_store::TargetError;
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngSeed, TestRunner},
};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

use super::{Session, delete, node, page, patch, put, target};
use crate::strategies;

/// An op for a chunk: a patch only of what is there.
struct IsPatch;

impl OpVisitor for IsPatch {
    type Out = bool;
    fn visit<D: Document>(self, op: &Op<D>) -> bool {
        matches!(op, Op::Update { .. })
    }
}

/// Ops as a chunk has them: one per key, patches of what is there, no time before the year 0, which the node
/// does not take.
fn legal(ops: Vec<WriteOp>, session: &Session) -> Vec<WriteOp> {
    let mut taken: BTreeSet<AnyKey> = BTreeSet::new();
    let is_legal = |op: &WriteOp| {
        let there = session.state.has(&op.key()) || !op.visit(IsPatch);
        let text = serde_json::to_string(op).unwrap();
        there && !text.contains("\"-0") && taken.insert(op.key())
    };
    ops.into_iter().filter(is_legal).collect()
}

/// Runs of arbitrary ops of every collection: the node is the fold of its chunks, whether the target knows
/// what is there or has to ask. Deleted documents come back, also equal ones.
#[tokio::test]
async fn the_node_is_the_fold_of_its_chunks() {
    let seed = rand::rng().next_u64();
    let (node, first, mut session) = node().await;
    let mut random = StdRng::seed_from_u64(seed);
    let config = Config { rng_seed: RngSeed::Fixed(seed), ..Config::default() };
    let mut runner = TestRunner::new(config);
    let run = strategies::run(24);
    let mut target = first;
    let mut written = [0; 9];
    for step in 0..60 {
        if random.random_ratio(1, 5) {
            target = super::target(&node.url());
        }
        let ops = legal(run.new_tree(&mut runner).unwrap().current(), &session);
        for ops in ops.chunks(10) {
            ops.iter().for_each(|op| written[op.key().collection() as usize] += 1);
            let wrote = session.write(&target, ops).await;
            assert!(wrote.is_ok(), "seed {seed}, step {step}: {wrote:?}\n{ops:?}");
        }
        if step % 4 == 0 {
            session.check(&super::target(&node.url())).await;
        }
    }
    session.check(&target).await;
    assert!(written.iter().all(|ops| *ops > 0), "seed {seed}: not every collection was written: {written:?}");
}

#[tokio::test]
async fn texts_of_any_content_and_length_come_back() {
    let (node, one, mut session) = node().await;
    let odd = "\u{feff}nul \0, \"quotes\" 'and' \\u0041 $key \u{2028}\r\n\t{}[] \u{10ffff} ßẞ 📖";
    session.write(&one, &[put(1, odd), put(2, ""), put(3, &odd.repeat(200))]).await.unwrap();
    session.write(&one, &[patch(2, odd), patch(3, "")]).await.unwrap();
    let at = At { seq: super::seq(1), now: Timestamp::from_nanos(1) };
    let mut headed = super::key(6).document(&at);
    headed.headings = Some(vec![Heading { level: 1, text: odd.into(), line: i32::MIN }].into());
    let mut book = BookKey { book_id: super::book_id() }.document(&at);
    book.subjects = vec![odd.into(), "".into(), odd.repeat(9).into()];
    let subject = odd.repeat(15).into();
    let agent = AgentStateKey { book_id: super::book_id(), agent_type: AgentType::TocFinder, subject };
    assert!(agent.to_string().len() > 900, "nearly as long as a key may be");
    let ops = [
        Op::<Page>::Upsert(headed.into()).into(),
        Op::<Book>::Upsert(book.into()).into(),
        Op::<AgentState>::Upsert(agent.document(&at).into()).into(),
    ];
    ops.iter().for_each(|op: &WriteOp| op.check().unwrap());
    session.write(&one, &ops).await.unwrap();
    session.check(&target(&node.url())).await;
    // The longest text that the domain takes, alone in its chunk as the sink sends it.
    for (page_num, bytes) in [(4, 1 << 20), (5, bookstate_domain::value::MAX_TEXT_BYTES)] {
        session.write(&one, &[put(page_num, &"x".repeat(bytes))]).await.unwrap();
    }
    session.write(&one, &[patch(4, &"y".repeat(2 << 20))]).await.unwrap();
    session.check(&target(&node.url())).await;
}

#[tokio::test]
async fn what_the_node_cannot_hold_is_refused_and_nothing_of_its_chunk_is_there() {
    let (_node, target, mut session) = node().await;
    session.write(&target, &[put(1, "one")]).await.unwrap();
    let huge = "x".repeat(11_000_000);
    let refused = session.write(&target, &[put(2, "two"), put(3, &huge), delete(1)]).await.unwrap_err();
    let told = refused.to_string();
    assert!(
        matches!(refused, TargetError::TooLarge { .. } | TargetError::Refused { .. }) && told.len() < 400,
        "{told}"
    );
    session.check(&target).await;
    // Years that the domain knows, and the node does not.
    let mut early = super::key(4).document(&At { seq: super::seq(1), now: Timestamp::from_nanos(i128::MIN) });
    early.header = Some("early".into());
    let refused = session.write(&target, &[Op::<Page>::Upsert(early.into()).into()]).await.unwrap_err();
    assert!(matches!(refused, TargetError::Refused { .. }), "{refused}");
    session.check(&target).await;
    // Twenty texts that are each small enough, and together are not.
    let mut random = StdRng::seed_from_u64(1);
    let mut text = || (0..400_000).map(|_| char::from(random.random_range(b' '..b'~'))).collect::<String>();
    let many: Vec<WriteOp> = (10..30).map(|page_num| put(page_num, &text())).collect();
    let refused = session.write(&target, &many).await.unwrap_err();
    assert!(matches!(refused, TargetError::TooLarge { .. }), "{refused}");
    session.check(&target).await;
    session.write(&target, &many[..6]).await.unwrap();
    session.check(&target).await;
    assert!(session.state.has(&page(15)) && !session.state.has(&page(16)));
}
