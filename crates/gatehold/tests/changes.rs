//! What people read about a change of the gate: not only the bytes that they sign, but what it does to what there is.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod gate;

use gate::Gate;

/// Asks for a change as the owner; gives the request.
fn asked(gate: &Gate, change: &[&str]) -> String {
    let arguments = [change, &["--as", "owner"]].concat();
    let held = gate.json(&arguments);
    held["request"]
        .as_str()
        .unwrap_or_else(|| panic!("{held}"))
        .to_owned()
}

/// What stands under `WHAT IT CHANGES` on the page of a reviewer. The same is said by `request show`, to whoever asked.
fn changes(gate: &Gate, request: &str) -> Vec<String> {
    let page = gate.run(&["show", request, "--as", "reviewer"]);
    assert!(page.status.success(), "{page:?}");
    let page = String::from_utf8(page.stdout).unwrap();
    let (_, below) = page.split_once("\nWHAT IT CHANGES").unwrap();
    let (block, below) = below.split_once("\n\n").unwrap();
    assert!(
        below.starts_with("EXACT ACTION") && below.contains("Exact bytes"),
        "{page}"
    );
    let lines: Vec<String> = block
        .lines()
        .skip(1)
        .map(|line| line.trim().to_owned())
        .collect();
    let status = gate.run(&["request", "show", request, "--as", "owner"]);
    let status = String::from_utf8(status.stdout).unwrap();
    for line in &lines {
        assert!(status.contains(&format!("  changes: {line}\n")), "{status}");
    }
    lines
}

#[test]
fn each_change_of_the_gate_says_what_it_changes() {
    let gate = Gate::start();
    let humans = gate.json(&["human", "list", "--as", "owner"]);
    let human = humans["humans"][0]["human"].as_str().unwrap().to_owned();

    let team = asked(&gate, &["team", "set", "owners", "--member", &human]);
    let said = changes(&gate, &team);
    assert_eq!(said[0], "the team owners is set anew");
    assert!(said[1].starts_with("members: REMOVED: "), "{said:?}");
    assert!(!said[1].contains(&human), "{said:?}");
    assert_eq!(said[2], format!("stay in it: {human}"));

    let denied = gate.held("UPDATE orders SET status = 'retry' WHERE id = 7");
    let deny = ["deny", &denied, "--reason", "too_broad", "--as", "reviewer"];
    assert!(gate.run(&deny).status.success());
    let parts = gate.json(&["record", "list", &denied]);
    let leaf = parts[0]["leaf"].to_string();
    let erase = asked(&gate, &["record", "erase", &leaf, "payload"]);
    let said = changes(&gate, &erase);
    assert_eq!(
        said[0],
        format!("the bytes of `payload` and `body` in leaf {leaf} go for ever; every proof stays")
    );
    let about = format!("it is about {denied}, asked for by deploy-bot at ");
    assert!(said[1].starts_with(&about), "{said:?}");
    assert_eq!(
        said[2],
        "sql.write on sql:shop, shop/orders; it is denied now"
    );

    let stop = [
        "stop", "resource", "x/", "--reason", "x", "--as", "reviewer",
    ];
    assert!(gate.run(&stop).status.success());
    let lift = ["stops", "lift", "--resource", "x/", "--resource", "y/"];
    assert_eq!(
        changes(&gate, &asked(&gate, &lift)),
        [
            "goes on: resource x/",
            "named, but not stopped: resource y/"
        ]
    );

    let suspicious = gate.held("UPDATE orders SET status = 'retry' WHERE id = 8");
    let report = ["suspicious", &suspicious, "--as", "reviewer"];
    assert!(gate.run(&report).status.success());
    assert_eq!(
        changes(&gate, &asked(&gate, &["workload", "resume", "deploy-bot"])),
        ["deploy-bot is paused (a reviewer reported it as suspicious) and may ask again"]
    );

    let said = changes(&gate, &asked(&gate, &["policy", "submit"]));
    assert!(said[0].starts_with("the bundle sha256:"), "{said:?}");
    assert!(said[2].ends_with(" now; none differs"), "{said:?}");
}
