//! The node is put back to an older copy of its data.

use bookstate_tests::books::Book;

use crate::compare::{differences, in_node};
use crate::rig::{PROCESS, Rig, Undisturbed, small};

#[test]
fn between_jobs() {
    let mut rig = Rig::with(&small().made);
    rig.place.ok(PROCESS);
    let copy = rig.place.path("copy");
    rig.node.stop().unwrap();
    rig.node.copy_data(&copy).unwrap();
    rig.node.start_again().unwrap();
    rig.place.ok("reset book.pdf structure --yes");
    rig.place.ok("process book.pdf");
    rig.is_equal();

    let roll_back = |rig: &mut Rig| {
        rig.node.stop().unwrap();
        rig.node.restore(&copy).unwrap();
        rig.node.start_again().unwrap();
        assert!(!differences(&rig.place, rig.client()).is_empty());
    };
    roll_back(&mut rig);
    // To verify only reads, and says that it differs.
    assert_eq!(rig.place.run("target verify defradb").code, Some(5));
    rig.place.ok("target resync defradb");
    rig.is_equal();

    roll_back(&mut rig);
    // The next change heals it as well.
    rig.place.ok("reset book.pdf toc_link --yes");
    rig.is_equal();
    rig.place.ok("process book.pdf");
    rig.is_equal();
}

#[test]
fn during_a_job() {
    let expected = Undisturbed::of(Book::standard(60).make_pdf());
    let mut rig = Rig::with(&expected.made);
    let copy = rig.place.path("copy");
    let mut job = rig.place.start(PROCESS);
    let client = rig.client();
    // Before the collections are there, it cannot be asked.
    job.until("some documents are in the node", || {
        rig.proxy.counts().requests > 15 && in_node(client).len() > 20
    });
    rig.node.kill();
    rig.node.copy_data(&copy).unwrap();
    rig.node.start_again().unwrap();
    let requests = rig.proxy.counts().requests;
    let went_on = job.until_ended_or(|| rig.proxy.counts().requests > requests + 10);
    rig.node.kill();
    rig.node.restore(&copy).unwrap();
    rig.node.start_again().unwrap();
    println!("rolled back {} the job's end", if went_on { "before" } else { "at" });
    assert_eq!(job.wait().code, Some(0));
    rig.ends_as(&expected);
}
