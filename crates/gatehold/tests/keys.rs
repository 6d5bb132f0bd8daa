//! Keys of people through the command line: what they count as and why, and how a key loses its force at once.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use gate::Gate;
use serde_json::Value;

/// The keys of everybody, as somebody who is logged in sees them.
fn keys(gate: &Gate) -> Vec<(String, Vec<Value>)> {
    let people = gate.json(&["human", "list", "--as", "owner"]);
    let people = people["humans"].as_array().unwrap().iter();
    people
        .map(|person| {
            let name = person["human"].as_str().unwrap().to_owned();
            (name, person["keys"].as_array().unwrap().clone())
        })
        .collect()
}

fn of(gate: &Gate, name: &str) -> (String, Option<String>) {
    let all = keys(gate);
    let (human, keys) = all
        .iter()
        .find(|(human, _)| human.starts_with(name))
        .unwrap();
    let key = keys
        .first()
        .map(|key| key["key"].as_str().unwrap().to_owned());
    (human.clone(), key)
}

#[test]
fn every_key_is_listed_with_its_level_and_what_that_rests_on() {
    let gate = Gate::start();
    let all = keys(&gate);
    assert_eq!(all.len(), 3);
    for (human, keys) in all {
        assert_eq!(keys.len(), 1, "{human}");
        assert_eq!(keys[0]["assurance"], "software");
        assert_eq!(keys[0]["proof"], "a key in a file");
    }
    let table = gate.run(&["human", "list", "--as", "owner"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.contains("software: a key in a file (leaf 0)"),
        "{table}"
    );
}

#[test]
fn a26_a_key_revoked_by_its_holder_voids_what_it_approved() {
    let mut gate = Gate::start();
    let request = gate.held("UPDATE orders SET status = 'retry' WHERE id = 7");
    gate.approved(&request);
    let (human, key) = of(&gate, "reviewer");
    let revoked = gate.run(&["key", "revoke", &human, &key.unwrap(), "--as", "reviewer"]);
    assert!(revoked.status.success(), "{revoked:?}");
    assert_eq!(of(&gate, "reviewer").1, None);
    let redeemed = gate.run(&["request", "redeem", &request]);
    assert!(!redeemed.status.success(), "{redeemed:?}");
    gate.terminate();
    assert!(gate.ended());
    let config = gate
        .home
        .join("gatehold.toml")
        .to_string_lossy()
        .into_owned();
    let verified = gate.run(&["audit", "verify", "--config", &config]);
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn a_key_is_revoked_by_two_others_and_not_by_one() {
    let gate = Gate::start();
    let (human, key) = of(&gate, "owner");
    let key = key.unwrap();
    let alone = gate.run(&["key", "revoke", &human, &key, "--as", "reviewer"]);
    assert!(!alone.status.success(), "{alone:?}");
    assert!(of(&gate, "owner").1.is_some());
    let signed = gate.run(&[
        "key",
        "revoke",
        &human,
        &key,
        "--sign-only",
        "--as",
        "second",
    ]);
    let file = gate.home.join("second.json");
    std::fs::write(&file, signed.stdout).unwrap();
    let cosign = file.to_string_lossy().into_owned();
    let both = gate.run(&[
        "key", "revoke", &human, &key, "--cosign", &cosign, "--as", "reviewer",
    ]);
    assert!(both.status.success(), "{both:?}");
    let list = gate.run(&["human", "list", "--as", "second"]);
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(list.contains("no key has force"), "{list}");
}
