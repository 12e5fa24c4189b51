//! A DefraDB node as a target: what the program says of one that is not there. What it does with one that is,
//! `tests/tests/defradb_system` says.

use crate::place::{Place, SMALL};

#[test]
fn a_token_is_asked_for_by_name_and_never_shown() {
    let place = Place::new();
    place.write_secret("secret", "s3cr3t\n");
    place.write("book.txt", SMALL);
    let target = "[targets.node]\nurl = \"http://127.0.0.1:1\"\n";
    place.write("bookstate.toml", format!("{target}token_file = \"secret\"\n"));
    let shown = place.ok("config show --json");
    assert!(shown.out.contains("token_file") && !shown.out.contains("s3cr3t"), "{shown:?}");
    let ended = place.ok("process book.txt");
    assert!(ended.err.contains("warning: target node lacks") && !ended.err.contains("s3cr3t"), "{ended:?}");
    place.write("bookstate.toml", format!("{target}token_env = \"NO_SUCH_VARIABLE\"\n"));
    place.run("process book.txt").fails(2, &["NO_SUCH_VARIABLE"]);
}
