//! Patterns and fields: the types of the variables that a pattern binds, and of what is inside a value.

use crate::{
    facts::names::Want,
    facts::signatures::{path_segments, type_of},
    facts::std_types::element,
    facts::types::Ty,
    facts::workspace::plain_name,
    walk::body::Walker,
};

impl Walker<'_> {
    /// Gives the variables of a pattern their types.
    pub(crate) fn bind(&mut self, pattern: &syn::Pat, ty: &Ty) {
        match pattern {
            syn::Pat::Ident(ident) => {
                self.bind_name(&plain_name(&ident.ident), ty.clone());
                if let Some((_, inner)) = &ident.subpat {
                    self.bind(inner, ty);
                }
            }
            syn::Pat::Type(typed) => {
                let ty = type_of(self.program, &typed.ty, &self.function.scope);
                self.bind(&typed.pat, &ty);
            }
            syn::Pat::Reference(inner) => self.bind(&inner.pat, ty),
            syn::Pat::Paren(inner) => self.bind(&inner.pat, ty),
            syn::Pat::Or(or) => or.cases.iter().for_each(|case| self.bind(case, ty)),
            syn::Pat::Tuple(tuple) => {
                for (n, part) in tuple.elems.iter().enumerate() {
                    let inner = match ty {
                        Ty::Tuple(parts) => parts.get(n).cloned().unwrap_or_default(),
                        Ty::Opaque(_) => ty.clone(),
                        _ => Ty::Unknown,
                    };
                    self.bind(part, &inner);
                }
            }
            syn::Pat::Slice(slice) => {
                let inner = element(ty);
                for part in &slice.elems {
                    let is_rest = matches!(part, syn::Pat::Ident(ident) if ident.subpat.is_some());
                    self.bind(part, if is_rest { ty } else { &inner });
                }
            }
            syn::Pat::TupleStruct(shape) => {
                let last = shape.path.segments.last().map(|last| plain_name(&last.ident)).unwrap_or_default();
                for (n, part) in shape.elems.iter().enumerate() {
                    let inner = match (last.as_str(), ty.last()) {
                        ("Some", "Option") | ("Ok", "Result") => ty.argument(0),
                        ("Err", "Result") => ty.argument(1),
                        // `Json(body): Json<Body>` and the like, of other libraries.
                        (name, of)
                            if name == of
                                && !ty.path().is_some_and(|path| self.program.names.is_type(path)) =>
                        {
                            ty.argument(n)
                        }
                        _ => self.field_of_shape(&shape.path, ty, &n.to_string()),
                    };
                    self.bind(part, &inner);
                }
            }
            syn::Pat::Struct(shape) => {
                for field in &shape.fields {
                    let inner = self.field_of_shape(&shape.path, ty, &member_name(&field.member));
                    self.bind(&field.pat, &inner);
                }
            }
            _ => {}
        }
    }

    fn field_of_shape(&self, path: &syn::Path, ty: &Ty, field: &str) -> Ty {
        let scope = &self.function.scope;
        let mut segments = path_segments(path);
        if segments.first().is_some_and(|first| first == "Self") {
            let own = scope.self_type.path().unwrap_or_default().to_owned();
            segments.splice(0..1, own.split("::").map(str::to_owned));
            let found = segments.join("::");
            return self.shape_field(&found, ty, field);
        }
        let mut found = self.program.resolve(&scope.module, &segments, Want::Type);
        if !self.program.shapes.contains_key(&found) {
            found = self.program.resolve(&scope.module, &segments, Want::Value);
        }
        self.shape_field(&found, ty, field)
    }

    fn shape_field(&self, path: &str, ty: &Ty, field: &str) -> Ty {
        let Some(shape) = self.program.shapes.get(path) else { return Ty::Unknown };
        let arguments = match ty {
            Ty::Named(named, arguments) if *named == shape.ty => arguments.clone(),
            _ => Vec::new(),
        };
        let known = shape.generics.iter().cloned().zip(arguments).collect();
        shape.fields.get(field).map(|ty| ty.with(&known)).unwrap_or_default()
    }

    /// The type of a field.
    pub(crate) fn field(&self, base: &Ty, name: &str) -> Ty {
        let mut ty = self.known(base);
        for _ in 0..8 {
            match &ty {
                Ty::Tuple(parts) => {
                    return name.parse().ok().and_then(|n: usize| parts.get(n).cloned()).unwrap_or_default();
                }
                Ty::Named(path, _) => {
                    let found = self.shape_field(path, &ty, name);
                    if !found.is_unknown() {
                        return found;
                    }
                    let inner = self.program.derefs.get(path).cloned().or_else(|| ty.pointee());
                    let Some(inner) = inner else { return Ty::Unknown };
                    ty = self.known(&inner);
                }
                Ty::Opaque(_) => return ty,
                _ => return Ty::Unknown,
            }
        }
        Ty::Unknown
    }
}

pub(crate) fn member_name(member: &syn::Member) -> String {
    match member {
        syn::Member::Named(name) => plain_name(name),
        syn::Member::Unnamed(index) => index.index.to_string(),
    }
}

pub(crate) fn pattern_name(pattern: &syn::Pat) -> String {
    match pattern {
        syn::Pat::Ident(ident) => plain_name(&ident.ident),
        syn::Pat::Type(typed) => pattern_name(&typed.pat),
        syn::Pat::TupleStruct(shape) => shape.elems.first().map(pattern_name).unwrap_or_default(),
        _ => String::new(),
    }
}
