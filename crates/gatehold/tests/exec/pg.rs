//! Statements that the gate executes one after the other, each a request of its own.

use std::process::Command;

use crate::gate::Gate;
use crate::seat::Running;

fn command(gate: &Gate, sql: &str, more: &[&str]) -> Command {
    let asked = [
        "exec",
        "pg",
        "--purpose",
        "repair order 7",
        "--dialect",
        "sqlite",
    ];
    let what = [
        "--target",
        "sql:shop",
        "--resource",
        "shop/orders",
        "--cap",
        "rows=1",
    ];
    let said = ["--rollback", "set it back", "-c", sql];
    gate.command(&[&asked[..], &what, &said, more].concat())
}

const TEXT: &str = "SELECT status AS was FROM orders WHERE id = 7; -- one; and\n\
    UPDATE orders SET status = 'paid;' WHERE id = 7;\n\
    SELECT status AS later FROM orders WHERE id = 7;";

#[test]
fn m099_each_statement_is_a_request_of_its_own_and_waits_for_people_where_policy_holds_it() {
    let gate = Gate::start();
    let mut running = Running::start(command(&gate, TEXT, &["--csv"]));
    let request = running.request();
    // What stands before it was done, and what stands behind it was not asked for.
    running.says("was\n");
    let shown = gate.json(&["show", &request, "--as", "reviewer"]);
    assert_eq!(shown["envelope"]["payload"]["size"], 59, "{shown}");
    gate.approved(&request);
    let said = running.says("later\npaid;\n");
    assert!(said.starts_with("was\n"), "{said}");
    let (code, said) = running.ended();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("3 statements: all executed"), "{said}");
}

#[test]
fn the_first_that_is_denied_ends_it_and_what_was_done_is_said() {
    let gate = Gate::start();
    let mut running = Running::start(command(&gate, TEXT, &[]));
    let request = running.request();
    let denied = gate.run(&[
        "deny",
        &request,
        "--reason",
        "too_broad",
        "--as",
        "reviewer",
    ]);
    assert!(denied.status.success(), "{denied:?}");
    let (code, said) = running.ended();
    assert_eq!(code, 3, "{said}");
    let wanted = "3 statements: ended at statement 2; the one before it was executed, and stays so; \
        the one behind it was not asked for";
    assert!(said.contains(wanted), "{said}");
}

#[test]
fn what_cannot_be_split_or_spans_statements_is_refused_before_anything_is_asked() {
    let gate = Gate::start();
    for (sql, wanted) in [
        (
            "SELECT 1; BEGIN; DELETE FROM orders; COMMIT",
            "statement 2 (BEGIN)",
        ),
        (
            "DELETE FROM orders WHERE status = 'a",
            "a quoted text is never closed",
        ),
        ("SELECT 1; nonsense here", "statement 2 is none"),
        ("  ", "there is no SQL statement"),
    ] {
        let output = command(&gate, sql, &[]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains("nothing was asked for: ") && said.contains(wanted),
            "{said}"
        );
    }
    let inbox = gate.json(&["inbox", "--as", "reviewer"]);
    assert_eq!(inbox["items"].as_array().unwrap().len(), 0, "{inbox}");
}
