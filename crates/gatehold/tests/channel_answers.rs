//! Threat A20 and M060: what comes back by a channel is never an approval. Real receivers answer with everything that a decision
//! is called somewhere; what they were sent is sent to the gate again as a reply, a click or a reaction of theirs would be.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;
mod receivers;

use gate::{Gate, read, say};
use receivers::{Receivers, SECRET};
use serde_json::Value;

/// How a receiver answers; `receiver.py` has what each of them says.
const WAYS: [&str; 9] = [
    "body", "text", "headers", "created", "moved", "found", "see", "again", "there",
];
/// So many of them take the message; the others point elsewhere.
const TAKEN: usize = 4;

/// A development gate that tells people by these channels. It is founded without them, so that nobody is told of that.
fn gate(channels: &str) -> Gate {
    let mut gate = Gate::start();
    gate.terminate();
    assert!(gate.ended());
    std::fs::write(gate.home.join("channels.toml"), channels).unwrap();
    let text = read(&gate.home, "gatehold.toml");
    let text = format!("channels_file = \"channels.toml\"\n{text}");
    std::fs::write(gate.home.join("gatehold.toml"), text).unwrap();
    gate.start_again();
    gate
}

/// Every leaf of the ledger, as an auditor gets it.
fn leaves(gate: &Gate) -> Vec<String> {
    let out = gate.home.join("answers.export");
    let _old = std::fs::remove_file(&out);
    let wrote = gate.run(&["audit", "export", "--out", out.to_str().unwrap()]);
    assert!(wrote.status.success(), "{wrote:?}");
    let export = read(&gate.home, "answers.export");
    let leaves = export.lines().filter(|line| line.contains("\"leaf\""));
    leaves.map(ToOwned::to_owned).collect()
}

fn is_held(gate: &Gate, request: &str) {
    let shown = gate.json(&["request", "show", request]);
    assert_eq!(shown["state"], "held", "{shown}");
}

/// That each channel has told of a request: one webhook, one chat, and mail, of which the second waits for the first.
fn told(receivers: &mut Receivers, request: &str) {
    receivers.first(|said| said["hook"]["data"]["request"] == request);
    receivers.first(|said| {
        let text = said["chat"]["text"].as_str();
        text.is_some_and(|text| text.contains(request))
    });
    receivers.first(|said| {
        let of = said["mail"]["References"].as_str();
        of.is_some_and(|of| of.contains(request))
    });
}

#[test]
fn a20_m060_no_answer_of_a_webhook_a_chat_or_a_mail_server_decides_anything() {
    let mut receivers = Receivers::start();
    let mut gate = gate(&receivers.channels());
    receivers.be(&format!("gate/{}", gate.configured("listen")));
    let mut asked = Vec::new();
    for (order, way) in WAYS.iter().enumerate() {
        // Nobody has answered when the leaves are counted.
        receivers.be("hold/");
        receivers.be(&format!("answer/{way}"));
        let request = gate.held(&format!(
            "UPDATE orders SET status = 'retry' WHERE id = {order}"
        ));
        told(&mut receivers, &request);
        let before = leaves(&gate);
        receivers.be("release/");
        // An orderly end waits for what is on its way, and takes every answer.
        gate.terminate();
        assert!(gate.ended());
        gate.start_again();
        is_held(&gate, &request);
        assert_eq!(leaves(&gate), before, "{way}");
        asked.push(request);
    }
    // Whoever pointed elsewhere was not followed, and is told again once it takes what it is sent.
    receivers.be("answer/none");
    for request in &asked[TAKEN..] {
        receivers.hook(request, "asked");
    }
    for request in &asked {
        is_held(&gate, request);
    }
    let ended = leaves(&gate);
    for request in &asked {
        let about = ended.iter().filter(|leaf| leaf.contains(request.as_str()));
        assert_eq!(
            about.count(),
            1,
            "{request}: its submission and nothing else"
        );
    }

    // People still decide, by their own keys.
    gate.approved(&asked[0]);
    receivers.hook(&asked[0], "closed");
}

/// One call as a service would make it that hands back what people clicked or wrote.
fn handed_back(address: &str, line: &str, headers: &str, body: &str) -> u16 {
    let call = format!(
        "{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    say(address, call.as_bytes()).0
}

#[test]
fn a20_m060_nothing_that_is_handed_back_to_the_gate_decides_anything() {
    let mut receivers = Receivers::start();
    let gate = gate(&receivers.channels());
    let request = gate.held("UPDATE orders SET status = 'retry' WHERE id = 7");
    told(&mut receivers, &request);
    let hook = receivers.hook(&request, "asked");
    let before = leaves(&gate);
    let service = gate.configured("listen");

    // The message itself, signed with the webhook's own secret; a click on a button; a word; a reaction.
    let json = "content-type: application/json\r\n";
    let signed = format!(
        "{json}webhook-id: {}\r\nwebhook-timestamp: 0\r\nwebhook-signature: v1,{SECRET}\r\n",
        hook["id"].as_str().unwrap()
    );
    let form = "content-type: application/x-www-form-urlencoded\r\nsec-fetch-site: same-origin\r\n";
    let click = format!(
        r#"{{"type":"block_actions","user":{{"name":"reviewer"}},"actions":[{{"action_id":"approve","value":"{request}"}}]}}"#
    );
    let review = format!(r#"{{"request":"{request}","act":"approve","signature":"approve"}}"#);
    let raw = hook["raw"].as_str().unwrap().to_owned();
    let calls = [
        (
            format!("POST /v1/requests/{request}/reviews"),
            signed.as_str(),
            raw,
        ),
        (
            format!("POST /v1/requests/{request}/reviews"),
            json,
            review.clone(),
        ),
        (
            format!("POST /v1/requests/{request}/act"),
            json,
            r#"{"act":"approve"}"#.to_owned(),
        ),
        (
            format!("POST /requests/{request}/review"),
            form,
            format!("review={review}"),
        ),
        (
            format!("POST /requests/{request}/act"),
            form,
            "act=approve&reason=&text=ok".to_owned(),
        ),
        (
            format!("POST /requests/{request}"),
            form,
            "act=approve".to_owned(),
        ),
        (
            format!("GET /requests/{request}?act=approve"),
            "cookie: gatehold=reviewer\r\n",
            String::new(),
        ),
        (
            format!("GET /requests/{request}/review?act=approve"),
            "",
            String::new(),
        ),
        ("POST /hook".to_owned(), json, click.clone()),
        (
            "POST /tickets".to_owned(),
            json,
            format!(
                r#"{{"webhookEvent":"comment_created","issue":"{request}","comment":{{"author":"reviewer","body":"approved"}}}}"#
            ),
        ),
        (
            "POST /services/chat".to_owned(),
            form,
            format!("payload={click}"),
        ),
        (
            "POST /".to_owned(),
            json,
            r#"{"event":{"type":"reaction_added","reaction":"+1"}}"#.to_owned(),
        ),
    ];
    for (line, headers, body) in &calls {
        let status = handed_back(&service, line, headers, body);
        // To sign in first is where a page leads; everything else is refused or not there.
        assert!(
            (400..500).contains(&status) || (status == 303 && line.starts_with("GET")),
            "{line}: {status}"
        );
    }

    // A reply to the mail, to whatever of the gate listens: nothing of it takes mail.
    let threads = receivers.first(|said| said["mail"]["To"] == "reviewer@acme.example");
    let id = threads["mail"]["References"].as_str().unwrap();
    let reply = format!(
        "EHLO acme.example\r\nMAIL FROM:<reviewer@acme.example>\r\nRCPT TO:<gate@acme.example>\r\nDATA\r\n\
         From: reviewer@acme.example\r\nTo: gate@acme.example\r\nIn-Reply-To: {id}\r\nReferences: {id}\r\nSubject: Re: Decision needed\r\n\r\n\
         approved\r\n.\r\nQUIT\r\n"
    );
    for listener in [&service, &gate.configured("operations_listen")] {
        let (status, said) = say(listener, reply.as_bytes());
        assert!(!(200..400).contains(&status), "{listener}: {status} {said}");
        assert!(!said.starts_with("250"), "{said}");
    }

    is_held(&gate, &request);
    assert_eq!(leaves(&gate), before);
    let inbox: Value = gate.json(&["inbox", "--as", "reviewer"]);
    assert_eq!(inbox["items"][0]["signed"], false, "{inbox}");
}
