//! Threat A23 on a real process: people approve a change of the world they saw. If it is another one by the time of use, the
//! gate refuses, nothing changes at the target, and the ledger says why.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use gate::{Gate, read};
use rusqlite::Connection;
use serde_json::Value;

const REPAIR: &str = "UPDATE orders SET status = 'retry' WHERE status = 'failed'";

/// The shop, past the gate.
fn shop(gate: &Gate) -> Connection {
    Connection::open(gate.home.join("shop.db")).unwrap()
}

fn orders(gate: &Gate) -> Vec<(i64, String)> {
    let shop = shop(gate);
    let mut rows = shop
        .prepare("SELECT id, status FROM orders ORDER BY id")
        .unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

/// Asks for the repair of exactly one failed order, and has people approve it.
fn approved(gate: &Gate) -> String {
    let task = gate.json(&["task", "start", "--purpose", "repair"]);
    let task = task["task"].as_str().unwrap();
    let mut arguments = vec!["request", "create", "--task", task];
    arguments.extend(["--descriptor", "sql.write", "--target", "sql:shop"]);
    arguments.extend(["--resource", "shop/orders", "--cap", "rows=5"]);
    arguments.extend(["--precondition", "rows=1"]);
    arguments.extend(["--rollback", "set it back", "--payload", REPAIR]);
    let held = gate.json(&arguments);
    let request = held["request"].as_str().unwrap_or_else(|| panic!("{held}"));
    let shown = gate.run(&["show", request, "--as", "reviewer"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    let named = |line: &str| line.contains("precondition") && line.contains("rows=1");
    assert!(shown.lines().any(named), "people see it\n{shown}");
    gate.approved(request);
    request.to_owned()
}

/// The outcomes that the ledger tells of a request, in order.
fn told(gate: &Gate, request: &str) -> Vec<(String, Value)> {
    let out = gate.home.join("told.export");
    let out = out.to_str().unwrap();
    let _old = std::fs::remove_file(out);
    let wrote = gate.run(&["audit", "export", "--out", out]);
    assert!(wrote.status.success(), "{wrote:?}");
    let lines = read(&gate.home, "told.export");
    let lines = lines.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let record = line["leaf"]["record"].as_str().unwrap_or("{}");
        serde_json::from_str::<Value>(record).unwrap()
    });
    lines
        .filter(|record| record["request"] == request && record["event"]["executed"].is_object())
        .map(|record| {
            let outcome = &record["event"]["executed"]["outcome"];
            let code = outcome["code"].as_str().unwrap().to_owned();
            (code, record["to"].clone())
        })
        .collect()
}

#[test]
fn a23_what_was_approved_for_another_world_changes_nothing() {
    let gate = Gate::start();
    for change in [
        "UPDATE orders SET status = 'failed' WHERE id = 3",
        "UPDATE orders SET status = 'paid' WHERE status = 'failed'",
    ] {
        let request = approved(&gate);
        shop(&gate).execute(change, []).unwrap();
        let before = orders(&gate);
        let refused = gate.run(&["request", "redeem", &request, "-o", "json"]);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let answer: Value = serde_json::from_slice(&refused.stdout).unwrap();
        assert_eq!(answer["result"]["code"], "precondition", "{answer}");
        assert_eq!(answer["status"]["state"], "failed", "{answer}");
        assert_eq!(orders(&gate), before, "{change}");
        assert_eq!(
            told(&gate, &request),
            [("precondition".to_owned(), Value::from("failed"))]
        );
        // It is spent: the world as it was does not bring it back.
        shop(&gate)
            .execute("UPDATE orders SET status = 'paid' WHERE id = 3", [])
            .unwrap();
        shop(&gate)
            .execute("UPDATE orders SET status = 'failed' WHERE id = 7", [])
            .unwrap();
        let before = orders(&gate);
        let again = gate.run(&["request", "redeem", &request]);
        assert_eq!(again.status.code(), Some(2), "{again:?}");
        let said = String::from_utf8(again.stderr).unwrap();
        assert!(said.contains("the request is failed"), "{said}");
        assert_eq!(orders(&gate), before);
        assert_eq!(told(&gate, &request).len(), 1);
    }

    let request = approved(&gate);
    let mut expected = orders(&gate);
    let done = gate.json(&["request", "redeem", &request]);
    assert_eq!(done["status"]["state"], "completed", "{done}");
    let failed = expected.iter_mut().find(|(_, status)| status == "failed");
    failed.unwrap().1 = "retry".to_owned();
    assert_eq!(orders(&gate), expected);
    assert_eq!(
        told(&gate, &request),
        [("ok".to_owned(), Value::from("completed"))]
    );
    let verified = gate.run(&["audit", "verify"]);
    assert!(verified.status.success(), "{verified:?}");
}
