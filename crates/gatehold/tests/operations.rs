//! What operators see of a real process, and how it ends: metrics, health, SIGTERM.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use gate::{Gate, get, read, refusals, say};

const WRITE: &str = "UPDATE orders SET status = 'retry' WHERE id = 7";

#[test]
fn metrics_of_a_process_count_what_happened_and_what_stands() {
    let gate = Gate::start();
    let before = gate.metric(r#"gatehold_grants_active"#).unwrap();
    let request = gate.held(WRITE);
    let pending = |gate: &Gate| -> f64 {
        ["green", "amber", "red"]
            .iter()
            .map(|tier| format!("gatehold_holds_pending{{tier=\"{tier}\"}}"))
            .map(|name| gate.metric(&name).unwrap())
            .sum()
    };
    assert_eq!(pending(&gate), 1.0);

    // Somebody without a key, and somebody with nonsense.
    let service = gate.configured("listen");
    assert_eq!(get(&service, "/v1/gate").0, 401);
    let nonsense = format!(
        "POST /v1/requests HTTP/1.1\r\nhost: {service}\r\nsignature: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
    );
    assert_eq!(say(&service, nonsense.as_bytes()).0, 401);
    assert_eq!(
        gate.metric("gatehold_unauthenticated_calls_total"),
        Some(2.0)
    );

    // A person of the requester set may not decide: a refusal of a principal.
    let refused = gate.run(&["request", "redeem", &request]);
    assert!(!refused.status.success());
    let (status, text) = gate.operations("/metrics");
    assert_eq!(status, 200);
    for wanted in [
        "gatehold_build_info{",
        "outcome=\"held\"} ",
        "source=\"human\"",
        "gatehold_refusals_total{kind=\"unsigned\"} 2",
        "gatehold_hold_age_seconds ",
        "gatehold_store_up 1",
        "gatehold_tree_head_sequence ",
        "# EOF",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in\n{text}");
    }
    assert!(!text.contains(&request), "no id is a label:\n{text}");
    assert_eq!(described_metrics(), served_metrics(&text));
    assert_eq!(gate.metric("gatehold_anchor_up"), Some(1.0));

    let denied = gate.run(&[
        "deny",
        &request,
        "--reason",
        "too_broad",
        "--as",
        "reviewer",
    ]);
    assert!(denied.status.success(), "{denied:?}");
    assert_eq!(pending(&gate), 0.0);
    assert_eq!(gate.metric("gatehold_hold_age_seconds"), Some(0.0));
    assert_eq!(gate.metric("gatehold_grants_active"), Some(before));
    assert_eq!(gate.operations("/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(gate.operations("/readyz"), (200, "ready\n".to_owned()));
    // Operators' numbers are not for the network the API is on.
    assert_eq!(get(&service, "/metrics").0, 404);
}

#[test]
fn a_gate_that_is_told_to_end_finishes_what_is_under_way() {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut gate = Gate::start();
    gate.terminate();
    assert!(gate.ended(), "it ends in order");
    let url = format!("http://{}", target.local_addr().unwrap());
    let more = format!(
        "\n[[target]]\nid = \"crm\"\nkind = \"http\"\nbase_url = \"{url}\"\nmethods = [\"GET\"]\npaths = [\"/\"]\n"
    );
    let targets = read(&gate.home, "targets.toml") + &more;
    std::fs::write(gate.home.join("targets.toml"), targets).unwrap();
    gate.start_again();

    let task = gate.json(&["task", "start", "--purpose", "look at a customer"]);
    let mut arguments = vec![
        "request",
        "create",
        "--task",
        task["task"].as_str().unwrap(),
    ];
    arguments.extend(["--descriptor", "crm.read", "--target", "crm"]);
    arguments.extend(["--resource", "crm/customers"]);
    arguments.extend(["--payload", r#"{"method":"GET","path":"/customers/17"}"#]);
    let held = gate.json(&arguments);
    let request = held["request"].as_str().unwrap();
    gate.approved(request);

    let redeeming = gate
        .command(&["request", "redeem", request])
        .spawn()
        .unwrap();
    // The target has the call and does not answer yet; only now the gate is told to end.
    let (mut called, _) = target.accept().unwrap();
    let mut head = [0; 4096];
    let read_bytes = called.read(&mut head).unwrap();
    assert!(head[..read_bytes].starts_with(b"GET /customers/17 "));
    gate.terminate();
    called
        .write_all(
            b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\nconnection: close\r\n\r\n{\"name\":\"Gil\"}",
        )
        .unwrap();
    let redeemed = redeeming.wait_with_output().unwrap();
    assert!(redeemed.status.success(), "{redeemed:?}");
    assert!(String::from_utf8_lossy(&redeemed.stdout).contains("Gil"));
    assert!(gate.ended(), "it ends in order");

    gate.start_again();
    assert_eq!(
        gate.json(&["request", "show", request])["state"],
        "completed"
    );
}

#[test]
fn refusals_in_memory_are_leaves_before_the_gate_ends() {
    let mut gate = Gate::start();
    let request = gate.held(WRITE);
    let refused = gate.run(&["request", "redeem", &request]);
    assert!(!refused.status.success());
    gate.terminate();
    assert!(gate.ended(), "it ends in order");

    let config = gate.home.join("gatehold.toml");
    let config = config.to_str().unwrap();
    let out = gate.home.join("all.export");
    let out = out.to_str().unwrap();
    let exported = gate.run(&["audit", "export", "--config", config, "--out", out]);
    assert!(exported.status.success(), "{exported:?}");
    let verified = gate.run(&["audit", "verify", "--config", config]);
    assert!(verified.status.success(), "{verified:?}");
    let kept = refusals(&std::fs::read_to_string(out).unwrap());
    assert_eq!(kept, ["wrong_state".to_owned()].into());

    // Nothing was lost: the request still waits.
    gate.start_again();
    assert_eq!(gate.json(&["request", "show", &request])["state"], "held");
}

/// The names in the table of `docs/reference/metrics.md`.
fn described_metrics() -> BTreeSet<String> {
    let page = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/metrics.md"
    );
    let page = std::fs::read_to_string(page).unwrap();
    // What stands after it is served where channels are configured, and this gate has none.
    let table = page.split("<!-- metrics -->").nth(1).unwrap();
    let table = table.split("<!-- /metrics -->").next().unwrap();
    let names = table.lines().filter_map(|line| line.strip_prefix("| `"));
    names
        .map(|line| line.split('`').next().unwrap().to_owned())
        .collect()
}

/// The names that are served, as a query would write them.
fn served_metrics(text: &str) -> BTreeSet<String> {
    let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    kinds
        .map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            format!("{name}{suffix}")
        })
        .collect()
}

#[test]
fn the_requester_reads_a_question_and_answers_it_before_people_approve() {
    let gate = Gate::start();
    let request = gate.held("UPDATE orders SET status = 'retry' WHERE id = 7");
    let text = |arguments: &[&str]| {
        let output = gate.run(arguments);
        String::from_utf8(output.stdout).unwrap()
    };
    let ask = ["ask", &request, "why order 7?", "--as", "reviewer"];
    assert!(gate.run(&ask).status.success());

    let shown = text(&["request", "show", &request]);
    for wanted in [
        "question 1 from team ",
        "(open)",
        "why order 7?",
        "request answer",
    ] {
        assert!(shown.contains(wanted), "no `{wanted}` in {shown}");
    }
    let status = gate.json(&["request", "show", &request]);
    assert_eq!(status["questions"][0]["answered"], false);

    let answered = text(&["request", "answer", &request, "its payment came late"]);
    assert!(answered.contains("(answered)"), "{answered}");
    let again = gate.run(&["request", "answer", &request, "and more"]);
    assert!(!again.status.success(), "nobody asked: {again:?}");

    let reviewed = text(&["show", &request, "--as", "second"]);
    for wanted in ["why order 7?", "its payment came late", "CLAIMED"] {
        assert!(reviewed.contains(wanted), "no `{wanted}` in {reviewed}");
    }
    gate.approved(&request);
    let done = gate.json(&["request", "wait", &request]);
    assert_eq!(done["state"], "redeemable");
    assert_eq!(done["questions"][0]["answer"], "its payment came late");
}
