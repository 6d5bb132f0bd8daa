//! D8, D12: people have a part of a record erased through the command line; the file forgets it and the ledger verifies.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use std::path::Path;

use gate::Gate;
use serde_json::Value;

const CANARY: &str = "canary-of-the-payload";

fn part<'a>(parts: &'a Value, name: &str) -> &'a Value {
    let found = parts.as_array().unwrap().iter();
    let mut found = found.filter(|part| part["name"] == name);
    found.next().unwrap_or_else(|| panic!("{name}: {parts}"))
}

fn says_canary(home: &Path) -> bool {
    let files = std::fs::read_dir(home).unwrap().map(Result::unwrap);
    let files = files.filter(|file| file.file_name().to_string_lossy().starts_with("gate"));
    let mut bytes = files.map(|file| std::fs::read(file.path()).unwrap_or_default());
    bytes.any(|bytes| {
        bytes
            .windows(CANARY.len())
            .any(|part| part == CANARY.as_bytes())
    })
}

fn change(gate: &Gate, arguments: &[&str]) -> String {
    let asked = gate.json(arguments);
    let request = asked["request"]
        .as_str()
        .unwrap_or_else(|| panic!("{asked}"));
    for person in ["reviewer", "second"] {
        let answers = gate.answers(request, person);
        let output = gate.run(&gate::approve(request, person, &answers));
        assert!(output.status.success(), "{output:?}");
    }
    request.to_owned()
}

#[test]
fn d12_two_people_have_a_payload_erased_and_the_ledger_verifies() {
    let gate = Gate::start();
    let write = format!("UPDATE orders SET status = 'retry' WHERE id = 7 -- {CANARY}");
    let request = gate.held(&write);
    let list = ["record", "list", &request];
    let parts = gate.json(&list);
    let leaf = part(&parts, "payload")["leaf"].to_string();
    let erase = |name: &str| -> Vec<String> {
        let words = ["record", "erase", &leaf, name, "--as", "owner"];
        words.map(ToOwned::to_owned).to_vec()
    };
    let erasing = |name: &str| {
        let words = erase(name);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        change(&gate, &words)
    };

    let live = erase("payload");
    let live: Vec<&str> = live.iter().map(String::as_str).collect();
    let live = gate.run(&live);
    let told = String::from_utf8(live.stderr).unwrap();
    assert!(told.contains("is held and still needs `payload`"), "{told}");
    let denied = gate.run(&[
        "deny",
        &request,
        "--reason",
        "too_broad",
        "--as",
        "reviewer",
    ]);
    assert!(denied.status.success(), "{denied:?}");
    assert!(says_canary(&gate.home));

    let by = erasing("payload");
    erasing("display");
    let parts = gate.json(&list);
    for name in ["payload", "body", "display"] {
        assert!(part(&parts, name)["erased_by"].is_u64(), "{name}: {parts}");
    }
    assert!(part(&parts, "claims")["erased_by"].is_null());
    assert!(!says_canary(&gate.home));

    let verified = gate.run(&["audit", "verify"]);
    let told = String::from_utf8(verified.stdout).unwrap();
    assert!(verified.status.success(), "{told}");
    let said = format!(
        "`payload` was erased by leaf {}",
        part(&parts, "payload")["erased_by"]
    );
    assert!(told.contains(&said), "{said}\n{told}");
    for about in [&request, &by] {
        let file = gate.home.join(format!("{about}.dossier"));
        let file = file.to_str().unwrap();
        let wrote = gate.run(&["audit", "dossier", about, "--out", file]);
        assert!(wrote.status.success(), "{wrote:?}");
        let explained = gate.run(&["audit", "explain", file]);
        assert!(explained.status.success(), "{explained:?}");
    }
    let again = erase("payload");
    let again: Vec<&str> = again.iter().map(String::as_str).collect();
    let again = gate.run(&again);
    let told = String::from_utf8(again.stderr).unwrap();
    assert!(told.contains("is erased already"), "{told}");
}
