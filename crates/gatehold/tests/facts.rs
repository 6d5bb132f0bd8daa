//! Look-ups of a real gate at a real tracker over HTTP: what a workload claims of an incident is looked up, shown as it is found, and
//! never makes anything easier while it is not.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use std::net::TcpListener;

use gate::{Gate, get, read, say};
use serde_json::Value;

const INCIDENT: &str = "Open incident that names the resource";
const CHANGE: &str = "Approved change that names the resource";

/// Asks for a repair of order 7 with these claims; gives the request.
fn repair(gate: &Gate, claims: &[&str]) -> String {
    let task = gate.json(&["task", "start", "--purpose", "order 7 is stuck"]);
    let task = task["task"].as_str().unwrap().to_owned();
    let mut arguments = vec!["request", "create", "--task", &task];
    arguments.extend(["--descriptor", "sql.repair", "--target", "sql:shop"]);
    arguments.extend(["--resource", "shop/orders", "--cap", "rows=1"]);
    arguments.extend(["--rollback", "set it back", "--payload"]);
    arguments.push("UPDATE orders SET status = 'retry' WHERE id = 7");
    for claim in claims {
        arguments.extend(["--claim", claim]);
    }
    let held = gate.json(&arguments);
    held["request"].as_str().unwrap().to_owned()
}

/// What the reviewer is shown of a request.
fn view(gate: &Gate, request: &str) -> Value {
    gate.json(&["show", request, "--as", "reviewer"])["view"].take()
}

/// `verified yes: INC-7`, `refuted no: …` or `unknown why`.
fn fact(view: &Value, label: &str) -> String {
    let facts = view["facts"].as_array().unwrap();
    let fact = facts.iter().find(|fact| fact["label"] == label).unwrap();
    let text = |name: &str| fact[name].as_str().unwrap();
    match (text("source"), fact["refuted"] == true) {
        ("unknown", false) => format!("unknown {}", text("from")),
        ("verified", refuted) => {
            assert!(text("from").starts_with("look-up `lookup."), "{fact}");
            let word = if refuted { "refuted" } else { "verified" };
            format!("{word} {}", text("value"))
        }
        other => panic!("{other:?}: {fact}"),
    }
}

/// Whether somebody must answer for the need itself.
fn unproven(view: &Value) -> bool {
    let checkpoints = view["checkpoints"].as_array().unwrap();
    checkpoints.iter().any(|one| one[0] == "unproven-need")
}

/// A repair with these claims is shown so, and is as risky as it would be without any. It is withdrawn again: a workload has few
/// that wait.
fn shown(gate: &Gate, claims: &[&str]) -> Value {
    let request = repair(gate, claims);
    let view = view(gate, &request);
    for claim in claims {
        let (name, text) = claim.split_once('=').unwrap();
        let facts = view["facts"].as_array().unwrap();
        let claimed = |fact: &&Value| fact["label"] == name && fact["source"] == "claimed";
        assert_eq!(facts.iter().find(claimed).unwrap()["value"], text);
    }
    assert_eq!(view["tier"]["tier"], "red", "{claims:?}");
    gate.json(&["request", "withdraw", &request]);
    view
}

/// Has the gate ask somewhere else for incidents, from its next start on.
fn ask_elsewhere(gate: &mut Gate, port: u16, more: &str) {
    gate.kill();
    let text = read(&gate.home, "lookups.toml");
    let line = |line: &str| {
        if line.contains("{claim.incident}") && line.starts_with("url") {
            format!("url = \"http://127.0.0.1:{port}/incidents/{{claim.incident}}\"\n{more}\n")
        } else {
            format!("{line}\n")
        }
    };
    let text: String = text.lines().map(line).collect();
    std::fs::write(gate.home.join("lookups.toml"), text).unwrap();
    gate.start_again();
}

fn doctor(gate: &Gate) -> String {
    let output = gate.run(&["doctor"]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn m007_what_is_claimed_of_an_incident_is_looked_up_and_counts_as_it_is_found() {
    let gate = Gate::start();
    for (claims, incident, change, open) in [
        (
            &["incident=INC-7"][..],
            "verified yes: INC-7",
            "unknown look-up `lookup.change`: the requester claims no `change`",
            false,
        ),
        (
            &["change=CHG-12"],
            "unknown look-up `lookup.incident`: the requester claims no `incident`",
            "verified yes: CHG-12",
            false,
        ),
        (
            &["incident=INC-6", "change=CHG-13"],
            "refuted no: INC-6; `/state` is another",
            "refuted no: CHG-13; `/state` is another",
            true,
        ),
        (
            &["incident=INC-999"],
            "unknown look-up `lookup.incident`: it answered 404",
            "unknown look-up `lookup.change`: the requester claims no `change`",
            true,
        ),
        // What is said beside it does not make it true.
        (
            &["incident=INC-6", "state=open", "verified=yes"],
            "refuted no: INC-6; `/state` is another",
            "unknown look-up `lookup.change`: the requester claims no `change`",
            true,
        ),
        (
            &[],
            "unknown look-up `lookup.incident`: the requester claims no `incident`",
            "unknown look-up `lookup.change`: the requester claims no `change`",
            true,
        ),
    ] {
        let view = shown(&gate, claims);
        assert_eq!(fact(&view, INCIDENT), incident, "{claims:?}");
        assert_eq!(fact(&view, CHANGE), change, "{claims:?}");
        assert_eq!(unproven(&view), open, "{claims:?}");
    }
    // One that is open and is about something else.
    let other = ["incident", "INC-8", "open", "--resource", "shop/customers"];
    gate.json(&[&["dev", "tracker", "set"][..], &other].concat());
    let view = shown(&gate, &["incident=INC-8"]);
    let names = "refuted no: INC-8; `/resources` does not name this resource";
    assert_eq!(fact(&view, INCIDENT), names);
    assert!(unproven(&view));
}

#[test]
fn m007_an_incident_that_is_closed_meanwhile_is_seen_on_the_page_and_before_anything_is_let_out() {
    let gate = Gate::start();
    let is = |state: &str| {
        let entry = gate.json(&["dev", "tracker", "set", "incident", "INC-7", state]);
        assert_eq!(entry["state"], state);
        assert_eq!(entry["resources"][0], "shop/orders");
    };
    let status = || {
        let shop = rusqlite::Connection::open(gate.home.join("shop.db")).unwrap();
        let order = "SELECT status FROM orders WHERE id = 7";
        shop.query_row(order, (), |row| row.get::<_, String>(0))
            .unwrap()
    };
    let request = repair(&gate, &["incident=INC-7"]);
    assert_eq!(
        fact(&view(&gate, &request), INCIDENT),
        "verified yes: INC-7"
    );
    is("closed");
    let closed = "refuted no: INC-7; `/state` is another";
    assert_eq!(fact(&view(&gate, &request), INCIDENT), closed);
    is("open");
    gate.approved(&request);
    is("closed");
    let redeemed = gate.run(&["request", "redeem", &request]);
    assert_eq!(redeemed.status.code(), Some(5), "{redeemed:?}");
    assert_eq!(status(), "failed");
    // It waits again, at one checkpoint more; approved with that, it may go on.
    assert!(unproven(&view(&gate, &request)));
    gate.approved(&request);
    let redeemed = gate.run(&["request", "redeem", &request]);
    assert!(redeemed.status.success(), "{redeemed:?}");
    assert_eq!(status(), "retry");
}

#[test]
fn m007_a_tracker_that_is_gone_slow_or_strange_is_unknown_and_makes_nothing_easier() {
    let mut gate = Gate::start();
    let said = doctor(&gate);
    let answers = "facts: look-up `lookup.incident` answers (404 about a number of nobody's)";
    assert!(said.contains(answers), "{said}");

    // Nobody is there.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = gone.local_addr().unwrap().port();
    drop(gone);
    ask_elsewhere(&mut gate, port, "");
    let view = shown(&gate, &["incident=INC-7"]);
    let told = fact(&view, INCIDENT);
    assert!(
        told.starts_with("unknown look-up `lookup.incident`: "),
        "{told}"
    );
    assert!(unproven(&view));
    let said = doctor(&gate);
    let unknown = "facts: what look-up `lookup.incident` would say is UNKNOWN: ";
    assert!(said.contains(unknown), "{said}");
    assert!(
        said.contains("facts: look-up `lookup.change` answers"),
        "{said}"
    );
    // What another tracker knows counts all the same.
    let view = shown(&gate, &["incident=INC-7", "change=CHG-12"]);
    assert_eq!(fact(&view, CHANGE), "verified yes: CHG-12");
    assert!(!unproven(&view));

    // Somebody takes the call and never answers.
    let slow = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = slow.local_addr().unwrap().port();
    ask_elsewhere(&mut gate, port, "timeout_seconds = 1");
    let view = shown(&gate, &["incident=INC-7"]);
    let told = fact(&view, INCIDENT);
    assert!(
        told.starts_with("unknown look-up `lookup.incident`: "),
        "{told}"
    );
    assert!(unproven(&view));
    assert!(doctor(&gate).contains(unknown));
}

#[test]
fn the_development_tracker_takes_forms_of_its_own_page_alone() {
    let gate = Gate::start();
    let lookups = read(&gate.home, "lookups.toml");
    let url = lookups
        .lines()
        .find(|line| line.starts_with("url"))
        .unwrap();
    let address = url.split('/').nth(2).unwrap();
    let (status, page) = get(address, "/");
    assert_eq!(status, 200);
    assert!(
        page.contains("Development tracker") && page.contains("INC-7"),
        "{page}"
    );
    let (status, entry) = get(address, "/dev-tracker/incidents/INC-7");
    let entry: Value = serde_json::from_str(&entry).unwrap();
    assert_eq!((status, entry["state"].as_str()), (200, Some("open")));
    assert_eq!(entry["source"], "the development tracker");
    for strange in ["incidents/INC-999", "weather/INC-7", "changes/INC-7"] {
        assert_eq!(get(address, &format!("/dev-tracker/{strange}")).0, 404);
    }
    let post = |host: &str, more: &str| {
        let body = "kind=incident&id=INC-7&state=closed";
        let head = format!(
            "POST /entries HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n\
             content-type: application/x-www-form-urlencoded\r\n{more}\r\n{body}",
            body.len()
        );
        say(address, head.as_bytes()).0
    };
    for from in [
        "",
        "sec-fetch-site: cross-site\r\n",
        "origin: https://evil.example\r\n",
    ] {
        assert_eq!(post(address, from), 403, "{from}");
    }
    assert_eq!(post("evil.example", "sec-fetch-site: same-origin\r\n"), 421);
    let listed = gate.json(&["dev", "tracker", "list"]);
    let all = listed.as_array().unwrap();
    let stands = |id: &str| all.iter().find(|one| one["id"] == id).unwrap()["state"].clone();
    assert_eq!(stands("INC-7"), "open");
    assert_eq!(post(address, "sec-fetch-site: same-origin\r\n"), 303);
    let (_, entry) = get(address, "/dev-tracker/incidents/INC-7");
    assert!(entry.contains("\"closed\""), "{entry}");
    for wrong in [
        ["incident", "INC-7", "approved"],
        ["weather", "INC-7", "open"],
        ["incident", "INC/7", "open"],
    ] {
        let output = gate.run(&[&["dev", "tracker", "set"][..], &wrong].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
}
