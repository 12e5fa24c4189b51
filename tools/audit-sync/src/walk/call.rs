//! What a walk over a body gives: calls, and other things that a rule is about. All that judging knows of the code.

use crate::facts::{program::FnId, workspace::Place};

/// What is wrong with a call besides where it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// An await while the guard that was made here is alive.
    LockAcrossAwait(Place),
    /// The error of a persist call is dropped in this way.
    DroppedError(&'static str),
    /// A macro that is not known, with these tokens, holds a banned name.
    UnknownMacro(String),
}

/// A call, or another thing that a rule is about.
#[derive(Debug)]
pub(crate) struct Call {
    /// The paths under which rules may know what is called.
    pub(crate) callees: Vec<String>,
    /// The last part of its name.
    pub(crate) name: String,
    /// It evidently belongs to a library outside of the workspace.
    pub(crate) is_foreign: bool,
    pub(crate) is_by_name: bool,
    pub(crate) targets: Vec<FnId>,
    pub(crate) place: Place,
    /// The first line of the statement.
    pub(crate) statement: usize,
    /// It runs on a thread of its own.
    pub(crate) on_own_thread: bool,
    /// Its first argument is a range: `drain(..)` of a collection.
    pub(crate) takes_range: bool,
    pub(crate) flaw: Option<Flaw>,
}

/// A function with what it calls.
#[derive(Debug)]
pub(crate) struct Node {
    /// As it is shown, and as patterns of the configuration see it.
    pub(crate) path: String,
    /// The method of a trait that it implements.
    pub(crate) of_trait: Option<String>,
    pub(crate) place: Place,
    pub(crate) calls: Vec<Call>,
}
