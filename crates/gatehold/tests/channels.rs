//! Channels to people, against real receivers: what arrives, to whom, in which words, once again when it must, and what never does.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;
mod receivers;

use std::path::PathBuf;
use std::process::Output;

use gate::{Gate, read};
use receivers::{PASSWORD, Receivers, SECRET, TOKEN};
use serde_json::Value;

const WRITE: &str = "UPDATE orders SET status = 'retry' WHERE id = 7";
/// What a requester says in confidence, or to somebody else.
const CLAIMS: [&str; 4] = [
    "canary-purpose-4e1b",
    "canary-reason-93aa",
    "canary-ticket-0c77",
    "canary-rollback-5d20",
];

/// A development gate with these channels. It is founded without them, so that nobody is told of that.
fn gate(channels: &str) -> Gate {
    let mut gate = Gate::start();
    gate.terminate();
    assert!(gate.ended());
    std::fs::write(gate.home.join("channels.toml"), channels).unwrap();
    configure(&gate, "channels_file = \"channels.toml\"");
    gate.start_again();
    gate
}

/// Adds a line to the head of its configuration.
fn configure(gate: &Gate, line: &str) {
    let text = read(&gate.home, "gatehold.toml");
    std::fs::write(gate.home.join("gatehold.toml"), format!("{line}\n{text}")).unwrap();
}

/// Asks for a write with everything that a requester can say.
fn held(gate: &Gate) -> String {
    let task = gate.json(&["task", "start", "--purpose", CLAIMS[0]]);
    let mut ask = vec![
        "request",
        "create",
        "--task",
        task["task"].as_str().unwrap(),
    ];
    ask.extend(["--descriptor", "sql.write", "--target", "sql:shop"]);
    ask.extend(["--resource", "shop/orders", "--cap", "rows=1"]);
    ask.extend(["--payload", WRITE, "--reason", CLAIMS[1]]);
    ask.extend(["--ticket", CLAIMS[2], "--rollback", CLAIMS[3]]);
    gate.json(&ask)["request"].as_str().unwrap().to_owned()
}

/// A mail to somebody about this request, or about none where it is a test.
fn is_mail(said: &Value, to: &str, request: &str, holds: &str) -> bool {
    let of = said["mail"]["References"].as_str();
    said["mail"]["To"] == to
        && of.is_some_and(|of| of.contains(request))
        && said["text"]
            .as_str()
            .is_some_and(|text| text.contains(holds))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn c14_who_may_decide_is_told_in_the_words_of_the_page_and_told_when_it_is_over() {
    let mut receivers = Receivers::start();
    let gate = gate(&receivers.channels());
    let request = held(&gate);
    let shown = gate.json(&["show", &request, "--as", "reviewer"]);
    let words: Vec<&str> = shown["words"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| w.as_str().unwrap())
        .collect();
    let words = words.join("-");
    let sentence = shown["view"]["sentence"].as_str().unwrap().to_owned();
    let link = format!("{}/requests/{request}", gate.configured("public_url"));

    // A machine: signed as the specification's own library verifies it.
    let asked = receivers.hook(&request, "asked");
    assert_eq!(asked["valid"], true, "{asked}");
    assert_eq!(asked["path"], "/hook?from=gate");
    let data = &asked["hook"]["data"];
    assert_eq!(data["words"], words.as_str());
    assert_eq!(data["sentence"], sentence.as_str());
    assert_eq!(data["link"], link.as_str());
    assert_eq!(data["owner"], "owner@dev.gatehold.local");
    assert_eq!(data["people_needed"], 2);
    let people: Vec<&str> = data["people"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p.as_str().unwrap())
        .collect();
    assert_eq!(
        people,
        ["reviewer@dev.gatehold.local", "second@dev.gatehold.local"]
    );

    // A chat.
    let chat = receivers.first(|said| {
        let text = said["chat"]["text"].as_str();
        text.is_some_and(|text| text.contains(&link) && text.contains("Decision needed"))
    });
    assert_eq!(chat["path"], format!("/services/{TOKEN}").as_str());
    let lines = chat["chat"]["text"].as_str().unwrap();
    assert!(lines.lines().count() <= 6, "{lines}");
    assert!(lines.contains(&format!("Words: {words} ")), "{lines}");
    assert!(
        lines.contains(&format!("<{link}|Open to review>")),
        "{lines}"
    );
    assert!(lines.contains("Nothing here approves"), "{lines}");

    // People, one mail each.
    let mut threads = Vec::new();
    for to in ["reviewer@acme.example", "second@acme.example"] {
        let mail = receivers.first(|said| is_mail(said, to, &request, "Decision needed"));
        assert_eq!(mail["to"], serde_json::json!([to]));
        assert_eq!(mail["from"], "gate@acme.example");
        assert_eq!(mail["mail"]["Auto-Submitted"], "auto-generated");
        let body = mail["text"].as_str().unwrap();
        assert!(
            body.contains(&words) && body.contains(&link) && body.contains(&sentence),
            "{body}"
        );
        assert!(
            mail["mail"]["Content-Type"]
                .as_str()
                .unwrap()
                .starts_with("text/plain")
        );
        threads.push(mail["mail"]["References"].as_str().unwrap().to_owned());
    }
    assert_eq!(threads[0], threads[1]);
    assert!(threads[0].contains(&request));

    // Decided: told on each, in the same thread, under another key.
    gate.approved(&request);
    let closed = receivers.hook(&request, "closed");
    assert_eq!(closed["valid"], true);
    assert_ne!(closed["id"], asked["id"]);
    receivers.first(|said| {
        let text = said["chat"]["text"].as_str();
        text.is_some_and(|text| text.contains(&link) && text.contains("Closed: "))
    });
    let mail = receivers.first(|said| is_mail(said, "second@acme.example", &request, "Closed: "));
    assert_eq!(mail["mail"]["References"], threads[0].as_str());
    assert!(gate.run(&["request", "redeem", &request]).status.success());
    let outcome = receivers.hook(&request, "outcome");
    assert_eq!(outcome["valid"], true);
    assert!(outcome["hook"]["data"]["decide_by"].is_null());

    // Nothing of what the requester said, and no secret, reached anybody.
    let all: String = receivers.said.iter().map(Value::to_string).collect();
    for canary in CLAIMS.iter().chain(&[SECRET, PASSWORD]) {
        assert!(!all.contains(canary), "{canary}");
    }
    let raw: String = receivers
        .said
        .iter()
        .filter_map(|said| said["raw"].as_str())
        .collect();
    assert!(!raw.contains(TOKEN));
}

#[test]
fn what_was_not_taken_comes_again_under_the_same_key_also_after_a_kill() {
    let mut receivers = Receivers::start();
    let mut gate = gate(&receivers.webhook("pager"));
    receivers.be("be/500");
    let request = held(&gate);
    let refused = receivers.first(|said| said["hook"]["data"]["request"] == request.as_str());
    assert_eq!(refused["status"], 500);
    gate.kill();
    receivers.be("be/200");
    gate.start_again();
    let taken = receivers.hook(&request, "asked");
    assert_eq!(taken["id"], refused["id"]);
    assert_eq!(taken["valid"], true);

    // A receiver that is down loses nothing, and what it took does not come again.
    receivers.be("be/500");
    assert!(
        gate.run(&[
            "deny",
            &request,
            "--reason",
            "too_broad",
            "--as",
            "reviewer"
        ])
        .status
        .success()
    );
    receivers
        .first(|said| said["hook"]["type"] == "gatehold.request.closed" && said["status"] == 500);
    receivers.be("be/200");
    let closed = receivers.hook(&request, "closed");
    assert_eq!(
        closed["hook"]["data"]["state"]
            .as_str()
            .unwrap()
            .to_lowercase(),
        "denied"
    );
    let asked = receivers
        .said
        .iter()
        .filter(|said| said["id"] == refused["id"] && said["status"] == 200);
    assert_eq!(asked.count(), 1);
}

#[test]
fn a_receiver_that_does_not_answer_delays_no_decision() {
    let mut receivers = Receivers::start();
    let gate =
        gate(&(receivers.webhook("pager") + &receivers.mail("mail", "plain", "tls = \"none\"")));
    receivers.be("hold/");
    let request = held(&gate);
    // It has the message and does not answer.
    receivers.first(|said| said["hook"]["data"]["request"] == request.as_str());
    gate.approved(&request);
    assert!(gate.run(&["request", "redeem", &request]).status.success());
    // Nor does it delay another channel.
    receivers.first(|said| is_mail(said, "second@acme.example", &request, "Closed: "));
    let own = |said: &Value| said["hook"]["data"]["request"] == request.as_str();
    let told = receivers.said.iter().filter(|said| own(said)).count();
    assert_eq!(told, 1, "it held the first message all the time");
    receivers.be("release/");
    receivers.hook(&request, "closed");
}

#[test]
fn mail_goes_only_where_the_server_is_who_it_should_be() {
    let mut receivers = Receivers::start();
    let ca = receivers.path("ca.pem");
    let tls = |mode: &str| format!("tls = \"{mode}\"\ntls_roots = \"{}\"", ca.display());
    let password = receivers.path("mail.password");
    let login = format!(
        "\nusername = \"gate\"\npassword_file = \"{}\"",
        password.display()
    );
    let wrong = receivers.file("wrong.password", "canary-wrong-password");
    let wrong = format!(
        "\nusername = \"gate\"\npassword_file = \"{}\"",
        wrong.display()
    );
    let channels = [
        receivers.mail("starttls", "starttls", &(tls("starttls") + &login)),
        receivers.mail("implicit", "tls", &(tls("tls") + &login)),
        receivers.mail("nobody", "starttls", &tls("starttls")),
        receivers.mail("wrong", "starttls", &(tls("starttls") + &wrong)),
        receivers.mail("stripped", "plain", &(tls("starttls") + &login)),
    ];
    let gate = gate(&channels.concat());
    let test = |name: &str| {
        let to = ["--to", "second@dev.gatehold.local"];
        let config = gate.home.join("gatehold.toml").display().to_string();
        gate.run(&[&["channel", "test", name, "--config", &config][..], &to].concat())
    };
    for name in ["starttls", "implicit"] {
        let output = test(name);
        assert!(output.status.success(), "{output:?}");
        assert!(
            text(&output).contains("the server took 1 mail"),
            "{output:?}"
        );
        let begins = format!("[TEST] This is a test of the channel {name}");
        let mail = receivers.first(|said| is_mail(said, "second@acme.example", "test_", &begins));
        assert_eq!(
            (mail["tls"].as_bool(), mail["user"].as_bool()),
            (Some(true), Some(true))
        );
        assert_eq!(mail["hello"], "acme.example");
    }
    for (name, why) in [
        ("nobody", "the server answered 530"),
        ("wrong", "does not accept username and password"),
        // Nothing is said to a server that has no TLS, or that somebody between has made forget it.
        ("stripped", "the server does not offer STARTTLS"),
    ] {
        let output = test(name);
        assert_eq!(output.status.code(), Some(1), "{name}: {output:?}");
        assert!(text(&output).contains(why), "{name}: {}", text(&output));
        assert!(
            !text(&output).contains("canary") && !text(&output).contains("acme.example"),
            "{output:?}"
        );
    }
    // A server under another root, and one under ours by another name.
    let other = Receivers::start();
    for (from, to) in [
        (
            ca.display().to_string(),
            other.path("ca.pem").display().to_string(),
        ),
        ("localhost:".to_owned(), "ip6-localhost:".to_owned()),
    ] {
        let config = read(&gate.home, "channels.toml");
        std::fs::write(gate.home.join("channels.toml"), config.replace(&from, &to)).unwrap();
        let output = test("implicit");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        std::fs::write(gate.home.join("channels.toml"), config).unwrap();
    }
    let is_test = |said: &&Value| {
        let subject = said["mail"]["Subject"].as_str();
        subject.is_some_and(|subject| subject.starts_with("[TEST] "))
    };
    let took = receivers.said.iter().filter(is_test);
    assert_eq!(took.count(), 2);
}

#[test]
fn one_address_that_is_refused_stops_no_other_and_is_named_to_nobody() {
    let mut receivers = Receivers::start();
    receivers.be("refuse/reviewer@acme.example");
    let gate = gate(&receivers.mail("mail", "plain", "tls = \"none\""));
    let request = held(&gate);
    let first =
        receivers.first(|said| is_mail(said, "second@acme.example", &request, "Decision needed"));
    let config = gate.home.join("gatehold.toml").display().to_string();
    let both = [
        "--to",
        "reviewer@dev.gatehold.local",
        "--to",
        "second@dev.gatehold.local",
    ];
    let output = gate.run(&[&["channel", "test", "mail", "--config", &config][..], &both].concat());
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output);
    assert!(told.contains("1 of 2 mails were not taken"), "{told}");
    assert!(told.contains("the server answered 550"), "{told}");
    assert!(!told.contains("reviewer@acme.example"), "{told}");
    // The one that was taken does not come again with the next try; the end of it reaches who can be reached.
    assert!(
        gate.run(&[
            "deny",
            &request,
            "--reason",
            "too_broad",
            "--as",
            "reviewer"
        ])
        .status
        .success()
    );
    receivers.first(|said| is_mail(said, "second@acme.example", &request, "Closed: "));
    let again = receivers
        .said
        .iter()
        .filter(|said| said["mail"]["Message-ID"] == first["mail"]["Message-ID"]);
    assert_eq!(again.count(), 1);
}

#[test]
fn operators_see_which_channels_there_are_and_whether_one_works() {
    let mut receivers = Receivers::start();
    let bare = Gate::start();
    let config = |gate: &Gate| gate.home.join("gatehold.toml").display().to_string();
    let nobody = "nobody is told that something waits";
    for command in ["config check", "doctor", "channel list"] {
        let words: Vec<&str> = command.split(' ').chain(["--config"]).collect();
        let file = config(&bare);
        let output = bare.run(&[&words[..], &[&file]].concat());
        assert!(text(&output).contains(nobody), "{command}: {output:?}");
    }
    drop(bare);

    let gate = gate(&receivers.channels());
    let file = config(&gate);
    let check = text(&gate.run(&["config", "check", "--config", &file]));
    assert!(
        check.contains("channels: pager (webhook), chat (chat), mail (mail to 2 people)"),
        "{check}"
    );
    let doctor = text(&gate.run(&["doctor", "--config", &file]));
    assert!(
        doctor.contains("channels: pager (webhook)") && !doctor.contains(nobody),
        "{doctor}"
    );
    let list = gate.json(&["channel", "list", "--config", &file]);
    assert_eq!(list["channels"].as_array().unwrap().len(), 3);
    assert!(
        !list.to_string().contains("canary") && !list.to_string().contains("@acme.example"),
        "{list}"
    );

    let test = |name: &str| gate.run(&["channel", "test", name, "--config", &file]);
    for (status, code, says) in [
        (200, 0, "works: 200 ok"),
        (302, 1, "it answered 302 and points elsewhere"),
        (410, 1, "it answered 410: it is gone"),
        (500, 1, "it answered 500"),
    ] {
        receivers.be(&format!("be/{status}"));
        for name in ["pager", "chat"] {
            let output = test(name);
            assert_eq!(
                output.status.code(),
                Some(code),
                "{name} {status}: {output:?}"
            );
            assert!(text(&output).contains(says), "{name}: {}", text(&output));
            assert!(!text(&output).contains(TOKEN), "{output:?}");
        }
    }
    let hook = receivers.first(|said| said["hook"]["type"] == "gatehold.channel.test");
    assert_eq!(
        (
            hook["valid"].as_bool(),
            hook["hook"]["data"]["test"].as_bool()
        ),
        (Some(true), Some(true))
    );
    receivers.first(|said| {
        let text = said["chat"]["text"].as_str();
        text.is_some_and(|text| text.starts_with("[TEST] "))
    });
    // Every send is of its own; nothing followed the address that was pointed to.
    receivers.first(|said| said["hook"]["data"]["test"] == true && said["status"] == 500);
    let tests = receivers.said.iter();
    let tests = tests.filter(|said| said["hook"]["data"]["test"] == true);
    let keys: std::collections::BTreeSet<&str> =
        tests.filter_map(|said| said["id"].as_str()).collect();
    assert_eq!(keys.len(), 4);
    for (name, more, says) in [
        ("nothing", None, "there is no channel `nothing`"),
        ("mail", None, "mail is sent to somebody"),
        (
            "mail",
            Some("owner@dev.gatehold.local"),
            "has no address of owner",
        ),
        ("chat", Some("second@dev.gatehold.local"), "leave out --to"),
    ] {
        let mut words = vec!["channel", "test", name, "--config", &file];
        words.extend(more.iter().flat_map(|person| ["--to", *person]));
        let output = gate.run(&words);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output).contains(says), "{}", text(&output));
    }

    // Mail alone reaches whom it has addresses of.
    let mail = receivers.mail("mail", "plain", "tls = \"none\"");
    std::fs::write(gate.home.join("channels.toml"), mail).unwrap();
    let doctor = text(&gate.run(&["doctor", "--config", &file]));
    assert!(
        doctor.contains("no channel reaches owner@dev.gatehold.local"),
        "{doctor}"
    );
    // A secret that everybody reads is a mistake, and so is everything else at once.
    let open = PathBuf::from(&gate.home).join("open.secret");
    std::fs::write(&open, SECRET).unwrap();
    let bad = receivers.webhook("pager").replace(
        &receivers.path("hook.secret").display().to_string(),
        &open.display().to_string(),
    ) + "[[channel]]\nname = \"x\"\nkind = \"sms\"\n";
    std::fs::write(gate.home.join("channels.toml"), bad).unwrap();
    let check = gate.run(&["config", "check", "--config", &file]);
    assert_eq!(check.status.code(), Some(2));
    assert!(
        text(&check).contains("chmod 600") && text(&check).contains("`sms` is not one of"),
        "{check:?}"
    );
}

#[test]
fn who_is_on_call_is_said_and_two_that_are_needed_are_both_asked() {
    let mut receivers = Receivers::start();
    let mut gate = gate(&receivers.mail("mail", "plain", "tls = \"none\""));
    let file = gate.home.join("gatehold.toml").display().to_string();
    let none = gate.run(&["on-call", "--config", &file]);
    assert_eq!(none.status.code(), Some(2), "{none:?}");
    gate.terminate();
    assert!(gate.ended());
    let owners = "[[schedule]]\nteam = \"reviewers\"\nzone = \"Europe/Berlin\"\nuntil = 2099-01-01\n\
        rotation = { from = 2026-01-05T09:00:00, every = \"week\", people = [\"reviewer@dev.gatehold.local\"] }\n";
    let ended = "[[schedule]]\nteam = \"security\"\nzone = \"UTC\"\nuntil = 2026-01-01\n\
        rotation = { from = 2025-01-05T09:00:00, every = \"day\", people = [\"second@dev.gatehold.local\"] }\n";
    std::fs::write(gate.home.join("on-call.toml"), format!("{owners}{ended}")).unwrap();
    configure(&gate, "on_call_file = \"on-call.toml\"");
    gate.start_again();
    let of = |team: &str| gate.run(&["on-call", "--team", team, "--config", &file]);
    let known = of("reviewers");
    assert!(known.status.success(), "{known:?}");
    assert_eq!(text(&known), "reviewers: reviewer@dev.gatehold.local\n");
    for (team, why) in [
        ("security", "its schedule has ended"),
        ("nobodys", "it has no schedule"),
    ] {
        let unknown = of(team);
        assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
        assert!(
            text(&unknown).contains("UNKNOWN") && text(&unknown).contains(why),
            "{unknown:?}"
        );
    }
    let all = gate.json(&["on-call", "--config", &file]);
    assert_eq!(
        all["teams"]["reviewers"]["people"],
        serde_json::json!(["reviewer@dev.gatehold.local"])
    );
    let check = text(&gate.run(&["config", "check", "--config", &file]));
    assert!(
        check.contains("who is on call is UNKNOWN: security"),
        "{check}"
    );
    // Two must decide and one is on call: both are asked at once.
    let request = held(&gate);
    for to in ["reviewer@acme.example", "second@acme.example"] {
        receivers.first(|said| is_mail(said, to, &request, "Decision needed"));
    }
    // Whoever looks who could approve it is told as well, by which schedule, and how long ago that was read.
    let who = text(&gate.run(&["who-can-approve", &request, "--as", "reviewer"]));
    let line = |begins: &str| who.lines().find(|line| line.contains(begins)).unwrap();
    assert!(line("  reviewer@").contains(", ON CALL"), "{who}");
    assert!(!line("  second@").contains("ON CALL"), "{who}");
    assert!(
        line("on call for reviewers")
            .contains("reviewers: reviewer@dev.gatehold.local (schedule `on-call.toml`, read "),
        "{who}"
    );
}
