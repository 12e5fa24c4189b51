//! Guards of locks that block, as long as they live: an await meanwhile stops every task that wants the lock.
//!
//! A guard lives to the end of its scope or to `drop`, a temporary one to the end of its statement.

use proc_macro2::Span;

use crate::facts::types::{GUARD, Ty};

#[derive(Debug)]
struct Guard {
    name: String,
    at: Span,
    is_dropped: bool,
}

/// The guards that are alive at a point of a function.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    guards: Vec<Guard>,
    temporaries: Vec<Span>,
    /// Which guards were dropped, in order.
    dropped: Vec<usize>,
}

/// What a scope began with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks {
    guards: usize,
    dropped: usize,
}

impl Locks {
    pub(crate) fn enter_scope(&self) -> Marks {
        Marks { guards: self.guards.len(), dropped: self.dropped.len() }
    }

    /// Guards of the scope end. What it dropped of outer ones may have been dropped on one way only.
    pub(crate) fn leave_scope(&mut self, marks: Marks) {
        self.guards.truncate(marks.guards);
        for n in self.dropped.split_off(marks.dropped.min(self.dropped.len())) {
            if let Some(guard) = self.guards.get_mut(n) {
                guard.is_dropped = false;
            }
        }
    }

    /// How many temporaries there are.
    pub(crate) fn temporaries(&self) -> usize {
        self.temporaries.len()
    }

    /// Temporaries beyond the first `keep` end.
    pub(crate) fn end_temporaries(&mut self, keep: usize) {
        self.temporaries.truncate(keep);
    }

    /// A guard was made.
    pub(crate) fn take_guard(&mut self, at: Span) {
        self.temporaries.push(at);
    }

    /// The last guard got a name; `before` is how many temporaries there were before it.
    pub(crate) fn name_guard(&mut self, name: String, before: usize) {
        if self.temporaries.len() > before
            && let Some(at) = self.temporaries.pop()
        {
            self.guards.push(Guard { name, at, is_dropped: false });
        }
    }

    /// `drop(name)`.
    pub(crate) fn drop_guard(&mut self, name: &str) {
        let mut guards = self.guards.iter_mut().enumerate().rev();
        let found = guards.find(|(_, guard)| guard.name == name && !guard.is_dropped);
        if let Some((n, guard)) = found {
            guard.is_dropped = true;
            self.dropped.push(n);
        }
    }

    /// What looked like a guard is awaited: the lock is an async one.
    pub(crate) fn awaited_lock(&mut self, base: &syn::Expr, ty: &Ty) {
        if ty.path() == Some(GUARD)
            && let syn::Expr::MethodCall(call) = base
            && call.args.is_empty()
        {
            self.temporaries.pop();
        }
    }

    /// Where the guards that are alive were made.
    pub(crate) fn alive(&self) -> Vec<Span> {
        let named = self.guards.iter().filter(|guard| !guard.is_dropped).map(|guard| guard.at);
        named.chain(self.temporaries.iter().copied()).collect()
    }
}
