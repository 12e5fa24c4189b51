//! What a function calls: a walk over its body that keeps track of the types of its variables.
//!
//! Closures and async blocks are read where they are written, as a part of the function: who passes them on
//! answers for what they do. Code for `spawn_blocking` and for threads is marked as such, since it blocks
//! nobody's thread.

use std::collections::HashMap;

use syn::spanned::Spanned;

use crate::{
    facts::names::Want,
    facts::program::{Function, Program},
    facts::signatures::{of_path, path_segments, type_of},
    facts::std_types::element,
    facts::types::{SLICE, Ty},
    walk::call::{Call, Flaw},
    walk::locks::Locks,
    walk::patterns::{member_name, pattern_name},
};

/// The walk over one function.
pub(crate) struct Walker<'p> {
    pub(crate) program: &'p Program,
    pub(crate) function: &'p Function,
    pub(crate) banned_names: &'p dyn Fn(&str) -> bool,
    pub(crate) known_macros: &'p [String],
    pub(crate) calls: Vec<Call>,
    pub(crate) variables: Vec<HashMap<String, Ty>>,
    pub(crate) locks: Locks,
    pub(crate) statement: usize,
    pub(crate) on_own_thread: bool,
    pub(crate) depth: usize,
}

impl<'p> Walker<'p> {
    /// The calls of a function.
    pub(crate) fn calls_of(
        program: &'p Program,
        function: &'p Function,
        banned_names: &'p dyn Fn(&str) -> bool,
        known_macros: &'p [String],
    ) -> Vec<Call> {
        let mut walker = Self {
            program,
            function,
            banned_names,
            known_macros,
            calls: Vec::new(),
            variables: vec![HashMap::new()],
            locks: Locks::default(),
            statement: function.place.line,
            on_own_thread: false,
            depth: 0,
        };
        walker.bind_name("self", function.scope.self_type.clone());
        for (pattern, ty) in &function.parameters {
            walker.bind(pattern, ty);
        }
        if let Some(body) = &function.body {
            walker.block(body);
        }
        walker.calls
    }

    pub(crate) fn bind_name(&mut self, name: &str, ty: Ty) {
        if let Some(scope) = self.variables.last_mut() {
            scope.insert(name.to_owned(), ty);
        }
    }

    pub(crate) fn variable(&self, name: &str) -> Option<Ty> {
        self.variables.iter().rev().find_map(|scope| scope.get(name).cloned())
    }

    /// The type with parameters replaced by what their bounds tell.
    pub(crate) fn known(&self, ty: &Ty) -> Ty {
        match ty {
            Ty::Param(name) => self.function.scope.parameters.get(name).cloned().unwrap_or_default(),
            other => other.clone(),
        }
    }

    /// A block: its value's type.
    pub(crate) fn block(&mut self, block: &syn::Block) -> Ty {
        self.statements(&block.stmts)
    }

    /// Statements with a scope of their own: the last one's type.
    pub(crate) fn statements(&mut self, statements: &[syn::Stmt]) -> Ty {
        self.variables.push(HashMap::new());
        let marks = self.locks.enter_scope();
        let outer = self.statement;
        let mut value = Ty::Tuple(Vec::new());
        for statement in statements {
            self.statement = self.program.workspace.place(statement.span()).line;
            let temporaries = self.locks.temporaries();
            value = self.one_statement(statement);
            self.locks.end_temporaries(temporaries);
        }
        self.statement = outer;
        self.locks.leave_scope(marks);
        self.variables.pop();
        value
    }

    /// Runs something in a scope of its own.
    pub(crate) fn scoped(&mut self, inside: impl FnOnce(&mut Self) -> Ty) -> Ty {
        self.variables.push(HashMap::new());
        let marks = self.locks.enter_scope();
        let ty = inside(self);
        self.locks.leave_scope(marks);
        self.variables.pop();
        ty
    }

    fn one_statement(&mut self, statement: &syn::Stmt) -> Ty {
        match statement {
            syn::Stmt::Local(local) => {
                let Some(init) = &local.init else {
                    self.bind(&local.pat, &Ty::Unknown);
                    return Ty::Unknown;
                };
                let before = self.locks.temporaries();
                let ty = self.expr(&init.expr);
                if let Some((_, diverge)) = &init.diverge {
                    if self.is_persist_result(&init.expr, &ty) {
                        self.dropped(&init.expr, "`let … else`");
                    }
                    self.expr(diverge);
                }
                if matches!(local.pat, syn::Pat::Wild(_)) && self.is_persist_result(&init.expr, &ty) {
                    self.dropped(&init.expr, "`let _ =`");
                }
                if ty.holds_guard() && !matches!(local.pat, syn::Pat::Wild(_)) {
                    self.locks.name_guard(pattern_name(&local.pat), before);
                }
                self.bind(&local.pat, &ty);
                Ty::Unknown
            }
            syn::Stmt::Expr(expr, semicolon) => {
                let ty = self.expr(expr);
                if semicolon.is_some() && self.is_persist_result(expr, &ty) && !is_control(expr) {
                    self.dropped(expr, "a statement");
                }
                if semicolon.is_some() { Ty::Tuple(Vec::new()) } else { ty }
            }
            syn::Stmt::Macro(used) => self.macro_use(&used.mac),
            syn::Stmt::Item(_) => Ty::Unknown,
        }
    }

    /// Whether an expression is the result of a persist call, error and all.
    pub(crate) fn is_persist_result(&self, expr: &syn::Expr, ty: &Ty) -> bool {
        if ty.last() == "Result" && ty.argument(1).last() == "PersistError" {
            return true;
        }
        let mut expr = expr;
        loop {
            expr = match expr {
                syn::Expr::Await(inner) => &inner.base,
                syn::Expr::Paren(inner) => &inner.expr,
                syn::Expr::MethodCall(call) => {
                    // The crates' sources are not at hand: by name.
                    let is_theirs = matches!(ty, Ty::Opaque(krate) if krate == "bookstate_store");
                    let name = call.method.to_string();
                    let is_persist_call = name.starts_with("persist_");
                    let is_other =
                        matches!(name.as_str(), "commit" | "send" | "send_many" | "upsert_and_wait");
                    return (is_persist_call && (is_theirs || ty.is_unknown())) || (is_other && is_theirs);
                }
                _ => return false,
            };
        }
    }

    pub(crate) fn dropped(&mut self, expr: &syn::Expr, how: &'static str) {
        self.flaw(tip(expr), "persist error", Flaw::DroppedError(how));
    }

    pub(crate) fn flaw(&mut self, span: proc_macro2::Span, name: &str, flaw: Flaw) {
        let place = self.program.workspace.place(span);
        self.calls.push(Call {
            callees: Vec::new(),
            name: name.to_owned(),
            is_foreign: false,
            is_by_name: false,
            targets: Vec::new(),
            place,
            statement: self.statement,
            on_own_thread: self.on_own_thread,
            takes_range: false,
            flaw: Some(flaw),
        });
    }

    /// An expression: what it calls, and its type.
    pub(crate) fn expr(&mut self, expr: &syn::Expr) -> Ty {
        match expr {
            syn::Expr::Call(call) => self.call(call),
            syn::Expr::MethodCall(call) => self.method_call(call),
            syn::Expr::Path(path) => self.path(path),
            syn::Expr::Field(field) => {
                let base = self.expr(&field.base);
                self.field(&base, &member_name(&field.member))
            }
            syn::Expr::Await(waited) => {
                let base = self.expr(&waited.base);
                self.locks.awaited_lock(&waited.base, &base);
                let at = self.program.workspace.place(waited.await_token.span());
                for guard in self.locks.alive() {
                    let place = self.program.workspace.place(guard);
                    if place != at {
                        self.flaw(waited.await_token.span(), "await", Flaw::LockAcrossAwait(place));
                    }
                }
                self.known(&base).awaited()
            }
            syn::Expr::Try(inner) => {
                let ty = self.expr(&inner.expr);
                match ty.last() {
                    "Result" | "Option" => ty.argument(0),
                    _ if matches!(ty, Ty::Opaque(_)) => ty,
                    _ => Ty::Unknown,
                }
            }
            syn::Expr::Closure(closure) => self.closure(closure, &[]),
            syn::Expr::Async(block) => {
                let locks = std::mem::take(&mut self.locks);
                let output = self.block(&block.block);
                self.locks = locks;
                Ty::Future(Box::new(output))
            }
            syn::Expr::Block(block) => self.block(&block.block),
            syn::Expr::Unsafe(block) => self.block(&block.block),
            syn::Expr::If(found) => {
                self.variables.push(HashMap::new());
                let temporaries = self.locks.temporaries();
                self.condition(&found.cond, found.else_branch.is_some());
                if !matches!(*found.cond, syn::Expr::Let(_)) {
                    self.locks.end_temporaries(temporaries);
                }
                let then = self.block(&found.then_branch);
                self.locks.end_temporaries(temporaries);
                self.variables.pop();
                let other = found.else_branch.as_ref().map(|(_, other)| self.expr(other)).unwrap_or_default();
                if then.is_unknown() { other } else { then }
            }
            syn::Expr::Match(found) => {
                let ty = self.expr(&found.expr);
                let mut value = Ty::Unknown;
                for arm in &found.arms {
                    self.variables.push(HashMap::new());
                    self.bind(&arm.pat, &ty);
                    if let Some((_, guard)) = &arm.guard {
                        self.condition(guard, true);
                    }
                    let arm = self.expr(&arm.body);
                    if value.is_unknown() || value == Ty::Tuple(Vec::new()) {
                        value = arm;
                    }
                    self.variables.pop();
                }
                value
            }
            syn::Expr::While(found) => {
                self.variables.push(HashMap::new());
                let temporaries = self.locks.temporaries();
                self.condition(&found.cond, true);
                if !matches!(*found.cond, syn::Expr::Let(_)) {
                    self.locks.end_temporaries(temporaries);
                }
                self.block(&found.body);
                self.locks.end_temporaries(temporaries);
                self.variables.pop();
                Ty::Tuple(Vec::new())
            }
            syn::Expr::ForLoop(found) => {
                let ty = self.expr(&found.expr);
                if let Ty::Named(path, _) = &ty
                    && self.program.names.is_type(path)
                {
                    let next = self.find_method(&ty, "next", 0);
                    self.record(&next, "next", found.expr.span(), false);
                }
                self.variables.push(HashMap::new());
                self.bind(&found.pat, &element(&ty));
                self.block(&found.body);
                self.variables.pop();
                Ty::Tuple(Vec::new())
            }
            syn::Expr::Loop(found) => {
                self.block(&found.body);
                Ty::Unknown
            }
            syn::Expr::Let(_) => {
                self.condition(expr, true);
                Ty::plain()
            }
            syn::Expr::Assign(assign) => {
                let ty = self.expr(&assign.right);
                if matches!(*assign.left, syn::Expr::Infer(_)) {
                    if self.is_persist_result(&assign.right, &ty) {
                        self.dropped(&assign.right, "`_ =`");
                    }
                } else {
                    self.expr(&assign.left);
                }
                Ty::Tuple(Vec::new())
            }
            syn::Expr::Macro(used) => self.macro_use(&used.mac),
            syn::Expr::Struct(shape) => {
                for field in &shape.fields {
                    self.expr(&field.expr);
                }
                if let Some(rest) = &shape.rest {
                    self.expr(rest);
                }
                let segments = path_segments(&shape.path);
                let found = self.program.resolve(&self.function.scope.module, &segments, Want::Type);
                match self.program.shapes.get(&found) {
                    Some(shape) => Ty::Named(shape.ty.clone(), Vec::new()),
                    None if segments.len() > 1 && segments.first().is_some_and(|first| first == "Self") => {
                        self.function.scope.self_type.clone()
                    }
                    None => of_path(self.program, &shape.path, &self.function.scope),
                }
            }
            syn::Expr::Reference(inner) => self.expr(&inner.expr),
            syn::Expr::Paren(inner) => self.expr(&inner.expr),
            syn::Expr::Group(inner) => self.expr(&inner.expr),
            syn::Expr::Unary(inner) => {
                let ty = self.expr(&inner.expr);
                match inner.op {
                    syn::UnOp::Deref(_) => ty.pointee().unwrap_or(ty),
                    _ => Ty::plain(),
                }
            }
            syn::Expr::Binary(binary) => {
                let left = self.expr(&binary.left);
                self.expr(&binary.right);
                match binary.op {
                    syn::BinOp::Add(_) | syn::BinOp::Sub(_) | syn::BinOp::Mul(_) | syn::BinOp::Div(_) => left,
                    _ => Ty::plain(),
                }
            }
            syn::Expr::Cast(cast) => {
                self.expr(&cast.expr);
                type_of(self.program, &cast.ty, &self.function.scope)
            }
            syn::Expr::Index(index) => {
                let base = self.expr(&index.expr);
                self.expr(&index.index);
                match base.last() {
                    "HashMap" | "BTreeMap" => base.argument(1),
                    _ if matches!(*index.index, syn::Expr::Range(_)) => base,
                    _ => element(&base),
                }
            }
            syn::Expr::Array(array) => {
                let parts: Vec<_> = array.elems.iter().map(|part| self.expr(part)).collect();
                Ty::named(SLICE, parts.into_iter().take(1).collect())
            }
            syn::Expr::Repeat(repeat) => {
                let ty = self.expr(&repeat.expr);
                self.expr(&repeat.len);
                Ty::named(SLICE, vec![ty])
            }
            syn::Expr::Tuple(tuple) => Ty::Tuple(tuple.elems.iter().map(|part| self.expr(part)).collect()),
            syn::Expr::Range(range) => {
                range.start.iter().chain(range.end.iter()).for_each(|end| {
                    self.expr(end);
                });
                Ty::iter(Ty::plain())
            }
            syn::Expr::Return(found) => self.exit(found.expr.as_deref()),
            syn::Expr::Break(found) => self.exit(found.expr.as_deref()),
            syn::Expr::Yield(found) => self.exit(found.expr.as_deref()),
            syn::Expr::Lit(_) => Ty::plain(),
            _ => Ty::Unknown,
        }
    }

    fn exit(&mut self, value: Option<&syn::Expr>) -> Ty {
        if let Some(value) = value {
            self.expr(value);
        }
        Ty::Unknown
    }

    /// The condition of an `if` or `while`, whose variables belong to the present scope.
    fn condition(&mut self, condition: &syn::Expr, has_else: bool) {
        match condition {
            syn::Expr::Let(bound) => {
                let ty = self.expr(&bound.expr);
                let is_ok = matches!(&*bound.pat, syn::Pat::TupleStruct(shape) if shape.path.is_ident("Ok"));
                if is_ok && !has_else && self.is_persist_result(&bound.expr, &ty) {
                    self.dropped(&bound.expr, "`if let Ok` without `else`");
                }
                self.bind(&bound.pat, &ty);
            }
            syn::Expr::Binary(binary) if matches!(binary.op, syn::BinOp::And(_)) => {
                self.condition(&binary.left, has_else);
                self.condition(&binary.right, has_else);
            }
            other => {
                self.expr(other);
            }
        }
    }
}

fn is_control(expr: &syn::Expr) -> bool {
    matches!(
        expr,
        syn::Expr::If(_) | syn::Expr::Match(_) | syn::Expr::Loop(_) | syn::Expr::Block(_) | syn::Expr::Try(_)
    )
}

/// Where the name of what an expression calls last is.
fn tip(expr: &syn::Expr) -> proc_macro2::Span {
    match expr {
        syn::Expr::MethodCall(call) => call.method.span(),
        syn::Expr::Await(inner) => tip(&inner.base),
        syn::Expr::Paren(inner) => tip(&inner.expr),
        other => other.span(),
    }
}
