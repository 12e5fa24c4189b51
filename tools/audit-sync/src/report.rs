//! What an audit found, for people, programs (JSON, SARIF 2.1.0) and GitHub's annotations.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::{
    facts::workspace::{Place, Workspace},
    judgement::graph::{Finding, Step},
    judgement::rules::{RULES, Rule},
    outcome::Outcome,
};

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Text.
    Human,
    /// One JSON document.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of GitHub's workflows.
    Github,
}

/// Prints an outcome.
pub(crate) fn print(
    out: &mut dyn Write,
    format: Format,
    workspace: &Workspace,
    outcome: &Outcome,
    seconds: f64,
) -> io::Result<()> {
    match format {
        Format::Human => human(out, workspace, outcome, seconds),
        Format::Json => writeln!(out, "{:#}", as_json(workspace, outcome, seconds)),
        Format::Sarif => writeln!(out, "{:#}", sarif(workspace, outcome)),
        Format::Github => github(out, workspace, outcome),
    }
}

/// Prints what a rule is.
pub(crate) fn explain(out: &mut dyn Write, rule: &Rule) -> io::Result<()> {
    let reach = match rule.reach {
        crate::judgement::rules::Reach::Hot => "on every way from a hot root",
        crate::judgement::rules::Reach::Everywhere => "in every function",
    };
    writeln!(out, "{}: {}\n\nHolds {reach}.\n", rule.id, rule.title)?;
    writeln!(out, "Why: {}\n\nInstead: {}", rule.why, rule.instead)?;
    if !rule.calls.is_empty() {
        writeln!(
            out,
            "\nBanned (`.name`: any call of this name; `~name`: one not of another library's type):\n"
        )?;
        rule.calls.iter().try_for_each(|call| writeln!(out, "  {call}"))?;
    }
    writeln!(
        out,
        "\nAn exemption: `// audit-sync: allow({}): reason`, or an [[allow]] in audit-sync.toml.",
        rule.id
    )
}

fn at(workspace: &Workspace, place: Place) -> String {
    format!("{}:{}:{}", workspace.path(place), place.line, place.column)
}

fn human(out: &mut dyn Write, workspace: &Workspace, outcome: &Outcome, seconds: f64) -> io::Result<()> {
    for finding in &outcome.findings {
        writeln!(out, "{}: [{}] {}", at(workspace, finding.place), finding.rule.id, finding.rule.title)?;
        writeln!(out, "  what:    {}", finding.what)?;
        for (n, step) in finding.chain.iter().enumerate() {
            let label = if n == 0 { "way:    " } else { "        " };
            let root = if n == 0 && finding.is_hot { " (hot root)" } else { "" };
            writeln!(out, "  {label} {} at {}{root}", step.function, at(workspace, step.place))?;
        }
        writeln!(out, "  why:     {}\n  instead: {}\n", finding.rule.why, finding.rule.instead)?;
    }
    for problem in &outcome.problems {
        writeln!(out, "problem: {problem}")?;
    }
    let numbers = &outcome.numbers;
    writeln!(
        out,
        "audit-sync: {} files, {} functions, {} edges; {} of {} calls matched by name alone; \
         {} hot roots reach {} functions; {} exemptions; {seconds:.1} s",
        numbers.files,
        numbers.functions,
        numbers.edges,
        numbers.calls_by_name,
        numbers.calls,
        numbers.roots,
        numbers.hot_functions,
        numbers.exemptions,
    )?;
    writeln!(out, "audit-sync: {} findings, {} problems", outcome.findings.len(), outcome.problems.len())
}

fn as_json(workspace: &Workspace, outcome: &Outcome, seconds: f64) -> Value {
    let place =
        |place: Place| json!({ "file": workspace.path(place), "line": place.line, "column": place.column });
    let findings: Vec<_> = outcome
        .findings
        .iter()
        .map(|finding| {
            let chain = finding.chain.iter();
            let chain: Vec<_> =
                chain.map(|step| json!({ "function": step.function, "at": place(step.place) })).collect();
            json!({
                "rule": finding.rule.id,
                "title": finding.rule.title,
                "what": finding.what,
                "at": place(finding.place),
                "from_hot_root": finding.is_hot,
                "chain": chain,
                "why": finding.rule.why,
                "instead": finding.rule.instead,
            })
        })
        .collect();
    json!({
        "findings": findings,
        "problems": outcome.problems,
        "numbers": outcome.numbers,
        "seconds": seconds,
    })
}

fn message(finding: &Finding) -> String {
    let way: Vec<_> = finding.chain.iter().map(|step| step.function.as_str()).collect();
    format!(
        "{}: {}. Way: {}. Instead: {}",
        finding.rule.title,
        finding.what,
        way.join(" > "),
        finding.rule.instead
    )
}

fn sarif(workspace: &Workspace, outcome: &Outcome) -> Value {
    let location = |place: Place, text: String| {
        json!({
            "physicalLocation": {
                "artifactLocation": { "uri": workspace.path(place), "uriBaseId": "ROOT" },
                "region": { "startLine": place.line.max(1), "startColumn": place.column.max(1) },
            },
            "message": { "text": text },
        })
    };
    let rules: Vec<_> = RULES
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "shortDescription": { "text": rule.title },
                "fullDescription": { "text": rule.why },
                "help": { "text": rule.instead },
                "defaultConfiguration": { "level": "error" },
            })
        })
        .collect();
    let flow = |finding: &Finding| {
        let step = |step: &Step| json!({ "location": location(step.place, step.function.clone()) });
        let mut steps: Vec<_> = finding.chain.iter().map(step).collect();
        steps.push(json!({ "location": location(finding.place, finding.what.clone()) }));
        json!([{ "threadFlows": [{ "locations": steps }] }])
    };
    let results: Vec<_> = outcome
        .findings
        .iter()
        .map(|finding| {
            let function = finding.chain.last().map(|step| step.function.as_str()).unwrap_or_default();
            json!({
                "ruleId": finding.rule.id,
                "ruleIndex": RULES.iter().position(|rule| rule.id == finding.rule.id),
                "level": "error",
                "message": { "text": message(finding) },
                "locations": [location(finding.place, finding.what.clone())],
                "codeFlows": flow(finding),
                "partialFingerprints": {
                        "wayEnd/v1": format!("{} {} {function}", finding.rule.id, finding.what),
                    },
            })
        })
        .collect();
    let problems = outcome.problems.iter();
    let problems: Vec<_> =
        problems.map(|problem| json!({ "level": "error", "message": { "text": problem } })).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "audit-sync",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { "ROOT": { "description": { "text": "The root of the workspace." } } },
            "invocations": [{
                "executionSuccessful": outcome.problems.is_empty(),
                "toolExecutionNotifications": problems,
            }],
            "results": results,
        }],
    })
}

fn github(out: &mut dyn Write, workspace: &Workspace, outcome: &Outcome) -> io::Result<()> {
    for finding in &outcome.findings {
        writeln!(
            out,
            "::error file={},line={},col={},title={}::{}",
            property(&workspace.path(finding.place)),
            finding.place.line,
            finding.place.column,
            property(&format!("audit-sync {}", finding.rule.id)),
            data(&message(finding)),
        )?;
    }
    outcome
        .problems
        .iter()
        .try_for_each(|problem| writeln!(out, "::error title=audit-sync::{}", data(problem)))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
