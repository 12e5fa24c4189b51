//! Calls: of functions, methods, closures and variables. What they lead to is `calls`' part; this file reads
//! their arguments, notes the call, and tells the type of what it gives.

use std::collections::HashMap;

use syn::spanned::Spanned;

use crate::{
    facts::names::Want,
    facts::program::FnId,
    facts::signatures::{arguments_of, path_segments, type_of},
    facts::std_types::{closure_parameters, element, function, method},
    facts::types::{GUARD, Ty},
    facts::workspace::plain_name,
    walk::body::Walker,
    walk::call::{Call, Flaw},
    walk::calls::Found,
};

impl Walker<'_> {
    /// A closure; `hints` are the types of its parameters where these do not say them.
    pub(crate) fn closure(&mut self, closure: &syn::ExprClosure, hints: &[Ty]) -> Ty {
        self.variables.push(HashMap::new());
        for (n, parameter) in closure.inputs.iter().enumerate() {
            self.bind(parameter, hints.get(n).unwrap_or(&Ty::Unknown));
        }
        let locks = std::mem::take(&mut self.locks);
        let mut result = self.expr(&closure.body);
        self.locks = locks;
        self.variables.pop();
        if let syn::ReturnType::Type(_, ty) = &closure.output {
            result = type_of(self.program, ty, &self.function.scope);
        }
        if closure.asyncness.is_some() {
            result = Ty::Future(Box::new(result));
        }
        Ty::Callable(Vec::new(), Box::new(result))
    }

    /// The arguments of a call; `hints` are the parameters' types.
    fn arguments<'e>(
        &mut self,
        arguments: impl Iterator<Item = &'e syn::Expr>,
        hint: impl Fn(usize) -> Vec<Ty>,
    ) -> Vec<Ty> {
        let each = arguments.enumerate().map(|(n, argument)| match argument {
            syn::Expr::Closure(closure) => self.closure(closure, &hint(n)),
            other => self.expr(other),
        });
        each.collect()
    }

    /// What the closures among the arguments of a function of the workspace get.
    fn hints(&self, targets: &[FnId], n: usize) -> Vec<Ty> {
        let function = targets.first().and_then(|id| self.program.functions.get(*id));
        let Some(function) = function else { return Vec::new() };
        let declared = function.parameters.get(n).map(|(_, ty)| ty.clone()).unwrap_or_default();
        let declared = match &declared {
            Ty::Param(name) => function.scope.parameters.get(name).cloned().unwrap_or_default(),
            other => other.clone(),
        };
        let declared = declared.pointee().unwrap_or(declared);
        match declared {
            Ty::Callable(parameters, _) => parameters
                .iter()
                .map(|ty| match ty {
                    Ty::Param(name) => function.scope.parameters.get(name).cloned().unwrap_or_default(),
                    other => other.clone(),
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// What a call of functions of the workspace gives.
    fn result_of(&self, targets: &[FnId], receiver: Option<&Ty>, arguments: &[Ty]) -> Ty {
        let function = targets.first().and_then(|id| self.program.functions.get(*id));
        let Some(function) = function else { return Ty::Unknown };
        let mut known = HashMap::new();
        if let Some(receiver) = receiver {
            function.scope.self_type.learn(receiver, &mut known);
        }
        // `Type::method(receiver, …)` has one argument more than parameters.
        let skip = arguments.len().saturating_sub(function.parameters.len());
        for ((_, parameter), argument) in function.parameters.iter().zip(arguments.iter().skip(skip)) {
            parameter.learn(argument, &mut known);
            if let Ty::Param(name) = parameter
                && let Some(Ty::Callable(_, declared)) = function.scope.parameters.get(name)
                && let Ty::Callable(_, given) = argument
            {
                declared.learn(given, &mut known);
            }
        }
        // What is still a parameter means nothing here.
        let result = function.result.with(&known);
        match &result {
            Ty::Param(name) => function.scope.parameters.get(name).cloned().unwrap_or_default(),
            _ => result,
        }
    }

    pub(crate) fn call(&mut self, call: &syn::ExprCall) -> Ty {
        let syn::Expr::Path(path) = strip(&call.func) else {
            let ty = self.expr(&call.func);
            self.arguments(call.args.iter(), |_| Vec::new());
            return self.called(&ty);
        };
        if let Some(name) = path.path.get_ident()
            && let Some(ty) = self.variable(&plain_name(name))
        {
            self.arguments(call.args.iter(), |_| Vec::new());
            return self.called(&ty);
        }
        let found = self.find_path(path);
        let name = path.path.segments.last().map(|last| plain_name(&last.ident)).unwrap_or_default();
        let callee = found.callees.first().cloned().unwrap_or_default();
        let outer = self.on_own_thread;
        self.on_own_thread |= name == "spawn_blocking"
            || callee.starts_with("std::thread::")
            || self.passes_to_thread(&found.targets);
        let targets = found.targets.clone();
        let hints = |walker: &Self, n| walker.hints(&targets, n);
        let each: Vec<Vec<Ty>> = (0..call.args.len()).map(|n| hints(self, n)).collect();
        let arguments = self.arguments(call.args.iter(), |n| each.get(n).cloned().unwrap_or_default());
        self.on_own_thread = outer;
        if callee == "std::mem::drop"
            && let Some(dropped) = call.args.first()
        {
            self.drop_value(dropped, arguments.first().unwrap_or(&Ty::Unknown));
        }
        let takes_range = matches!(call.args.first(), Some(syn::Expr::Range(_)));
        let last = path.path.segments.last().map_or(call.func.span(), |last| last.ident.span());
        self.record(&found, &name, last, takes_range);
        self.pass_on(&found.targets, &arguments, last);
        if let Some(result) = found.result {
            return result;
        }
        if !found.targets.is_empty() {
            return self.result_of(&found.targets, None, &arguments);
        }
        let turbofish = path.path.segments.last();
        let turbofish =
            turbofish.map(|last| arguments_of(self.program, &last.arguments, &self.function.scope));
        let ours = |path: &str| self.program.names.is_type(path);
        function(&callee, &arguments, &turbofish.unwrap_or_default(), &ours)
    }

    /// Whether a function gives the closures that it gets to a thread of their own.
    fn passes_to_thread(&self, targets: &[FnId]) -> bool {
        let functions = targets.iter().filter_map(|id| self.program.functions.get(*id));
        let mut functions = functions.peekable();
        functions.peek().is_some() && functions.all(|function| function.passes_to_thread)
    }

    fn called(&self, ty: &Ty) -> Ty {
        let mut ty = self.known(ty);
        for _ in 0..4 {
            match (&ty, ty.pointee()) {
                (Ty::Callable(_, result), _) => return (**result).clone(),
                (_, Some(inner)) => ty = self.known(&inner),
                _ => return Ty::Unknown,
            }
        }
        Ty::Unknown
    }

    fn drop_value(&mut self, dropped: &syn::Expr, ty: &Ty) {
        if self.is_persist_result(dropped, ty) {
            self.dropped(dropped, "`drop`");
        }
        if let syn::Expr::Path(path) = dropped
            && let Some(name) = path.path.get_ident()
        {
            self.locks.drop_guard(&plain_name(name));
        }
        if let Ty::Named(path, _) = ty
            && self.program.methods.contains_key(&(path.clone(), "drop".to_owned()))
        {
            let found = self.find_method(ty, "drop", 0);
            self.record(&found, "drop", dropped.span(), false);
        }
    }

    pub(crate) fn method_call(&mut self, call: &syn::ExprMethodCall) -> Ty {
        let receiver = self.expr(&call.receiver);
        let name = plain_name(&call.method);
        let found = self.find_method(&receiver, &name, call.args.len());
        let receiver = self.known(&receiver);
        let outer = self.on_own_thread;
        let of_threads = found.callees.iter().any(|callee| callee.starts_with("std::thread::"));
        self.on_own_thread |= name == "spawn_blocking"
            || (name == "spawn" && of_threads)
            || self.passes_to_thread(&found.targets);
        let hint = closure_parameters(&receiver, &name);
        let each: Vec<Vec<Ty>> = (0..call.args.len()).map(|n| self.hints(&found.targets, n)).collect();
        let arguments = self.arguments(call.args.iter(), |n| match each.get(n) {
            Some(known) if !known.is_empty() => known.clone(),
            _ => hint.clone(),
        });
        self.on_own_thread = outer;
        if matches!(name.as_str(), "ok" | "unwrap_or" | "unwrap_or_default" | "unwrap_or_else")
            && self.is_persist_result(&call.receiver, &receiver)
            && !takes_error(call.args.first())
        {
            let how = if name == "ok" { "`.ok()`" } else { "`unwrap_or…`" };
            self.flaw(call.method.span(), "persist error", Flaw::DroppedError(how));
        }
        self.record(
            &found,
            &name,
            call.method.span(),
            matches!(call.args.first(), Some(syn::Expr::Range(_))),
        );
        self.pass_on(&found.targets, &arguments, call.method.span());
        let result = self.method_result(call, &found, &receiver, &arguments);
        let takes = ["lock", "read", "write", "upgradable_read", "try_lock", "try_read", "try_write"];
        if takes.contains(&name.as_str()) && result.holds_guard() {
            self.locks.take_guard(call.method.span());
        }
        result
    }

    fn method_result(
        &mut self,
        call: &syn::ExprMethodCall,
        found: &Found,
        receiver: &Ty,
        arguments: &[Ty],
    ) -> Ty {
        let name = plain_name(&call.method);
        let turbofish = call.turbofish.as_ref().map(|arguments| {
            let arguments = syn::PathArguments::AngleBracketed(arguments.clone());
            arguments_of(self.program, &arguments, &self.function.scope)
        });
        if let Some(ty) = turbofish.and_then(|types| types.into_iter().next()) {
            match name.as_str() {
                "collect" | "sum" | "product" | "into" => return ty,
                "parse" => return Ty::result(ty, Ty::Unknown),
                _ => {}
            }
        }
        if let Some(result) = &found.result {
            return result.clone();
        }
        if !found.targets.is_empty() && !found.is_by_name {
            return self.result_of(&found.targets, Some(receiver), arguments);
        }
        if name == "lock" && receiver.is_unknown() && arguments.is_empty() {
            return Ty::named(GUARD, vec![Ty::Unknown]);
        }
        let mut ty = receiver.clone();
        for _ in 0..8 {
            if let Some(result) = method(&ty, &name, arguments) {
                return result;
            }
            match (name.as_str(), &ty) {
                ("clone" | "to_owned" | "by_ref" | "borrow" | "as_mut", _) if !ty.is_guard() => return ty,
                ("iter" | "into_iter" | "iter_mut", _) if ty.pointee().is_none() => {
                    return Ty::iter(element(&ty));
                }
                ("as_ref" | "deref" | "deref_mut", _) => return ty.pointee().unwrap_or(ty),
                ("into" | "try_into" | "parse" | "boxed", _) => return Ty::Unknown,
                ("to_string" | "as_str" | "len" | "is_empty" | "to_vec" | "as_bytes", _) => {
                    return Ty::plain();
                }
                (_, Ty::Opaque(_)) => return ty,
                (_, Ty::Future(output)) if matches!(name.as_str(), "fuse" | "instrument") => {
                    return Ty::Future(output.clone());
                }
                _ => {}
            }
            let inner =
                ty.path().and_then(|path| self.program.derefs.get(path).cloned()).or_else(|| ty.pointee());
            match inner {
                Some(inner) => ty = self.known(&inner),
                None => break,
            }
        }
        match ty {
            // A collection of another library may give out what is in it.
            Ty::Named(path, arguments)
                if !self.program.names.is_type(&path)
                    && !arguments
                        .iter()
                        .any(|inner| inner.may_hold(&|path| self.program.names.is_type(path))) =>
            {
                Ty::Opaque(path.split("::").next().unwrap_or_default().to_owned())
            }
            _ => Ty::Unknown,
        }
    }

    /// A path that is no call: a variable, a constant, or a function that is passed on.
    pub(crate) fn path(&mut self, path: &syn::ExprPath) -> Ty {
        if let Some(name) = path.path.get_ident()
            && let Some(ty) = self.variable(&plain_name(name))
        {
            return ty;
        }
        let segments = path_segments(&path.path);
        let scope = &self.function.scope;
        let full = self.program.resolve(&scope.module, &segments, Want::Value);
        if let Some(ty) = self.program.values.get(&full) {
            return ty.clone();
        }
        let found = self.find_path(path);
        if let Some(result) = found.result {
            return result;
        }
        let name = segments.last().cloned().unwrap_or_default();
        // `None`, `u32::MAX` and the like are no functions.
        if name.starts_with(char::is_uppercase) {
            return if name == "None" { Ty::option(Ty::Unknown) } else { Ty::Unknown };
        }
        if found.targets.is_empty() && full.starts_with("?::") {
            return Ty::Unknown;
        }
        self.record(&found, &name, path.path.span(), false);
        let result = self.result_of(&found.targets, None, &[]);
        Ty::Callable(Vec::new(), Box::new(result))
    }

    /// Values whose methods the called function may use.
    fn pass_on(&mut self, targets: &[FnId], arguments: &[Ty], span: proc_macro2::Span) {
        let passed = self.of_arguments(targets, arguments);
        if !passed.is_empty() {
            let found = Found { targets: passed, callees: vec!["?::_".to_owned()], ..Found::default() };
            self.record(&found, "(passed on)", span, false);
        }
    }

    pub(crate) fn record(&mut self, found: &Found, name: &str, span: proc_macro2::Span, takes_range: bool) {
        if found.callees.is_empty() {
            return;
        }
        let place = self.program.workspace.place(span);
        self.calls.push(Call {
            callees: found.callees.clone(),
            name: name.to_owned(),
            is_foreign: found.is_foreign,
            is_by_name: found.is_by_name,
            targets: found.targets.clone(),
            place,
            statement: self.statement,
            on_own_thread: self.on_own_thread,
            takes_range,
            flaw: None,
        });
    }
}

/// Whether a closure looks at the error it gets.
fn takes_error(argument: Option<&syn::Expr>) -> bool {
    match argument {
        Some(syn::Expr::Closure(closure)) => {
            !matches!(closure.inputs.first(), Some(syn::Pat::Wild(_)) | None)
        }
        Some(syn::Expr::Path(_)) => true,
        _ => false,
    }
}

fn strip(expr: &syn::Expr) -> &syn::Expr {
    match expr {
        syn::Expr::Paren(inner) => strip(&inner.expr),
        syn::Expr::Group(inner) => strip(&inner.expr),
        other => other,
    }
}
