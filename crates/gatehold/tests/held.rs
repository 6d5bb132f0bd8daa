//! Whoever is held is told why in words, and what to add: at the submission, and whenever they look again.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use gate::Gate;

#[test]
fn a_read_without_a_cap_is_told_that_this_is_why_it_waits() {
    let gate = Gate::start();
    let task = gate.json(&["task", "start", "--purpose", "look"]);
    let task = task["task"].as_str().unwrap();
    let mut read = vec!["request", "create", "--task", task];
    read.extend(["--descriptor", "sql.read", "--target", "sql:shop"]);
    read.extend(["--resource", "shop/orders"]);
    read.extend(["--payload", "SELECT status FROM orders WHERE id = 7"]);
    let held = gate.run(&read);
    assert_eq!(held.status.code(), Some(5), "{held:?}");
    let held = String::from_utf8(held.stdout).unwrap();
    let why = "  No cap `rows` is given, so it may touch any number of rows: ask again with --cap rows=NUMBER. With --cap rows=1 nobody needs \
               to decide. (unknown:caps.rows)\n";
    let rule = "  Something that must be known is unknown: What must be known and is not is decided by a person \
                (checkpoint:context-missing)\n";
    for said in [why, rule] {
        assert!(held.contains(said), "{held}");
    }
    let request = held.split_whitespace().nth(1).unwrap();
    let again = gate.run(&["request", "show", request]);
    let again = String::from_utf8(again.stdout).unwrap();
    let page = gate.run(&["show", request, "--as", "reviewer"]);
    let page = String::from_utf8(page.stdout).unwrap();
    for said in [why, rule] {
        assert!(again.contains(said), "{again}");
        assert!(page.contains(said.trim()), "{page}");
    }
    // What was promised comes true.
    let passed = gate.run(&[&read[..], &["--cap", "rows=1"]].concat());
    assert_eq!(passed.status.code(), Some(0), "{passed:?}");
}
