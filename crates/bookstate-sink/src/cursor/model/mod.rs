//! The protocol between data directories and a target, tried exhaustively: one target, up to two directories that write
//! the same book, three commits; everything that may happen happens in every order, within limits. The cursor, the
//! judgement of copies and the tokens are those of the program, not a model of them.
//!
//! Laws, after every step: a target that says that it has the book at a seq has it; who says that all is in the target
//! is right; nobody's copy is overwritten unless a person or the fleet said so, no chunk of an earlier owner is taken
//! behind one of a later, and nobody asks a person without a reason. And from
//! every state on, when nothing more goes wrong, the target becomes what one directory has.
//!
//! The search is a plain one, breadth first. The crates for it want states that are compared and hashed, which a cursor
//! is not, and bring a web server.

mod world;

use std::collections::{HashSet, VecDeque};

use world::{Directory, LeftOut, Limits, Step, World};

/// More steps than anything takes that ends at all.
const LONG: usize = 200;

/// How a law was broken: the steps that lead there.
#[derive(Debug)]
struct Broken {
    law: String,
    steps: Vec<Step>,
}

/// Tries everything; how many states there are. Looks for laws that are told in these words, all when there are none.
fn explore(limits: Limits, left_out: Option<LeftOut>, words: &str) -> Result<usize, Broken> {
    let mut seen = HashSet::new();
    let mut came_by: Vec<(usize, Option<Step>)> = vec![(0, None)];
    let mut waiting = VecDeque::from([(0, World::new(limits, left_out))]);
    while let Some((from, world)) = waiting.pop_front() {
        for step in world.steps() {
            let mut next = world.clone();
            next.take(step);
            if !seen.insert(next.digest()) {
                continue;
            }
            came_by.push((from, Some(step)));
            let number = came_by.len() - 1;
            let law = next.broken.clone().map_or_else(|| ends(next.clone()), Err);
            match law {
                Err(law) if law.contains(words) => {
                    return Err(Broken { law, steps: way(&came_by, number) });
                }
                Err(_) | Ok(()) => next.broken = None,
            }
            waiting.push_back((number, next));
        }
    }
    Ok(seen.len())
}

fn way(came_by: &[(usize, Option<Step>)], mut number: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    while let (from, Some(step)) = came_by[number] {
        steps.push(step);
        number = from;
    }
    steps.reverse();
    steps
}

/// Nothing more goes wrong: the book gets into the target.
fn ends(mut world: World) -> Result<(), String> {
    settle(&mut world)?;
    let count = world.directories.len();
    let decide = |world: &mut World| {
        if world.directories.iter().all(Directory::is_foreign) {
            // The fleet gives it out again, where there is one.
            if world.has_owners() {
                world.claim(0)
            } else {
                world.take_over(0)
            }
            settle(world)?;
        }
        Ok::<(), String>(())
    };
    decide(&mut world)?;
    // A target that was put back, or got a late request, is noticed when there is something to be sent.
    for n in 0..count {
        if !world.directories[n].is_foreign() {
            world.commit(n);
            settle(&mut world)?;
        }
    }
    decide(&mut world)?;
    let mut owners = (0..count).filter(|n| !world.directories[*n].is_foreign());
    match (owners.next(), owners.next()) {
        (Some(owner), None) if world.is_equal(owner) => Ok(()),
        (Some(_), None) => Err("in the end the target is not what its writer has".to_owned()),
        (Some(_), Some(_)) => Err("in the end two directories write the book".to_owned()),
        (None, _) => Err("in the end nobody writes the book".to_owned()),
    }
}

fn settle(world: &mut World) -> Result<(), String> {
    for _ in 0..LONG {
        let Some(n) = world.directories.iter().position(|dir| !dir.rests()) else { return Ok(()) };
        world.take(Step::Work(n));
        if let Some(law) = world.broken.take() {
            return Err(law);
        }
    }
    Err("it never comes to rest".to_owned())
}

/// Holds with the whole protocol; says how many states were tried.
fn holds(limits: Limits) {
    match explore(limits, None, "") {
        Ok(states) => println!("{limits:?}: {states} states"),
        Err(broken) => panic!("{broken:#?}"),
    }
}

/// Does not hold without a part of it.
fn breaks(limits: Limits, left_out: LeftOut, law: &str) {
    match explore(limits, Some(left_out), law) {
        Ok(states) => panic!("nothing is broken in {states} states without {left_out:?}"),
        Err(broken) => println!("without {left_out:?}: {} {:?}", broken.law, broken.steps),
    }
}

const COMMITS: Limits =
    Limits { commits: 3, kills: 0, lost: 0, restores: 0, clones: 0, roll_backs: 0, take_overs: 0, claims: 0 };

#[test]
fn a_directory_is_killed_and_its_requests_are_lost_or_late() {
    holds(Limits { kills: 1, lost: 1, ..COMMITS });
    holds(Limits { lost: 2, ..COMMITS });
}

#[test]
fn a_target_is_put_back() {
    holds(Limits { lost: 1, roll_backs: 1, ..COMMITS });
}

#[test]
fn a_directory_is_put_back_and_the_take_over_is_killed() {
    holds(Limits { restores: 1, take_overs: 1, ..COMMITS });
    holds(Limits { commits: 2, restores: 1, lost: 1, ..COMMITS });
    holds(Limits { commits: 2, restores: 1, take_overs: 1, kills: 1, ..COMMITS });
}

#[test]
fn two_copies_of_a_directory_write_the_book() {
    holds(Limits { clones: 1, ..COMMITS });
    holds(Limits { commits: 2, clones: 1, take_overs: 1, ..COMMITS });
}

/// Owners take turns, and each may be slow, killed, or told of the next one late.
#[test]
fn no_earlier_owner_follows_a_later_one() {
    holds(Limits { commits: 2, claims: 2, kills: 1, ..COMMITS });
    holds(Limits { commits: 1, clones: 1, claims: 2, ..COMMITS });
    holds(Limits { commits: 1, clones: 1, claims: 1, lost: 1, ..COMMITS });
}

#[test]
fn without_epochs_an_earlier_owner_takes_the_book_from_a_later() {
    let limits = Limits { commits: 1, clones: 1, claims: 2, ..COMMITS };
    breaks(limits, LeftOut::Epoch, "an earlier owner");
}

/// A directory that was put back and has accepted as many commits as it lacks takes the target for its own.
#[test]
fn without_intents_a_directory_that_was_put_back_is_believed() {
    breaks(Limits { restores: 1, ..COMMITS }, LeftOut::Intents, "all is said to be in the target");
}

#[test]
fn without_the_mark_of_a_comparison_a_take_over_that_was_killed_is_believed() {
    let limits = Limits { restores: 1, take_overs: 1, kills: 1, ..COMMITS };
    breaks(limits, LeftOut::Distrust, "not");
}

#[test]
fn without_tokens_a_late_request_finds_its_number_again() {
    breaks(Limits { kills: 1, lost: 1, roll_backs: 1, ..COMMITS }, LeftOut::Token, "");
}

/// A number that is not higher says nothing once the target was put back: the other copy of the directory wrote it.
#[test]
fn without_starts_a_copy_of_a_directory_is_overwritten_unasked() {
    breaks(Limits { clones: 1, roll_backs: 1, ..COMMITS }, LeftOut::Start, "overwritten unasked");
}
