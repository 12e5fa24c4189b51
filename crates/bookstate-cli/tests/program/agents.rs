//! Agents that are killed: 40 entries of a book, each linked in 3 turns, by a program that dies at random moments.
//!
//! How many: `BOOKSTATE_AGENT_KILLS`; which: `BOOKSTATE_TEST_SEED`, which is printed.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use bookstate_tests::{
    books::{Book, KeyEntry},
    models::{Answer, Asked, Ended, ModelServer},
};
use serde_json::{Value, json};

use crate::place::Place;

const COST: f64 = 0.01;
const ENTRIES: usize = 40;
const TURNS: usize = 3;
/// Requests in flight.
const CONCURRENCY: usize = 4;
const LATENCY: Duration = Duration::from_millis(40);

/// A place with the book, and the entries of its table.
fn place(url: &str) -> (Place, Vec<KeyEntry>) {
    let place = Place::new();
    let made = place.pdf(&Book::standard(60));
    let config = format!(
        "[providers.replay]\nurl = \"{url}\"\nconcurrency = {CONCURRENCY}\n\
         [stages]\ntoc_link = \"replay:some/model\"\n[models]\nanswers = \"forgotten\"\n"
    );
    place.write("bookstate.toml", config);
    (place, made.key.printed_toc)
}

/// Which entry is asked for, and how many answers were given before.
fn turn_of(asked: &Asked) -> (usize, usize) {
    let messages = asked.body["messages"].as_array().unwrap();
    let said = messages.iter().filter(|message| message["role"] == "assistant").count();
    let question = messages.iter().find(|message| message["role"] == "user").unwrap()["content"].as_str();
    let entry = question.unwrap().lines().find_map(|line| line.strip_prefix("> [")).unwrap();
    (entry.split(']').next().unwrap().parse().unwrap(), said)
}

/// Looks for the title, looks at its page, and says so.
fn agent(contents: Vec<KeyEntry>) -> impl Fn(&Asked) -> Answer + Send + Sync {
    move |asked| {
        let (entry, turn) = turn_of(asked);
        let KeyEntry { title, page, .. } = &contents[entry];
        let said = match turn {
            0 => json!({ "tool": "grep_pages", "query": title, "page": null, "sure": null }),
            1 => json!({ "tool": "load_page", "query": null, "page": page, "sure": null }),
            _ => json!({ "tool": "write_result", "query": null, "page": page, "sure": true }),
        };
        Answer::said(&said.to_string(), COST).after(LATENCY)
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

#[test]
fn agents_that_are_killed_go_on_where_they_were() {
    let kills: u64 = std::env::var("BOOKSTATE_AGENT_KILLS").map_or(3, |kills| kills.parse().unwrap());
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let seed = std::env::var("BOOKSTATE_TEST_SEED").map_or_else(|_| now(), |seed| seed.parse().unwrap());
    println!("kills of agents: BOOKSTATE_TEST_SEED={seed}");
    let mut roll = random_from(seed);
    let server = ModelServer::start(|_| Answer::text(500, "nothing is asked yet")).unwrap();
    let process = "process book.pdf --json --unit-log units.jsonl";

    // Left alone: each turn is asked once, and the Metrics are what the server has written down.
    let (undisturbed, contents) = place(&server.url());
    server.answer(agent(contents.clone()));
    assert_eq!(undisturbed.ok(process).json()["status"], "complete");
    let of_server = |from: usize| {
        let seen = server.seen();
        let answered = seen.iter().skip(from).filter(|seen| seen.ended == Ended::Answered);
        answered.map(|seen| seen.cost).sum::<u64>()
    };
    let alone = server.seen().len();
    assert_eq!((alone, spent(&undisturbed)), (ENTRIES * TURNS, of_server(0)));
    is_lawful(&undisturbed);

    let (place, _) = place(&server.url());
    let mut killed = 0;
    for _ in 0..kills {
        let before = server.seen().len();
        let more = 1 + roll(2 * (ENTRIES * TURNS) as u64 / kills) as usize;
        let mut job = place.start(process);
        while server.seen().len() < before + more && !job.has_ended() {
            std::thread::sleep(Duration::from_millis(1));
        }
        // In flight, answered, stored: whatever it is then.
        std::thread::sleep(Duration::from_micros(roll(50_000)));
        if job.has_ended() {
            break;
        }
        job.signal("KILL");
        job.wait();
        killed += 1;
    }
    assert_eq!(place.ok(process).json()["status"], "complete");
    let seen = server.seen().split_off(alone);
    println!("{killed} kills, {} requests for {} turns", seen.len(), ENTRIES * TURNS);
    assert!(killed > 0 && seen.len() <= ENTRIES * TURNS + killed * CONCURRENCY, "{} requests", seen.len());
    let mut asked: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for seen in &seen {
        *asked.entry(turn_of(&seen.asked)).or_default() += 1;
    }
    assert_eq!(asked.len(), ENTRIES * TURNS, "no turn is left out");
    // Each turn is in the Metrics once, with its answer; what was paid beside them was in flight at a kill.
    let each = (COST * 1e9) as u64;
    let (paid, stored) = (of_server(alone), spent(&place));
    assert_eq!(stored, (ENTRIES * TURNS) as u64 * each);
    assert!(stored <= paid && paid - stored <= (killed * CONCURRENCY) as u64 * each, "{paid} {stored}");
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
