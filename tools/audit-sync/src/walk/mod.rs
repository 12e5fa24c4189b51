//! What each function calls: the facts in, [`call::Node`]s out.
//!
//! Reading order: [`call`], [`body`], then [`patterns`], [`invocations`], [`calls`], [`macros`] and [`locks`].

pub(crate) mod body;
pub(crate) mod call;
pub(crate) mod calls;
pub(crate) mod invocations;
pub(crate) mod locks;
pub(crate) mod macros;
pub(crate) mod patterns;

use self::{body::Walker, call::Node};
use crate::facts::program::{Function, Program};

/// Every function with what it calls. `banned`: whether a name is banned, for macros that are not known.
pub(crate) fn collect(
    program: &Program,
    banned: &dyn Fn(&str) -> bool,
    known_macros: &[String],
) -> Vec<Node> {
    let functions = program.functions.iter();
    let node = |function: &Function| Node {
        path: function.path.clone(),
        of_trait: function.of_trait.as_ref().map(|of| format!("{of}::{}", function.name)),
        place: function.place,
        calls: Walker::calls_of(program, function, banned, known_macros),
    };
    functions.map(node).collect()
}
