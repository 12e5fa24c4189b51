//! Macros by example (`macro_rules!`) of the workspace itself, written out: what they define is code like any
//! other, and the hot roots may be among it.
//!
//! Matching is greedy and does not go back, and hygiene is not looked at. A use that no rule matches is
//! reported as not understood, not passed over.

use std::collections::HashMap;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};

/// One `macro_rules!`.
#[derive(Debug)]
pub(crate) struct MacroRules {
    krate: String,
    rules: Vec<(Vec<Matcher>, Vec<TokenTree>)>,
}

#[derive(Debug)]
enum Matcher {
    Token(TokenTree),
    Group(Delimiter, Vec<Matcher>),
    Variable { name: String, fragment: String },
    Repeat { inner: Vec<Matcher>, separator: Vec<TokenTree>, at_most_one: bool },
}

#[derive(Debug, Clone)]
enum Bound {
    One(TokenStream),
    Many(Vec<Bindings>),
}

type Bindings = HashMap<String, Bound>;

impl MacroRules {
    /// Reads the rules from the tokens of a `macro_rules!`; `krate` is where it is defined.
    pub(crate) fn read(tokens: TokenStream, krate: &str) -> Self {
        let mut rules = Vec::new();
        let mut pattern = None;
        for token in tokens {
            if let TokenTree::Group(group) = token {
                match pattern.take() {
                    None => pattern = Some(matchers(&list(group.stream()))),
                    Some(pattern) => rules.push((pattern, list(group.stream()))),
                }
            }
        }
        Self { krate: krate.to_owned(), rules }
    }

    /// What a use of the macro with these tokens stands for.
    pub(crate) fn expand(&self, tokens: TokenStream) -> Option<TokenStream> {
        let input = list(tokens);
        self.rules.iter().find_map(|(pattern, body)| {
            let mut bindings = Bindings::new();
            let rest = match_all(pattern, &input, &mut bindings)?;
            rest.is_empty().then(|| self.transcribe(body, &bindings))
        })
    }

    fn transcribe(&self, body: &[TokenTree], bindings: &Bindings) -> TokenStream {
        let mut out = TokenStream::new();
        let mut rest = body;
        while let [token, after @ ..] = rest {
            rest = after;
            match (token, after) {
                (TokenTree::Punct(dollar), [TokenTree::Ident(name), after @ ..])
                    if dollar.as_char() == '$' =>
                {
                    rest = after;
                    match bindings.get(&name.to_string()) {
                        Some(Bound::One(tokens)) => out.extend(tokens.clone()),
                        Some(Bound::Many(_)) => {}
                        None if name == "crate" => {
                            out.extend([TokenTree::Ident(Ident::new(&self.krate, name.span()))])
                        }
                        None => out.extend([token.clone(), TokenTree::Ident(name.clone())]),
                    }
                }
                (TokenTree::Punct(dollar), [TokenTree::Group(group), after @ ..])
                    if dollar.as_char() == '$' =>
                {
                    let (separator, _, after) = repetition(after);
                    rest = after;
                    let inner = list(group.stream());
                    for (n, round) in rounds(&inner, bindings).into_iter().enumerate() {
                        if n > 0 {
                            out.extend(separator.iter().cloned());
                        }
                        out.extend(self.transcribe(&inner, &round));
                    }
                }
                (TokenTree::Group(group), _) => {
                    let mut filled =
                        Group::new(group.delimiter(), self.transcribe(&list(group.stream()), bindings));
                    filled.set_span(group.span());
                    out.extend([TokenTree::Group(filled)]);
                }
                (token, _) => out.extend([token.clone()]),
            }
        }
        out
    }
}

/// What is bound in each round of a repetition.
fn rounds(body: &[TokenTree], bindings: &Bindings) -> Vec<Bindings> {
    let mut used = Vec::new();
    variables(body, &mut used);
    let many = used.iter().find_map(|name| match bindings.get(name) {
        Some(Bound::Many(rounds)) => Some(rounds),
        _ => None,
    });
    let rounds = many.into_iter().flatten();
    let outer = |round: &Bindings| {
        let mut all = bindings.clone();
        all.extend(round.clone());
        all
    };
    rounds.map(outer).collect()
}

fn variables(body: &[TokenTree], out: &mut Vec<String>) {
    for (n, token) in body.iter().enumerate() {
        match (token, body.get(n + 1)) {
            (TokenTree::Punct(dollar), Some(TokenTree::Ident(name))) if dollar.as_char() == '$' => {
                out.push(name.to_string());
            }
            (TokenTree::Group(group), _) => variables(&list(group.stream()), out),
            _ => {}
        }
    }
}

fn list(tokens: TokenStream) -> Vec<TokenTree> {
    tokens.into_iter().collect()
}

/// The separator and the operator behind `$(…)`, and what follows.
fn repetition(tokens: &[TokenTree]) -> (Vec<TokenTree>, char, &[TokenTree]) {
    let mut separator = Vec::new();
    let mut rest = tokens;
    while let [token, after @ ..] = rest {
        rest = after;
        match token {
            TokenTree::Punct(punct) if matches!(punct.as_char(), '*' | '+' | '?') => {
                return (separator, punct.as_char(), rest);
            }
            token => separator.push(token.clone()),
        }
    }
    (separator, '*', rest)
}

fn matchers(tokens: &[TokenTree]) -> Vec<Matcher> {
    let mut out = Vec::new();
    let mut rest = tokens;
    while let [token, after @ ..] = rest {
        rest = after;
        match (token, after) {
            (
                TokenTree::Punct(dollar),
                [TokenTree::Ident(name), TokenTree::Punct(_), TokenTree::Ident(fragment), after @ ..],
            ) if dollar.as_char() == '$' => {
                rest = after;
                out.push(Matcher::Variable { name: name.to_string(), fragment: fragment.to_string() });
            }
            (TokenTree::Punct(dollar), [TokenTree::Group(group), after @ ..]) if dollar.as_char() == '$' => {
                let (separator, operator, after) = repetition(after);
                rest = after;
                let inner = matchers(&list(group.stream()));
                out.push(Matcher::Repeat { inner, separator, at_most_one: operator == '?' });
            }
            (TokenTree::Group(group), _) => {
                out.push(Matcher::Group(group.delimiter(), matchers(&list(group.stream()))));
            }
            (token, _) => out.push(Matcher::Token(token.clone())),
        }
    }
    out
}

fn match_all<'t>(
    pattern: &[Matcher],
    mut input: &'t [TokenTree],
    bindings: &mut Bindings,
) -> Option<&'t [TokenTree]> {
    for matcher in pattern {
        input = match_one(matcher, input, bindings)?;
    }
    Some(input)
}

fn match_one<'t>(
    matcher: &Matcher,
    input: &'t [TokenTree],
    bindings: &mut Bindings,
) -> Option<&'t [TokenTree]> {
    match matcher {
        Matcher::Token(expected) => {
            let [found, rest @ ..] = input else { return None };
            is_same(expected, found).then_some(rest)
        }
        Matcher::Group(delimiter, inner) => {
            let [TokenTree::Group(group), rest @ ..] = input else { return None };
            let tokens = list(group.stream());
            let left = match_all(inner, &tokens, bindings)?;
            (group.delimiter() == *delimiter && left.is_empty()).then_some(rest)
        }
        Matcher::Variable { name, fragment } => {
            let (tokens, taken) = fragment_of(fragment, input)?;
            bindings.insert(name.clone(), Bound::One(tokens));
            input.get(taken..)
        }
        Matcher::Repeat { inner, separator, at_most_one } => {
            let mut rest = input;
            let mut found = Vec::new();
            loop {
                let mut start = rest;
                if !found.is_empty() && !separator.is_empty() {
                    let between: Vec<_> = separator.iter().cloned().map(Matcher::Token).collect();
                    let Some(after) = match_all(&between, rest, &mut Bindings::new()) else { break };
                    start = after;
                }
                let mut round = Bindings::new();
                match match_all(inner, start, &mut round) {
                    Some(after) if after.len() < rest.len() => {
                        rest = after;
                        found.push(round);
                    }
                    _ => break,
                }
                if *at_most_one {
                    break;
                }
            }
            let mut names = Vec::new();
            bound_names(inner, &mut names);
            for name in names {
                bindings.insert(name, Bound::Many(found.clone()));
            }
            Some(rest)
        }
    }
}

fn bound_names(pattern: &[Matcher], out: &mut Vec<String>) {
    for matcher in pattern {
        match matcher {
            Matcher::Token(_) => {}
            Matcher::Variable { name, .. } => out.push(name.clone()),
            Matcher::Group(_, inner) | Matcher::Repeat { inner, .. } => bound_names(inner, out),
        }
    }
}

fn is_same(left: &TokenTree, right: &TokenTree) -> bool {
    match (left, right) {
        (TokenTree::Punct(left), TokenTree::Punct(right)) => left.as_char() == right.as_char(),
        (TokenTree::Ident(left), TokenTree::Ident(right)) => left == right,
        (TokenTree::Literal(left), TokenTree::Literal(right)) => left.to_string() == right.to_string(),
        _ => false,
    }
}

/// The tokens of a fragment at the beginning of the input, and how many input tokens they are.
fn fragment_of(fragment: &str, input: &[TokenTree]) -> Option<(TokenStream, usize)> {
    let first = input.first()?;
    let taken = match fragment {
        "tt" => 1,
        "ident" => usize::from(matches!(first, TokenTree::Ident(_))),
        "literal" => prefix(input, <syn::Lit as Parse>::parse)?,
        "lifetime" => prefix(input, <syn::Lifetime as Parse>::parse)?,
        "expr" | "expr_2021" => prefix(input, <syn::Expr as Parse>::parse)?,
        "ty" => prefix(input, <syn::Type as Parse>::parse)?,
        "path" => prefix(input, <syn::Path as Parse>::parse)?,
        "pat" => prefix(input, syn::Pat::parse_multi)?,
        "pat_param" => prefix(input, syn::Pat::parse_single)?,
        "block" => prefix(input, <syn::Block as Parse>::parse)?,
        "stmt" => prefix(input, <syn::Stmt as Parse>::parse)?,
        "item" => prefix(input, <syn::Item as Parse>::parse)?,
        "meta" => prefix(input, <syn::Meta as Parse>::parse)?,
        "vis" => prefix(input, <syn::Visibility as Parse>::parse)?,
        _ => return None,
    };
    if taken == 0 && fragment != "vis" {
        return None;
    }
    let tokens: TokenStream = input.get(..taken)?.iter().cloned().collect();
    if matches!(fragment, "expr" | "expr_2021") && taken > 1 {
        // Keeps `$a * 2` from regrouping.
        let mut group = Group::new(Delimiter::None, tokens);
        group.set_span(first.span());
        return Some((TokenTree::Group(group).into(), taken));
    }
    Some((tokens, taken))
}

/// How many tokens a parser takes.
fn prefix<T>(input: &[TokenTree], parse: impl Fn(ParseStream<'_>) -> syn::Result<T>) -> Option<usize> {
    let tokens: TokenStream = input.iter().cloned().collect();
    let counted = |stream: ParseStream<'_>| {
        parse(stream)?;
        Ok(stream.parse::<TokenStream>()?.into_iter().count())
    };
    let left = counted.parse2(tokens).ok()?;
    input.len().checked_sub(left)
}

/// The span of the first token, else of the use itself.
pub(crate) fn span_of(tokens: &TokenStream, fallback: Span) -> Span {
    tokens.clone().into_iter().next().map_or(fallback, |token| token.span())
}
