//! `audit-sync.toml`: the hot roots of a workspace, what is left out, and the exemptions with their
//! reasons.

use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

/// The configuration of a workspace.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Config {
    /// Where the walks begin.
    #[serde(default, rename = "root")]
    pub(crate) roots: Vec<Root>,
    /// Packages that are not read.
    #[serde(default)]
    pub(crate) leave_out: Vec<LeftOut>,
    /// Features behind which only test code is.
    #[serde(default)]
    pub(crate) test_features: Vec<String>,
    /// Macros whose arguments are plain expressions.
    #[serde(default)]
    pub(crate) known_macros: Vec<String>,
    /// Calls that are banned here besides those of the rules.
    #[serde(default, rename = "ban")]
    pub(crate) bans: Vec<Ban>,
    /// Exemptions.
    #[serde(default, rename = "allow")]
    pub(crate) allows: Vec<Allow>,
}

/// A hot root.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Root {
    /// A function, or many with `*`.
    pub(crate) path: String,
    /// What is hot about it.
    pub(crate) why: String,
}

/// A package that is left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeftOut {
    pub(crate) package: String,
    pub(crate) reason: String,
}

/// A banned call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ban {
    pub(crate) rule: String,
    pub(crate) call: String,
}

/// An exemption: of the calls in a function, of calls of something, or of both together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Allow {
    pub(crate) rule: String,
    /// The function that makes the call.
    pub(crate) function: Option<String>,
    /// What is called: something banned, or a function behind which nothing is looked for.
    pub(crate) call: Option<String>,
    #[serde(default)]
    pub(crate) reason: String,
}

impl Config {
    /// Reads the file.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not understood", file.display()))
    }

    /// What is wrong with it, whatever the sources are.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.roots.is_empty() {
            problems.push("audit-sync.toml names no hot root".to_owned());
        }
        for root in self.roots.iter().filter(|root| root.why.trim().is_empty()) {
            problems.push(format!("the hot root {} does not say what is hot about it", root.path));
        }
        for left in self.leave_out.iter().filter(|left| left.reason.trim().is_empty()) {
            problems.push(format!("the package {} is left out without a reason", left.package));
        }
        for allow in &self.allows {
            if allow.reason.trim().is_empty() {
                problems.push(format!("{} has no reason", allow.shown()));
            }
            if allow.function.is_none() && allow.call.is_none() {
                problems.push(format!("{} names neither a function nor a call", allow.shown()));
            }
        }
        let rules = self.allows.iter().map(|allow| &allow.rule).chain(self.bans.iter().map(|ban| &ban.rule));
        for rule in rules.filter(|rule| crate::judgement::rules::rule(rule).is_none()) {
            problems.push(format!("audit-sync.toml names the rule {rule}, which does not exist"));
        }
        problems
    }
}

impl Allow {
    /// The exemption in a few words.
    pub(crate) fn shown(&self) -> String {
        let function = self.function.as_ref().map(|function| format!(" in {function}")).unwrap_or_default();
        let call = self.call.as_ref().map(|call| format!(" of {call}")).unwrap_or_default();
        format!("audit-sync.toml: the exemption from {}{call}{function}", self.rule)
    }
}
