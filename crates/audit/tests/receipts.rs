//! Receipts of real leaves: small enough (promise P11), and verified by two implementations that share no code with us.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests: helpers outside test functions"
)]

mod gate;
mod share;

use std::path::Path;
use std::process::Command;

use gate::{Gate, Who, requirement, signer};
use gatehold_audit::{LedgerLeaf, issue_receipt, verify_receipt};
use gatehold_core::decide::{ActBy, ActKind};
use gatehold_core::request::state::Event as Step;
use gatehold_core::review::ReviewAct::Approve;
use gatehold_core::tier::Tier;
use gatehold_core::verdict::Verdict;
use gatehold_ledger::{Leaf, Opening, Receipt};

const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/verify");

/// A leaf of every kind that the decision core writes.
fn every_kind() -> Gate {
    let mut gate = Gate::founded();
    let task = gate.task();
    let allow = gate.answer(Verdict::Allow, Tier::Green);
    let read = gate.submit(task, "SELECT 1", Verdict::Allow, Tier::Green);
    gate.redeem(read, &allow);
    gate.report(read, Step::Completed);
    let id = gate.submit(
        task,
        "UPDATE t SET a = 1",
        Verdict::Hold(requirement(2)),
        Tier::Red,
    );
    for kind in [ActKind::Claim, ActKind::Release, ActKind::Escalate] {
        gate.act(id, ActBy::Human(Who::Bob.id()), kind, "");
    }
    let now = gate.answer(Verdict::Hold(requirement(2)), Tier::Red);
    gate.review(id, Who::Bob, Approve, &now);
    gate.review(id, Who::Cid, Approve, &now);
    gate.redeem(id, &gate.answer(Verdict::Hold(requirement(3)), Tier::Red));
    gate.expire(id);
    gate.stop(Who::Bob);
    gate
}

/// The size of a leaf's receipt in a log of a billion leaves: thirty hashes.
fn size_in_a_large_log(leaf: &LedgerLeaf, gate: &Gate) -> usize {
    let head = gate.head();
    let receipt = issue_receipt(leaf, &gate.leaf_hashes()[..], &head).unwrap();
    let hashes = receipt
        .to_string()
        .lines()
        .filter(|line| line.len() == 44)
        .count()
        - 1;
    receipt.to_string().len() + (30 - hashes) * 45 + 8
}

#[test]
fn p11_every_kind_of_leaf_has_a_receipt_within_4_kib() {
    let gate = every_kind();
    let mut kinds = std::collections::BTreeMap::new();
    for leaf in &gate.leaves {
        let kind = Leaf::from_bytes(&leaf.leaf).unwrap().kind;
        let size = size_in_a_large_log(leaf, &gate);
        let largest: &mut usize = kinds.entry(kind).or_default();
        *largest = (*largest).max(size);
    }
    println!("{kinds:?}");
    assert_eq!(kinds.len(), 11, "{kinds:?}");
    assert!(kinds.values().all(|size| *size <= 4_096), "{kinds:?}");
}

#[test]
fn a_receipt_says_what_its_record_says() {
    let gate = every_kind();
    let key = signer().log_key();
    for leaf in &gate.leaves {
        let receipt = issue_receipt(leaf, &gate.leaf_hashes()[..], &gate.head()).unwrap();
        let report = verify_receipt(&receipt.to_string(), &key).unwrap();
        assert_eq!(report.leaf, leaf.index);
        let record: serde_json::Value = serde_json::from_slice(&leaf.record).unwrap();
        assert_eq!(report.record, Some(record));
        assert!(report.to_string().starts_with("Receipt verified: leaf "));
    }
}

/// A tile log's entries hold at most 65,535 bytes; what is asked for may be a megabyte.
#[test]
fn d07_a_megabyte_is_a_leaf_of_35_bytes_and_a_receipt_of_4_kib() {
    let mut gate = Gate::founded();
    let task = gate.task();
    let prefix = "SELECT 1 -- ";
    let sql = format!("{prefix}{}", "x".repeat((1 << 20) - prefix.len()));
    let at = gate.leaves.len();
    gate.submit(task, &sql, Verdict::Allow, Tier::Green);
    let leaf = &gate.leaves[at];
    assert_eq!(leaf.attachment("payload").unwrap(), sql.as_bytes());
    assert_eq!(leaf.leaf.len(), 35);
    let entries: Vec<_> = gate.leaves.iter().map(|leaf| &leaf.leaf).collect();
    let bundle = gatehold_ledger::encode_bundle(&entries).unwrap();
    let decoded = gatehold_ledger::decode_bundle(&bundle).unwrap();
    assert_eq!(decoded.len(), at + 1);
    let receipt = issue_receipt(leaf, &gate.leaf_hashes()[..], &gate.head()).unwrap();
    assert!(receipt.to_string().len() <= 4_096);
    verify_receipt(&receipt.to_string(), &signer().log_key()).unwrap();
    let given = gate
        .leaves
        .iter()
        .cloned()
        .map(Ok::<_, std::convert::Infallible>);
    let report = gatehold_audit::verify_ledger(given, &gate.references(), &gate.trusted());
    assert!(report.unwrap().is_sound());
}

#[test]
fn a_damaged_leaf_has_no_receipt() {
    let gate = every_kind();
    let mut leaf = gate.leaves[3].clone();
    leaf.record[10] ^= 1;
    assert!(issue_receipt(&leaf, &gate.leaf_hashes()[..], &gate.head()).is_err());
    let mut leaf = gate.leaves[3].clone();
    leaf.index = 4;
    assert!(issue_receipt(&leaf, &gate.leaf_hashes()[..], &gate.head()).is_err());
}

#[test]
fn b11_a_proof_cannot_be_put_under_another_record() {
    let gate = every_kind();
    let key = signer().log_key();
    let [one, two] = [4, 5].map(|index| {
        let leaf = &gate.leaves[index];
        issue_receipt(leaf, &gate.leaf_hashes()[..], &gate.head())
            .unwrap()
            .to_string()
    });
    let extra = |text: &str| text.lines().nth(1).unwrap().to_owned();
    let swapped = one.replace(&extra(&one), &extra(&two));
    assert!(verify_receipt(&one, &key).is_ok());
    assert!(verify_receipt(&swapped, &key).is_err());
}

#[test]
fn p11_two_foreign_implementations_agree_without_a_network() {
    let scratch = tempfile::tempdir().unwrap();
    let go = build_go(scratch.path());
    let alone = Alone::here();
    let gate = every_kind();
    let key = signer().log_key();
    let file = scratch.path().join("receipt.tlog-proof");
    for leaf in &gate.leaves {
        let receipt = issue_receipt(leaf, &gate.leaf_hashes()[..], &gate.head()).unwrap();
        let mut forged = Receipt::parse(&receipt.to_string()).unwrap().to_string();
        let opening = Opening {
            kind: 7,
            salt: [0; 32],
            record: leaf.record.clone(),
        };
        let extra = forged.lines().nth(1).unwrap().to_owned();
        let other = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            opening.to_bytes(),
        );
        forged = forged.replace(&extra, &format!("extra {other}"));
        for (text, good) in [(receipt.to_string(), true), (forged, false)] {
            std::fs::write(&file, text).unwrap();
            let python = Path::new(TOOLS).join("verify_receipt.py");
            let programs = [vec![go.clone()], vec!["python3".into(), python]];
            for words in programs {
                let mut command = alone.command(&words);
                let output = command.arg(&file).arg(key.to_string()).output().unwrap();
                assert_eq!(output.status.success(), good, "{output:?}");
            }
        }
    }
}

fn build_go(scratch: &Path) -> std::path::PathBuf {
    let binary = scratch.join("verify_receipt_go");
    let output = Command::new("go")
        .args(["build", "-o"])
        .arg(&binary)
        .arg("main.go")
        .current_dir(Path::new(TOOLS).join("go"))
        .env("GO111MODULE", "off")
        .env("GOPATH", "/usr/share/gocode")
        .env("GOFLAGS", "")
        .env(
            "GOCACHE",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-cache"),
        )
        .output()
        .expect("go is missing: apt-get install -y golang-go golang-golang-x-mod-dev");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    binary
}

/// How to run a program without a network on this machine.
struct Alone(Vec<&'static str>);

impl Alone {
    /// In a network namespace of its own, whose loopback is down: proven by a listener here that cannot be reached there.
    fn here() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let reach = format!("import socket; socket.create_connection(('127.0.0.1', {port}), 5)");
        let python = ["python3", "-c", &reach].map(std::path::PathBuf::from);
        assert!(Self(vec![]).command(&python).status().unwrap().success());
        for way in [vec!["unshare", "-n"], vec!["unshare", "-r", "-n"]] {
            let way = Self(way);
            let there = way.command(&["true".into()]).status();
            if there.is_ok_and(|status| status.success()) {
                let reached = way.command(&python).output().unwrap();
                assert!(
                    !reached.status.success(),
                    "the network is not off: {reached:?}"
                );
                return way;
            }
        }
        let refused = "this machine lets nobody make a network namespace: the network is on";
        // The nightly run proves it, or says that it did not.
        assert_eq!(share::count(0, 1), 0, "{refused}");
        println!("{refused}");
        Self(vec![])
    }

    fn command(&self, words: &[std::path::PathBuf]) -> Command {
        let before = self.0.iter().map(std::path::PathBuf::from);
        let words: Vec<_> = before.chain(words.iter().cloned()).collect();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command
    }
}
