//! Which item a path means: modules, `use`, re-exports, globs, the prelude.

use std::{cell::RefCell, collections::HashMap};

use crate::facts::workspace::{ParsedModule, Workspace, plain_name};

/// What kind of item a path is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Module,
    Type,
    Function,
    Value,
}

/// What a path is wanted for: one name may be a module and a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Want {
    Type,
    Value,
}

#[derive(Debug, Default)]
struct Scope {
    krate: String,
    items: HashMap<String, Vec<String>>,
    uses: HashMap<String, Vec<Vec<String>>>,
    globs: Vec<Vec<String>>,
}

/// A module, what is looked for in it, and as what.
type Question<T> = (String, T, Want);

/// The names of all modules.
#[derive(Debug, Default)]
pub(crate) struct Names {
    scopes: HashMap<String, Scope>,
    kinds: HashMap<String, Vec<Kind>>,
    /// Answers so far.
    known: RefCell<HashMap<Question<Vec<String>>, String>>,
    /// Within one question: what was asked on the way, and the answers; none while it is being asked.
    asked: RefCell<HashMap<Question<String>, Option<String>>>,
}

/// Longer chains of re-exports are not followed.
const DEPTH: usize = 24;

impl Names {
    /// Takes in the items of a module.
    pub(crate) fn learn(&mut self, module: &ParsedModule) {
        self.kinds.entry(module.path.clone()).or_default().push(Kind::Module);
        let scope = self.scopes.entry(module.path.clone()).or_default();
        scope.krate = module.krate.clone();
        for item in &module.items {
            let (ident, kind) = match item {
                syn::Item::Const(item) => (&item.ident, Kind::Value),
                syn::Item::Enum(item) => (&item.ident, Kind::Type),
                syn::Item::Fn(item) => (&item.sig.ident, Kind::Function),
                syn::Item::Mod(item) => (&item.ident, Kind::Module),
                syn::Item::Static(item) => (&item.ident, Kind::Value),
                syn::Item::Struct(item) => (&item.ident, Kind::Type),
                syn::Item::Trait(item) => (&item.ident, Kind::Type),
                syn::Item::Type(item) => (&item.ident, Kind::Type),
                syn::Item::Use(item) => {
                    let mut prefix = Vec::new();
                    if item.leading_colon.is_some() {
                        prefix.push(String::new());
                    }
                    scope.learn_use(&item.tree, &mut prefix);
                    continue;
                }
                _ => continue,
            };
            let name = plain_name(ident);
            let path = format!("{}::{name}", module.path);
            let known = scope.items.entry(name).or_default();
            if !known.contains(&path) {
                known.push(path.clone());
            }
            self.kinds.entry(path).or_default().push(kind);
        }
    }

    fn is(&self, path: &str, kind: Kind) -> bool {
        self.kinds.get(path).is_some_and(|kinds| kinds.contains(&kind))
    }

    /// Whether the workspace defines this type or trait.
    pub(crate) fn is_type(&self, path: &str) -> bool {
        self.is(path, Kind::Type)
    }

    /// The path of the item that `segments` mean in a module; it begins with the name of a crate, with `std`
    /// for all of the standard library, or with `?` when it is not known.
    pub(crate) fn resolve(
        &self,
        workspace: &Workspace,
        module: &str,
        segments: &[String],
        want: Want,
    ) -> String {
        let question = (module.to_owned(), segments.to_vec(), want);
        if let Some(known) = self.known.borrow().get(&question) {
            return known.clone();
        }
        self.asked.borrow_mut().clear();
        let found = self
            .resolve_within(workspace, module, segments, want, DEPTH)
            .unwrap_or_else(|| format!("?::{}", segments.join("::")));
        self.known.borrow_mut().insert(question, found.clone());
        found
    }

    fn resolve_within(
        &self,
        workspace: &Workspace,
        module: &str,
        segments: &[String],
        want: Want,
        depth: usize,
    ) -> Option<String> {
        let depth = depth.checked_sub(1)?;
        let (first, rest) = segments.split_first()?;
        let scope = self.scopes.get(module)?;
        let parent = || module.rsplit_once("::").map_or(module, |(parent, _)| parent).to_owned();
        let start = match first.as_str() {
            "" => {
                let (first, rest) = rest.split_first()?;
                let start = external(workspace, &scope.krate, first)?;
                return Some(self.walk(workspace, start, rest, want, depth));
            }
            "crate" => module.split("::").next()?.to_owned(),
            "self" => module.to_owned(),
            "super" => parent(),
            name => {
                let want_first = if rest.is_empty() { want } else { Want::Type };
                let found = self.look_up(workspace, module, name, want_first, depth);
                match found.or_else(|| external(workspace, &scope.krate, name)) {
                    Some(found) => found,
                    None => prelude(name)?.to_owned(),
                }
            }
        };
        Some(self.walk(workspace, start, rest, want, depth))
    }

    fn walk(
        &self,
        workspace: &Workspace,
        start: String,
        rest: &[String],
        want: Want,
        depth: usize,
    ) -> String {
        let mut path = start;
        for (n, segment) in rest.iter().enumerate() {
            let want = if n + 1 == rest.len() { want } else { Want::Type };
            path = match segment.as_str() {
                "self" => continue,
                "super" => path.rsplit_once("::").map_or(path.clone(), |(parent, _)| parent.to_owned()),
                name => self
                    .look_up(workspace, &path, name, want, depth)
                    .unwrap_or_else(|| format!("{path}::{name}")),
            };
        }
        path
    }

    /// A name as a module knows it. Modules may import all of each other: what is being asked already is not
    /// asked again.
    fn look_up(
        &self,
        workspace: &Workspace,
        module: &str,
        name: &str,
        want: Want,
        depth: usize,
    ) -> Option<String> {
        let question = (module.to_owned(), name.to_owned(), want);
        if let Some(answer) = self.asked.borrow().get(&question) {
            return answer.clone();
        }
        self.asked.borrow_mut().insert(question.clone(), None);
        let found = self.look_up_anew(workspace, module, name, want, depth);
        self.asked.borrow_mut().insert(question, found.clone());
        found
    }

    fn look_up_anew(
        &self,
        workspace: &Workspace,
        module: &str,
        name: &str,
        want: Want,
        depth: usize,
    ) -> Option<String> {
        let scope = self.scopes.get(module)?;
        let fits = |path: &str| match want {
            Want::Type => self.is(path, Kind::Type) || self.is(path, Kind::Module),
            Want::Value => {
                self.is(path, Kind::Function) || self.is(path, Kind::Value) || self.is(path, Kind::Type)
            }
        };
        let items = scope.items.get(name);
        if let Some(path) = items.into_iter().flatten().find(|path| fits(path)) {
            return Some(path.clone());
        }
        let mut second_best = items.and_then(|paths| paths.first().cloned());
        for segments in scope.uses.get(name).into_iter().flatten() {
            let Some(path) = self.resolve_within(workspace, module, segments, want, depth) else { continue };
            if fits(&path) || !self.scopes.contains_key(path.split("::").next().unwrap_or_default()) {
                return Some(path);
            }
            second_best = second_best.or(Some(path));
        }
        if second_best.is_some() {
            return second_best;
        }
        for glob in &scope.globs {
            let Some(from) = self.resolve_within(workspace, module, glob, Want::Type, depth) else {
                continue;
            };
            if from != module
                && let Some(depth) = depth.checked_sub(1)
                && let Some(found) = self.look_up(workspace, &from, name, want, depth)
            {
                return Some(found);
            }
        }
        None
    }
}

impl Scope {
    fn learn_use(&mut self, tree: &syn::UseTree, prefix: &mut Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                prefix.push(plain_name(&path.ident));
                self.learn_use(&path.tree, prefix);
                prefix.pop();
            }
            syn::UseTree::Name(name) if name.ident == "self" => {
                let known = prefix.last().cloned().unwrap_or_default();
                self.uses.entry(known).or_default().push(prefix.clone());
            }
            syn::UseTree::Name(name) => {
                self.learn_name(plain_name(&name.ident), plain_name(&name.ident), prefix)
            }
            syn::UseTree::Rename(rename) if rename.ident == "self" => {
                self.uses.entry(plain_name(&rename.rename)).or_default().push(prefix.clone());
            }
            syn::UseTree::Rename(rename) => {
                self.learn_name(plain_name(&rename.rename), plain_name(&rename.ident), prefix);
            }
            syn::UseTree::Glob(_) => self.globs.push(prefix.clone()),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.learn_use(tree, prefix)),
        }
    }

    fn learn_name(&mut self, known_as: String, name: String, prefix: &[String]) {
        let path = prefix.iter().cloned().chain([name]).collect();
        self.uses.entry(known_as).or_default().push(path);
    }
}

fn external(workspace: &Workspace, krate: &str, name: &str) -> Option<String> {
    if matches!(name, "std" | "core" | "alloc") {
        return Some("std".to_owned());
    }
    workspace.externs.get(krate)?.get(name).cloned()
}

/// The path of what needs no `use`.
fn prelude(name: &str) -> Option<&'static str> {
    Some(match name {
        "Vec" => "std::vec::Vec",
        "String" => "std::string::String",
        "ToString" => "std::string::ToString",
        "Box" => "std::boxed::Box",
        "Option" => "std::option::Option",
        "Some" => "std::option::Option::Some",
        "None" => "std::option::Option::None",
        "Result" => "std::result::Result",
        "Ok" => "std::result::Result::Ok",
        "Err" => "std::result::Result::Err",
        "Default" => "std::default::Default",
        "Clone" => "std::clone::Clone",
        "From" => "std::convert::From",
        "Into" => "std::convert::Into",
        "AsRef" => "std::convert::AsRef",
        "Iterator" => "std::iter::Iterator",
        "IntoIterator" => "std::iter::IntoIterator",
        "Fn" => "std::ops::Fn",
        "FnMut" => "std::ops::FnMut",
        "FnOnce" => "std::ops::FnOnce",
        "Future" => "std::future::Future",
        "drop" => "std::mem::drop",
        _ => return None,
    })
}
