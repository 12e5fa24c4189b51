//! What a provider allows is allowed to all machines together, as the provider counts it.

use std::{
    collections::BTreeMap,
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use bookstate_tests::{
    books::Book,
    models::{Answer, Asked, ModelServer, Seen, most},
    nats::Cluster,
};

use crate::machine::{Machine, logs, until};

/// The window of all quotas.
const MINUTE: Duration = Duration::from_secs(60);

/// Requests that the provider allows in it.
const QUOTA: u64 = 12;

/// Books whose pages a model reads, and the keys with which machines ask: so the server knows who does.
struct Desk {
    directory: tempfile::TempDir,
    cluster: Cluster,
    server: ModelServer,
}

impl Desk {
    fn new(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self {
            directory,
            cluster: Cluster::throwaway(1).unwrap(),
            server: ModelServer::start(answer).unwrap(),
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A book of so many pages. A book is its content: each has another length.
    fn book(&self, pages: u32) -> PathBuf {
        let file = self.path().join(format!("{pages}.pdf"));
        std::fs::write(&file, Book::new("A shared provider").chapters(2).pages(pages).make_pdf().bytes)
            .unwrap();
        file
    }

    fn machine(&self, name: &str, further: &str) -> Machine {
        let key = self.path().join(format!("key-{name}"));
        std::fs::write(&key, name).unwrap();
        std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        let further = format!(
            "[stages]\nocr = [\"replay:some/model\"]\n[providers.replay]\nurl = \"{}\"\nkey_file = \"{}\"\n{further}",
            self.server.url(),
            key.display()
        );
        Machine::start(name, &self.cluster.url(), self.path(), &further)
    }

    /// How many requests came of which machine.
    fn came(&self) -> BTreeMap<String, usize> {
        self.server.of_seen(|seen| {
            let mut came = BTreeMap::new();
            for seen in seen {
                *came.entry(who(&seen.asked).to_owned()).or_default() += 1;
            }
            came
        })
    }

    fn came_of(&self, name: &str) -> usize {
        self.came().get(name).copied().unwrap_or_default()
    }
}

fn who(asked: &Asked) -> &str {
    asked.authorization.as_deref().and_then(|key| key.strip_prefix("Bearer ")).unwrap_or_default()
}

fn page(_: &Asked) -> Answer {
    Answer::said("The words of a page.", 0.0)
}

/// Whether a machine says that another has what the provider allows.
fn waits(machine: &Machine) -> bool {
    machine.server().asked("GET", "/api/jobs", b"").to_string().contains("none of its rate")
}

/// One machine uses all of a quota before others come; then it is killed, and comes back.
#[test]
fn a_quota_holds_over_machines_that_come_die_and_come_back() {
    let desk = Desk::new(page);
    let limit = format!("requests_per_minute = {QUOTA}\n");
    let mut machines = vec![desk.machine("a", &limit)];
    machines[0].begin(&desk.book(40));
    until("all of the quota", &machines, || desk.came_of("a") as u64 == QUOTA);
    for (name, pages) in [("b", 41), ("c", 42)] {
        let machine = desk.machine(name, &limit);
        machine.begin(&desk.book(pages));
        machines.push(machine);
    }
    // Whether they were right to ask is judged by the count.
    let asks = |machine: &Machine| waits(machine) || desk.came_of(&machine.name) > 0;
    until("a wait of who comes", &machines, || machines[1..].iter().all(asks));
    let share = |name| desk.came_of(name) as u64 >= QUOTA / 3;
    let came = until("requests of all", &machines, || {
        // The first one's share is used again.
        share("b") && share("c") && desk.came_of("a") as u64 > QUOTA
    });
    println!("all ask after {came:?}: {:?}", desk.came());
    let metrics = || machines[1].server().get("/metrics").text().to_owned();
    until("all in the metrics", &machines, || metrics().contains("bookstate_fleet_machines 3\n"));
    for place in ["here", "elsewhere", "waiting"] {
        let line = format!("\nbookstate_fleet_books{{place=\"{place}\"}} ");
        assert!(metrics().contains(&line), "{place}: {}", metrics());
    }
    machines[0].kill();
    machines[0].run();
    machines[0].begin(&desk.book(43));
    let before = desk.came_of("a");
    until("a wait of who came back", &machines, || waits(&machines[0]) || desk.came_of("a") > before);
    let most = desk.server.of_seen(|seen| most(seen, MINUTE, |_| 1));
    println!("{most} of {QUOTA} in any minute: {:?}", desk.came());
    assert!(most <= QUOTA, "{most} of {QUOTA}: {:?}\n{}", desk.came(), logs(&machines));
}

/// A machine is told to wait; another one, which was not, waits as well.
#[test]
fn a_pause_that_one_machine_is_told_to_make_is_made_by_all() {
    const PAUSE: Duration = Duration::from_secs(5);
    let desk = Desk::new(|asked| page(asked).after(Duration::from_millis(50)));
    let machines = ["a", "b"].map(|name| desk.machine(name, "concurrency = 1\n"));
    machines[0].begin(&desk.book(200));
    until("requests of one", &machines, || desk.came_of("a") > 5);
    // The other one's first request is refused.
    let told = std::sync::atomic::AtomicBool::new(false);
    desk.server.answer(move |asked| match who(asked) {
        "b" if !told.swap(true, std::sync::atomic::Ordering::Relaxed) => {
            Answer::text(429, "slowly").header("retry-after", &PAUSE.as_secs().to_string())
        }
        _ => page(asked).after(Duration::from_millis(50)),
    });
    machines[1].begin(&desk.book(20));
    let rests = |seen: &[Seen]| {
        let of_it: Vec<_> = seen.iter().filter(|seen| who(&seen.asked) == "a").collect();
        of_it.windows(2).any(|pair| pair[1].at - pair[0].at >= PAUSE - Duration::from_secs(1))
    };
    until("a pause of the other", &machines, || desk.server.of_seen(rests));
}
