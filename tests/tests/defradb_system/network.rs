//! What a network does to requests: lost ones, lost answers, cuts, stalls, a late delivery.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bookstate_tests::books::Book;
use bookstate_tests::node::{End, Fault};
use rand::RngExt;

use crate::compare::in_node;
use crate::moments::random;
use crate::rig::{PROCESS, Rig, Undisturbed, small};

/// Every fault, several times, within two jobs.
#[test]
fn faults_of_every_kind_lose_nothing_and_write_nothing_twice() {
    /// The quick ones, and those that are waited out.
    const QUICK: [Fault; 6] = [
        Fault::Lose(End::Reset),
        Fault::Lose(End::Close),
        Fault::CutRequest,
        Fault::CutAnswer,
        Fault::LoseAnswer(End::Reset),
        Fault::LoseAnswer(End::Close),
    ];
    const SLOW: [Fault; 3] =
        [Fault::Lose(End::Silence), Fault::LoseAnswer(End::Silence), Fault::Stall { answers: 3 }];

    let mut random = random("faults_of_every_kind");
    let expected = Undisturbed::of(Book::standard(60).make_pdf());
    for round in 0..2 {
        let rig = Rig::with(&expected.made);
        // The quick ones three times and the slow ones once, in any order, at any third request or so.
        let mut faults: Vec<Fault> = [&QUICK[..], &QUICK, &QUICK, &SLOW].concat();
        let mut choice = random.clone();
        rig.proxy.choose(move |_| {
            if faults.is_empty() || choice.random_bool(0.6) {
                return Fault::Pass;
            }
            faults.swap_remove(choice.random_range(0..faults.len()))
        });
        let commands = rig.until_drained();
        rig.is_as(&expected);
        let counts = rig.proxy.counts();
        println!("round {round}: {commands} commands, {counts:?}");
        assert!(counts.faults >= 12, "{counts:?}");
        random.random::<u64>();
    }
}

/// What was applied must be found out, not guessed.
#[test]
fn answers_of_writes_are_lost_again_and_again() {
    const WRITES: u64 = 16;
    let rig = Rig::with(&small().made);
    let mut writes = 0;
    rig.proxy.choose(move |asked| {
        writes += u64::from(asked.says("mutation"));
        let lost = asked.says("mutation") && writes % 2 == 1 && writes < WRITES;
        if lost { Fault::LoseAnswer(End::Reset) } else { Fault::Pass }
    });
    let commands = rig.until_drained();
    rig.is_as(small());
    let counts = rig.proxy.counts();
    println!("{commands} commands, {counts:?}");
    // How many writes it takes depends on how the job's commits fall into batches.
    assert!(counts.faults >= 4, "{counts:?}");
}

/// A write that hangs in the network until newer ones have been applied. One of deletions and changes is the
/// dangerous one: nothing but the compare-and-set keeps it from undoing what came after.
#[test]
fn a_write_that_arrives_late_changes_nothing() {
    for adds in [true, false] {
        let rig = Rig::with(&small().made);
        if !adds {
            rig.place.ok(PROCESS);
        }
        let later = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&later);
        let mut stalled = false;
        rig.proxy.choose(move |asked| {
            if !asked.says("mutation") {
                return Fault::Pass;
            }
            if stalled {
                seen.fetch_add(1, Ordering::SeqCst);
            } else if asked.says("add_") == adds {
                stalled = true;
                return Fault::Stall { answers: u64::MAX / 2 };
            }
            Fault::Pass
        });
        if !adds {
            rig.place.ok("reset book.pdf structure --yes");
        }
        rig.until_drained();
        // One at a time: when the third after it came, two had been applied.
        let later = later.load(Ordering::SeqCst);
        assert!(rig.proxy.counts().faults == 1 && later >= 3, "{later} later ones, {:?}", rig.proxy);
        rig.is_equal();
        let before = in_node(rig.client());
        rig.proxy.release();
        assert!(rig.proxy.wait(|counts| counts.late == 1));
        let late = rig.proxy.late_answers();
        assert!(in_node(rig.client()) == before, "adds: {adds}, the answer was {}", late[0].text());
        assert!(late[0].text().contains("\"errors\""), "adds: {adds}: {}", late[0].text());
        rig.is_equal();
    }
}
