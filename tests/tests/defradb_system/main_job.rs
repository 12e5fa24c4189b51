//! The main job: everything arrives, each document about once, and a node that is away holds up nothing.

use bookstate_tests::books::Book;
use bookstate_tests::node::{End, Fault};

use crate::compare::{in_node, in_place};
use crate::rig::{Impatient, PROCESS, Rig, Undisturbed, lag, small};

#[test]
fn a_book_of_60_pages_arrives() {
    let expected = Undisturbed::of(Book::standard(60).make_pdf());
    let rig = Rig::with(&expected.made);
    let ended = rig.ends_as(&expected);
    assert!(!ended.err.contains("warning"), "{ended:?}");
    // The comparison is one that can fail.
    let (theirs, ours) = (in_node(rig.client()), in_place(&rig.place));
    assert!(theirs == ours && ours.len() > 200, "{}", ours.len());
    println!("{} documents in {} requests", ours.len(), rig.proxy.counts().requests);
}

#[test]
fn a_node_that_is_down_for_the_whole_job_gets_all_of_it_later() {
    let mut rig = Rig::with(&small().made);
    rig.impatient(Impatient::AtTheEnd);
    rig.node.kill();
    let ended = rig.place.ok(PROCESS);
    assert_eq!(ended.json()["status"], "complete");
    assert!(ended.err.contains("warning: target defradb lacks"), "{ended:?}");
    let (lacks, parked) = lag(&rig.place, "defradb");
    assert_eq!((lacks, parked), (ended.json()["persisted_seq"].as_u64().unwrap(), 0));

    rig.node.start_again().unwrap();
    rig.impatient(Impatient::Not);
    let again = rig.ends_as(small());
    assert_eq!(again.json()["commits"], 0, "{again:?}");
    assert!(!again.err.contains("warning"), "{again:?}");
}

#[test]
fn a_node_that_never_answers_holds_up_nothing() {
    let mut rig = Rig::with(&small().made);
    rig.impatient(Impatient::AtTheEnd);
    for (n, end) in [End::Silence, End::Reset, End::Close].into_iter().enumerate() {
        rig.proxy.choose(move |_| Fault::Lose(end));
        if n > 0 {
            rig.place.ok("reset book.pdf structure --yes");
        }
        let ended = rig.place.ok("process book.pdf --json");
        assert_eq!(ended.json()["status"], "complete", "{end:?}: {ended:?}");
        assert!(lag(&rig.place, "defradb").0 > 0, "{end:?}");
    }
    rig.proxy.refuse();
    rig.place.ok("reset book.pdf structure --yes");
    let ended = rig.place.ok("process book.pdf --json");
    assert_eq!(ended.json()["status"], "complete", "{ended:?}");

    rig.proxy.pass();
    rig.proxy.accept().unwrap();
    rig.impatient(Impatient::Not);
    rig.place.ok("process book.pdf");
    rig.is_equal();
}
