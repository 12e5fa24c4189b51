//! Macros inside functions: those of the workspace are written out, well-known ones are read token by token.
//!
//! Of a macro that is not known the arguments are read as far as they are expressions; what it does with
//! them is not known, so it must not hold a banned name.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{
    parse::{ParseStream, Parser},
    spanned::Spanned,
};

use crate::{facts::program::macro_name, facts::types::Ty, walk::body::Walker, walk::call::Flaw};

/// Longer chains of macros that use macros are not followed.
const DEPTH: usize = 24;

/// What a macro does with its tokens.
enum Known {
    /// They are data.
    Data,
    /// Expressions, perhaps with names and signs before them.
    Expressions,
    /// An expression, then patterns.
    Matches,
    /// Futures that are awaited together.
    Join,
    /// Branches.
    Select,
    /// Not known.
    Unknown,
}

fn known(name: &str) -> Known {
    match name {
        "quote" | "quote_spanned" | "parse_quote" | "stringify" | "concat" | "env" | "option_env"
        | "include_str" | "include_bytes" | "cfg" | "line" | "column" | "file" | "module_path"
        | "compile_error" | "include" => Known::Data,
        "format" | "format_args" | "print" | "println" | "eprint" | "eprintln" | "write" | "writeln"
        | "panic" | "assert" | "assert_eq" | "assert_ne" | "debug_assert" | "debug_assert_eq"
        | "debug_assert_ne" | "vec" | "dbg" | "todo" | "unimplemented" | "unreachable" | "anyhow"
        | "bail" | "ensure" | "trace" | "debug" | "info" | "warn" | "error" | "event" | "span"
        | "trace_span" | "debug_span" | "info_span" | "warn_span" | "error_span" | "json" | "params"
        | "named_params" | "pin" | "ready" | "format_ident" | "log" | "addr_of" | "addr_of_mut"
        | "smallvec" | "hash_map" | "html" | "prop_assert" | "prop_assert_eq" => Known::Expressions,
        "matches" | "assert_matches" | "debug_assert_matches" => Known::Matches,
        "join" | "try_join" => Known::Join,
        "select" | "select_biased" => Known::Select,
        _ => Known::Unknown,
    }
}

/// A branch of `select!`.
struct Branch {
    pattern: Option<syn::Pat>,
    future: Option<syn::Expr>,
    condition: Option<syn::Expr>,
    body: syn::Expr,
}

impl Walker<'_> {
    /// A use of a macro: what it calls, and its type.
    pub(crate) fn macro_use(&mut self, used: &syn::Macro) -> Ty {
        let name = macro_name(used);
        if self.depth < DEPTH
            && let Some(expanded) = self.program.expand(used)
        {
            self.depth += 1;
            let ty = self.tokens(expanded.clone());
            self.depth -= 1;
            return ty.unwrap_or_else(|| {
                self.refuse_banned(&name, &expanded);
                Ty::Unknown
            });
        }
        match known(&name) {
            Known::Data => Ty::plain(),
            Known::Matches => {
                let first = split(used.tokens.clone()).into_iter().next().unwrap_or_default();
                self.pieces(first);
                Ty::plain()
            }
            Known::Join => {
                let futures = self.pieces(used.tokens.clone());
                self.awaits(used.path.span());
                let outputs = futures.iter().map(Ty::awaited).collect();
                if name == "join" { Ty::Tuple(outputs) } else { Ty::Unknown }
            }
            Known::Select => {
                let parsed = branches.parse2(used.tokens.clone());
                let Ok(branches) = parsed else {
                    self.refuse_banned(&name, &used.tokens);
                    return Ty::Unknown;
                };
                self.select(&branches, used.path.span())
            }
            Known::Expressions => {
                let parts = self.pieces(used.tokens.clone());
                match name.as_str() {
                    "vec" => Ty::named("std::vec::Vec", parts.into_iter().take(1).collect()),
                    "pin" | "dbg" => parts.into_iter().next().unwrap_or_default(),
                    _ => Ty::plain(),
                }
            }
            Known::Unknown => {
                self.pieces(used.tokens.clone());
                if !self.known_macros.contains(&name) {
                    self.refuse_banned(&name, &used.tokens);
                }
                Ty::Unknown
            }
        }
    }

    fn refuse_banned(&mut self, name: &str, tokens: &TokenStream) {
        if let Some(found) = banned_call(tokens.clone(), self.banned_names) {
            self.flaw(found.span(), &found.to_string(), Flaw::UnknownMacro(name.to_owned()));
        }
    }

    /// An await that a macro hides.
    fn awaits(&mut self, at: proc_macro2::Span) {
        for guard in self.locks.alive() {
            let place = self.program.workspace.place(guard);
            self.flaw(at, "await", Flaw::LockAcrossAwait(place));
        }
    }

    fn select(&mut self, branches: &[Branch], at: proc_macro2::Span) -> Ty {
        let mut value = Ty::Unknown;
        let temporaries = self.locks.temporaries();
        let mut outputs = Vec::new();
        for branch in branches {
            if let Some(condition) = &branch.condition {
                self.expr(condition);
            }
            let future = branch.future.as_ref().map(|future| self.expr(future)).unwrap_or_default();
            outputs.push(future.awaited());
        }
        self.awaits(at);
        self.locks.end_temporaries(temporaries);
        for (branch, output) in branches.iter().zip(outputs) {
            // A block of its own, so that the variables of the pattern end with the branch.
            let ty = self.branch(branch, &output);
            if value.is_unknown() {
                value = ty;
            }
        }
        value
    }

    fn branch(&mut self, branch: &Branch, output: &Ty) -> Ty {
        self.scoped(|walker| {
            if let Some(pattern) = &branch.pattern {
                walker.bind(pattern, output);
            }
            walker.expr(&branch.body)
        })
    }

    /// Tokens as an expression, else as statements.
    fn tokens(&mut self, tokens: TokenStream) -> Option<Ty> {
        if let Ok(expr) = syn::parse2::<syn::Expr>(tokens.clone()) {
            return Some(self.expr(&expr));
        }
        let statements = syn::Block::parse_within.parse2(tokens).ok()?;
        Some(self.statements(&statements))
    }

    /// The expressions in a list of tokens: their types.
    fn pieces(&mut self, tokens: TokenStream) -> Vec<Ty> {
        let mut types = Vec::new();
        for piece in split(tokens) {
            if let Some(expr) = expression(&piece) {
                types.push(self.expr(&expr));
                continue;
            }
            if let Ok(statements) = syn::Block::parse_within.parse2(piece.clone()) {
                types.push(self.statements(&statements));
                continue;
            }
            for token in piece {
                if let TokenTree::Group(group) = token {
                    self.pieces(group.stream());
                }
            }
            types.push(Ty::Unknown);
        }
        types
    }
}

/// Cuts tokens at `,`, `;` and `=>`.
fn split(tokens: TokenStream) -> Vec<TokenStream> {
    let mut pieces = vec![TokenStream::new()];
    let mut before_arrow = false;
    for token in tokens {
        let sign = match &token {
            TokenTree::Punct(punct) => Some(punct.as_char()),
            _ => None,
        };
        let ends = matches!(sign, Some(',' | ';')) || (before_arrow && sign == Some('>'));
        before_arrow = sign == Some('=');
        if ends {
            pieces.push(TokenStream::new());
        } else if let Some(piece) = pieces.last_mut() {
            piece.extend([token]);
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// A piece as an expression: as it is, or behind `name =`, `name:`, `%`, `?`.
fn expression(piece: &TokenStream) -> Option<syn::Expr> {
    let mut tokens: Vec<TokenTree> = piece.clone().into_iter().collect();
    if let Ok(expr) = syn::parse2::<syn::Expr>(piece.clone())
        && !matches!(expr, syn::Expr::Assign(_))
    {
        return Some(expr);
    }
    let is_sign = |token: &TokenTree, signs: &[char]| match token {
        TokenTree::Punct(punct) => signs.contains(&punct.as_char()),
        _ => false,
    };
    let assigned = tokens.iter().position(|token| is_sign(token, &['=', ':']));
    if let Some(n) = assigned {
        // A trailing `=` is left by `=>`.
        let names = tokens.iter().take(n).all(|token| !matches!(token, TokenTree::Group(_)));
        if names && n + 1 < tokens.len() {
            tokens.drain(..=n);
        } else if n + 1 == tokens.len() {
            tokens.truncate(n);
        }
    }
    if tokens.first().is_some_and(|first| is_sign(first, &['%', '?', '#'])) {
        tokens.remove(0);
    }
    syn::parse2(tokens.into_iter().collect()).ok()
}

/// The first ident in call position that is banned.
pub(crate) fn banned_call(tokens: TokenStream, banned: &dyn Fn(&str) -> bool) -> Option<proc_macro2::Ident> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (n, token) in tokens.iter().enumerate() {
        match (token, tokens.get(n + 1)) {
            (TokenTree::Ident(ident), Some(TokenTree::Group(group)))
                if group.delimiter() == Delimiter::Parenthesis && banned(&ident.to_string()) =>
            {
                return Some(ident.clone());
            }
            (TokenTree::Group(group), _) => {
                if let Some(found) = banned_call(group.stream(), banned) {
                    return Some(found);
                }
            }
            _ => {}
        }
    }
    None
}

/// The branches of `select!`.
fn branches(input: ParseStream<'_>) -> syn::Result<Vec<Branch>> {
    let mut found = Vec::new();
    if input.peek(syn::Ident) && input.peek2(syn::Token![;]) {
        input.parse::<syn::Ident>()?;
        input.parse::<syn::Token![;]>()?;
    }
    while !input.is_empty() {
        let mut branch = Branch { pattern: None, future: None, condition: None, body: syn::parse_quote!(()) };
        if input.peek(syn::Token![else]) {
            input.parse::<syn::Token![else]>()?;
        } else if input.peek(syn::Ident) && input.peek2(syn::Token![=>]) {
            // `default =>` and `complete =>` of the crate futures.
            input.parse::<syn::Ident>()?;
        } else {
            branch.pattern = Some(syn::Pat::parse_multi_with_leading_vert(input)?);
            input.parse::<syn::Token![=]>()?;
            branch.future = Some(input.parse()?);
            if input.peek(syn::Token![,]) {
                input.parse::<syn::Token![,]>()?;
                input.parse::<syn::Token![if]>()?;
                branch.condition = Some(input.parse()?);
            }
        }
        input.parse::<syn::Token![=>]>()?;
        branch.body = if input.peek(syn::token::Brace) {
            // A block ends the branch, whatever follows it.
            let block: syn::Block = input.parse()?;
            syn::Expr::Block(syn::ExprBlock { attrs: Vec::new(), label: None, block })
        } else {
            input.parse()?
        };
        if input.peek(syn::Token![,]) {
            input.parse::<syn::Token![,]>()?;
        }
        found.push(branch);
    }
    Ok(found)
}
