//! Laws of the planner: any results in any order with any restarts end in a settled book, and no unit runs
//! again after its persist call returned.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod simulation;

use bookstate_domain::Variant;
use bookstate_jobs::plan::settled_units;
use proptest::prelude::*;
use simulation::{Simulation, World};

fn worlds() -> impl Strategy<Value = World> {
    let variants = prop_oneof![
        4 => Just(Variant::Standard),
        1 => Just(Variant::TextOnly),
        1 => Just(Variant::OcrOnly)
    ];
    let book = (1..45i32, 1..=2usize, variants, any::<bool>());
    let toc = (0..8usize, 0..4usize, 0..4usize, 0..40usize);
    // With nothing but failures a job ends too: each uses something up.
    let failures = prop_oneof![3 => 0..60u64, 1 => Just(100)];
    let luck = (failures, 0..60u64, 0..100u64, 1..5u32, any::<bool>());
    (book, toc, luck).prop_map(|(book, toc, luck)| World {
        pages: book.0,
        providers: book.1,
        variant: book.2,
        has_toc: book.3,
        entries: toc.0,
        missing: toc.1,
        gaps: toc.2,
        chapters: toc.3,
        failures: luck.0,
        permanent: luck.1,
        blank: luck.2,
        turns: luck.3,
        at_once: luck.4,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// `Simulation` checks each planned unit: not done, not in flight, its inputs there.
    #[test]
    fn every_job_ends_settled_whatever_happens(
        world in worlds(),
        seed in any::<u64>(),
        restarts in 0..15u64,
    ) {
        let mut simulation = Simulation::new(world, seed);
        let plan = simulation.run(restarts);
        prop_assert!(plan.settled);
        prop_assert!(simulation.state.completeness(simulation.job.variant).settled);
        let given_up = simulation.state.agent_states().values().any(|agent| agent.failure().is_some());
        let problems = simulation.state.completeness(simulation.job.variant).reason().unwrap_or_default();
        prop_assert_eq!(problems.contains("looks at what the contents lack failed: "), given_up);
        // No agent goes on behind it.
        prop_assert!(simulation.state.agent_states().values().all(|agent| agent.complete));
        // And it stays so.
        simulation.restart();
        prop_assert!(simulation.advance().settled);
    }

    /// Without failures every unit runs once, restarts aside, and nothing is wrong with the book.
    #[test]
    fn without_failures_every_unit_runs_once(world in worlds(), seed in any::<u64>()) {
        let mut simulation = Simulation::new(World { failures: 0, ..world }, seed);
        simulation.run(0);
        // An agent counts once, when it has its result.
        let settled = settled_units(&simulation.state, &simulation.job);
        prop_assert_eq!(settled + simulation.turns.len(), simulation.runs.len());
        for (unit, runs) in &simulation.runs {
            prop_assert_eq!(*runs, 1, "{} ran {} times", unit, runs);
        }
        prop_assert_eq!(simulation.state.completeness(simulation.job.variant).reason(), None);
    }

    /// An interrupted unit is not a failed one.
    #[test]
    fn restarts_use_up_no_retries(world in worlds(), seed in any::<u64>()) {
        let mut simulation = Simulation::new(World { failures: 0, ..world }, seed);
        simulation.run(40);
        let settled = settled_units(&simulation.state, &simulation.job);
        prop_assert_eq!(settled + simulation.turns.len(), simulation.done.len());
        for operation in bookstate_domain::Operation::ALL {
            prop_assert_eq!(simulation.state.operation(*operation).retries, 0);
        }
        prop_assert!(simulation.state.pages().values().all(|page| page.ocr_retries == 0));
        prop_assert_eq!(simulation.state.completeness(simulation.job.variant).reason(), None);
    }

    /// However little room the pools have, it is never exceeded, and the job still ends.
    #[test]
    fn pools_are_never_given_more_than_they_take(world in worlds(), seed in any::<u64>(), room in 1..4usize) {
        let mut simulation = Simulation::new(world, seed);
        let pools = ["cpu", "analysis", "pool-0", "pool-1"];
        let rooms = pools.iter().map(|pool| ((*pool).into(), room)).collect();
        simulation.in_flight = bookstate_jobs::plan::InFlight::limited(rooms);
        loop {
            let plan = simulation.advance();
            for pool in pools {
                let used = simulation.flying.iter().filter(|unit| &*unit.pool == pool).count();
                prop_assert!(used <= room, "{} units in pool {}", used, pool);
            }
            if plan.settled {
                break;
            }
            let place = simulation.dice.roll(simulation.flying.len() as u64);
            simulation.succeed(usize::try_from(place).unwrap());
        }
    }
}
