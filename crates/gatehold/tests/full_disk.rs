//! Threat D6 on a real process: the system refuses every byte more. Nothing is decided, revocations are kept, and once there
//! is room again they are in the ledger.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use std::process::{Command, Output};

use gate::Gate;

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

fn doctor(gate: &Gate) -> String {
    let config = gate.home.join("gatehold.toml");
    told(&gate.run(&["doctor", "--config", config.to_str().unwrap()]))
}

fn journal(gate: &Gate) -> std::path::PathBuf {
    let folder = std::fs::read_dir(gate.home.join("anchors")).unwrap();
    let mut paths = folder.map(|entry| entry.unwrap().path());
    let is_it = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "journal");
    paths.find(is_it).unwrap()
}

#[test]
fn d06_on_a_full_disk_a_gate_keeps_revoking_and_says_so() {
    let mut gate = Gate::start();
    let request = gate.held("UPDATE orders SET status = 'retry' WHERE id = 7");
    gate.approved(&request);
    assert!(doctor(&gate).contains("nothing waits"));
    gate.terminate();
    assert!(gate.ended());
    // No file may grow beyond what the database has now; what was taken before stays.
    let size = std::fs::metadata(gate.home.join("gatehold.db"))
        .unwrap()
        .len();
    gate.start_with_files_up_to(size);
    let reason = "r".repeat(1_000);
    let mut stops = 0;
    while gate.metric("gatehold_journal_waiting") == Some(0.0) {
        stops += 1;
        let name = format!("archive/{stops}/");
        let arguments = [
            "stop", "resource", &name, "--reason", &reason, "--as", "reviewer",
        ];
        let output = gate.run(&arguments);
        assert!(output.status.success() && stops < 400, "{output:?}");
    }
    let revoked = gate.run(&["revoke", &request, "--as", "reviewer"]);
    assert!(revoked.status.success(), "{revoked:?}");
    assert!(told(&revoked).contains("revocation journal"), "{revoked:?}");
    let refused = gate.run(&["request", "redeem", &request]);
    assert!(!refused.status.success());
    assert!(told(&refused).contains("wait to be written"), "{refused:?}");
    let (status, text) = gate.operations("/readyz");
    assert!(status == 503 && text.contains("journal_waits"), "{text}");
    assert!(doctor(&gate).contains("wait in"), "{}", doctor(&gate));
    gate.terminate();
    gate.ended();

    gate.start_again();
    assert_eq!(gate.metric("gatehold_journal_waiting"), Some(0.0));
    assert_eq!(gate.operations("/readyz").0, 200);
    let shown = gate.json(&["request", "show", &request]);
    assert_eq!(shown["state"], "revoked", "{shown}");
    assert!(!gate.run(&["request", "redeem", &request]).status.success());
    let everything = gate.json(&[
        "stop", "resource", "x/", "--reason", "x", "--as", "reviewer",
    ]);
    assert!(
        everything
            .to_string()
            .contains(&format!("archive/{stops}/")),
        "{everything}"
    );
}

#[test]
fn d06_a_damaged_journal_keeps_the_gate_from_starting() {
    let mut gate = Gate::start();
    gate.terminate();
    assert!(gate.ended());
    let path = journal(&gate);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.first_mut().map(|byte| *byte = 1).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let config = gate.home.join("gatehold.toml");
    let serve = Command::new(env!("CARGO_BIN_EXE_gatehold"))
        .args(["serve", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    let said = told(&serve);
    assert_eq!(serve.status.code(), Some(7), "{said}");
    assert!(
        said.contains("entry 0") && said.contains("do those again"),
        "{said}"
    );
    assert!(doctor(&gate).contains("entry 0"));
    std::fs::remove_file(&path).unwrap();
    gate.start_again();
}
