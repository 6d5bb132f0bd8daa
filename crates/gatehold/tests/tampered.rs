//! Threat D9 as an operator meets it: somebody changed the database while no gate ran.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use gate::Gate;

#[test]
fn d09_the_doctor_names_the_row_that_somebody_changed() {
    let mut gate = Gate::start();
    let request = gate.held("UPDATE orders SET status = 'retry' WHERE id = 7");
    let config = gate.home.join("gatehold.toml");
    let arguments = ["doctor", "--config", config.to_str().unwrap(), "-o", "json"];
    let doctor = |gate: &Gate| {
        let output = gate.run(&arguments);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap();
        let bad: Vec<String> = findings
            .iter()
            .filter(|found| found["level"] == "bad")
            .map(|found| found["what"].as_str().unwrap().to_owned())
            .collect();
        (output.status.code(), bad)
    };
    assert_eq!(doctor(&gate), (Some(0), Vec::new()));
    gate.terminate();
    assert!(gate.ended());
    let database = rusqlite::Connection::open(gate.home.join("gatehold.db")).unwrap();
    let statement = format!(
        "UPDATE state_row SET body = CAST(replace(CAST(body AS TEXT), '\"held\"', '\"allowed\"') AS BLOB) WHERE id = '{request}'"
    );
    assert_eq!(database.execute(&statement, []).unwrap(), 1);
    drop(database);
    let (code, bad) = doctor(&gate);
    assert_eq!(code, Some(7), "something does not verify");
    let named = bad.iter().find(|what| what.contains(&request)).unwrap();
    assert!(
        named.contains("not used") && named.contains("put back"),
        "{named}"
    );
}
