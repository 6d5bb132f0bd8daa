//! What was stopped goes on when two people say so, and not before; and what a command says about it is what happened.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use std::io::{BufRead as _, BufReader};
use std::process::Child;

use gate::{Gate, write};

const RETRY: &str = "UPDATE orders SET status = 'retry' WHERE id = 7";

/// Starts a command that waits for a decision; gives it, and the request it waits for.
fn waiting(gate: &Gate, arguments: &[&str]) -> (Child, String) {
    let how = ["--reason", "it is over", "--as", "owner", "--wait"];
    let arguments: Vec<&str> = arguments.iter().copied().chain(how).collect();
    let mut child = gate.command(&arguments).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let held = lines.find_map(|line| line.unwrap().split("req_").nth(1).map(ToOwned::to_owned));
    let id = held.unwrap();
    let id = id.split_whitespace().next().unwrap();
    (child, format!("req_{id}"))
}

fn approves(gate: &Gate, request: &str, person: &str) -> String {
    let yes = gate.answers(request, person);
    let output = gate.run(&gate::approve(request, person, &yes));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn ids(gate: &Gate, person: &str) -> String {
    let output = gate.run(&["inbox", "--as", person, "-o", "id"]);
    String::from_utf8(output.stdout).unwrap()
}

/// Two people let it go on; one alone does not.
fn goes_on(gate: &Gate, ask: &[&str]) {
    let (mut child, request) = waiting(gate, ask);
    assert!(ids(gate, "reviewer").contains(&request));
    let told = approves(gate, &request, "reviewer");
    assert!(
        told.contains("recorded; it is decided when enough"),
        "{told}"
    );
    let state = gate.json(&["request", "show", &request, "--as", "owner"]);
    assert_eq!(state["state"], "held", "one person is not enough: {state}");

    assert!(!ids(gate, "reviewer").contains(&request), "signed already");
    let inbox = gate.run(&["inbox", "--as", "reviewer"]);
    let inbox = String::from_utf8(inbox.stdout).unwrap();
    assert!(inbox.contains("others, you signed"), "{inbox}");
    assert!(!inbox.contains("next: "), "{inbox}");
    assert!(!ids(gate, "owner").contains(&request), "they asked for it");

    let told = approves(gate, &request, "second");
    assert!(told.contains("decided: allowed"), "{told}");
    assert!(child.wait().unwrap().success());
    let state = gate.json(&["request", "show", &request, "--as", "owner"]);
    assert_eq!(state["state"], "completed", "{state}");
}

fn is_stopped(gate: &Gate) {
    let task = gate.json(&["task", "start", "--purpose", "repair"]);
    let asked = gate.run(&write(task["task"].as_str().unwrap_or("none"), RETRY));
    let code = asked.status.code();
    assert!(code != Some(5) && code != Some(0), "{asked:?}");
}

fn works(gate: &Gate) {
    let request = gate.held(RETRY);
    gate.approved(&request);
    let redeemed = gate.run(&["request", "redeem", &request]);
    assert!(redeemed.status.success(), "{redeemed:?}");
}

#[test]
fn a_lockdown_is_lifted_by_two_people() {
    let gate = Gate::start();
    let down = gate.run(&["lockdown", "--reason", "odd", "--as", "reviewer"]);
    assert!(down.status.success(), "{down:?}");
    is_stopped(&gate);
    goes_on(&gate, &["stops", "lift", "--everything"]);
    works(&gate);
}

#[test]
fn a_workload_that_was_reported_goes_on_by_two_people() {
    let gate = Gate::start();
    let odd = gate.held(RETRY);
    let reported = gate.run(&["suspicious", &odd, "--as", "reviewer"]);
    assert!(reported.status.success(), "{reported:?}");
    is_stopped(&gate);
    goes_on(&gate, &["workload", "resume", "deploy-bot"]);
    works(&gate);
}

#[test]
fn a_stop_of_a_name_that_nobody_has_says_so() {
    let gate = Gate::start();
    for (name, unknown) in [("deploy_bot", true), ("deploy-bot", false)] {
        let stop = [
            "stop", "workload", name, "--reason", "odd", "--as", "reviewer",
        ];
        let output = gate.run(&stop);
        assert!(output.status.success(), "{output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        let said = told.contains("no workload of this name is enrolled");
        assert_eq!(said, unknown, "{name}: {told}");
    }
}

#[test]
fn narrowing_nothing_signs_nothing() {
    let gate = Gate::start();
    let request = gate.held(RETRY);
    let output = gate.run(&["narrow", &request, "--as", "reviewer"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("nothing is narrowed"), "{told}");
}

#[test]
fn an_explanation_says_first_whether_it_can_be_relied_on() {
    let gate = Gate::start();
    let request = gate.held(RETRY);
    gate.approved(&request);
    let file = gate.home.join("one.dossier").display().to_string();
    let wrote = gate.run(&["audit", "dossier", &request, "--out", &file]);
    assert!(wrote.status.success(), "{wrote:?}");
    let explain = |root: &str| {
        let mut arguments = vec!["audit", "explain", &file];
        if !root.is_empty() {
            arguments.extend(["--root", root]);
        }
        let output = gate.run(&arguments);
        let page = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), page)
    };
    let (code, page) = explain("");
    assert_eq!(code, Some(0), "{page}");
    assert!(page.starts_with("VERIFIED\nroot NOT pinned"), "{page}");

    let report = gate.json(&["audit", "explain", &file]);
    let (code, page) = explain(report["root"]["statement"].as_str().unwrap());
    assert_eq!(code, Some(0), "{page}");
    assert!(page.starts_with("VERIFIED\nreq_"), "{page}");

    let (code, page) = explain(&format!("sha256:{}", "0".repeat(64)));
    assert_eq!(code, Some(7), "{page}");
    assert!(page.starts_with("NOT VERIFIED. Do not rely"), "{page}");
    assert!(page.lines().nth(1).unwrap().starts_with("  "), "{page}");
}
