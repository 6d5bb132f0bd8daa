//! What is said when no gate answers: what is wrong in one line, what to try in another, and neither twice.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use gate::Gate;

#[test]
fn a_gate_that_does_not_run_is_one_line_and_one_command() {
    let mut gate = Gate::start();
    gate.terminate();
    assert!(gate.ended());
    let output = gate.run(&["inbox", "--as", "reviewer"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    let refused = "error: cannot connect to the gate: Connection refused";
    assert!(lines[0].starts_with(refused), "{said}");
    assert_eq!(
        lines[1],
        "try:   start a gate with `gatehold dev` or `gatehold serve`, or name one with --url"
    );
}

#[test]
fn a_refusal_is_said_once() {
    let gate = Gate::start();
    let unknown = "req_00000000000000000000000000000000";
    let output = gate.run(&["show", unknown, "--as", "reviewer"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: there is no such request for this key\n\
         try:   Check the id, and ask with the key that submitted it: `gatehold request show REQUEST --key FILE`.\n"
    );
}
