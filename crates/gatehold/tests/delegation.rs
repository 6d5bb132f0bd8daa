//! Deciding for somebody who is away, through the real program: given, seen, used, said on the record, ended, and verified by
//! whoever has nothing but the ledger.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use std::io::Write as _;
use std::process::{Command, Output};

use gate::Gate;
use serde_json::Value;

const EVE: &str = "eve@dev.acme.example";
const SECOND: &str = "second@dev.gatehold.local";
const TEAMS: [&str; 3] = ["owners", "reviewers", "security"];

/// A gate with a fourth person, eve, who is in every team in the place of second, who is in none.
fn with_eve() -> Gate {
    let gate = Gate::start();
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(gate.home.join("eve"))
        .status();
    assert!(made.unwrap().success());
    let person = format!("\n[people.eve]\nhuman = \"{EVE}\"\nkey_file = \"eve\"\n");
    let profile = gate.home.join("client.toml");
    let mut profile = std::fs::OpenOptions::new()
        .append(true)
        .open(profile)
        .unwrap();
    profile.write_all(person.as_bytes()).unwrap();
    let key = gate.home.join("eve").display().to_string();
    let proof = gate.home.join("proof").display().to_string();
    succeeds(
        &gate,
        &["human", "prove", EVE, "--key", &key, "--out", &proof],
    );
    let held = gate.json(&["human", "enrol", &proof, "--as", "owner"]);
    gate.approved(held["request"].as_str().unwrap());
    for team in TEAMS {
        let mut set = vec!["team", "set", team, "--as", "owner"];
        for member in [
            "owner@dev.gatehold.local",
            "reviewer@dev.gatehold.local",
            EVE,
        ] {
            set.extend(["--member", member]);
        }
        let held = gate.json(&set);
        gate.approved(held["request"].as_str().unwrap());
    }
    succeeds(&gate, &["login", "--as", "eve"]);
    gate
}

fn succeeds(gate: &Gate, arguments: &[&str]) -> String {
    let output = gate.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    text(&output)
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Somebody is away; gives the name of what they signed.
fn away(gate: &Gate, person: &str, more: &[&str]) -> String {
    let mut arguments = vec!["delegation", "add", "--to", SECOND, "--until", "1d"];
    for team in TEAMS {
        arguments.extend(["--team", team]);
    }
    arguments.extend(more);
    arguments.extend(["--as", person]);
    let made = gate.json(&arguments);
    assert_eq!(made["standing"], "active", "{made}");
    made["delegation"].as_str().unwrap().to_owned()
}

fn waits_for_second(gate: &Gate, request: &str) -> bool {
    let inbox = gate.json(&["inbox", "--as", "second"]);
    let mut items = inbox["items"].as_array().unwrap().iter();
    let item = items.find(|item| item["request"] == request);
    item.is_some_and(|item| item["mine"] == Value::Bool(true))
}

/// One person approves, with what is asked answered.
fn approves(gate: &Gate, request: &str, person: &str) {
    let yes = gate.answers(request, person);
    succeeds(gate, &gate::approve(request, person, &yes));
}

const WRITE: &str = "UPDATE orders SET status = 'retry' WHERE id = 7";

#[test]
fn whoever_is_away_lets_another_decide_and_the_record_says_so() {
    let mut gate = with_eve();
    let request = gate.held(WRITE);
    assert!(!waits_for_second(&gate, &request));
    let refused = gate.run(&["approve", &request, "--as", "second"]);
    assert!(!refused.status.success(), "{refused:?}");

    away(&gate, "eve", &["--reason", "holiday"]);
    assert!(
        waits_for_second(&gate, &request),
        "it is theirs to decide now"
    );
    let list = succeeds(&gate, &["delegation", "list", "--as", "reviewer"]);
    assert!(
        list.contains(&format!("{SECOND} decides for {EVE}")),
        "{list}"
    );
    assert!(list.contains("in their words: holiday"), "{list}");
    let people = succeeds(&gate, &["human", "list", "--as", "reviewer"]);
    assert!(
        people.contains(&format!("{SECOND} decides for {EVE}")),
        "{people}"
    );
    let who = succeeds(&gate, &["who-can-approve", &request, "--as", "reviewer"]);
    let line = who.lines().find(|line| line.contains(SECOND)).unwrap();
    assert!(
        line.contains(&format!("for {EVE}")) && line.contains("who is away until"),
        "{line}"
    );

    let page = succeeds(&gate, &["show", &request, "--as", "second"]);
    let for_eve = format!("{EVE}, who is away until ");
    assert!(
        page.contains("FOR WHOM YOU DECIDE") && page.contains(&for_eve),
        "{page}"
    );
    let page = succeeds(&gate, &["show", &request, "--as", "reviewer"]);
    assert!(!page.contains("FOR WHOM YOU DECIDE"), "{page}");

    approves(&gate, &request, "second");
    for person in ["reviewer", "owner"] {
        let page = succeeds(&gate, &["show", &request, "--as", person]);
        assert!(
            !page.contains(SECOND),
            "nobody learns of a review before it is decided"
        );
    }
    approves(&gate, &request, "reviewer");
    let redeemed = gate.json(&["request", "redeem", &request]);
    assert_eq!(redeemed["status"]["state"], "completed", "{redeemed}");

    let page = succeeds(&gate, &["show", &request, "--as", "reviewer"]);
    let said = format!("{SECOND} approved it for {EVE}");
    assert!(
        page.contains(&said) && page.contains("who was away until"),
        "{page}"
    );
    let dossier = gate.home.join("dossier").display().to_string();
    succeeds(&gate, &["audit", "dossier", &request, "--out", &dossier]);
    let explained = succeeds(&gate, &["audit", "explain", &dossier]);
    let said = format!("{SECOND} approved for {EVE}");
    assert!(explained.contains(&said), "{explained}");

    gate.terminate();
    assert!(gate.ended());
    let config = gate.home.join("gatehold.toml").display().to_string();
    succeeds(&gate, &["audit", "verify", "--config", &config]);
}

#[test]
fn it_ends_at_the_word_of_one_of_the_two_and_what_rested_on_it_is_decided_again() {
    let gate = with_eve();
    let id = away(&gate, "eve", &[]);
    let request = gate.held(WRITE);
    for person in ["second", "reviewer"] {
        approves(&gate, &request, person);
    }
    let stranger = gate.run(&["delegation", "end", &id, "--as", "reviewer"]);
    assert!(
        !stranger.status.success(),
        "one other does not end it: {stranger:?}"
    );
    succeeds(&gate, &["delegation", "end", &id, "--as", "second"]);
    let list = succeeds(&gate, &["delegation", "list", "--as", "reviewer"]);
    assert_eq!(list, "nobody decides for anybody\n");
    let redeemed = gate.run(&["request", "redeem", &request]);
    assert!(!redeemed.status.success(), "{redeemed:?}");
    let status = gate.json(&["request", "show", &request]);
    assert_eq!(status["state"], "held", "people decide again");
}

#[test]
fn nobody_gives_what_is_not_theirs_or_without_an_end() {
    let gate = with_eve();
    away(&gate, "eve", &[]);
    for (arguments, why) in [
        (
            &[
                "--to", EVE, "--team", "owners", "--until", "1d", "--as", "second",
            ][..],
            "is not in team owners",
        ),
        (
            &[
                "--to", EVE, "--team", "owners", "--until", "31d", "--as", "second",
            ],
            "within 30 days",
        ),
        (
            &[
                "--to",
                "nobody@dev.acme.example",
                "--team",
                "owners",
                "--until",
                "1d",
                "--as",
                "second",
            ],
            "has no key that has force",
        ),
    ] {
        let refused = gate.run(&[&["delegation", "add"], arguments].concat());
        assert!(!refused.status.success(), "{refused:?}");
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn whoever_asked_gives_nobody_a_seat() {
    let gate = with_eve();
    away(&gate, "owner", &[]);
    let request = gate.held(WRITE);
    assert!(
        !waits_for_second(&gate, &request),
        "the owner answers for whoever asked"
    );
    let refused = gate.run(&["approve", &request, "--as", "second"]);
    assert!(!refused.status.success(), "{refused:?}");
}
