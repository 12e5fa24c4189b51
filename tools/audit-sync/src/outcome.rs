//! From the facts to what is reported: collects the calls, judges them, and says why an audit cannot be relied on.

use std::collections::HashSet;

use crate::{
    config::Config,
    facts::{
        canonical::canonical,
        program::{FnId, Program},
    },
    judgement::{
        exemptions,
        graph::{Finding, Graph, Step, roots_like},
        rules::{Bans, MACRO, RULES, rule},
    },
    walk::{self, macros::banned_call},
};

/// What was looked at.
#[derive(Debug, Default, serde::Serialize)]
pub(crate) struct Numbers {
    pub(crate) files: usize,
    pub(crate) functions: usize,
    /// From a call to a function that it may reach.
    pub(crate) edges: usize,
    pub(crate) calls: usize,
    /// Calls whose receiver could not be told, so that every method of the name counts.
    pub(crate) calls_by_name: usize,
    pub(crate) roots: usize,
    pub(crate) hot_functions: usize,
    pub(crate) exemptions: usize,
}

/// What an audit gives.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) findings: Vec<Finding>,
    /// Why the audit cannot be relied on.
    pub(crate) problems: Vec<String>,
    pub(crate) numbers: Numbers,
}

/// Audits a program.
pub(crate) fn of(program: &Program, config: &Config) -> Outcome {
    let mut outcome = Outcome { problems: config.problems(), ..Outcome::default() };
    let canonical = |pattern: &str| canonical(pattern, program);
    let bans = RULES.iter().map(|rule| {
        let added = config.bans.iter().filter(|ban| ban.rule == rule.id).map(|ban| ban.call.clone());
        Bans::new(rule, added, &canonical)
    });
    let bans: Vec<_> = bans.collect();
    let banned_names = |name: &str| bans.iter().any(|bans| bans.forbid_name(name));
    let functions = walk::collect(program, &banned_names, &config.known_macros);
    let (exemptions, mut wrong) = exemptions::read(config, &program.workspace.sources, &canonical);
    outcome.problems.append(&mut wrong);
    macros_outside(program, config, &banned_names, &mut outcome);

    let mut roots: Vec<FnId> = Vec::new();
    for root in &config.roots {
        let found = roots_like(&functions, &canonical(&root.path));
        if found.is_empty() {
            outcome.problems.push(format!("the hot root {} does not exist (any more)", root.path));
        }
        roots.extend(found);
    }
    let mut seen = HashSet::new();
    roots.retain(|id| seen.insert(*id));
    let shown = |place| format!("{}:{}", program.workspace.path(place), place.line);
    let graph = Graph { functions: &functions, bans: &bans, exemptions: &exemptions, shown: &shown };
    let judgement = graph.judge(&roots);
    outcome.findings.extend(judgement.findings);
    for exemption in exemptions.iter().filter(|exemption| !exemption.is_used.get()) {
        outcome.problems.push(format!(
            "{} is stale: nothing needs it (its reason: {})",
            exemption.shown, exemption.reason
        ));
    }
    if program.workspace.sources.is_empty() || functions.is_empty() {
        outcome.problems.push("nothing was scanned: no source file with a function".to_owned());
    }
    outcome.findings.sort_by(|a, b| (a.place, a.rule.id).cmp(&(b.place, b.rule.id)));
    let all = || functions.iter().flat_map(|node| &node.calls);
    outcome.numbers = Numbers {
        files: program.workspace.sources.len(),
        functions: functions.len(),
        edges: all().map(|call| call.targets.len()).sum(),
        calls: all().filter(|call| call.flaw.is_none()).count(),
        calls_by_name: all().filter(|call| call.is_by_name && !call.targets.is_empty()).count(),
        roots: roots.len(),
        hot_functions: judgement.hot_functions,
        exemptions: exemptions.len(),
    };
    outcome
}

/// Macros outside of functions, which nothing was made of.
fn macros_outside(program: &Program, config: &Config, banned: &dyn Fn(&str) -> bool, outcome: &mut Outcome) {
    let Some(rule) = rule(MACRO) else { return };
    for used in program.opaque_macros.iter().filter(|used| !config.known_macros.contains(&used.name)) {
        if let Some(name) = banned_call(used.tokens.clone(), banned) {
            outcome.findings.push(Finding {
                rule,
                place: program.workspace.place(name.span()),
                what: format!("`{name}` inside `{}!`", used.name),
                chain: vec![Step { function: used.module.clone(), place: used.place }],
                is_hot: false,
            });
        }
    }
}
