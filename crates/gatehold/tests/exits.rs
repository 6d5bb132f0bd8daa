//! The exit codes of what can be used, may not be used, or was used, as the reference lists them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use gate::Gate;

const WRITE: &str = "UPDATE orders SET status = 'retry' WHERE id = 7";

fn exits(gate: &Gate, code: i32, arguments: &[&str]) -> String {
    let output = gate.run(arguments);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {output:?}"
    );
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
fn redeeming_says_where_the_request_stands() {
    let gate = Gate::start();
    let redeem = |code, request: &str| exits(&gate, code, &["request", "redeem", request]);
    let held = gate.held(WRITE);
    let told = redeem(5, &held);
    assert!(told.contains("--wait"), "{told}");
    let deny = ["deny", &held, "--reason", "too_broad", "--as", "reviewer"];
    exits(&gate, 0, &deny);
    redeem(3, &held);

    let withdrawn = gate.held(WRITE);
    exits(&gate, 0, &["request", "withdraw", &withdrawn]);
    redeem(3, &withdrawn);

    let revoked = gate.held(WRITE);
    gate.approved(&revoked);
    exits(&gate, 0, &["revoke", &revoked, "--as", "reviewer"]);
    redeem(3, &revoked);

    let used = gate.held(WRITE);
    gate.approved(&used);
    redeem(0, &used);
    redeem(2, &used);
    exits(&gate, 0, &["request", "show", &used]);
}
