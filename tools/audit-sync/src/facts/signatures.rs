//! From the types that are written down to [`Ty`].

use std::collections::HashMap;

use crate::{
    facts::names::Want,
    facts::program::Program,
    facts::types::{SLICE, Ty},
    facts::workspace::plain_name,
};

/// What the names in a type mean.
#[derive(Debug, Clone, Default)]
pub(crate) struct TypeScope {
    pub(crate) module: String,
    /// `Self`.
    pub(crate) self_type: Ty,
    /// Type parameters, and what is known of each by its bounds.
    pub(crate) parameters: HashMap<String, Ty>,
    /// `Self::Name`.
    pub(crate) associated: HashMap<String, Ty>,
}

impl TypeScope {
    pub(crate) fn of_module(module: &str) -> Self {
        Self { module: module.to_owned(), ..Self::default() }
    }
}

/// The segments of a path, without arguments; an empty one first when it begins with `::`.
pub(crate) fn path_segments(path: &syn::Path) -> Vec<String> {
    let leading = path.leading_colon.map(|_| String::new());
    leading.into_iter().chain(path.segments.iter().map(|segment| plain_name(&segment.ident))).collect()
}

/// Adds type parameters and their bounds to a scope.
pub(crate) fn bounds_of(program: &Program, generics: &syn::Generics, scope: &mut TypeScope) {
    for parameter in generics.type_params() {
        scope.parameters.insert(plain_name(&parameter.ident), Ty::Traits(Vec::new()));
    }
    for parameter in generics.type_params() {
        let known = of_bounds(program, parameter.bounds.iter(), scope);
        scope.parameters.insert(plain_name(&parameter.ident), known);
    }
    for predicate in generics.where_clause.iter().flat_map(|clause| &clause.predicates) {
        if let syn::WherePredicate::Type(predicate) = predicate
            && let Ty::Param(name) = type_of(program, &predicate.bounded_ty, scope)
        {
            let known = of_bounds(program, predicate.bounds.iter(), scope);
            scope.parameters.insert(name, known);
        }
    }
}

/// What calling a function gives.
pub(crate) fn result_of(program: &Program, signature: &syn::Signature, scope: &TypeScope) -> Ty {
    let plain = match &signature.output {
        syn::ReturnType::Default => Ty::Tuple(Vec::new()),
        syn::ReturnType::Type(_, ty) => type_of(program, ty, scope),
    };
    if signature.asyncness.is_some() { Ty::Future(Box::new(plain)) } else { plain }
}

/// The type that is written down.
pub(crate) fn type_of(program: &Program, ty: &syn::Type, scope: &TypeScope) -> Ty {
    match ty {
        syn::Type::Reference(inner) => type_of(program, &inner.elem, scope),
        syn::Type::Ptr(inner) => type_of(program, &inner.elem, scope),
        syn::Type::Paren(inner) => type_of(program, &inner.elem, scope),
        syn::Type::Group(inner) => type_of(program, &inner.elem, scope),
        syn::Type::Slice(inner) => Ty::named(SLICE, vec![type_of(program, &inner.elem, scope)]),
        syn::Type::Array(inner) => Ty::named(SLICE, vec![type_of(program, &inner.elem, scope)]),
        syn::Type::Tuple(inner) => {
            Ty::Tuple(inner.elems.iter().map(|part| type_of(program, part, scope)).collect())
        }
        syn::Type::ImplTrait(inner) => of_bounds(program, inner.bounds.iter(), scope),
        syn::Type::TraitObject(inner) => of_bounds(program, inner.bounds.iter(), scope),
        syn::Type::BareFn(inner) => {
            let parameters = inner.inputs.iter().map(|input| type_of(program, &input.ty, scope)).collect();
            Ty::Callable(parameters, Box::new(returned(program, &inner.output, scope)))
        }
        syn::Type::Path(inner) if inner.qself.is_none() => of_path(program, &inner.path, scope),
        _ => Ty::Unknown,
    }
}

fn returned(program: &Program, output: &syn::ReturnType, scope: &TypeScope) -> Ty {
    match output {
        syn::ReturnType::Default => Ty::Tuple(Vec::new()),
        syn::ReturnType::Type(_, ty) => type_of(program, ty, scope),
    }
}

/// The type that a path names.
pub(crate) fn of_path(program: &Program, path: &syn::Path, scope: &TypeScope) -> Ty {
    let segments = path_segments(path);
    if let [name] = segments.as_slice() {
        if name == "Self" {
            return scope.self_type.clone();
        }
        if scope.parameters.contains_key(name) {
            return Ty::Param(name.clone());
        }
        if is_plain(name) {
            return Ty::plain();
        }
    }
    if let [first, name] = segments.as_slice()
        && first == "Self"
        && let Some(ty) = scope.associated.get(name)
    {
        return ty.clone();
    }
    if segments.first().is_some_and(|first| first == "Self" || scope.parameters.contains_key(first)) {
        return Ty::Unknown;
    }
    let arguments = path.segments.last().map(|last| arguments_of(program, &last.arguments, scope));
    let arguments = arguments.unwrap_or_default();
    let found = program.resolve(&scope.module, &segments, Want::Type);
    if let Some(alias) = program.aliases.get(&found) {
        let mut inner = TypeScope::of_module(&alias.module);
        inner.parameters = alias.generics.iter().map(|name| (name.clone(), Ty::Unknown)).collect();
        let known = alias.generics.iter().cloned().zip(arguments).collect();
        return type_of(program, &alias.ty, &inner).with(&known);
    }
    if found.ends_with("::Result") && !program.names.is_type(&found) {
        return Ty::named("std::result::Result", arguments);
    }
    if found.starts_with("?::") {
        return Ty::Unknown;
    }
    Ty::Named(found, arguments)
}

/// The types among the arguments of a path's segment.
pub(crate) fn arguments_of(program: &Program, arguments: &syn::PathArguments, scope: &TypeScope) -> Vec<Ty> {
    let syn::PathArguments::AngleBracketed(arguments) = arguments else { return Vec::new() };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        syn::GenericArgument::Type(ty) => Some(type_of(program, ty, scope)),
        _ => None,
    });
    types.collect()
}

/// What bounds tell of a type.
fn of_bounds<'a>(
    program: &Program,
    bounds: impl Iterator<Item = &'a syn::TypeParamBound>,
    scope: &TypeScope,
) -> Ty {
    let mut traits = Vec::new();
    for bound in bounds {
        let syn::TypeParamBound::Trait(bound) = bound else { continue };
        let Some(last) = bound.path.segments.last() else { continue };
        let name = plain_name(&last.ident);
        match (name.as_str(), &last.arguments) {
            ("Fn" | "FnMut" | "FnOnce", syn::PathArguments::Parenthesized(arguments)) => {
                let parameters = arguments.inputs.iter().map(|ty| type_of(program, ty, scope)).collect();
                return Ty::Callable(parameters, Box::new(returned(program, &arguments.output, scope)));
            }
            ("AsyncFn" | "AsyncFnMut" | "AsyncFnOnce", syn::PathArguments::Parenthesized(arguments)) => {
                let parameters = arguments.inputs.iter().map(|ty| type_of(program, ty, scope)).collect();
                let output = Ty::Future(Box::new(returned(program, &arguments.output, scope)));
                return Ty::Callable(parameters, Box::new(output));
            }
            ("Future" | "IntoFuture", arguments) => {
                return Ty::Future(Box::new(associated(program, arguments, "Output", scope)));
            }
            ("Iterator" | "IntoIterator" | "DoubleEndedIterator" | "ExactSizeIterator", arguments) => {
                return Ty::iter(associated(program, arguments, "Item", scope));
            }
            ("Send" | "Sync" | "Sized" | "Unpin" | "Copy" | "Clone" | "Debug", _) => {}
            ("AsRef" | "Borrow", arguments) => {
                let inner = arguments_of(program, arguments, scope);
                return inner.into_iter().next().unwrap_or_default();
            }
            _ => traits.push(program.resolve(&scope.module, &path_segments(&bound.path), Want::Type)),
        }
    }
    Ty::Traits(traits)
}

fn associated(program: &Program, arguments: &syn::PathArguments, name: &str, scope: &TypeScope) -> Ty {
    let syn::PathArguments::AngleBracketed(arguments) = arguments else { return Ty::Unknown };
    let found = arguments.args.iter().find_map(|argument| match argument {
        syn::GenericArgument::AssocType(assigned) if assigned.ident == name => Some(&assigned.ty),
        _ => None,
    });
    found.map_or(Ty::Unknown, |ty| type_of(program, ty, scope))
}

fn is_plain(name: &str) -> bool {
    matches!(
        name,
        "bool"
            | "char"
            | "str"
            | "u8"
            | "u16"
            | "u32"
            | "u64"
            | "u128"
            | "usize"
            | "i8"
            | "i16"
            | "i32"
            | "i64"
            | "i128"
            | "isize"
            | "f32"
            | "f64"
    )
}
