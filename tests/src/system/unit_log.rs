//! The unit log of one book's runs, and its law: a unit whose result was safe never runs again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

/// The lines of a unit log, in the order in which they were written.
#[derive(Debug)]
pub struct UnitLog(Vec<Line>);

#[derive(Debug)]
struct Line {
    event: String,
    unit: String,
    process: u64,
}

impl UnitLog {
    /// Reads a log; one that is not there has no lines.
    #[must_use]
    pub fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let line = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            let text = |key: &str| line[key].as_str().unwrap().to_owned();
            Line { event: text("event"), unit: text("unit"), process: line["process"].as_u64().unwrap() }
        };
        Self(text.lines().map(line).collect())
    }

    /// Every unit that ran.
    #[must_use]
    pub fn units(&self) -> BTreeSet<&str> {
        self.0.iter().filter(|line| line.event == "run").map(|line| line.unit.as_str()).collect()
    }

    /// How many lines say that a result is safe.
    #[must_use]
    pub fn persisted(&self) -> usize {
        self.0.iter().filter(|line| line.event == "persisted").count()
    }

    /// How many processes worked.
    #[must_use]
    pub fn processes(&self) -> usize {
        self.0.iter().map(|line| line.process).collect::<BTreeSet<_>>().len()
    }

    /// How often a unit ran that had run before.
    #[must_use]
    pub fn repeats(&self) -> usize {
        self.0.iter().filter(|line| line.event == "run").count() - self.units().len()
    }

    /// Asserts that no unit ran again once its result was safe, nor twice in one process, and that none
    /// failed.
    pub fn is_lawful(&self) {
        let mut safe = BTreeMap::new();
        let mut ran = BTreeSet::new();
        for Line { event, unit, process } in &self.0 {
            match event.as_str() {
                "run" => {
                    if let Some(before) = safe.get(unit) {
                        panic!("{unit} was safe in process {before} and ran again in process {process}");
                    }
                    assert!(ran.insert((unit, process)), "{unit} ran twice in process {process}");
                }
                "persisted" => drop(safe.insert(unit, process)),
                event => panic!("{unit} {event} in process {process}"),
            }
        }
    }
}
