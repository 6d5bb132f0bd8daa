//! What a change of the gate changes, and whether whoever asked for it has force: both from the chain of trust.

use std::process::Command;

use serde_json::Value;

use crate::behind::{Behind, held, lied};
use crate::gate::{Gate, say};

/// Who vouches for people; nobody signs in there.
const ISSUER: &str = "https://login.example";
/// Shared with that provider.
const TOKEN: &str = "a-token-of-a-provider-that-is-as-long-as-one-has-to-be";
const ZOE: &str = "zoe@https://login.example";

/// A gate that a provider tells who is gone, behind a liar.
fn provisioned() -> Behind {
    let gate = Gate::start();
    let config = gate.home.join("gatehold.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let section = format!(
        "\n[identity_provider]\nissuer = \"{ISSUER}\"\nclient_id = \"gatehold\"\nclient_secret_file = \"token\"\n\
         scim_token_file = \"token\"\n"
    );
    std::fs::write(&config, text + &section).unwrap();
    std::fs::write(gate.home.join("token"), TOKEN).unwrap();
    Behind::of(gate)
}

/// Has the provider say something; gives status and answer.
fn tells(gate: &Gate, method: &str, path: &str, body: &str) -> (u16, String) {
    let url = gate.configured("public_url");
    let host = url.strip_prefix("http://").unwrap();
    let call = format!(
        "{method} /scim/v2{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/scim+json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    say(&gate.configured("listen"), call.as_bytes())
}

/// The provider says that they are gone.
fn deactivated(gate: &Gate) {
    let (status, user) = tells(gate, "POST", "/Users", r#"{"externalId":"zoe"}"#);
    assert_eq!(status, 201, "{user}");
    let user: Value = serde_json::from_str(&user).unwrap();
    let path = format!("/Users/{}", user["id"].as_str().unwrap());
    let gone = r#"{"Operations":[{"op":"replace","path":"active","value":false}]}"#;
    let (status, answer) = tells(gate, "PATCH", &path, gone);
    assert_eq!(status, 200, "{answer}");
}

/// Makes a key of this name for her and asks for it; gives the request.
fn enrolment(gate: &Gate, name: &str) -> String {
    let [key, proof] = [name.to_owned(), format!("{name}.proof")]
        .map(|file| gate.home.join(file).to_str().unwrap().to_owned());
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f", &key])
        .status();
    assert!(made.unwrap().success());
    let proven = gate.run(&["human", "prove", ZOE, "--key", &key, "--out", &proof]);
    assert!(proven.status.success(), "{proven:?}");
    let asked = gate.json(&["human", "enrol", &proof, "--as", "owner"]);
    asked["request"].as_str().unwrap().to_owned()
}

/// Asks as somebody that nobody but two stays in a team; gives the request.
fn team(gate: &Gate, person: &str) -> String {
    let [one, other] = ["owner", "reviewer"].map(|name| format!("{name}@dev.gatehold.local"));
    let set = [
        "team",
        "set",
        "reviewers",
        "--member",
        &one,
        "--member",
        &other,
        "--as",
        person,
    ];
    let asked = gate.json(&set);
    asked["request"].as_str().unwrap().to_owned()
}

fn page(gate: &Gate, request: &str) -> String {
    let shown = gate.run(&["show", request, "--as", "reviewer"]);
    assert!(shown.status.success(), "{shown:?}");
    String::from_utf8(shown.stdout).unwrap()
}

/// Leaves out of what it changes every line with this in it.
fn silent_about(text: &'static str) -> impl Fn(&mut Value) {
    lied(move |view, _| {
        let lines = view["change"].as_array_mut().unwrap();
        lines.retain(|line| !line.as_str().unwrap().contains(text));
    })
}

#[test]
fn b09_that_somebody_is_gone_is_read_from_the_chain_of_trust() {
    let behind = provisioned();
    let gate = &behind.gate;
    gate.approved(&enrolment(gate, "zoe"));
    let client = gate.home.join("client.toml");
    let text = std::fs::read_to_string(&client).unwrap();
    let zoe = format!("\n[people.zoe]\nhuman = \"{ZOE}\"\nkey_file = \"zoe\"\n");
    std::fs::write(&client, text + &zoe).unwrap();
    // A real key is asked for a login of its own.
    let login = gate.run(&["login", "--as", "zoe"]);
    assert!(login.status.success(), "{login:?}");
    let hers = team(gate, "zoe");
    assert!(!page(gate, &hers).contains("NO FORCE NOW"));
    deactivated(gate);

    // What she asked for: an honest gate shows it, and the terminal says whose key has no force.
    let why = format!(
        "{ZOE} asked with a key without force: their identity provider says that they are gone"
    );
    let said = page(gate, &hers);
    assert!(said.contains(&format!("NO FORCE NOW: {why}")), "{said}");
    let shown = gate.json(&["show", &hers, "--as", "reviewer"]);
    assert_eq!(shown["without_force"], why.as_str());
    let refused = gate.run(&["approve", &hers, "--as", "reviewer"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.contains(&why) && said.contains("gatehold deny"),
        "{said}"
    );
    assert!(refused.stdout.is_empty());

    // What is asked for her: the warning is made here, and a gate that leaves it out is caught.
    let another = enrolment(gate, "another");
    let warning = format!("THE IDENTITY PROVIDER DEACTIVATED {ZOE}");
    let said = page(gate, &another);
    assert!(said.contains(&warning), "{said}");
    assert!(
        said.contains("WHAT IT CHANGES   made here, from the root that you pinned"),
        "{said}"
    );
    let answers = gate.answers(&another, "reviewer");
    behind.lies("/open", silent_about("DEACTIVATED"));
    let approve = [
        "approve",
        &another,
        "--as",
        "reviewer",
        "--criteria",
        &answers,
    ];
    for command in [&["show", &another, "--as", "reviewer"][..], &approve] {
        let said = behind.caught(command);
        assert!(
            said.contains(&format!("the gate leaves out: {warning}")),
            "{said}"
        );
    }
}

#[test]
fn b09_what_a_change_changes_is_made_again() {
    let (behind, write) = held();
    let gate = &behind.gate;
    let asked = team(gate, "owner");
    assert!(page(gate, &asked).contains("REMOVED: second@"));
    behind.lies("/open", silent_about("REMOVED"));
    let show = ["show", &asked, "--as", "reviewer"];
    let said = behind.caught(&show);
    assert!(
        said.contains("the gate leaves out: members: REMOVED: second@"),
        "{said}"
    );
    // Nor does it add anything: neither to a change of the gate, nor to what is none.
    let named = "what it changes is not what the chain of trust says";
    for request in [&asked, &write] {
        behind.lies(
            "/open",
            lied(|view, _| {
                let lines = view["change"].as_array_mut().unwrap();
                lines.push("nothing that matters".into());
            }),
        );
        let said = behind.caught(&["show", request, "--as", "reviewer"]);
        assert!(said.contains(named), "{said}");
    }
    behind.is_honest();

    // Whoever takes their own key away has asked for nothing that could be carried out.
    let humans = gate.json(&["human", "list", "--as", "owner"]);
    let mut humans = humans["humans"].as_array().unwrap().iter();
    let owner = humans.find(|human| human["human"].as_str().unwrap().starts_with("owner@"));
    let key = owner.unwrap()["keys"][0]["key"].as_str().unwrap();
    let revoked = gate.run(&[
        "key",
        "revoke",
        "owner@dev.gatehold.local",
        key,
        "--as",
        "owner",
    ]);
    assert!(revoked.status.success(), "{revoked:?}");
    let said = page(gate, &asked);
    assert!(
        said.contains(
            "NO FORCE NOW: owner@dev.gatehold.local asked with a key that was taken from them since"
        ),
        "{said}"
    );
}
