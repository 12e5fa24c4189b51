//! What the audit knows of the type of a value: little, and enough to tell most receivers.
//!
//! References and lifetimes are left out. What cannot be told is [`Ty::Unknown`], never a guess.

use std::collections::HashMap;

/// A type, as far as it can be told.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Ty {
    /// It could be anything.
    #[default]
    Unknown,
    /// A type with a name: its path and its arguments. Paths of the standard library begin with `std`.
    Named(String, Vec<Ty>),
    /// Something that came out of this crate, which is not of the workspace.
    Opaque(String),
    /// A type parameter.
    Param(String),
    /// `dyn Trait` or `impl Trait`: the traits' paths.
    Traits(Vec<String>),
    /// A tuple.
    Tuple(Vec<Ty>),
    /// A closure or function: parameters and result.
    Callable(Vec<Ty>, Box<Ty>),
    /// A future, and what awaiting it gives.
    Future(Box<Ty>),
}

/// The path of a guard of a lock that blocks.
pub(crate) const GUARD: &str = "std::sync::MutexGuard";
/// The path that stands for any iterator.
pub(crate) const ITER: &str = "std::iter::Iter";
/// The path of slices and arrays.
pub(crate) const SLICE: &str = "std::slice";
/// The path of numbers, texts and the like.
pub(crate) const PLAIN: &str = "std::primitive";

impl Ty {
    pub(crate) fn named(path: &str, arguments: Vec<Self>) -> Self {
        Self::Named(path.to_owned(), arguments)
    }

    pub(crate) fn plain() -> Self {
        Self::named(PLAIN, Vec::new())
    }

    pub(crate) fn option(inner: Self) -> Self {
        Self::named("std::option::Option", vec![inner])
    }

    pub(crate) fn result(ok: Self, error: Self) -> Self {
        Self::named("std::result::Result", vec![ok, error])
    }

    pub(crate) fn iter(item: Self) -> Self {
        Self::named(ITER, vec![item])
    }

    /// The path of a named type.
    pub(crate) fn path(&self) -> Option<&str> {
        match self {
            Self::Named(path, _) => Some(path),
            _ => None,
        }
    }

    /// The last part of the path of a named type.
    pub(crate) fn last(&self) -> &str {
        self.path().and_then(|path| path.rsplit("::").next()).unwrap_or_default()
    }

    /// The `n`th argument of a named type.
    pub(crate) fn argument(&self, n: usize) -> Self {
        match self {
            Self::Named(_, arguments) => arguments.get(n).cloned().unwrap_or_default(),
            _ => Self::Unknown,
        }
    }

    pub(crate) fn is_unknown(&self) -> bool {
        *self == Self::Unknown
    }

    /// What is reached through a smart pointer of the standard library and the like.
    pub(crate) fn pointee(&self) -> Option<Self> {
        const POINTERS: [&str; 14] = [
            "Arc",
            "Rc",
            "Box",
            "Pin",
            "Cow",
            "MutexGuard",
            "RwLockReadGuard",
            "RwLockWriteGuard",
            "Ref",
            "RefMut",
            "LazyLock",
            "ManuallyDrop",
            "MappedMutexGuard",
            "OwnedMutexGuard",
        ];
        POINTERS.contains(&self.last()).then(|| self.argument(0))
    }

    /// Whether it is a guard of a lock or of a cell.
    pub(crate) fn is_guard(&self) -> bool {
        self.last().ends_with("Guard") || matches!(self.last(), "Ref" | "RefMut")
    }

    /// Whether it is the guard of a lock that blocks, perhaps in an `Option` or `Result`.
    pub(crate) fn holds_guard(&self) -> bool {
        match self.last() {
            "Option" | "Result" => self.argument(0).path() == Some(GUARD),
            _ => self.path() == Some(GUARD),
        }
    }

    /// Whether a value of a type for which `ours` holds may be in it.
    pub(crate) fn may_hold(&self, ours: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Unknown | Self::Param(_) | Self::Traits(_) => true,
            Self::Opaque(_) => false,
            Self::Named(path, arguments) => {
                ours(path) || arguments.iter().any(|argument| argument.may_hold(ours))
            }
            Self::Tuple(parts) => parts.iter().any(|part| part.may_hold(ours)),
            Self::Callable(_, result) | Self::Future(result) => result.may_hold(ours),
        }
    }

    /// What awaiting a value gives.
    pub(crate) fn awaited(&self) -> Self {
        match self {
            Self::Future(output) => (**output).clone(),
            Self::Opaque(krate) => Self::Opaque(krate.clone()),
            Self::Named(..) if self.last() == "JoinHandle" => Self::result(self.argument(0), Self::Unknown),
            _ => self.pointee().map_or(Self::Unknown, |inner| inner.awaited()),
        }
    }

    /// The type with its parameters replaced.
    pub(crate) fn with(&self, known: &HashMap<String, Self>) -> Self {
        let all = |types: &[Self]| types.iter().map(|ty| ty.with(known)).collect();
        match self {
            Self::Param(name) => known.get(name).cloned().unwrap_or_else(|| self.clone()),
            Self::Named(path, arguments) => Self::Named(path.clone(), all(arguments)),
            Self::Tuple(parts) => Self::Tuple(all(parts)),
            Self::Callable(parameters, result) => {
                Self::Callable(all(parameters), Box::new(result.with(known)))
            }
            Self::Future(output) => Self::Future(Box::new(output.with(known))),
            Self::Unknown | Self::Opaque(_) | Self::Traits(_) => self.clone(),
        }
    }

    /// Learns what the parameters in `self` stand for from a value of this type.
    pub(crate) fn learn(&self, value: &Self, known: &mut HashMap<String, Self>) {
        let mut each = |left: &[Self], right: &[Self]| {
            left.iter().zip(right).for_each(|(left, right)| left.learn(right, known));
        };
        match (self, value) {
            (Self::Param(_), Self::Unknown) => {}
            (Self::Param(name), value) => {
                known.entry(name.clone()).or_insert_with(|| value.clone());
            }
            (Self::Named(path, left), Self::Named(other, right)) if path == other => each(left, right),
            (Self::Tuple(left), Self::Tuple(right)) => each(left, right),
            (Self::Callable(_, left), Self::Callable(_, right)) => left.learn(right, known),
            (Self::Future(left), Self::Future(right)) => left.learn(right, known),
            _ => {}
        }
    }
}
