//! Models that a program asks which dies at random moments: two that read the pages of a book, and agents that link its
//! 40 entries, each in 3 turns.
//!
//! How many kills: `BOOKSTATE_AGENT_KILLS`; pages: `BOOKSTATE_AGENT_PAGES`; which moments: `BOOKSTATE_TEST_SEED`, which
//! is printed. The long form has 50 kills and 300 pages.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, SystemTime},
};

use bookstate_tests::{
    books::{Book, KeyEntry},
    models::{Answer, Asked, Ended, ModelServer, Seen},
};
use serde_json::{Value, json};

use crate::place::Place;

const ENTRIES: usize = 40;
const TURNS: usize = 3;
/// Requests in flight, of each of two providers.
const CONCURRENCY: usize = 4;
const IN_FLIGHT: usize = 2 * CONCURRENCY;
const LATENCY: Duration = Duration::from_millis(40);

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    /// A page, by its image, of a model.
    Page(String, u64),
    /// An entry's turn: how many answers were given before.
    Turn(usize, usize),
}

impl Unit {
    fn of(asked: &Asked) -> Self {
        let messages = asked.body["messages"].as_array().unwrap();
        let user = messages.iter().find(|message| message["role"] == "user").unwrap();
        if let Some(image) = user["content"][1]["image_url"]["url"].as_str() {
            let mut hasher = DefaultHasher::new();
            image.hash(&mut hasher);
            return Self::Page(asked.body["model"].as_str().unwrap().to_owned(), hasher.finish());
        }
        let said = messages.iter().filter(|message| message["role"] == "assistant").count();
        let question = user["content"].as_str().unwrap();
        let entry = question.lines().find_map(|line| line.strip_prefix("> [")).unwrap();
        Self::Turn(entry.split(']').next().unwrap().parse().unwrap(), said)
    }

    /// In dollars: each of its own price, so that none can stand for another.
    fn dollars(&self) -> f64 {
        match self {
            Self::Page(model, _) if model == "first/model" => 0.002,
            Self::Page(..) => 0.003,
            Self::Turn(..) => 0.01,
        }
    }

    fn cost(&self) -> u64 {
        (self.dollars() * 1e9).round() as u64
    }
}

/// How often each unit was asked for, or answered.
fn counted<'a>(seen: impl Iterator<Item = &'a Seen>) -> BTreeMap<Unit, usize> {
    let mut counted = BTreeMap::new();
    for seen in seen {
        *counted.entry(Unit::of(&seen.asked)).or_default() += 1;
    }
    counted
}

fn price(units: &BTreeMap<Unit, usize>) -> u64 {
    units.iter().map(|(unit, count)| unit.cost() * *count as u64).sum()
}

fn is_answered(seen: &&Seen) -> bool {
    seen.ended == Ended::Answered
}

/// A place with the book, and the entries of its table.
fn place(url: &str, pages: u32) -> (Place, Vec<KeyEntry>) {
    let place = Place::new();
    let made = place.pdf(&Book::standard(pages));
    let provider = |name| format!("[providers.{name}]\nurl = \"{url}\"\nconcurrency = {CONCURRENCY}\n");
    let config = format!(
        "{}{}[stages]\nocr = [\"replay:first/model\", \"other:second/model\", \"text-layer\"]\n\
         toc_link = \"replay:some/model\"\n[models]\nanswers = \"forgotten\"\n",
        provider("replay"),
        provider("other"),
    );
    place.write("bookstate.toml", config);
    (place, made.key.printed_toc)
}

/// Who reads says what is not on the page, so that the next one is asked, and in the end the text layer counts. Who
/// links looks for the title, looks at its page, and says so.
fn answers(contents: Vec<KeyEntry>) -> impl Fn(&Asked) -> Answer + Send + Sync {
    move |asked| {
        let unit = Unit::of(asked);
        let said = match unit {
            Unit::Page(..) => "Words of another page.".to_owned(),
            Unit::Turn(entry, turn) => {
                let KeyEntry { title, page, .. } = &contents[entry];
                let said = match turn {
                    0 => json!({ "tool": "grep_pages", "query": title, "page": null, "sure": null }),
                    1 => json!({ "tool": "load_page", "query": null, "page": page, "sure": null }),
                    _ => json!({ "tool": "write_result", "query": null, "page": page, "sure": true }),
                };
                said.to_string()
            }
        };
        Answer::said(&said, unit.dollars()).after(LATENCY)
    }
}

fn random_from(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below.max(1)
    }
}

fn number<T: rusqlite::types::FromSql>(place: &Place, query: &str) -> T {
    let store = rusqlite::Connection::open(place.path(".bookstate/books.sqlite")).unwrap();
    store.query_row(query, [], |row| row.get(0)).unwrap()
}

/// What the Metrics say was spent, in billionths of a dollar.
fn spent(place: &Place) -> u64 {
    (number::<f64>(place, "SELECT coalesce(sum(cost_usd), 0.0) FROM metric") * 1e9).round() as u64
}

/// No unit runs again once its result is safe; each turn is a unit.
fn is_lawful(place: &Place) {
    let log = std::fs::read_to_string(place.path("units.jsonl")).unwrap();
    let (mut safe, mut turns) = (BTreeSet::new(), BTreeSet::new());
    for line in log.lines() {
        // A line that was cut by a kill says nothing.
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let unit = line["unit"].as_str().unwrap().to_owned();
        if line["event"] == "run" {
            assert!(!safe.contains(&unit), "{unit} ran again");
            turns.extend(unit.starts_with("toc_link").then(|| unit.clone()));
        } else {
            safe.insert(unit);
        }
    }
    assert_eq!(turns.len(), ENTRIES * TURNS, "each turn of each agent");
}

fn of_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |number| number.parse().unwrap())
}

#[test]
fn agents_that_are_killed_go_on_where_they_were() {
    let kills = of_environment("BOOKSTATE_AGENT_KILLS", 3);
    let pages = of_environment("BOOKSTATE_AGENT_PAGES", 0).try_into().unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = of_environment("BOOKSTATE_TEST_SEED", now);
    println!("kills of agents: BOOKSTATE_TEST_SEED={seed}");
    let mut roll = random_from(seed);
    let server = ModelServer::start(|_| Answer::text(500, "nothing is asked yet")).unwrap();
    let seen = || server.of_seen(<[Seen]>::len);
    let process = "process book.pdf --json --unit-log units.jsonl";

    // Left alone: each unit is asked for once, and the Metrics are what the server has written down.
    let (undisturbed, contents) = place(&server.url(), pages);
    server.answer(answers(contents));
    assert_eq!(undisturbed.ok(process).json()["status"], "complete");
    let (alone, units) = (seen(), server.of_seen(|seen| counted(seen.iter().filter(is_answered))));
    let turns = units.keys().filter(|unit| matches!(unit, Unit::Turn(..))).count();
    let read = number::<u32>(&undisturbed, "SELECT count(*) FROM page") as usize;
    println!("{read} pages, {alone} requests, {turns} of them turns");
    assert_eq!(turns, ENTRIES * TURNS);
    assert!(units.len() == alone, "each once");
    // On a page with few words nothing is doubted, and the second model is not asked.
    assert!(alone - turns > 2 * read * 9 / 10, "both models read the pages");
    assert_eq!(spent(&undisturbed), price(&units));
    is_lawful(&undisturbed);

    let (place, _) = place(&server.url(), pages);
    // What was seen before each life of the program.
    let mut lives = vec![alone];
    for _ in 0..kills {
        let before = seen();
        let more = 1 + roll(2 * alone as u64 / kills) as usize;
        let mut job = place.start(process);
        while seen() < before + more && !job.has_ended() {
            std::thread::sleep(Duration::from_millis(1));
        }
        // In flight, answered, stored: whatever it is then.
        std::thread::sleep(Duration::from_micros(roll(50_000)));
        if job.has_ended() {
            break;
        }
        job.signal("KILL");
        job.wait();
        lives.push(seen());
    }
    assert_eq!(place.ok(process).json()["status"], "complete");
    let killed = lives.len() - 1;
    let seen = server.seen().split_off(alone);
    println!("{killed} kills, {} requests for {alone} units", seen.len());
    assert!(killed > 0 && seen.len() <= alone + killed * IN_FLIGHT, "{} requests", seen.len());
    let (asked, answered) = (counted(seen.iter()), counted(seen.iter().filter(is_answered)));
    assert!(asked.keys().eq(units.keys()), "no unit is left out, and none is new");
    // What a life lost is what others ask for once more: at most what was in flight.
    for life in lives.windows(2) {
        let (of_life, later) = (&seen[life[0] - alone..life[1] - alone], &seen[life[1] - alone..]);
        let later: BTreeSet<Unit> = later.iter().map(|seen| Unit::of(&seen.asked)).collect();
        let lost = of_life.iter().filter(|seen| later.contains(&Unit::of(&seen.asked))).count();
        assert!(lost <= IN_FLIGHT, "{lost} were lost in a kill");
    }
    // Each unit is in the Metrics once, with its answer; what was paid beside them is what was answered and lost.
    let (paid, stored) = (price(&answered), spent(&place));
    assert_eq!(stored, price(&units));
    assert!(answered.keys().eq(units.keys()), "each was answered");
    let lost: BTreeMap<Unit, usize> =
        answered.iter().map(|(unit, count)| (unit.clone(), count - units[unit])).collect();
    let lost_answers: usize = lost.values().sum();
    println!(
        "paid {paid}, in the Metrics {stored}, billionths of a dollar; answered and lost: {lost_answers}"
    );
    assert_eq!(paid - stored, price(&lost));
    assert!(lost_answers <= killed * IN_FLIGHT, "{lost_answers} were lost");
    is_lawful(&place);
    assert_eq!(
        number::<u32>(&place, "SELECT count(*) FROM agentstate WHERE agent_type = 'toc_entry_finder'"),
        0
    );
    let linked =
        "SELECT count(*) FROM tocentry WHERE link_page IS NOT NULL AND link_reason LIKE 'found by replay:%'";
    assert_eq!(number::<u32>(&place, linked) as usize, ENTRIES);
    let book = |place: &Place| place.ok("export book.pdf --format json --canonical").out;
    assert!(book(&place) == book(&undisturbed), "it ends as one that was left alone");
}
