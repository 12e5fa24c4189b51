//! Books that wait for a machine: whoever has room begins them, those that somebody waits for first.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bookstate_tests::{books::Book, models::ModelServer, nats::Cluster, system::Place};
use serde_json::json;

use crate::{
    machine::{Machine, logs, until},
    mix::{KEY, models, stages},
};

/// How many requests a machine has on the way at once: see [`stages`].
const AT_ONCE: f64 = 4.0;

/// Machines whose pipeline waits for a provider most of the time, and files for them.
struct Hall {
    cluster: Cluster,
    place: Place,
    models: ModelServer,
    files: Vec<PathBuf>,
}

impl Hall {
    fn new(books: u64, latency: Duration) -> Self {
        let place = Place::new();
        place.write_secret(KEY, "a-key");
        let files = (0..books).map(|number| {
            let file = place.path(&format!("book-{number}.pdf"));
            let book = Book::new("A waiting book").seed(number).chapters(6).sections(4).pages(30);
            std::fs::write(&file, &book.make_pdf().bytes).unwrap();
            file
        });
        let files = files.collect();
        let models = models(Ipv4Addr::LOCALHOST.into(), latency);
        Self { cluster: Cluster::throwaway(1).unwrap(), place, models, files }
    }

    fn machines(&self, names: &[&str]) -> Vec<Machine> {
        let further = stages(&self.models.url(), &Path::new(self.place.directory()).join(KEY));
        let start = |name: &&str| Machine::start(name, &self.cluster.url(), self.place.directory(), &further);
        let machines: Vec<_> = names.iter().map(start).collect();
        let all = |machine: &Machine| {
            machine.fleet()["machines"].as_array().is_some_and(|heard| heard.len() == names.len())
        };
        until("all machines", &machines, || machines.iter().all(all));
        machines
    }
}

fn until_over(machines: &[Machine], books: &[String]) {
    let asked = &machines[0];
    let is_over = || asked.fleet()["books"].as_array().unwrap().is_empty();
    until("an end of all jobs", machines, || {
        is_over() && books.iter().all(|book| asked.status(book) == "complete")
    });
}

/// One machine is asked for more than it may work on at once: the others begin the rest, and nothing is begun twice.
#[test]
fn books_that_wait_at_one_machine_are_begun_by_others() {
    let hall = Hall::new(6, Duration::from_millis(500));
    let machines = hall.machines(&["a", "b"]);
    let books: Vec<_> = hall.files.iter().map(|file| machines[0].begin(file)).collect();
    until_over(&machines, &books);
    let mut begun = BTreeSet::new();
    for machine in &machines {
        let mut its = BTreeSet::new();
        for (book, event, unit) in machine.units() {
            let is_new = event != "run" || begun.insert((book.clone(), unit.clone()));
            assert!(is_new, "{unit} of {book} was begun twice\n{}", logs(&machines));
            its.insert(book);
        }
        assert!(its.len() > 1, "{} had {its:?}\n{}", machine.name, logs(&machines));
    }
}

/// The books that wait are begun in the order of their priorities, not in that in which they were asked for.
#[test]
fn the_book_that_somebody_waits_for_is_before_those_that_wait_longer() {
    let hall = Hall::new(6, Duration::from_secs(1));
    let machines = hall.machines(&["a"]);
    let (urgent, rest) = hall.files.split_last().unwrap();
    let mut books: Vec<_> = rest.iter().map(|file| machines[0].begin(file)).collect();
    let body = json!({"paths": [urgent]}).to_string();
    let answer =
        machines[0].server().asked("POST", "/api/books/ingest?priority=interactive", body.as_bytes());
    let urgent = answer["book_id"].as_str().unwrap().to_owned();
    books.push(urgent.clone());
    until_over(&machines, &books);
    let mut order = Vec::new();
    for (book, _, _) in machines[0].units() {
        if !order.contains(&book) {
            order.push(book);
        }
    }
    let place = order.iter().position(|book| *book == urgent).unwrap();
    assert!(place < order.len() - 1, "it was the last of {order:?}");
}

/// What a second and a third machine are worth where a provider is what is waited for.
#[test]
#[ignore = "a measurement of some five minutes: cargo test --test machines -- --ignored --nocapture speed_up"]
fn speed_up_of_more_machines() {
    let latency = Duration::from_secs(2);
    let mut seconds = Vec::new();
    for names in [&["a"][..], &["a", "b"], &["a", "b", "c"]] {
        let hall = Hall::new(18, latency);
        let machines = hall.machines(names);
        let begun = Instant::now();
        let books: Vec<_> = hall.files.iter().map(|file| machines[0].begin(file)).collect();
        until_over(&machines, &books);
        let took = begun.elapsed().as_secs_f64();
        let requests = hall.models.of_seen(<[_]>::len);
        let waited = requests as f64 * latency.as_secs_f64() / AT_ONCE / names.len() as f64;
        println!(
            "{} machines: {took:.1} s for {} books, {requests} requests; {:.0} % of the time is not the provider's",
            names.len(),
            books.len(),
            100.0 * (1.0 - waited / took)
        );
        seconds.push(took);
    }
    println!("speed-up: {:.2} by two, {:.2} by three", seconds[0] / seconds[1], seconds[0] / seconds[2]);
    assert!(seconds[0] / seconds[2] >= 2.8, "{seconds:?}");
}
