//! The items of the workspace: functions, types, traits, implementations, by path.

use std::collections::{HashMap, HashSet};

use crate::{
    facts::expand::MacroRules,
    facts::names::{Names, Want},
    facts::signatures::{TypeScope, bounds_of, path_segments, result_of, type_of},
    facts::types::Ty,
    facts::workspace::{ParsedModule, Place, Workspace, plain_name},
};

/// The index of a function in [`Program::functions`].
pub(crate) type FnId = usize;

/// A function or method.
pub(crate) struct Function {
    /// As it is shown, and as patterns of the configuration see it.
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) krate: String,
    /// The trait that this implements or belongs to.
    pub(crate) of_trait: Option<String>,
    /// It gives a closure that it gets to a thread of its own.
    pub(crate) passes_to_thread: bool,
    pub(crate) scope: TypeScope,
    /// Its own type parameters, `impl Trait` arguments among them: who calls it says what they are.
    pub(crate) own_generics: HashSet<String>,
    pub(crate) parameters: Vec<(syn::Pat, Ty)>,
    pub(crate) result: Ty,
    pub(crate) body: Option<Box<syn::Block>>,
    pub(crate) place: Place,
}

/// The fields of a struct or of an enum's variant.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// The type: for a variant, the enum.
    pub(crate) ty: String,
    pub(crate) generics: Vec<String>,
    /// By name; by number for tuples.
    pub(crate) fields: HashMap<String, Ty>,
}

/// What an alias stands for.
pub(crate) struct Alias {
    pub(crate) generics: Vec<String>,
    pub(crate) ty: syn::Type,
    pub(crate) module: String,
}

/// The use of a macro outside of functions that is not understood.
#[derive(Debug)]
pub(crate) struct OpaqueMacro {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) module: String,
    pub(crate) tokens: proc_macro2::TokenStream,
}

/// See the module documentation.
#[derive(Default)]
pub(crate) struct Program {
    pub(crate) workspace: Workspace,
    pub(crate) names: Names,
    pub(crate) functions: Vec<Function>,
    pub(crate) aliases: HashMap<String, Alias>,
    pub(crate) shapes: HashMap<String, Shape>,
    pub(crate) values: HashMap<String, Ty>,
    /// Functions that are no methods, by path.
    pub(crate) free: HashMap<String, FnId>,
    /// By type or trait, and name.
    pub(crate) methods: HashMap<(String, String), Vec<FnId>>,
    /// By the trait that is implemented, and name.
    pub(crate) implementations: HashMap<(String, String), Vec<FnId>>,
    /// Methods by name.
    pub(crate) by_name: HashMap<String, Vec<FnId>>,
    /// The traits that a type implements; those of all types under the empty path.
    pub(crate) traits_of: HashMap<String, Vec<String>>,
    pub(crate) supertraits: HashMap<String, Vec<String>>,
    /// What a type dereferences to.
    pub(crate) derefs: HashMap<String, Ty>,
    pub(crate) opaque_macros: Vec<OpaqueMacro>,
    macros: HashMap<String, Vec<MacroRules>>,
}

impl Program {
    /// Reads all items of a workspace.
    pub(crate) fn new(mut workspace: Workspace) -> Self {
        let mut modules = std::mem::take(&mut workspace.modules);
        let mut program = Self { workspace, ..Self::default() };
        for module in &modules {
            for item in &module.items {
                if let syn::Item::Macro(definition) = item
                    && let Some(name) = &definition.ident
                {
                    let rules = MacroRules::read(definition.mac.tokens.clone(), &module.krate);
                    program.macros.entry(name.to_string()).or_default().push(rules);
                }
            }
        }
        for module in &mut modules {
            let items = std::mem::take(&mut module.items);
            for item in items {
                program.take_item(item, module, 0);
            }
            program.names.learn(module);
        }
        for module in &modules {
            module.items.iter().for_each(|item| program.read_alias(item, module));
        }
        for module in &modules {
            module.items.iter().for_each(|item| program.read_type(item, module));
        }
        for module in &modules {
            module.items.iter().for_each(|item| program.read_code(item, module));
        }
        program
    }

    /// Adds an item to its module: written out when it is a macro, with the items inside its functions.
    fn take_item(&mut self, item: syn::Item, module: &mut ParsedModule, depth: usize) {
        if self.workspace.is_left_out(crate::facts::workspace::attributes(&item)) {
            return;
        }
        if let syn::Item::Macro(used) = &item {
            if used.ident.is_some() {
                return;
            }
            let expanded = (depth < 32).then(|| self.expand(&used.mac)).flatten();
            if let Some(file) = expanded.and_then(|tokens| syn::parse2::<syn::File>(tokens).ok()) {
                file.items.into_iter().for_each(|item| self.take_item(item, module, depth + 1));
            } else {
                self.opaque_macros.push(OpaqueMacro {
                    name: macro_name(&used.mac),
                    place: self
                        .workspace
                        .place(crate::facts::expand::span_of(&used.mac.tokens, macro_span(&used.mac))),
                    module: module.path.clone(),
                    tokens: used.mac.tokens.clone(),
                });
            }
            return;
        }
        let mut inner = InnerItems::default();
        syn::visit::Visit::visit_item(&mut inner, &item);
        module.items.push(item);
        inner.items.into_iter().for_each(|item| self.take_item(item, module, depth + 1));
    }

    /// A use of a macro of the workspace, written out.
    pub(crate) fn expand(&self, used: &syn::Macro) -> Option<proc_macro2::TokenStream> {
        let name = used.path.segments.last()?.ident.to_string();
        self.macros.get(&name)?.iter().find_map(|rules| rules.expand(used.tokens.clone()))
    }

    /// The path of what `segments` mean in a module.
    pub(crate) fn resolve(&self, module: &str, segments: &[String], want: Want) -> String {
        self.names.resolve(&self.workspace, module, segments, want)
    }

    fn read_alias(&mut self, item: &syn::Item, module: &ParsedModule) {
        if let syn::Item::Type(alias) = item {
            let path = format!("{}::{}", module.path, plain_name(&alias.ident));
            let generics = type_parameters(&alias.generics);
            let ty = (*alias.ty).clone();
            self.aliases.insert(path, Alias { generics, ty, module: module.path.clone() });
        }
    }

    fn read_type(&mut self, item: &syn::Item, module: &ParsedModule) {
        let scope = TypeScope::of_module(&module.path);
        match item {
            syn::Item::Struct(item) => {
                let path = format!("{}::{}", module.path, plain_name(&item.ident));
                let shape = self.shape(&path, &item.generics, &item.fields, &scope);
                self.shapes.insert(path, shape);
            }
            syn::Item::Enum(item) => {
                let path = format!("{}::{}", module.path, plain_name(&item.ident));
                for variant in &item.variants {
                    let shape = self.shape(&path, &item.generics, &variant.fields, &scope);
                    self.shapes.insert(format!("{path}::{}", plain_name(&variant.ident)), shape);
                }
            }
            syn::Item::Const(item) => {
                let ty = type_of(self, &item.ty, &scope);
                self.values.insert(format!("{}::{}", module.path, plain_name(&item.ident)), ty);
            }
            syn::Item::Static(item) => {
                let ty = type_of(self, &item.ty, &scope);
                self.values.insert(format!("{}::{}", module.path, plain_name(&item.ident)), ty);
            }
            _ => {}
        }
    }

    fn shape(&self, ty: &str, generics: &syn::Generics, fields: &syn::Fields, scope: &TypeScope) -> Shape {
        let generics_of = type_parameters(generics);
        let mut scope = scope.clone();
        bounds_of(self, generics, &mut scope);
        let named = fields.iter().enumerate().map(|(n, field)| {
            let name = field.ident.as_ref().map_or_else(|| n.to_string(), plain_name);
            (name, type_of(self, &field.ty, &scope))
        });
        Shape { ty: ty.to_owned(), generics: generics_of, fields: named.collect() }
    }

    fn read_code(&mut self, item: &syn::Item, module: &ParsedModule) {
        match item {
            syn::Item::Fn(item) => {
                let path = format!("{}::{}", module.path, plain_name(&item.sig.ident));
                let scope = TypeScope::of_module(&module.path);
                let id = self.add(module, &item.sig, Some(&item.block), scope, path.clone(), None, None);
                self.free.insert(path, id);
            }
            syn::Item::Trait(item) => self.read_trait(item, module),
            syn::Item::Impl(item) => self.read_impl(item, module),
            _ => {}
        }
    }

    fn read_trait(&mut self, item: &syn::ItemTrait, module: &ParsedModule) {
        let path = format!("{}::{}", module.path, plain_name(&item.ident));
        let above = item.supertraits.iter().filter_map(|bound| match bound {
            syn::TypeParamBound::Trait(bound) => {
                Some(self.resolve(&module.path, &path_segments(&bound.path), Want::Type))
            }
            _ => None,
        });
        let above = above.collect();
        self.supertraits.insert(path.clone(), above);
        let mut scope = TypeScope::of_module(&module.path);
        scope.self_type = Ty::Traits(vec![path.clone()]);
        bounds_of(self, &item.generics, &mut scope);
        for inner in &item.items {
            if let syn::TraitItem::Fn(method) = inner
                && !self.workspace.is_left_out(&method.attrs)
            {
                let shown = format!("{path}::{}", plain_name(&method.sig.ident));
                let owner = Some(path.clone());
                self.add(
                    module,
                    &method.sig,
                    method.default.as_ref(),
                    scope.clone(),
                    shown,
                    owner.clone(),
                    owner,
                );
            }
        }
    }

    fn read_impl(&mut self, item: &syn::ItemImpl, module: &ParsedModule) {
        let mut scope = TypeScope::of_module(&module.path);
        bounds_of(self, &item.generics, &mut scope);
        scope.self_type = type_of(self, &item.self_ty, &scope);
        let owner = match &scope.self_type {
            Ty::Named(path, _) => Some(path.clone()),
            Ty::Traits(paths) => paths.first().cloned(),
            _ => None,
        };
        let of_trait = item.trait_.as_ref();
        let of_trait =
            of_trait.map(|(_, path, _)| self.resolve(&module.path, &path_segments(path), Want::Type));
        if let Some(of_trait) = &of_trait {
            self.traits_of.entry(owner.clone().unwrap_or_default()).or_default().push(of_trait.clone());
        }
        for inner in &item.items {
            match inner {
                syn::ImplItem::Fn(method) if !self.workspace.is_left_out(&method.attrs) => {
                    let shown = match &owner {
                        Some(owner) => format!("{owner}::{}", plain_name(&method.sig.ident)),
                        None => format!("{}::<impl>::{}", module.path, plain_name(&method.sig.ident)),
                    };
                    let (owner, of_trait) = (owner.clone(), of_trait.clone());
                    self.add(module, &method.sig, Some(&method.block), scope.clone(), shown, owner, of_trait);
                }
                syn::ImplItem::Type(assigned) => {
                    let ty = type_of(self, &assigned.ty, &scope);
                    if assigned.ident == "Target"
                        && let Some(owner) = &owner
                    {
                        self.derefs.insert(owner.clone(), ty.clone());
                    }
                    scope.associated.insert(plain_name(&assigned.ident), ty);
                }
                syn::ImplItem::Const(item) => {
                    let ty = type_of(self, &item.ty, &scope);
                    if let Some(owner) = &owner {
                        self.values.insert(format!("{owner}::{}", plain_name(&item.ident)), ty);
                    }
                }
                _ => {}
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "what a function is, once")]
    fn add(
        &mut self,
        module: &ParsedModule,
        signature: &syn::Signature,
        body: Option<&syn::Block>,
        mut scope: TypeScope,
        path: String,
        owner: Option<String>,
        of_trait: Option<String>,
    ) -> FnId {
        bounds_of(self, &signature.generics, &mut scope);
        let mut own_generics: HashSet<_> = type_parameters(&signature.generics).into_iter().collect();
        let mut parameters = Vec::new();
        for input in &signature.inputs {
            let syn::FnArg::Typed(typed) = input else { continue };
            let mut ty = type_of(self, &typed.ty, &scope);
            if is_impl_trait(&typed.ty) && matches!(&ty, Ty::Traits(traits) if !traits.is_empty()) {
                let name = format!("impl {}", parameters.len());
                scope.parameters.insert(name.clone(), ty);
                own_generics.insert(name.clone());
                ty = Ty::Param(name);
            }
            parameters.push(((*typed.pat).clone(), ty));
        }
        let id = self.functions.len();
        let name = plain_name(&signature.ident);
        if let Some(owner) = &owner {
            self.methods.entry((owner.clone(), name.clone())).or_default().push(id);
        }
        if let Some(of_trait) = &of_trait {
            self.implementations.entry((of_trait.clone(), name.clone())).or_default().push(id);
        }
        if signature.receiver().is_some() {
            self.by_name.entry(name.clone()).or_default().push(id);
        }
        self.functions.push(Function {
            path,
            name,
            krate: module.krate.clone(),
            of_trait,
            passes_to_thread: body.is_some_and(|body| passes_to_thread(signature, body)),
            result: result_of(self, signature, &scope),
            parameters,
            scope,
            own_generics,
            body: body.map(|body| Box::new(body.clone())),
            place: self.workspace.place(signature.ident.span()),
        });
        id
    }

    /// The traits of a list, and those above them.
    pub(crate) fn with_supertraits(&self, traits: &[String]) -> Vec<String> {
        let mut seen = HashSet::new();
        let mut all = Vec::new();
        let mut waiting = traits.to_vec();
        while let Some(next) = waiting.pop() {
            if seen.insert(next.clone()) {
                waiting.extend(self.supertraits.get(&next).into_iter().flatten().cloned());
                all.push(next);
            }
        }
        all
    }
}

/// The items inside functions: they belong to the module as far as names go.
#[derive(Default)]
struct InnerItems {
    items: Vec<syn::Item>,
}

impl<'ast> syn::visit::Visit<'ast> for InnerItems {
    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        match statement {
            syn::Stmt::Item(item) => self.items.push(item.clone()),
            other => syn::visit::visit_stmt(self, other),
        }
    }
}

/// Whether a parameter is among the arguments of `spawn_blocking`.
fn passes_to_thread(signature: &syn::Signature, body: &syn::Block) -> bool {
    let parameters = signature.inputs.iter().filter_map(|input| match input {
        syn::FnArg::Typed(typed) => match &*typed.pat {
            syn::Pat::Ident(ident) => Some(plain_name(&ident.ident)),
            _ => None,
        },
        syn::FnArg::Receiver(_) => None,
    });
    let mut search = ThreadSearch { parameters: parameters.collect(), found: false };
    syn::visit::Visit::visit_block(&mut search, body);
    search.found
}

struct ThreadSearch {
    parameters: Vec<String>,
    found: bool,
}

impl ThreadSearch {
    fn is_parameter(&self, argument: &syn::Expr) -> bool {
        match argument {
            syn::Expr::Path(path) => {
                path.path.get_ident().is_some_and(|name| self.parameters.contains(&plain_name(name)))
            }
            // `|| work()` and `|| span.in_scope(work)`.
            syn::Expr::Closure(closure) => self.is_parameter(&closure.body),
            syn::Expr::Call(call) => {
                self.is_parameter(&call.func) || call.args.iter().any(|one| self.is_parameter(one))
            }
            syn::Expr::MethodCall(call) => call.args.iter().any(|one| self.is_parameter(one)),
            _ => false,
        }
    }
}

impl<'ast> syn::visit::Visit<'ast> for ThreadSearch {
    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        let is_spawn = matches!(&*call.func, syn::Expr::Path(path)
            if path.path.segments.last().is_some_and(|last| last.ident == "spawn_blocking"));
        self.found |= is_spawn && call.args.iter().any(|argument| self.is_parameter(argument));
        syn::visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let is_spawn = call.method == "spawn_blocking";
        self.found |= is_spawn && call.args.iter().any(|argument| self.is_parameter(argument));
        syn::visit::visit_expr_method_call(self, call);
    }
}

/// Whether an argument is `impl Trait`, or a reference to one.
fn is_impl_trait(ty: &syn::Type) -> bool {
    match ty {
        syn::Type::Reference(inner) => is_impl_trait(&inner.elem),
        syn::Type::Paren(inner) => is_impl_trait(&inner.elem),
        other => matches!(other, syn::Type::ImplTrait(_)),
    }
}

/// The names of the type parameters.
fn type_parameters(generics: &syn::Generics) -> Vec<String> {
    generics.type_params().map(|parameter| plain_name(&parameter.ident)).collect()
}

/// A macro's name without its path.
pub(crate) fn macro_name(used: &syn::Macro) -> String {
    used.path.segments.last().map(|last| plain_name(&last.ident)).unwrap_or_default()
}

/// Where a macro's name is.
pub(crate) fn macro_span(used: &syn::Macro) -> proc_macro2::Span {
    use syn::spanned::Spanned;
    used.path.span()
}
