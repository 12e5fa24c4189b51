//! The operation state machine against the table of `data-model.md` §2.

use bookstate_domain::{
    Book, BookPatch, Misuse, Op, Operation, OperationEvent as E, OperationState as S, OperationStatus,
    document::Document,
};

use crate::session::Session;

const STATES: [S; 4] = [S::NotStarted, S::InProgress, S::Complete, S::Failed];

/// Row by row: event, from, to, retries added. What is not here is an error.
const TABLE: &[(E, S, S, i32)] = &[
    (E::Start, S::NotStarted, S::InProgress, 0),
    (E::Complete, S::InProgress, S::Complete, 0),
    (E::Fail { max: 3 }, S::InProgress, S::NotStarted, 1),
    (E::Fail { max: 1 }, S::InProgress, S::Failed, 1),
    (E::Interrupt, S::InProgress, S::NotStarted, 0),
];

#[test]
fn the_state_machine_is_the_table() {
    for event in [E::Start, E::Complete, E::Fail { max: 3 }, E::Fail { max: 1 }, E::Interrupt] {
        for state in STATES {
            let row = TABLE.iter().find(|row| row.0 == event && row.1 == state);
            let after =
                OperationStatus { state, retries: 1 - i32::from(matches!(event, E::Fail { max: 1 })) };
            let retries = after.retries;
            match (after.after(event), row) {
                (Ok(after), Some((_, _, to, added))) => {
                    assert_eq!((after.state, after.retries), (*to, retries + added), "{event:?} {state}");
                }
                (Err(impossible), None) => assert_eq!((impossible.event, impossible.state), (event, state)),
                (got, row) => panic!("{event:?} of {state}: {got:?}, the table has {row:?}"),
            }
        }
    }
    for state in STATES {
        let reset = OperationStatus { state, retries: 2 }.after(E::Reset);
        assert_eq!(reset, Ok(OperationStatus::NOT_STARTED));
    }
}

#[test]
fn the_third_failure_is_the_last() {
    for operation in Operation::ALL {
        let mut s = Session::book();
        let max = operation.max_retries();
        assert_eq!(max, 3);
        for retries in 1..=max {
            s.start(*operation);
            s.writes(|s, at| s.persist_op_state(at, *operation, E::Fail { max }));
            let expected = if retries == max { S::Failed } else { S::NotStarted };
            assert_eq!(s.state.operation(*operation), OperationStatus { state: expected, retries });
        }
        let status = s.state.operation(*operation);
        assert!(status.is_settled());
        s.refuses(|s, at| s.persist_op_state(at, *operation, E::Start));
    }
}

/// Each operation has fields of its own: an event of one changes no other.
#[test]
fn an_event_changes_one_operation() {
    for operation in Operation::ALL {
        let mut s = Session::book();
        s.start(*operation);
        for other in Operation::ALL {
            let expected = if other == operation { S::InProgress } else { S::NotStarted };
            assert_eq!(s.state.operation(*other).state, expected, "{other} after a start of {operation}");
        }
    }
}

/// Failed outweighs complete, complete outweighs started: whatever flags were stored.
#[test]
fn stored_flags_are_loaded_with_precedence() {
    for flags in 0..8 {
        let (started, complete, failed) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0);
        let mut s = Session::book();
        let patch = BookPatch {
            metadata_started: Some(started),
            metadata_complete: Some(complete),
            metadata_failed: Some(failed),
            metadata_retries: Some(2),
            ..BookPatch::default()
        };
        let key = s.state.book().unwrap().key();
        s.writes(|_, _| Ok(vec![Op::<Book>::Update { key, patch: Box::new(patch) }.into()]));
        let expected = match (failed, complete, started) {
            (true, _, _) => S::Failed,
            (false, true, _) => S::Complete,
            (false, false, true) => S::InProgress,
            (false, false, false) => S::NotStarted,
        };
        assert_eq!(s.state.operation(Operation::Metadata), OperationStatus { state: expected, retries: 2 });
    }
}

#[test]
fn an_operation_is_not_reset_alone() {
    let s = Session::with(&[Operation::TocFinder]);
    let misuse = s.refuses(|s, at| s.persist_op_state(at, Operation::TocFinder, E::Reset));
    assert_eq!(misuse, Misuse::OperationFields(Operation::TocFinder));
}
