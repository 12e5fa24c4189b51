//! `kill -9` of the node, of the program, and of both, at random moments of jobs: nothing lost, nothing twice.

use std::time::Duration;

use bookstate_tests::books::Book;
use rand::RngExt;

use crate::moments::{random, run_to_random_moment, timed};
use crate::rig::{PROCESS, Rig, Undisturbed, configure, small};

fn pause(random: &mut impl RngExt, longest_ms: u64) {
    std::thread::sleep(Duration::from_millis(random.random_range(0..=longest_ms)));
}

/// How long the command takes that is killed.
fn job_time(expected: &Undisturbed) -> Duration {
    let rig = Rig::with(&expected.made);
    let (_, took) = timed(|| rig.place.ok(PROCESS));
    rig.is_as(expected);
    took
}

#[test]
fn of_the_node() {
    let mut random = random("of_the_node");
    let expected = Undisturbed::of(Book::standard(60).make_pdf());
    let mut kills = 0;
    for round in 0.. {
        assert!(round < 30, "only {kills} kills: the job ends before there can be one");
        let mut rig = Rig::with(&expected.made);
        if round % 2 == 0 {
            // Without a proxy, whose connections end in other ways.
            configure(&rig.place, &rig.node.url());
        }
        let mut job = rig.place.start(PROCESS);
        while !job.has_ended() {
            pause(&mut random, 400);
            rig.node.kill();
            kills += 1;
            pause(&mut random, 200);
            rig.node.start_again().unwrap();
        }
        let ended = job.wait();
        assert_eq!(ended.code, Some(0), "round {round}: {ended:?}");
        rig.ends_as(&expected);
        if kills >= 20 {
            println!("{kills} kills of the node in {round} jobs");
            return;
        }
    }
}

#[test]
fn of_the_program() {
    let mut random = random("of_the_program");
    let expected = small();
    let took = job_time(expected);
    let (mut kills, mut jobs) = (0, 0);
    while kills < 20 {
        jobs += 1;
        assert!(jobs < 100, "only {kills} kills: the program ends before it can be killed");
        let rig = Rig::with(&expected.made);
        for _ in 0..random.random_range(1..=5) {
            kills += usize::from(run_to_random_moment(&rig.place, PROCESS, took, &mut random).was_killed());
        }
        rig.ends_as(expected);
    }
    println!("{kills} kills of the program in {jobs} jobs");
}

#[test]
fn of_both() {
    let mut random = random("of_both");
    let expected = small();
    let took = job_time(expected);
    let (mut kills, mut jobs) = ((0, 0), 0);
    while kills.0 < 10 || kills.1 < 10 {
        jobs += 1;
        assert!(jobs < 100, "only {kills:?} kills");
        let mut rig = Rig::with(&expected.made);
        for _ in 0..4 {
            let running = rig.place.start(PROCESS);
            pause(&mut random, u64::try_from(took.as_millis() / 2).unwrap());
            rig.node.kill();
            kills.0 += 1;
            pause(&mut random, 100);
            kills.1 += usize::from(running.kill().was_killed());
            rig.node.start_again().unwrap();
        }
        rig.ends_as(expected);
    }
    println!("{} kills of the node, {} of the program, in {jobs} jobs", kills.0, kills.1);
}
