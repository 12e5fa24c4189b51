//! Which functions a call may reach.

use std::collections::HashSet;

use crate::{
    facts::names::Want,
    facts::program::{FnId, Program},
    facts::signatures::{path_segments, type_of},
    facts::std_types,
    facts::types::Ty,
    walk::body::Walker,
};

/// What a call leads to.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The functions of the workspace that it may reach.
    pub(crate) targets: Vec<FnId>,
    /// The paths under which rules may know it.
    pub(crate) callees: Vec<String>,
    /// It evidently belongs to a library outside of the workspace.
    pub(crate) is_foreign: bool,
    /// The receiver's type could not be told: every method of this name.
    pub(crate) is_by_name: bool,
    /// What it gives, when that does not follow from the targets.
    pub(crate) result: Option<Ty>,
}

impl Found {
    fn of(program: &Program, targets: Vec<FnId>) -> Self {
        let mut callees = Vec::new();
        for function in targets.iter().filter_map(|id| program.functions.get(*id)) {
            callees.push(function.path.clone());
            callees.extend(function.of_trait.iter().map(|of_trait| format!("{of_trait}::{}", function.name)));
        }
        callees.sort();
        callees.dedup();
        Self { targets, callees, ..Self::default() }
    }

    fn foreign(callee: String) -> Self {
        let krate = callee.split("::").next().unwrap_or_default();
        // These are the crates that audit-sync is about, also when their sources are not at hand.
        let is_foreign = !krate.starts_with("bookstate") && krate != "?";
        Self { callees: vec![callee], is_foreign, ..Self::default() }
    }
}

impl Walker<'_> {
    /// What a method call leads to.
    pub(crate) fn find_method(&self, receiver: &Ty, name: &str, arguments: usize) -> Found {
        let program = self.program;
        let key = |owner: &str| (owner.to_owned(), name.to_owned());
        let mut ty = receiver.clone();
        let mut innermost = None;
        for _ in 0..8 {
            match &ty {
                Ty::Unknown => return self.find_by_name(name, arguments),
                Ty::Param(parameter) => {
                    if let Some(found) = self.of_own_generic(parameter, name) {
                        return found;
                    }
                    ty = self.function.scope.parameters.get(parameter).cloned().unwrap_or_default();
                    continue;
                }
                Ty::Traits(traits) => {
                    let mut targets = Vec::new();
                    let all = program.with_supertraits(traits);
                    for of_trait in &all {
                        targets.extend(program.implementations.get(&key(of_trait)).into_iter().flatten());
                    }
                    targets.extend(self.of_all_types(name));
                    if !targets.is_empty() {
                        return Found::of(program, targets);
                    }
                    let of_trait = all.first().map_or("?", String::as_str);
                    return innermost.unwrap_or_else(|| Found::foreign(format!("{of_trait}::{name}")));
                }
                Ty::Named(path, _) => {
                    if let Some(targets) = program.methods.get(&key(path)) {
                        return Found::of(program, targets.clone());
                    }
                    let traits = program.traits_of.get(path).cloned().unwrap_or_default();
                    for of_trait in program.with_supertraits(&traits) {
                        if let Some(targets) = program.methods.get(&key(&of_trait)) {
                            return Found::of(program, targets.clone());
                        }
                    }
                    let blanket = self.of_all_types(name);
                    if !blanket.is_empty() {
                        return Found::of(program, blanket);
                    }
                    if ty.pointee().is_none() && std_types::method(&ty, name, &[]).is_some() {
                        return Found::foreign(format!("{path}::{name}"));
                    }
                    innermost = Some(Found::foreign(format!("{path}::{name}")));
                    let inner = program.derefs.get(path).cloned().or_else(|| ty.pointee());
                    let Some(inner) = inner else { break };
                    // What smart pointers have themselves; guards have no clone.
                    if (name == "clone" && !ty.is_guard()) || (name == "as_ref" && inner.is_unknown()) {
                        break;
                    }
                    ty = inner;
                }
                Ty::Opaque(krate) => {
                    return innermost.unwrap_or_else(|| Found::foreign(format!("{krate}::_::{name}")));
                }
                Ty::Tuple(_) | Ty::Callable(..) | Ty::Future(_) => {
                    return Found::foreign(format!("std::_::{name}"));
                }
            }
        }
        innermost.unwrap_or_default()
    }

    /// A method of a value of one of the function's own type parameters. Which type's it is, its callers say:
    /// they answer for what they pass (see [`Walker::of_arguments`]).
    fn of_own_generic(&self, parameter: &str, name: &str) -> Option<Found> {
        if !self.function.own_generics.contains(parameter) {
            return None;
        }
        let Some(Ty::Traits(traits)) = self.function.scope.parameters.get(parameter) else { return None };
        let program = self.program;
        program.with_supertraits(traits).into_iter().find_map(|of_trait| {
            let declared = program.methods.get(&(of_trait.clone(), name.to_owned()))?;
            let with_body =
                |id: &&FnId| program.functions.get(**id).is_some_and(|function| function.body.is_some());
            let mut found = Found::of(program, declared.iter().filter(with_body).copied().collect());
            found.callees.push(format!("{of_trait}::{name}"));
            found.result =
                declared.first().and_then(|id| program.functions.get(*id)).map(|f| f.result.clone());
            Some(found)
        })
    }

    /// What functions may call of the arguments that they get, when they know only their traits.
    pub(crate) fn of_arguments(&self, targets: &[FnId], arguments: &[Ty]) -> Vec<FnId> {
        let program = self.program;
        let mut found = Vec::new();
        for function in targets.iter().filter_map(|id| program.functions.get(*id)) {
            let skip = arguments.len().saturating_sub(function.parameters.len());
            for ((_, parameter), argument) in function.parameters.iter().zip(arguments.iter().skip(skip)) {
                let Ty::Param(name) = parameter else { continue };
                let Some(Ty::Traits(traits)) = function.scope.parameters.get(name) else { continue };
                if !function.own_generics.contains(name) {
                    continue;
                }
                let owner = match argument {
                    Ty::Param(own) if self.function.own_generics.contains(own) => continue,
                    Ty::Named(path, _) => Some(path.as_str()),
                    _ => None,
                };
                for of_trait in program.with_supertraits(traits) {
                    let of = program
                        .implementations
                        .iter()
                        .filter(|((implemented, _), _)| *implemented == of_trait);
                    found.extend(of.flat_map(|(_, ids)| ids).copied().filter(|id| {
                        let implementor =
                            program.functions.get(*id).and_then(|function| function.scope.self_type.path());
                        owner.is_none() || implementor.is_none() || implementor == owner
                    }));
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Methods of traits that are implemented for every type.
    fn of_all_types(&self, name: &str) -> Vec<FnId> {
        let traits = self.program.traits_of.get("").into_iter().flatten();
        let found = traits
            .filter_map(|of_trait| self.program.implementations.get(&(of_trait.clone(), name.to_owned())));
        found.flatten().copied().collect()
    }

    /// Every method of this name that the crate can see, or whose trait it can see.
    fn find_by_name(&self, name: &str, arguments: usize) -> Found {
        let program = self.program;
        let sees = |krate: &str| self.program.workspace.sees(&self.function.krate, krate);
        let targets = program.by_name.get(name).into_iter().flatten().copied().filter(|id| {
            program.functions.get(*id).is_some_and(|function| {
                let of_trait = function.of_trait.as_deref().and_then(|path| path.split("::").next());
                function.parameters.len() == arguments
                    && (sees(&function.krate) || of_trait.is_some_and(|krate| sees(krate) && krate != "std"))
            })
        });
        let mut found = Found::of(program, targets.collect());
        found.callees.push(format!("?::{name}"));
        found.is_by_name = true;
        found
    }

    /// What a path means as a function.
    pub(crate) fn find_path(&self, path: &syn::ExprPath) -> Found {
        let program = self.program;
        let scope = &self.function.scope;
        let segments = path_segments(&path.path);
        let Some((name, before)) = segments.split_last() else { return Found::default() };
        if before.is_empty() && name == "Self" {
            return Found { result: Some(scope.self_type.clone()), ..Found::default() };
        }
        if let Some(qself) = &path.qself {
            let ty = type_of(program, &qself.ty, scope);
            if qself.position > 0 {
                let of_trait = path_segments_up_to(&path.path, qself.position);
                let of_trait = program.resolve(&scope.module, &of_trait, Want::Type);
                if let Some(owner) = ty.path()
                    && let Some(targets) = program.methods.get(&(owner.to_owned(), name.clone()))
                {
                    return Found::of(program, targets.clone());
                }
                return self.of_trait(&of_trait, name);
            }
            return self.find_method(&ty, name, 0);
        }
        if let [first] = before {
            if first == "Self" {
                return self.of_type(&scope.self_type.clone(), name);
            }
            if let Some(bounds) = scope.parameters.get(first) {
                return self.of_type(bounds, name);
            }
        }
        let full = program.resolve(&scope.module, &segments, Want::Value);
        if let Some(id) = program.free.get(&full) {
            return Found::of(program, vec![*id]);
        }
        if let Some(shape) = program.shapes.get(&full) {
            let result = Ty::Named(shape.ty.clone(), Vec::new());
            return Found { result: Some(result), ..Found::default() };
        }
        if before.is_empty() {
            return Found::foreign(full);
        }
        let owner = program.resolve(&scope.module, before, Want::Type);
        if program.supertraits.contains_key(&owner) {
            return self.of_trait(&owner, name);
        }
        if let Some(alias) = program.aliases.get(&owner) {
            let inner = crate::facts::signatures::TypeScope::of_module(&alias.module);
            return self.of_type(&type_of(program, &alias.ty, &inner), name);
        }
        let owner = owner.strip_prefix("?::").map_or_else(|| owner.clone(), plain_owner);
        self.of_type(&Ty::Named(owner, Vec::new()), name)
    }

    fn of_trait(&self, of_trait: &str, name: &str) -> Found {
        let targets = self.program.implementations.get(&(of_trait.to_owned(), name.to_owned()));
        targets.map_or_else(
            || Found::foreign(format!("{of_trait}::{name}")),
            |targets| Found::of(self.program, targets.clone()),
        )
    }

    /// `Type::name`.
    fn of_type(&self, ty: &Ty, name: &str) -> Found {
        let program = self.program;
        match ty {
            Ty::Named(path, _) => {
                if let Some(shape) = program.shapes.get(&format!("{path}::{name}")) {
                    let result = Ty::Named(shape.ty.clone(), Vec::new());
                    return Found { result: Some(result), ..Found::default() };
                }
                let direct = program.methods.get(&(path.clone(), name.to_owned()));
                if let Some(targets) = direct {
                    return Found::of(program, targets.clone());
                }
                let traits = program.traits_of.get(path).cloned().unwrap_or_default();
                let mut seen = HashSet::new();
                for of_trait in program.with_supertraits(&traits) {
                    if seen.insert(of_trait.clone())
                        && let Some(targets) = program.methods.get(&(of_trait, name.to_owned()))
                    {
                        return Found::of(program, targets.clone());
                    }
                }
                Found::foreign(format!("{path}::{name}"))
            }
            Ty::Traits(traits) => {
                for of_trait in program.with_supertraits(traits) {
                    if let Some(targets) = program.implementations.get(&(of_trait, name.to_owned())) {
                        return Found::of(program, targets.clone());
                    }
                }
                Found::foreign(format!("std::_::{name}"))
            }
            _ => Found::foreign(format!("?::{name}")),
        }
    }
}

fn path_segments_up_to(path: &syn::Path, position: usize) -> Vec<String> {
    path_segments(path).into_iter().take(position).collect()
}

/// `u32::try_from` and the like.
fn plain_owner(name: &str) -> String {
    if name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()) && !name.contains("::") {
        "std::primitive".to_owned()
    } else {
        format!("?::{name}")
    }
}
