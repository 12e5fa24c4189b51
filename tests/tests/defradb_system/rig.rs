//! A working directory whose target is a real node, behind a proxy.

use std::sync::LazyLock;

use bookstate_tests::books::{Book, Made};
use bookstate_tests::node::{Client, Node, Proxy};
use bookstate_tests::system::{Ended, Place};
use serde_json::Value;

use crate::compare::differences;

pub(crate) const PROCESS: &str = "process book.pdf --json --unit-log units.jsonl";

/// What a run of a book gives when nothing happens, without any target.
pub(crate) struct Undisturbed {
    pub(crate) made: Made,
    pub(crate) id: String,
    pub(crate) canonical: String,
    units: Vec<String>,
}

impl Undisturbed {
    pub(crate) fn of(made: Made) -> Self {
        let place = Place::with(&made);
        let line = place.ok(PROCESS).json();
        assert_eq!(line["status"], "complete", "{line}");
        let units = place.unit_log().units().into_iter().map(str::to_owned).collect();
        let id = line["book_id"].as_str().unwrap().to_owned();
        Self { made, id, canonical: place.canonical("book.pdf"), units }
    }
}

/// A small book, of a job of about a second.
pub(crate) fn small() -> &'static Undisturbed {
    static SMALL: LazyLock<Undisturbed> =
        LazyLock::new(|| Undisturbed::of(Book::new("small").chapters(3).sections(5).pages(12).make_pdf()));
    &SMALL
}

/// Whether the end of a command waits for targets that are behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Impatient {
    /// Longer than anything takes here.
    Not,
    /// Hardly, and less than a write may take.
    AtTheEnd,
}

/// Gives a place the target `defradb`.
pub(crate) fn configure(place: &Place, url: &str) {
    place.write("bookstate.toml", configuration(&[("defradb", url)], Impatient::Not));
}

/// A configuration with targets, whose writes have little time: a silent node is waited for.
pub(crate) fn configuration(targets: &[(&str, &str)], impatient: Impatient) -> String {
    let target = |(name, url): &(&str, &str)| {
        format!("[targets.{name}]\nurl = \"{url}\"\nlinger_ms = 20\ntimeout_ms = 1500\n")
    };
    let targets: String = targets.iter().map(target).collect();
    let drain_ms = if impatient == Impatient::Not { 120_000 } else { 700 };
    format!("[sink]\ndrain_ms = {drain_ms}\n{targets}")
}

/// A place, its node, and the proxy between them.
pub(crate) struct Rig {
    pub(crate) place: Place,
    pub(crate) node: Node,
    pub(crate) proxy: Proxy,
}

impl Rig {
    pub(crate) fn with(made: &Made) -> Self {
        let node = Node::throwaway().unwrap();
        let proxy = Proxy::start(node.address()).unwrap();
        let place = Place::with(made);
        configure(&place, &proxy.url());
        Self { place, node, proxy }
    }

    /// Chooses how long the end of a command waits for the node.
    pub(crate) fn impatient(&self, impatient: Impatient) {
        self.place.write("bookstate.toml", configuration(&[("defradb", &self.proxy.url())], impatient));
    }

    pub(crate) fn client(&self) -> Client {
        self.node.client()
    }

    /// The node has what the place has: as a plain client sees it, as the program compares it, and as it
    /// remembers it.
    pub(crate) fn is_equal(&self) {
        is_equal(&self.place, self.client(), "defradb");
    }

    /// The same command ends as if nothing had happened, and the node has all of it.
    pub(crate) fn ends_as(&self, expected: &Undisturbed) -> Ended {
        let ended = self.place.ok(PROCESS);
        assert_eq!(ended.json()["status"], "complete", "{ended:?}");
        self.is_as(expected);
        ended
    }

    /// The same command until the node has everything: each ends at the first failure of the node that it
    /// meets when its job is done. Returns how many it took.
    pub(crate) fn until_drained(&self) -> usize {
        for n in 1..100 {
            let ended = self.place.ok(PROCESS);
            assert_eq!(ended.json()["status"], "complete", "{ended:?}");
            if lag(&self.place, "defradb").0 == 0 {
                return n;
            }
        }
        panic!("the node still lacks {:?}: {:?}", lag(&self.place, "defradb"), self.proxy)
    }

    /// The book is as if nothing had happened, and the node has all of it.
    pub(crate) fn is_as(&self, expected: &Undisturbed) {
        assert!(self.place.canonical("book.pdf") == expected.canonical, "the export differs");
        let log = self.place.unit_log();
        log.is_lawful();
        assert!(log.units().into_iter().eq(&expected.units), "other units ran");
        self.is_equal();
    }
}

/// See [`Rig::is_equal`].
pub(crate) fn is_equal(place: &Place, client: Client, target: &str) {
    assert_eq!(lag(place, target), (0, 0));
    let differing = differences(place, client);
    assert!(differing.is_empty(), "{differing:#?}");
    let verified = place.ok(&format!("target verify {target} --json")).json();
    assert_eq!(verified["equal"], true, "{verified}");
}

/// The commits that a target lacks and the documents that it refuses, over all books.
pub(crate) fn lag(place: &Place, target: &str) -> (u64, u64) {
    let status = place.ok("status --json").json();
    let mut sums = (0, 0);
    for book in status["books"].as_array().unwrap() {
        let of_target = |found: &&Value| found["name"] == target;
        let found = book["targets"].as_array().unwrap().iter().find(of_target).unwrap();
        sums.0 += found["lag"].as_u64().unwrap();
        sums.1 += found["parked"].as_u64().unwrap();
    }
    sums
}

/// Waits for what must come.
pub(crate) fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed() < std::time::Duration::from_secs(180), "never: {what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
