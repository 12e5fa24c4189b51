//! The walk from the hot roots over the call graph, and what it finds. It knows functions by what they call: no file,
//! no syntax.

use std::collections::{HashMap, HashSet, VecDeque};

use super::{
    exemptions::Exemption,
    rules::{BLOCKS, Bans, Reach, Rule, is_like},
};
use crate::{
    facts::{program::FnId, workspace::Place},
    walk::call::{Call, Flaw, Node},
};

/// A step of a chain: a function, and where it is called (for the first one, where it is).
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) function: String,
    pub(crate) place: Place,
}

/// A call that breaks a rule.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) rule: &'static Rule,
    pub(crate) place: Place,
    /// What is called, or done.
    pub(crate) what: String,
    /// From the hot root to the function with the call; the function alone when no hot root leads there.
    pub(crate) chain: Vec<Step>,
    pub(crate) is_hot: bool,
}

/// What is judged.
pub(crate) struct Graph<'g> {
    pub(crate) functions: &'g [Node],
    pub(crate) bans: &'g [Bans],
    pub(crate) exemptions: &'g [Exemption],
    /// A place as `file:line`.
    pub(crate) shown: &'g dyn Fn(Place) -> String,
}

/// What judging gives.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    pub(crate) findings: Vec<Finding>,
    /// How many functions the hot roots reach.
    pub(crate) hot_functions: usize,
}

/// How a function was reached: from which, by its call in which place.
type Parents = HashMap<FnId, Option<(FnId, Place)>>;

/// The functions that a pattern of a hot root means.
pub(crate) fn roots_like(functions: &[Node], pattern: &str) -> Vec<FnId> {
    let is_meant = |node: &Node| {
        is_like(pattern, &node.path) || node.of_trait.as_ref().is_some_and(|path| is_like(pattern, path))
    };
    functions.iter().enumerate().filter(|(_, node)| is_meant(node)).map(|(id, _)| id).collect()
}

impl Graph<'_> {
    /// Judges, and marks the exemptions that were needed.
    pub(crate) fn judge(&self, roots: &[FnId]) -> Judgement {
        let (mut judgement, mut hot) = (Judgement::default(), HashSet::new());
        for bans in self.bans.iter().filter(|bans| bans.rule.reach == Reach::Hot) {
            hot.extend(self.walk(bans, roots, &mut judgement.findings).into_keys());
        }
        let everything = self.ways(roots);
        for bans in self.bans.iter().filter(|bans| bans.rule.reach == Reach::Everywhere) {
            self.everywhere(bans, &everything, &mut judgement.findings);
        }
        judgement.hot_functions = hot.len();
        judgement
    }

    fn calls_of(&self, id: FnId) -> impl Iterator<Item = &Call> {
        self.functions.get(id).into_iter().flat_map(|node| &node.calls)
    }

    /// Whether some rule of hot paths bans a call: then nobody looks behind it.
    fn is_leaf(&self, call: &Call) -> bool {
        self.bans.iter().any(|bans| bans.rule.reach == Reach::Hot && bans.forbid(call))
    }

    /// The exemption from a rule for a call.
    fn exemption(&self, rule: &Rule, id: FnId, call: &Call, is_banned: bool) -> Option<&Exemption> {
        let function = &self.functions.get(id)?.path;
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
        for (id, function) in self.functions.iter().enumerate() {
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
                format!("await with the guard from {}", (self.shown)(*guard))
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
            let Some(function) = self.functions.get(id) else { break };
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::judgement::rules::RULES;

    fn place(line: usize) -> Place {
        Place { file: 0, line, column: 1 }
    }

    fn call(name: &str, line: usize, targets: &[FnId]) -> Call {
        Call {
            callees: Vec::new(),
            name: name.to_owned(),
            is_foreign: false,
            is_by_name: targets.is_empty(),
            targets: targets.to_vec(),
            place: place(line),
            statement: line,
            on_own_thread: false,
            takes_range: false,
            flaw: None,
        }
    }

    fn node(path: &str, calls: Vec<Call>) -> Node {
        Node { path: path.to_owned(), of_trait: None, place: place(100), calls }
    }

    /// The rules that are broken, with the way there.
    fn found(functions: &[Node], roots: &[FnId]) -> Vec<(String, Vec<String>)> {
        let same = |text: &str| text.to_owned();
        let bans: Vec<_> = RULES.iter().map(|rule| Bans::new(rule, std::iter::empty(), &same)).collect();
        let asked = RefCell::new(0);
        let shown = |place: Place| {
            *asked.borrow_mut() += 1;
            format!("f:{}", place.line)
        };
        let graph = Graph { functions, bans: &bans, exemptions: &[], shown: &shown };
        let findings = graph.judge(roots).findings.into_iter();
        let way = |finding: &Finding| finding.chain.iter().map(|step| step.function.clone()).collect();
        findings.map(|finding| (finding.rule.id.to_owned(), way(&finding))).collect()
    }

    #[test]
    fn what_waits_is_found_on_every_way_from_a_root_and_nowhere_else() {
        let code = [
            node("hot", vec![call("first", 1, &[1])]),
            node("first", vec![call("second", 2, &[2]), call("hot", 3, &[0])]),
            node("second", vec![call("upsert_and_wait", 4, &[])]),
            node("cold", vec![call("upsert_and_wait", 5, &[])]),
        ];
        let way = ["hot", "first", "second"].map(str::to_owned).to_vec();
        assert_eq!(found(&code, &[0]), [("waits-for-storage".to_owned(), way)]);
        assert_eq!(found(&code, &[]), []);
    }

    #[test]
    fn what_runs_on_a_thread_of_its_own_may_block() {
        let elsewhere = Call { on_own_thread: true, ..call("block_on", 1, &[]) };
        assert_eq!(found(&[node("hot", vec![elsewhere])], &[0]), []);
        let here = found(&[node("hot", vec![call("block_on", 1, &[])])], &[0]);
        assert_eq!(here, [("blocks-the-thread".to_owned(), vec!["hot".to_owned()])]);
    }

    #[test]
    fn a_lock_across_an_await_is_found_where_no_root_leads() {
        let flawed = Call { flaw: Some(Flaw::LockAcrossAwait(place(7))), ..call("await", 8, &[]) };
        let findings = found(&[node("cold", vec![flawed])], &[]);
        assert_eq!(findings, [("lock-across-await".to_owned(), vec!["cold".to_owned()])]);
    }
}
