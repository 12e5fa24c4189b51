//! The walk from the hot roots over the call graph, and what it finds.

use std::collections::{HashMap, HashSet, VecDeque};

use super::{
    body::{Call, Flaw, Walker},
    config::Config,
    exemptions::{self, Exemption},
    macros::banned_call,
    program::{FnId, Program},
    rules::{BLOCKS, Bans, MACRO, RULES, Reach, Rule, canonical, is_like, rule},
    workspace::Place,
};

/// A step of a chain: a function, and where it is called (for the first one, where it is).
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) function: String,
    pub(super) place: Place,
}

/// A call that breaks a rule.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) rule: &'static Rule,
    pub(super) place: Place,
    /// What is called, or done.
    pub(super) what: String,
    /// From the hot root to the function with the call; the function alone when no hot root leads there.
    pub(super) chain: Vec<Step>,
    pub(super) is_hot: bool,
}

/// What was looked at.
#[derive(Debug, Default, serde::Serialize)]
pub(super) struct Numbers {
    pub(super) files: usize,
    pub(super) functions: usize,
    /// From a call to a function that it may reach.
    pub(super) edges: usize,
    pub(super) calls: usize,
    /// Calls whose receiver could not be told, so that every method of the name counts.
    pub(super) calls_by_name: usize,
    pub(super) roots: usize,
    pub(super) hot_functions: usize,
    pub(super) exemptions: usize,
}

/// What an audit gives.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) findings: Vec<Finding>,
    /// Why the audit cannot be relied on.
    pub(super) problems: Vec<String>,
    pub(super) numbers: Numbers,
}

struct Graph<'p> {
    program: &'p Program,
    calls: Vec<Vec<Call>>,
    bans: Vec<Bans>,
    exemptions: Vec<Exemption>,
}

/// How a function was reached: from which, by its call in which place.
type Parents = HashMap<FnId, Option<(FnId, Place)>>;

/// Audits a program.
pub(super) fn audit(program: &Program, config: &Config) -> Outcome {
    let mut outcome = Outcome { problems: config.problems(), ..Outcome::default() };
    let bans = RULES.iter().map(|rule| {
        let added = config.bans.iter().filter(|ban| ban.rule == rule.id).map(|ban| ban.call.clone());
        Bans::new(rule, added, program)
    });
    let bans: Vec<_> = bans.collect();
    let banned_names = |name: &str| bans.iter().any(|bans| bans.forbid_name(name));
    let calls = program.functions.iter();
    let calls =
        calls.map(|function| Walker::calls_of(program, function, &banned_names, &config.known_macros));
    let calls: Vec<_> = calls.collect();
    let (exemptions, mut wrong) = exemptions::read(config, program);
    outcome.problems.append(&mut wrong);
    outcome_of_macros(program, config, &banned_names, &mut outcome);

    let graph = Graph { program, calls, bans, exemptions };
    let roots = graph.roots(config, &mut outcome.problems);
    let mut hot = HashSet::new();
    for bans in graph.bans.iter().filter(|bans| bans.rule.reach == Reach::Hot) {
        let parents = graph.walk(bans, &roots, &mut outcome.findings);
        hot.extend(parents.into_keys());
    }
    let everything = graph.ways(&roots);
    for bans in graph.bans.iter().filter(|bans| bans.rule.reach == Reach::Everywhere) {
        graph.everywhere(bans, &everything, &mut outcome.findings);
    }
    for exemption in graph.exemptions.iter().filter(|exemption| !exemption.is_used.get()) {
        outcome.problems.push(format!(
            "{} is stale: nothing needs it (its reason: {})",
            exemption.shown, exemption.reason
        ));
    }
    if program.workspace.sources.is_empty() || program.functions.is_empty() {
        outcome.problems.push("nothing was scanned: no source file with a function".to_owned());
    }
    outcome.findings.sort_by(|a, b| (a.place, a.rule.id).cmp(&(b.place, b.rule.id)));
    let all = || graph.calls.iter().flatten();
    outcome.numbers = Numbers {
        files: program.workspace.sources.len(),
        functions: program.functions.len(),
        edges: all().map(|call| call.targets.len()).sum(),
        calls: all().filter(|call| call.flaw.is_none()).count(),
        calls_by_name: all().filter(|call| call.is_by_name && !call.targets.is_empty()).count(),
        roots: roots.len(),
        hot_functions: hot.len(),
        exemptions: graph.exemptions.len(),
    };
    outcome
}

/// Macros outside of functions, which nothing was made of.
fn outcome_of_macros(
    program: &Program,
    config: &Config,
    banned: &dyn Fn(&str) -> bool,
    outcome: &mut Outcome,
) {
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

impl Graph<'_> {
    fn roots(&self, config: &Config, problems: &mut Vec<String>) -> Vec<FnId> {
        let mut roots = Vec::new();
        for root in &config.roots {
            let pattern = canonical(&root.path, self.program);
            let functions = self.program.functions.iter().enumerate();
            let before = roots.len();
            roots.extend(
                functions
                    .filter(|(_, function)| {
                        let of_trait =
                            function.of_trait.as_ref().map(|of| format!("{of}::{}", function.name));
                        is_like(&pattern, &function.path)
                            || of_trait.is_some_and(|path| is_like(&pattern, &path))
                    })
                    .map(|(id, _)| id),
            );
            if roots.len() == before {
                problems.push(format!("the hot root {} does not exist (any more)", root.path));
            }
        }
        let mut seen = HashSet::new();
        roots.retain(|id| seen.insert(*id));
        roots
    }

    fn calls_of(&self, id: FnId) -> impl Iterator<Item = &Call> {
        self.calls.get(id).into_iter().flatten()
    }

    /// Whether some rule of hot paths bans a call: then nobody looks behind it.
    fn is_leaf(&self, call: &Call) -> bool {
        self.bans.iter().any(|bans| bans.rule.reach == Reach::Hot && bans.forbid(call))
    }

    /// The exemption from a rule for a call.
    fn exemption(&self, rule: &Rule, id: FnId, call: &Call, is_banned: bool) -> Option<&Exemption> {
        let function = self.program.functions.get(id)?;
        let mut exemptions = self.exemptions.iter().filter(|exemption| exemption.rule == rule.id);
        exemptions.find(|exemption| exemption.is_about(function, call, is_banned))
    }

    fn walk(&self, bans: &Bans, roots: &[FnId], findings: &mut Vec<Finding>) -> Parents {
        let mut parents: Parents = roots.iter().map(|id| (*id, None)).collect();
        let mut waiting: VecDeque<FnId> = roots.iter().copied().collect();
        let mut seen = HashSet::new();
        while let Some(id) = waiting.pop_front() {
            for call in self.calls_of(id).filter(|call| call.flaw.is_none()) {
                if call.on_own_thread && bans.rule.id == BLOCKS {
                    continue;
                }
                if bans.forbid(call) {
                    match self.exemption(bans.rule, id, call, true) {
                        Some(exemption) => exemption.is_used.set(true),
                        None if seen.insert(call.place) => findings.push(Finding {
                            rule: bans.rule,
                            place: call.place,
                            what: format!("`{}`", shown(call)),
                            chain: self.chain(&parents, id),
                            is_hot: true,
                        }),
                        None => {}
                    }
                } else if !self.is_leaf(call) && !call.targets.is_empty() {
                    if let Some(exemption) = self.exemption(bans.rule, id, call, false) {
                        if self.leads_to_banned(bans, &call.targets) {
                            exemption.is_used.set(true);
                        }
                        continue;
                    }
                    for target in &call.targets {
                        if !parents.contains_key(target) {
                            parents.insert(*target, Some((id, call.place)));
                            waiting.push_back(*target);
                        }
                    }
                }
            }
        }
        parents
    }

    /// Whether anything banned is behind these functions.
    fn leads_to_banned(&self, bans: &Bans, from: &[FnId]) -> bool {
        let mut seen: HashSet<FnId> = from.iter().copied().collect();
        let mut waiting: Vec<FnId> = from.to_vec();
        while let Some(id) = waiting.pop() {
            for call in self.calls_of(id).filter(|call| call.flaw.is_none()) {
                if call.on_own_thread && bans.rule.id == BLOCKS {
                    continue;
                }
                if bans.forbid(call) {
                    return true;
                }
                if !self.is_leaf(call) {
                    waiting.extend(call.targets.iter().copied().filter(|target| seen.insert(*target)));
                }
            }
        }
        false
    }

    /// Every function that the roots lead to, whatever is exempt.
    fn ways(&self, roots: &[FnId]) -> Parents {
        let mut parents: Parents = roots.iter().map(|id| (*id, None)).collect();
        let mut waiting: VecDeque<FnId> = roots.iter().copied().collect();
        while let Some(id) = waiting.pop_front() {
            for call in self.calls_of(id) {
                for target in &call.targets {
                    if !parents.contains_key(target) {
                        parents.insert(*target, Some((id, call.place)));
                        waiting.push_back(*target);
                    }
                }
            }
        }
        parents
    }

    fn everywhere(&self, bans: &Bans, ways: &Parents, findings: &mut Vec<Finding>) {
        for (id, function) in self.program.functions.iter().enumerate() {
            for call in self.calls_of(id).filter(|call| call.flaw.is_some() && bans.forbid(call)) {
                if let Some(exemption) = self.exemption(bans.rule, id, call, true) {
                    exemption.is_used.set(true);
                    continue;
                }
                let is_hot = ways.contains_key(&id);
                let alone = || vec![Step { function: function.path.clone(), place: function.place }];
                findings.push(Finding {
                    rule: bans.rule,
                    place: call.place,
                    what: self.flaw(call),
                    chain: if is_hot { self.chain(ways, id) } else { alone() },
                    is_hot,
                });
            }
        }
    }

    fn flaw(&self, call: &Call) -> String {
        match &call.flaw {
            Some(Flaw::LockAcrossAwait(guard)) => {
                format!("await with the guard from {}:{}", self.program.workspace.path(*guard), guard.line)
            }
            Some(Flaw::DroppedError(how)) => format!("the error goes with {how}"),
            Some(Flaw::UnknownMacro(name)) => format!("`{}` inside `{name}!`", call.name),
            None => call.name.clone(),
        }
    }

    fn chain(&self, parents: &Parents, id: FnId) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut next = Some(id);
        while let Some(id) = next.take() {
            let Some(function) = self.program.functions.get(id) else { break };
            let parent = parents.get(&id).copied().flatten();
            let place = parent.map_or(function.place, |(_, place)| place);
            steps.push(Step { function: function.path.clone(), place });
            next = parent.map(|(caller, _)| caller);
        }
        steps.reverse();
        steps
    }
}

/// The path of what is called, where it is known.
fn shown(call: &Call) -> String {
    let known = call.callees.iter().find(|callee| !callee.starts_with("?::") && !callee.contains("::_::"));
    match known {
        Some(path) if !call.is_by_name => path.clone(),
        _ => call.name.clone(),
    }
}
