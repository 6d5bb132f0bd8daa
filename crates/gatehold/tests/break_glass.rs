//! Breaking the glass through the real program: keys from a drawer enrolled, one held action signed by two, let out once, and looked at
//! by two others. Every command answers in JSON, and whoever has nothing but the ledger verifies all of it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Output;

use gate::Gate;
use gatehold_core::assurance::Assurance;
use gatehold_core::hash::{Hash, hex};
use gatehold_core::ids::HumanId;
use gatehold_core::json::canonical;
use gatehold_core::ssh::sshsig::{sign_software, software_key};
use gatehold_core::trust::ENROL_NAMESPACE;
use gatehold_core::trust::change::HumanEnrol;
use serde_json::Value;

const WRITE: &str = "UPDATE orders SET status = 'retry' WHERE id = 7";
const TEAMS: [&str; 3] = ["owners", "reviewers", "security"];

/// What every checkpoint of these writes offers.
const OFFERED: &str = r#"
[break_glass]
people = ["reviewer@dev.gatehold.local", "second@dev.gatehold.local"]
descriptors = ["sql.write"]
resources = ["shop/"]
after_seconds = 1
limits = { ttl_seconds = 300, uses = 1, caps = {} }
post_review = { teams = [], humans = ["ada@dev.gatehold.local", "abe@dev.gatehold.local"] }
post_review_within_seconds = 86400
"#;

fn name(person: &str) -> String {
    format!("{person}@dev.gatehold.local")
}

fn output(gate: &Gate, arguments: &[&str]) -> Output {
    let mut command = gate.command(arguments);
    command.current_dir(&gate.home).output().unwrap()
}

/// Runs it with `-o json`; it ends well and says one document.
fn says(gate: &Gate, arguments: &[&str]) -> Value {
    let output = output(gate, &[arguments, &["-o", "json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs it; it ends in this code and says this.
#[track_caller]
fn refused(gate: &Gate, arguments: &[&str], code: i32, why: &str) {
    let output = output(gate, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {output:?}"
    );
    assert!(said.contains(why), "{arguments:?}: {said}");
}

/// A change is asked for by the owner and decided by these.
fn changed(gate: &Gate, change: &[&str], by: &[&str]) {
    let held = gate.json(&[change, &["--as", "owner"]].concat());
    let request = held["request"].as_str().unwrap_or_else(|| panic!("{held}"));
    gate.approved_by(request, by);
}

/// A seed in a file of the gate's folder.
fn seed(gate: &Gate, file: &str) -> [u8; 32] {
    let seed = *Hash::of(file.as_bytes()).as_bytes();
    std::fs::write(gate.home.join(file), format!("{}\n", hex(&seed))).unwrap();
    seed
}

/// Somebody new, who can act here.
fn joins(gate: &Gate, person: &str) {
    let seed = seed(gate, &format!("{person}.seed"));
    let human: HumanId = name(person).parse().unwrap();
    let key = software_key(&seed).to_line();
    let origin = gate.client_key("origin").parse().unwrap();
    let message = HumanEnrol::possession_message(&origin, &human, &key).unwrap();
    let proof = HumanEnrol {
        possession: sign_software(&seed, ENROL_NAMESPACE, &message).unwrap(),
        human,
        key,
        assurance: Assurance::Software,
        attestation: None,
        suspension: None,
    };
    let file = gate.home.join(format!("{person}.proof"));
    std::fs::write(&file, canonical::to_bytes(&proof).unwrap()).unwrap();
    let file = file.display().to_string();
    changed(gate, &["human", "enrol", &file], &["reviewer", "second"]);
    let mut profile = std::fs::OpenOptions::new()
        .append(true)
        .open(gate.home.join("client.toml"))
        .unwrap();
    let mut text = String::new();
    writeln!(text, "\n[people.{person}]\nhuman = \"{}\"", name(person)).unwrap();
    writeln!(text, "seed_file = \"{person}.seed\"").unwrap();
    profile.write_all(text.as_bytes()).unwrap();
}

/// Somebody has a key in a drawer; these decide about it.
fn has_drawer(gate: &Gate, person: &str, by: &[&str]) {
    let file = format!("{person}.drawer");
    seed(gate, &file);
    let proof = format!("{person}.offline");
    let prove = ["human", "prove", &name(person), "--key", &file, "--offline"];
    says(gate, &[&prove[..], &["--out", &proof]].concat());
    let proof = gate.home.join(proof).display().to_string();
    changed(gate, &["human", "enrol-offline", &proof], by);
}

/// The default pack, where each checkpoint that holds these writes may be behind glass.
fn pack(gate: &Gate, held_at: &[String]) -> String {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/default");
    let to = gate.home.join("pack");
    copy(&from, &to);
    for checkpoint in held_at {
        let file = to.join("checkpoints").join(format!("{checkpoint}.toml"));
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}{OFFERED}")).unwrap();
    }
    to.display().to_string()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The arguments with which somebody signs.
fn sign<'a>(request: &'a str, person: &'a str, drawer: &'a str) -> Vec<&'a str> {
    let mut sign = vec!["break-glass", "sign", request, "glass.json"];
    sign.extend(["--as", person, "--key", drawer]);
    sign
}

#[test]
fn a25_two_keys_from_a_drawer_break_the_glass_and_two_others_look_at_it() {
    let mut gate = Gate::start();
    let before = gate.held(WRITE);
    let shown = gate.json(&["show", &before, "--as", "reviewer"]);
    let held_at = shown["view"]["checkpoints"].as_array().unwrap().iter();
    let held_at: Vec<String> = held_at
        .map(|checkpoint| checkpoint[0].as_str().unwrap().to_owned())
        .collect();
    let answers = gate.answers(&before, "reviewer");
    let draws_up = [
        "--incident",
        "INC-4711",
        "--because",
        "orders are stuck, nobody answers",
    ];
    seed(&gate, "reviewer.drawer");
    let alone = sign(&before, "reviewer", "reviewer.drawer");
    let first = [&alone[..], &draws_up, &["--criteria", &answers]].concat();
    refused(&gate, &first, 2, "break-glass is off here");

    let pack = pack(&gate, &held_at);
    changed(&gate, &["policy", "submit", &pack], &["reviewer", "second"]);
    for person in ["ada", "abe"] {
        joins(&gate, person);
    }
    for team in TEAMS {
        let members = ["owner", "reviewer", "second", "ada"].map(name);
        let mut set = vec!["team", "set", team];
        members
            .iter()
            .for_each(|member| set.extend(["--member", member]));
        changed(&gate, &set, &["reviewer", "second"]);
    }
    let request = gate.held(WRITE);
    // On red another question may be drawn.
    let answers = gate.answers(&request, "reviewer");
    let alone = sign(&request, "reviewer", "reviewer.drawer");
    let second = name("second");
    let first = [
        &alone[..],
        &draws_up,
        &["--criteria", &answers, "--with", &second],
    ]
    .concat();
    refused(&gate, &first, 2, "no offline key of");
    has_drawer(&gate, "reviewer", &["second", "ada"]);
    has_drawer(&gate, "second", &["reviewer", "ada"]);
    let people = says(&gate, &["human", "list", "--as", "ada"]);
    let offline = people["offline"].as_array().unwrap();
    assert!(offline.len() == 2 && offline.iter().all(|key| key["has_force"] == true));

    let half = says(&gate, &first);
    assert_eq!(half["state"], "held");
    assert_eq!(half["missing"], serde_json::json!([second]));
    refused(&gate, &alone, 2, "has signed it before");
    let other = sign(&request, "second", "second.drawer");
    // Nobody signs in another's name, and nobody is added to what was drawn up.
    let forged = sign(&request, "second", "reviewer.drawer");
    refused(&gate, &forged, 2, "no offline key of");
    let whole = broken(&gate, &other);
    assert_eq!(whole["missing"], serde_json::json!([]));
    assert_eq!(whole["state"], "redeemable", "{whole}");

    let redeemed = says(&gate, &["request", "redeem", &request]);
    assert!(redeemed.to_string().contains("completed"), "{redeemed}");
    refused(&gate, &other, 2, "the request is completed");
    let list = says(&gate, &["break-glass", "list", "--as", "owner"]);
    assert_eq!(list["openings"][0]["incident"], "INC-4711");
    assert_eq!(list["openings"][0]["open"], true);
    // Whoever looks at what waits hears of it, and so does whoever looks at the gate.
    let inbox = output(&gate, &["inbox", "--as", "ada"]);
    let said = String::from_utf8_lossy(&inbox.stderr).into_owned();
    assert!(
        said.contains(&format!("{request} was let out by break-glass")),
        "{said}"
    );
    let doctor = output(&gate, &["doctor"]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(
        said.contains(&format!("break-glass let {request} out")),
        "{said}"
    );
    let status = output(&gate, &["status"]);
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    let owed = "two people who had no part in it look at it until ";
    assert!(said.contains(&request) && said.contains(owed), "{said}");
    assert_eq!(gate.metric("gatehold_glass_open"), Some(1.0));
    assert_eq!(gate.metric("gatehold_glass_overdue"), Some(0.0));
    let look = |person: &'static str| {
        let text = "the incident was real, by its page";
        let mut look = vec!["break-glass", "review", &request, "--found", "justified"];
        look.extend([text, "--as", person]);
        look
    };
    refused(&gate, &look("second"), 2, "had a part in");
    assert_eq!(says(&gate, &look("ada"))["open"], true);
    refused(&gate, &look("ada"), 2, "looked at it before");
    assert_eq!(says(&gate, &look("abe"))["open"], false);

    let dossier = gate.home.join("dossier").display().to_string();
    says(&gate, &["audit", "dossier", &request, "--out", &dossier]);
    let explained = output(&gate, &["audit", "explain", &dossier]);
    let said = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(
        explained.status.success() && said.contains("emergency"),
        "{said}"
    );
    // A drawer that was opened is emptied like any other: its key goes, and no other.
    let print = offline.iter().find(|key| key["human"] == second.as_str());
    let print = print.unwrap()["key"].as_str().unwrap();
    says(&gate, &["key", "revoke", &second, print, "--as", "second"]);
    let people = says(&gate, &["human", "list", "--as", "ada"]);
    assert_eq!(people["offline"].as_array().unwrap().len(), 1);

    gate.terminate();
    assert!(gate.ended());
    let report = output(&gate, &["audit", "verify"]);
    assert!(report.status.success(), "{report:?}");
}

/// The last signature, handed in until the wait that the checkpoint gives is over: the gate says when that is.
fn broken(gate: &Gate, arguments: &[&str]) -> Value {
    loop {
        let arguments = [arguments, &["-o", "json"]].concat();
        let output = output(gate, &arguments);
        if output.status.success() {
            return serde_json::from_slice(&output.stdout).unwrap();
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("and not before"), "{said}");
    }
}
