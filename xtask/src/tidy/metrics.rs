//! The table of metrics in `docs/metrics.md`, made from the source that answers `/metrics`.
//!
//! A metric is a call with a name that begins with `bookstate_` as its first argument. Its kind is the name of what is
//! called (`histogram`, or a closure `gauge` or `counter`) or the second argument; its meaning is the next text, or the
//! last `let help = "…"` before it. A name that is found in no such call is an error, so that none is left out.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use syn::{
    Expr, ExprCall, ExprMethodCall, Lit, LitStr, Local, Pat,
    punctuated::Punctuated,
    token::Comma,
    visit::{self, Visit},
};

use super::{
    documents::passages,
    generated::Generated,
    tree::{Findings, Tree},
};

const SOURCE: &str = "crates/bookstate-api/src/routes/metrics.rs";
const KINDS: [&str; 3] = ["counter", "gauge", "histogram"];

const PAGE: &str = "docs/metrics.md";

/// Every metric that the page names is one.
pub(super) fn check(tree: &Tree) -> anyhow::Result<Findings> {
    let known: BTreeSet<String> =
        metrics(&tree.text(SOURCE)?)?.into_iter().map(|metric| metric.name).collect();
    let mut findings = Findings::default();
    for passage in passages(&tree.text(PAGE)?) {
        for code in passage.code.iter().filter(|code| is_name(code)) {
            let name = code.split('{').next().unwrap_or_default();
            let place = format!("{PAGE}:{}", passage.line);
            findings.expect(known.contains(name), &place, || format!("there is no metric {name}"));
        }
    }
    Ok(findings)
}

/// The table, as it stands in the documentation.
pub(super) fn table(tree: &Tree) -> anyhow::Result<Generated> {
    let metrics = metrics(&tree.text(SOURCE)?).with_context(|| format!("in {SOURCE}"))?;
    let mut text = "| metric | kind | what it is |\n|---|---|---|\n".to_owned();
    for Metric { name, kind, help } in metrics {
        text.push_str(&format!("| `{name}` | {kind} | {help} |\n"));
    }
    Ok(Generated { path: PAGE.to_owned(), part: Some("metrics"), text })
}

#[derive(Debug, PartialEq, Eq)]
struct Metric {
    name: String,
    kind: String,
    help: String,
}

fn metrics(source: &str) -> anyhow::Result<Vec<Metric>> {
    let mut reader = Reader::default();
    reader.visit_file(&syn::parse_file(source)?);
    let found: BTreeSet<&str> = reader.metrics.iter().map(|metric| metric.name.as_str()).collect();
    if let Some(name) = reader.names.iter().find(|name| !found.contains(name.as_str())) {
        bail!("{name} has no kind and meaning: give them as arguments beside it");
    }
    Ok(reader.metrics)
}

#[derive(Default)]
struct Reader {
    /// The value of the last `let help`.
    help: Option<String>,
    metrics: Vec<Metric>,
    /// Every text that is the name of a metric.
    names: Vec<String>,
}

impl Reader {
    fn call(&mut self, called: &str, arguments: &Punctuated<Expr, Comma>) {
        let texts: Vec<Option<String>> = arguments.iter().map(|argument| self.text(argument)).collect();
        let mut texts = texts.into_iter();
        let Some(name) = texts.next().flatten().filter(|text| is_name(text)) else { return };
        let mut texts = texts.flatten();
        let kind = if KINDS.contains(&called) { Some(called.to_owned()) } else { texts.next() };
        if let (Some(kind), Some(help)) = (kind.filter(|kind| KINDS.contains(&kind.as_str())), texts.next()) {
            self.metrics.push(Metric { name, kind, help });
        }
    }

    fn text(&self, expr: &Expr) -> Option<String> {
        match expr {
            Expr::Lit(lit) => match &lit.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            Expr::Path(path) if path.path.is_ident("help") => self.help.clone(),
            _ => None,
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_local(&mut self, local: &'ast Local) {
        if let (Pat::Ident(name), Some(init)) = (&local.pat, &local.init)
            && name.ident == "help"
        {
            self.help = self.text(&init.expr);
        }
        visit::visit_local(self, local);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        self.call(&call.method.to_string(), &call.args);
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Expr::Path(path) = &*call.func
            && let Some(called) = path.path.get_ident()
        {
            self.call(&called.to_string(), &call.args);
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_lit_str(&mut self, text: &'ast LitStr) {
        if is_name(&text.value()) {
            self.names.push(text.value());
        }
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with("bookstate_") && !text.contains(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_read_from_calls() {
        let source = r#"fn f() {
            page.one("bookstate_a", "gauge", "A.", 1);
            let help = "B.";
            page.histogram("bookstate_b", help, &buckets, sum);
            counter("bookstate_c", "C.", &|c| c.c);
            page.one("other", "gauge", "No.", 1);
        }"#;
        let metric = |name: &str, kind: &str, help: &str| Metric {
            name: name.to_owned(),
            kind: kind.to_owned(),
            help: help.to_owned(),
        };
        let expected = [
            metric("bookstate_a", "gauge", "A."),
            metric("bookstate_b", "histogram", "B."),
            metric("bookstate_c", "counter", "C."),
        ];
        assert_eq!(metrics(source).unwrap(), expected);
        let error = metrics(r#"const NAME: &str = "bookstate_d";"#).unwrap_err();
        assert!(error.to_string().starts_with("bookstate_d has no kind"), "{error}");
    }
}
