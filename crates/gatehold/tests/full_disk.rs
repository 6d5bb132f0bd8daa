//! Threat D6 on a real process: the system refuses every byte more. Nothing is decided, revocations are kept, and once there
//! is room again they are in the ledger.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may panic"
)]

mod gate;
#[path = "../../audit/tests/share/mod.rs"]
mod share;

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

/// Puts the store into a folder of its own, over which a namespace of the gate can mount something. Nothing, and a word about
/// it, where this machine does not let a test do that.
fn apart() -> Option<Gate> {
    let mounts = ["-rm", "sh", "-c", "mount -t tmpfs -o size=1m none /mnt"];
    let may = Command::new("unshare").args(mounts).output();
    if !may.is_ok_and(|may| may.status.success()) {
        let refused = "this machine lets no test mount a file system in a namespace";
        // The nightly run tries it, or says that it did not.
        assert_eq!(share::count(0, 1), 0, "{refused}");
        eprintln!("not run: {refused}");
        return None;
    }
    let mut gate = Gate::start();
    gate.terminate();
    assert!(gate.ended());
    let (small, aside) = (gate.home.join("small"), gate.home.join("aside"));
    std::fs::create_dir(&small).unwrap();
    std::fs::create_dir(&aside).unwrap();
    for entry in std::fs::read_dir(&gate.home).unwrap() {
        let entry = entry.unwrap();
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with("gatehold.db")
        {
            std::fs::rename(entry.path(), aside.join(entry.file_name())).unwrap();
        }
    }
    let config = gate.home.join("gatehold.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let moved = text.replace("\"gatehold.db\"", "\"small/gatehold.db\"");
    assert_ne!(text, moved);
    std::fs::write(&config, moved).unwrap();
    Some(gate)
}

/// Waits for the operators' listener to say it.
fn until_ready_is(gate: &Gate, expected: u16) -> String {
    loop {
        let (status, text) = gate.operations("/readyz");
        if status == expected {
            return text;
        }
        std::thread::yield_now();
    }
}

#[test]
fn d06_on_a_file_system_without_room_a_gate_is_not_ready_and_keeps_revoking() {
    let Some(mut gate) = apart() else { return };
    gate.start_among(
        "mount -t tmpfs -o size=24m none \"$0/small\"; cp \"$0\"/aside/* \"$0/small/\"",
    );
    let request = gate.held("UPDATE orders SET status = 'retry' WHERE id = 7");
    gate.approved(&request);
    assert_eq!(gate.operations("/readyz").0, 200);
    // To the last byte. Nobody has asked for anything yet, and the gate says so by itself.
    gate.inside("cat /dev/zero > \"$0/small/filler\" 2> /dev/null || true");
    let text = until_ready_is(&gate, 503);
    assert!(text.contains("unavailable"), "{text}");
    assert_eq!(gate.metric("gatehold_journal_waiting"), Some(0.0));
    // No room for a byte does not mean none inside of the database; whatever is not told as stored is kept.
    let revoked = gate.run(&["revoke", &request, "--as", "reviewer"]);
    assert!(revoked.status.success(), "{revoked:?}");
    assert!(!gate.run(&["request", "redeem", &request]).status.success());
    assert_eq!(gate.operations("/readyz").0, 503);
    gate.inside("rm \"$0/small/filler\"");
    until_ready_is(&gate, 200);
    assert_eq!(gate.metric("gatehold_journal_waiting"), Some(0.0));
    let shown = gate.json(&["request", "show", &request]);
    assert_eq!(shown["state"], "revoked", "{shown}");
    assert!(!gate.run(&["request", "redeem", &request]).status.success());
}

#[test]
fn d06_on_a_read_only_file_system_a_gate_says_so_and_does_not_start() {
    let Some(mut gate) = apart() else { return };
    // A file system on which the database may not be written at all: the gate says so and does not start.
    let config = gate.home.join("gatehold.toml");
    let mounts = "mount -t tmpfs none \"$0/small\"; cp \"$0\"/aside/* \"$0/small/\"; \
                  mount -o remount,ro \"$0/small\"";
    let serve = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c"])
        .arg(format!("set -e; {mounts}; exec \"$@\""))
        .arg(&gate.home)
        .args([env!("CARGO_BIN_EXE_gatehold"), "serve", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    let said = told(&serve);
    assert_eq!(serve.status.code(), Some(1), "{said}");
    assert!(said.contains("next:") || said.contains("try:"), "{said}");
    // Where it may, the same gate goes on.
    gate.start_among("mount -t tmpfs none \"$0/small\"; cp \"$0\"/aside/* \"$0/small/\"");
    assert_eq!(gate.operations("/readyz").0, 200);
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
