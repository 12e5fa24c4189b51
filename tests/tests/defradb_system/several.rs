//! Several targets, and one that is added later.

use bookstate_tests::books::Book;
use bookstate_tests::node::Node;
use bookstate_tests::system::{Place, Server};

use crate::compare::differences;
use crate::rig::{
    Impatient, PROCESS, Rig, Undisturbed, configuration, configure, is_equal, lag, small, wait,
};

#[test]
fn two_nodes_of_which_one_is_down_for_half_of_the_job() {
    let expected = Undisturbed::of(Book::standard(60).make_pdf());
    let rig = Rig::with(&expected.made);
    let mut second = Node::throwaway().unwrap();
    let targets = [("defradb", rig.node.url()), ("second", second.url())];
    let targets = targets.each_ref().map(|(name, url)| (*name, url.as_str()));
    rig.place.write("bookstate.toml", configuration(&targets, Impatient::Not));
    second.kill();
    let mut job = rig.place.start(PROCESS);
    job.until("half of it is done", || rig.place.unit_log().persisted() > 120);
    // Else the job may be over before a loaded machine has started the node.
    job.signal("STOP");
    second.start_again().unwrap();
    job.signal("CONT");
    let ended = job.wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    rig.is_as(&expected);
    is_equal(&rig.place, second.client(), "second");
}

#[test]
fn a_target_comes_and_goes_while_a_server_runs_a_job() {
    let made = Book::standard(60).make_pdf();
    let place = Place::with(&made);
    let names: Vec<String> = (1..=20).map(|n| format!("{n}.txt")).collect();
    for name in &names {
        place.write(name, format!("BOOK {name}\n\nCHAPTER 1\n\nIt was a dark night.\n"));
    }
    place.ok(&format!("process {}", names.join(" ")));
    let node = Node::throwaway().unwrap();
    // With a root the server takes in files by their path.
    let roots = format!("[server]\ningest_roots = [{:?}]\n", place.path(""));
    place.write("bookstate.toml", &roots);
    let server = Server::start(&place);
    assert_eq!(server.target("defradb"), None);
    let body = serde_json::json!({"paths": [place.path("book.pdf")]}).to_string();
    let started = server.asked("POST", "/api/books/ingest", body.as_bytes());
    assert!(started["id"].is_string(), "{started}");

    place
        .write("bookstate.toml", roots.clone() + &configuration(&[("defradb", &node.url())], Impatient::Not));
    server.hang_up();
    wait("it has all books", || {
        let row = server.target("defradb");
        let jobs = server.asked("GET", "/api/jobs", b"");
        let is_over = jobs["jobs"].as_array().unwrap().iter().all(|job| job["live"].is_null());
        is_over && row.is_some_and(|row| row["health"] == "healthy" && row["lag_commits"] == 0)
    });
    let differing = differences(&place, node.client());
    assert!(differing.is_empty(), "{differing:#?}");
    assert_eq!(place.tables().count("Book"), 21);

    place.write("bookstate.toml", roots + "[nonsense]\n");
    server.hang_up();
    wait("the mistake is told", || {
        std::fs::read_to_string(place.path("serve.log")).unwrap().contains("nonsense")
    });
    assert!(server.target("defradb").is_some(), "a mistake changes nothing");
    place.write("bookstate.toml", "");
    server.hang_up();
    wait("it is gone", || server.target("defradb").is_none());
}

#[test]
fn a_target_that_is_added_catches_up_while_a_job_runs() {
    let place = Place::with(&small().made);
    let names: Vec<String> = (1..=20).map(|n| format!("{n}.txt")).collect();
    for name in &names {
        place.write(name, format!("BOOK {name}\n\nCHAPTER 1\n\nIt was a dark night.\n"));
    }
    place.ok(&format!("process {}", names.join(" ")));
    let node = Node::throwaway().unwrap();
    configure(&place, &node.url());
    assert!(lag(&place, "defradb").0 > 20);
    let ended = place.ok(PROCESS);
    assert_eq!(ended.json()["status"], "complete", "{ended:?}");
    assert!(!ended.err.contains("warning"), "{ended:?}");
    is_equal(&place, node.client(), "defradb");
    assert_eq!(place.tables().count("Book"), 21);
}
