//! `--lang go`: how far a migration of the Go system of ADR 010 is. Its `grep SendSync`, on the syntax tree.
//!
//! Counted per function: `SendSync`, `SendManySync`, `SendTracked`, `SendManyTracked`, `Flush`, and direct
//! calls of a database client. Comments, strings and `_test.go` files do not count. A receiver is known by
//! its name; a `Flush` of a writer of the standard library does not count when that is declared in the same
//! function.

use std::{
    collections::{BTreeMap, HashSet},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use serde::Serialize;
use tree_sitter::Node;

use crate::{CLEAN, FOUND, report::Format};

/// What waits, as named in the Go system.
const WAITS: [&str; 5] = ["SendSync", "SendManySync", "SendTracked", "SendManyTracked", "Flush"];
/// What a client does when it is called directly.
const CLIENT_CALLS: [&str; 14] = [
    "Execute",
    "ExecuteSync",
    "Query",
    "Mutate",
    "Mutation",
    "Exec",
    "Create",
    "CreateMany",
    "Update",
    "UpdateMany",
    "Upsert",
    "UpsertMany",
    "Delete",
    "DeleteMany",
];
/// The kind under which these are counted.
const CLIENT: &str = "client";
/// Packages whose values have a `Flush` of their own.
const WRITER_PACKAGES: [&str; 5] = ["bufio", "csv", "tabwriter", "http", "gzip"];

/// A call that is to go.
#[derive(Debug, Serialize)]
struct Use {
    file: String,
    line: usize,
    column: usize,
    function: String,
    kind: &'static str,
    call: String,
}

#[derive(Debug, Default, Serialize)]
struct Count {
    files: usize,
    functions: usize,
    uses: Vec<Use>,
}

/// Counts, prints, and gives the exit code.
pub(crate) fn run(dir: &Path, format: Format, with_tests: bool, out: &mut dyn Write) -> anyhow::Result<u8> {
    let mut files = Vec::new();
    go_files(dir, with_tests, &mut files)?;
    files.sort();
    if files.is_empty() {
        bail!("nothing was scanned: no Go file in {}", dir.display());
    }
    let mut parser = tree_sitter::Parser::new();
    parser
        .set_language(&tree_sitter_go::LANGUAGE.into())
        .context("the Go grammar does not fit tree-sitter")?;
    let mut count = Count { files: files.len(), ..Count::default() };
    for file in &files {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let tree = parser.parse(&text, None).context("the Go parser gave up")?;
        let shown = file.strip_prefix(dir).unwrap_or(file).to_string_lossy().replace('\\', "/");
        if tree.root_node().has_error() {
            bail!("{shown} is not understood as Go: what it does cannot be counted");
        }
        let mut reader = Reader { text: &text, file: shown, count: &mut count };
        reader.file(tree.root_node());
    }
    print(&count, format, out)?;
    Ok(if count.uses.is_empty() { CLEAN } else { FOUND })
}

fn go_files(dir: &Path, with_tests: bool, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(name.as_str(), "vendor" | "testdata" | ".git") {
                go_files(&path, with_tests, files)?;
            }
        } else if name.ends_with(".go") && (with_tests || !name.ends_with("_test.go")) {
            files.push(path);
        }
    }
    Ok(())
}

struct Reader<'a> {
    text: &'a str,
    file: String,
    count: &'a mut Count,
}

impl Reader<'_> {
    fn text(&self, node: Node<'_>) -> &str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    fn file(&mut self, root: Node<'_>) {
        let mut cursor = root.walk();
        for item in root.named_children(&mut cursor) {
            let name = match item.kind() {
                "function_declaration" => self.name(item),
                "method_declaration" => {
                    let receiver = item.child_by_field_name("receiver").map(|node| self.receiver(node));
                    format!("{}.{}", receiver.unwrap_or_default(), self.name(item))
                }
                _ => "(package)".to_owned(),
            };
            if name != "(package)" {
                self.count.functions += 1;
            }
            let mut writers = HashSet::new();
            self.writers(item, &mut writers);
            self.uses(item, &name, &writers);
        }
    }

    fn name(&self, item: Node<'_>) -> String {
        item.child_by_field_name("name").map(|name| self.text(name).to_owned()).unwrap_or_default()
    }

    /// The type in `(s *Sink)`.
    fn receiver(&self, parameters: Node<'_>) -> String {
        let mut cursor = parameters.walk();
        let ty = parameters
            .named_children(&mut cursor)
            .find_map(|parameter| parameter.child_by_field_name("type"));
        let ty = ty.map(|ty| self.text(ty)).unwrap_or_default().trim_start_matches('*');
        ty.split('[').next().unwrap_or_default().to_owned()
    }

    /// Variables that hold a writer of the standard library, or such a type's value.
    fn writers(&self, node: Node<'_>, found: &mut HashSet<String>) {
        let of_writers =
            |text: &str| WRITER_PACKAGES.iter().any(|package| text.contains(&format!("{package}.")));
        let (names, source) = match node.kind() {
            "short_var_declaration" => (node.child_by_field_name("left"), node.child_by_field_name("right")),
            "parameter_declaration" | "var_spec" => {
                let ty = node.child_by_field_name("type").or_else(|| node.child_by_field_name("value"));
                (node.child_by_field_name("name"), ty)
            }
            _ => (None, None),
        };
        if let (Some(names), Some(source)) = (names, source)
            && of_writers(self.text(source))
        {
            found.extend(self.text(names).split(',').map(|name| name.trim().to_owned()));
        }
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            self.writers(child, found);
        }
    }

    fn uses(&mut self, node: Node<'_>, function: &str, writers: &HashSet<String>) {
        if node.kind() == "selector_expression"
            && let (Some(operand), Some(field)) =
                (node.child_by_field_name("operand"), node.child_by_field_name("field"))
            && let Some(kind) = self.kind(node, operand, field, writers)
        {
            let at = field.start_position();
            let found = Use {
                file: self.file.clone(),
                line: at.row + 1,
                column: at.column + 1,
                function: function.to_owned(),
                kind,
                call: self.text(node).split_whitespace().collect(),
            };
            self.count.uses.push(found);
        }
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            self.uses(child, function, writers);
        }
    }

    fn kind(
        &self,
        node: Node<'_>,
        operand: Node<'_>,
        field: Node<'_>,
        writers: &HashSet<String>,
    ) -> Option<&'static str> {
        let method = self.text(field);
        let receiver = self.text(operand);
        if let Some(kind) = WAITS.iter().find(|waits| **waits == method) {
            // A method that is passed on counts as well: whoever gets it will wait.
            return (!writers.contains(receiver)).then_some(*kind);
        }
        let is_call = node.parent().is_some_and(|parent| {
            parent.kind() == "call_expression" && parent.child_by_field_name("function") == Some(node)
        });
        let last = receiver.rsplit('.').next().unwrap_or_default().trim_end_matches("()").to_lowercase();
        let is_client = last == "client" || last.contains("defra") || last == "db";
        (is_call && is_client && CLIENT_CALLS.contains(&method)).then_some(CLIENT)
    }
}

fn print(count: &Count, format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
    match format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(count)?)?,
        Format::Github => {
            for found in &count.uses {
                let Use { file, line, column, function, call, .. } = found;
                writeln!(
                    out,
                    "::error file={file},line={line},col={column},title=audit-sync::{call} in {function}"
                )?;
            }
        }
        Format::Sarif => bail!("--lang go has no SARIF; use human, json or github"),
        Format::Human => table(count, out)?,
    }
    Ok(())
}

fn table(count: &Count, out: &mut dyn Write) -> anyhow::Result<()> {
    let kinds: Vec<&str> = WAITS.iter().copied().chain([CLIENT]).collect();
    let mut rows: BTreeMap<(&str, &str), BTreeMap<&str, usize>> = BTreeMap::new();
    for found in &count.uses {
        *rows.entry((&found.file, &found.function)).or_default().entry(found.kind).or_default() += 1;
    }
    let shown = |(file, function): &(&str, &str)| format!("{file} {function}");
    let width = rows.keys().map(|row| shown(row).chars().count()).max().unwrap_or(0).max("function".len());
    let line = |out: &mut dyn Write, name: &str, cells: &dyn Fn(&str) -> String| -> anyhow::Result<()> {
        write!(out, "{name:width$}")?;
        for kind in &kinds {
            write!(out, "  {:>columns$}", cells(kind), columns = kind.len())?;
        }
        writeln!(out)?;
        Ok(())
    };
    if !rows.is_empty() {
        line(out, "function", &|kind| kind.to_owned())?;
    }
    for (row, cells) in &rows {
        line(out, &shown(row), &|kind| cells.get(kind).map_or_else(|| "-".to_owned(), usize::to_string))?;
    }
    if !rows.is_empty() {
        let total = |kind: &str| count.uses.iter().filter(|found| found.kind == kind).count();
        line(out, "all", &|kind| total(kind).to_string())?;
    }
    writeln!(
        out,
        "audit-sync: {} Go files, {} functions; {} calls to convert in {} functions",
        count.files,
        count.functions,
        count.uses.len(),
        rows.len()
    )?;
    Ok(())
}
