//! Exemptions: those of the configuration, and comments `audit-sync: allow(RULE): reason` on the line of the
//! call, or on the lines before it or before its statement.
//!
//! An exemption without a reason exempts nothing. One that nothing needs is reported.

use std::cell::Cell;

use super::rules::{Pattern, is_like, rule};
use crate::{config::Config, facts::workspace::Source, walk::call::Call};

/// What an exemption is about.
#[derive(Debug)]
enum Scope {
    /// The line of the code that a comment is about.
    Line { file: usize, line: usize },
    /// What the configuration says.
    Calls { function: Option<String>, call: Option<Pattern> },
}

/// An exemption.
#[derive(Debug)]
pub(crate) struct Exemption {
    pub(crate) rule: String,
    scope: Scope,
    pub(crate) shown: String,
    pub(crate) reason: String,
    pub(crate) is_used: Cell<bool>,
}

impl Exemption {
    /// Whether it is about a call in a function. What is called may be banned itself or lead on.
    pub(crate) fn is_about(&self, function: &str, call: &Call, is_banned: bool) -> bool {
        match &self.scope {
            Scope::Line { file, line } => {
                *file == call.place.file && (*line == call.place.line || *line == call.statement)
            }
            Scope::Calls { function: within, call: of } => {
                let in_function = within.as_ref().is_none_or(|pattern| is_like(pattern, function));
                let of_call = match of {
                    Some(pattern) => pattern.is_of(call),
                    None => is_banned,
                };
                in_function && of_call
            }
        }
    }
}

/// All exemptions, and what is wrong with some.
pub(crate) fn read(
    config: &Config,
    sources: &[Source],
    canonical: &dyn Fn(&str) -> String,
) -> (Vec<Exemption>, Vec<String>) {
    let mut exemptions = Vec::new();
    let mut problems = Vec::new();
    let complete = config.allows.iter().filter(|allow| !allow.reason.trim().is_empty());
    for allow in complete.filter(|allow| allow.function.is_some() || allow.call.is_some()) {
        exemptions.push(Exemption {
            rule: allow.rule.clone(),
            scope: Scope::Calls {
                function: allow.function.as_ref().map(|pattern| canonical(pattern)),
                call: allow.call.as_ref().map(|pattern| Pattern::read(pattern, canonical)),
            },
            shown: allow.shown(),
            reason: allow.reason.clone(),
            is_used: Cell::new(false),
        });
    }
    for (file, source) in sources.iter().enumerate() {
        comments(file, source, &mut exemptions, &mut problems);
    }
    (exemptions, problems)
}

fn comments(file: usize, source: &Source, exemptions: &mut Vec<Exemption>, problems: &mut Vec<String>) {
    const MARK: &str = "audit-sync:";
    let path = source.path.display();
    let lines: Vec<&str> = source.text.lines().collect();
    for (n, line) in lines.iter().enumerate() {
        // Only where the comment begins with the mark: texts and documentation may speak of it.
        let Some((code, comment)) = line.split_once(&format!("// {MARK}")) else { continue };
        if code.matches('"').count() % 2 == 1 || code.trim_start().starts_with("//") {
            continue;
        }
        let at = format!("{path}:{}", n + 1);
        let Some((name, reason)) =
            comment.trim().strip_prefix("allow(").and_then(|rest| rest.split_once(')'))
        else {
            problems.push(format!("{at}: expected `{MARK} allow(RULE): reason`"));
            continue;
        };
        if rule(name).is_none() {
            problems.push(format!("{at}: there is no rule {name}"));
            continue;
        }
        let reason = reason.trim().strip_prefix(':').unwrap_or_default().trim();
        if reason.is_empty() {
            problems.push(format!("{at}: the exemption from {name} has no reason, so it exempts nothing"));
            continue;
        }
        // A comment of its own is about the code that follows it.
        let about = if code.trim().is_empty() {
            let after = lines.iter().enumerate().skip(n + 1);
            let mut code = after.filter(|(_, line)| {
                let line = line.trim();
                !line.is_empty() && !line.starts_with("//") && !line.starts_with("#[")
            });
            code.next().map_or(n, |(found, _)| found)
        } else {
            n
        };
        exemptions.push(Exemption {
            rule: name.to_owned(),
            scope: Scope::Line { file, line: about + 1 },
            shown: format!("{at}: the exemption from {name}"),
            reason: reason.to_owned(),
            is_used: Cell::new(false),
        });
    }
}
