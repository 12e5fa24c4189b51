//! Which source files there are: the targets of a Cargo workspace, file by file, as syntax trees.
//!
//! `cargo metadata` names the packages, the `mod` items the files. Code that only tests see (`#[cfg(test)]`,
//! features named as such in the configuration, targets below tests/ and benches/) is left out unless asked
//! for. Other features are ignored: everything behind them is read.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};
use proc_macro2::{TokenStream, TokenTree};
use serde_json::Value;

use crate::config::Config;

/// A place in a source file. Lines and columns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) file: usize,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// One source file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the workspace's root where possible.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// A module as it stands in a file, before names are looked up.
pub(crate) struct ParsedModule {
    /// The crate's name, as in paths.
    pub(crate) krate: String,
    /// The module's path, which begins with the crate's name.
    pub(crate) path: String,
    pub(crate) items: Vec<syn::Item>,
}

/// All that was read.
#[derive(Default)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) sources: Vec<Source>,
    pub(crate) modules: Vec<ParsedModule>,
    /// For each crate the names under which it knows others, and their crates.
    pub(crate) externs: HashMap<String, HashMap<String, String>>,
    /// From what `Span::file` says to the index in `sources`.
    files: HashMap<String, usize>,
    test_features: HashSet<String>,
    with_tests: bool,
}

/// A root file of a crate.
struct Target {
    krate: String,
    file: PathBuf,
}

impl Workspace {
    /// Reads the workspace of a manifest.
    pub(crate) fn read(manifest: &Path, config: &Config, with_tests: bool) -> anyhow::Result<Self> {
        let metadata = metadata(manifest)?;
        let root = metadata.get("workspace_root").and_then(Value::as_str).context("no workspace_root")?;
        let mut workspace = Self {
            root: PathBuf::from(root),
            with_tests,
            test_features: config.test_features.iter().cloned().collect(),
            ..Self::default()
        };
        for target in workspace.targets(&metadata, config)? {
            let dir = target.file.parent().unwrap_or(Path::new(".")).to_path_buf();
            workspace.read_file(&target.file, &dir, &target.krate, target.krate.clone())?;
        }
        Ok(workspace)
    }

    fn targets(&mut self, metadata: &Value, config: &Config) -> anyhow::Result<Vec<Target>> {
        let packages = metadata.get("packages").and_then(Value::as_array).context("no packages")?;
        let mut targets = Vec::new();
        let mut left_out: HashSet<&str> = config.leave_out.iter().map(|left| left.package.as_str()).collect();
        for package in packages {
            let name = text(package, "name");
            if left_out.remove(name) {
                continue;
            }
            let externs = self.dependencies(package);
            let lib = name.replace('-', "_");
            let all = package.get("targets").and_then(Value::as_array).into_iter().flatten();
            let has_lib = all
                .clone()
                .any(|target| !is_of(target, &["bin", "test", "bench", "example", "custom-build"]));
            for target in all {
                let of_tests = is_of(target, &["test", "bench", "example"]);
                if is_of(target, &["custom-build"]) || (of_tests && !self.with_tests) {
                    continue;
                }
                let mut krate = text(target, "name").replace('-', "_");
                // Two crates of one package may have one name.
                if of_tests {
                    krate = format!("{lib}_test_{krate}");
                } else if is_of(target, &["bin"]) && has_lib && krate == lib {
                    krate = format!("{lib}_bin");
                }
                let mut known = externs.clone();
                known.insert(lib.clone(), lib.clone());
                self.externs.insert(krate.clone(), known);
                targets.push(Target { krate, file: PathBuf::from(text(target, "src_path")) });
            }
        }
        if let Some(name) = left_out.into_iter().next() {
            bail!("audit-sync.toml leaves out the package {name}, which is no member of the workspace");
        }
        Ok(targets)
    }

    fn dependencies(&self, package: &Value) -> HashMap<String, String> {
        let dependencies = package.get("dependencies").and_then(Value::as_array).into_iter().flatten();
        dependencies
            .filter(|dependency| self.with_tests || text(dependency, "kind") != "dev")
            .map(|dependency| {
                let name = text(dependency, "name").replace('-', "_");
                let rename = dependency.get("rename").and_then(Value::as_str);
                (rename.map_or_else(|| name.clone(), |rename| rename.replace('-', "_")), name)
            })
            .collect()
    }

    /// Reads a file and the files of its modules. `dir` is where the files of its modules are.
    fn read_file(&mut self, file: &Path, dir: &Path, krate: &str, path: String) -> anyhow::Result<()> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let shown = file.strip_prefix(&self.root).unwrap_or(file).to_path_buf();
        let tree = syn::parse_file(&text).map_err(|error| {
            let at = error.span().start();
            anyhow::anyhow!("{}:{}:{}: cannot parse: {error}", shown.display(), at.line, at.column + 1)
        })?;
        if let Some(span) = first_span(&tree) {
            self.files.insert(span.file(), self.sources.len());
        }
        self.sources.push(Source { path: shown, text });
        self.read_items(tree.items, file, dir, krate, path)
    }

    fn read_items(
        &mut self,
        items: Vec<syn::Item>,
        file: &Path,
        dir: &Path,
        krate: &str,
        path: String,
    ) -> anyhow::Result<()> {
        let mut own = Vec::new();
        let mut inner = Vec::new();
        for mut item in items {
            if self.is_left_out(attributes(&item)) {
                continue;
            }
            if let syn::Item::Macro(used) = &item
                && used.ident.is_none()
            {
                let mut modules = Vec::new();
                declared_in_macro(used.mac.tokens.clone(), &mut modules);
                for module in modules {
                    let name = plain_name(&module.ident);
                    // What the macro makes of it is not known: a file that is not there is none of it.
                    if let Ok((file, dir)) = module_file(&module, file, dir, &name) {
                        self.read_file(&file, &dir, krate, format!("{path}::{name}"))?;
                        own.push(syn::Item::Mod(module));
                    }
                }
            }
            if let syn::Item::Mod(module) = &mut item {
                let name = plain_name(&module.ident);
                let below = format!("{path}::{name}");
                match module.content.take() {
                    Some((_, items)) => inner.push((items, below, dir.join(&name))),
                    None => {
                        let (file, dir) = module_file(module, file, dir, &name)?;
                        self.read_file(&file, &dir, krate, below)?;
                    }
                }
            }
            own.push(item);
        }
        self.modules.push(ParsedModule { krate: krate.to_owned(), path, items: own });
        for (items, below, dir) in inner {
            self.read_items(items, file, &dir, krate, below)?;
        }
        Ok(())
    }

    /// Whether an item with these attributes is for tests only.
    pub(crate) fn is_left_out(&self, attributes: &[syn::Attribute]) -> bool {
        if self.with_tests {
            return false;
        }
        attributes.iter().any(|attribute| {
            let path = attribute.path();
            let is_test =
                path.segments.last().is_some_and(|last| last.ident == "test" || last.ident == "bench");
            let cfg = path.is_ident("cfg").then(|| attribute.parse_args::<syn::Meta>().ok()).flatten();
            is_test || cfg.is_some_and(|meta| self.is_for_tests(&meta))
        })
    }

    fn is_for_tests(&self, meta: &syn::Meta) -> bool {
        match meta {
            syn::Meta::Path(path) => path.is_ident("test"),
            syn::Meta::NameValue(pair) => {
                let value = match &pair.value {
                    syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => text.value(),
                    _ => return false,
                };
                pair.path.is_ident("feature") && self.test_features.contains(&value)
            }
            syn::Meta::List(list) => {
                let parser = syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated;
                let Ok(parts) = list.parse_args_with(parser) else { return false };
                if list.path.is_ident("any") {
                    !parts.is_empty() && parts.iter().all(|part| self.is_for_tests(part))
                } else {
                    list.path.is_ident("all") && parts.iter().any(|part| self.is_for_tests(part))
                }
            }
        }
    }

    /// Where a span is.
    pub(crate) fn place(&self, span: proc_macro2::Span) -> Place {
        let file = self.files.get(&span.file()).copied().unwrap_or(usize::MAX);
        let start = span.start();
        Place { file, line: start.line, column: start.column + 1 }
    }

    /// A file's path, as it is shown.
    pub(crate) fn path(&self, place: Place) -> String {
        let source = self.sources.get(place.file);
        source.map_or_else(|| "?".to_owned(), |source| source.path.to_string_lossy().replace('\\', "/"))
    }

    /// Whether `krate` may use `other`: itself, or what it depends on.
    pub(crate) fn sees(&self, krate: &str, other: &str) -> bool {
        let mut seen = HashSet::new();
        let mut waiting = vec![krate];
        while let Some(next) = waiting.pop() {
            if next == other {
                return true;
            }
            if seen.insert(next) {
                waiting.extend(self.externs.get(next).into_iter().flatten().map(|(_, krate)| krate.as_str()));
            }
        }
        false
    }
}

fn metadata(manifest: &Path) -> anyhow::Result<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--manifest-path"])
        .arg(manifest)
        .output()
        .context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata gave no JSON")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a target is of one of these kinds.
fn is_of(target: &Value, kinds: &[&str]) -> bool {
    let found = target.get("kind").and_then(Value::as_array).into_iter().flatten();
    found.filter_map(Value::as_str).any(|kind| kinds.contains(&kind))
}

/// An identifier without `r#`.
pub(crate) fn plain_name(ident: &syn::Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map_or(name.clone(), str::to_owned)
}

fn first_span(tree: &syn::File) -> Option<proc_macro2::Span> {
    use syn::spanned::Spanned;
    tree.items.first().map(Spanned::span).or_else(|| tree.attrs.first().map(Spanned::span))
}

/// The file of a module, and the directory of the files of its own modules.
fn module_file(
    module: &syn::ItemMod,
    file: &Path,
    dir: &Path,
    name: &str,
) -> anyhow::Result<(PathBuf, PathBuf)> {
    let mut paths = Vec::new();
    module.attrs.iter().for_each(|attribute| given_paths(&attribute.meta, &mut paths));
    for path in paths {
        let found = file.parent().unwrap_or(dir).join(path);
        if found.is_file() {
            let below = found.parent().unwrap_or(dir).to_path_buf();
            return Ok((found, below));
        }
    }
    let candidates = [dir.join(format!("{name}.rs")), dir.join(name).join("mod.rs")];
    let found = candidates.into_iter().find(|candidate| candidate.is_file());
    let found = found.with_context(|| format!("{}: no file of the module {name}", file.display()))?;
    Ok((found, dir.join(name)))
}

/// The files of `#[path = "…"]`, also below `cfg_attr`.
fn given_paths(meta: &syn::Meta, paths: &mut Vec<String>) {
    match meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("path") => {
            if let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(path), .. }) = &pair.value {
                paths.push(path.value());
            }
        }
        syn::Meta::List(list) if list.path.is_ident("cfg_attr") => {
            let parser = syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated;
            let parts = list.parse_args_with(parser).unwrap_or_default();
            parts.iter().skip(1).for_each(|part| given_paths(part, paths));
        }
        _ => {}
    }
}

/// The modules that are declared among the tokens of a macro, such as `cfg_unix! { mod unix; }`.
fn declared_in_macro(tokens: TokenStream, found: &mut Vec<syn::ItemMod>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (n, token) in tokens.iter().enumerate() {
        match (token, tokens.get(n + 1), tokens.get(n + 2)) {
            (TokenTree::Ident(word), Some(TokenTree::Ident(name)), Some(TokenTree::Punct(end)))
                if word == "mod" && end.as_char() == ';' =>
            {
                found.push(syn::parse_quote!(mod #name;));
            }
            (TokenTree::Group(group), _, _) => declared_in_macro(group.stream(), found),
            _ => {}
        }
    }
}

/// An item's attributes.
pub(crate) fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
