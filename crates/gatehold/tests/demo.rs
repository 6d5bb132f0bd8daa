//! The main job through real processes, as a newcomer sees it: `gatehold demo` asserts each of its own steps, so here it
//! only has to end well.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod running;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use running::Machine;

#[test]
fn every_step_of_the_demo_happens() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gatehold"))
        .args(["demo", "--auto"])
        .env("XDG_CONFIG_HOME", folder.path())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}\n{errors}");
    for wanted in [
        "40 of 40 allowed",
        "deployment 991 failed  1 row read\n",
        "holds no credential  1 row changed\n",
        "order 7 is still `failed`",
        "order 7 is `retry`",
        "Ledger verified",
        "altered, and found",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in:\n{text}");
    }
    assert!(!text.contains("\"columns\""), "{text}");
    assert_eq!(text.matches("REFUSED").count(), 9, "{text}");
    // The next command works as this one did, whether or not the program is in the path.
    let next = format!("\nNext: {} dev ", env!("CARGO_BIN_EXE_gatehold"));
    assert!(text.contains(&next), "{next} is not in:\n{text}");
}

#[test]
fn m046_m195_every_step_of_the_demo_with_a_login_happens() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gatehold"))
        .args(["demo", "--postgres", "--auto"])
        .env("XDG_CONFIG_HOME", folder.path())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}\n{errors}");
    for wanted in [
        "with the rights of orders_reader is HELD",
        "no login was made",
        "an end that the server keeps too  gh_",
        "it reads orders  failed\n",
        "in the middle of a transaction  gh_",
        "no login, no session, no transaction",
        "permission denied for table orders",
        "terminating connection due to administrator command",
        "password authentication failed for user",
        "Ledger verified",
        "the credential that was handed out is gone, and its target said so",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in:\n{text}");
    }
    assert_eq!(text.matches("REFUSED").count(), 6, "{text}");
}

#[test]
fn the_demo_with_a_login_leaves_no_server_behind() {
    let machine = Machine::new();
    // Whoever the server runs as finds its data.
    let mode = std::fs::Permissions::from_mode(0o711);
    std::fs::set_permissions(machine.path(""), mode).unwrap();
    let mut demo = machine.start(&["demo", "--postgres", "--auto"]);
    demo.says("a PostgreSQL of its own");
    let children = demo.children();
    assert!(children.len() >= 2, "a gate and a server: {children:?}");
    assert_eq!(machine.temporary(), 2);
    let (exit, errors) = demo.ends_by("INT");
    assert_eq!(exit, Some(130), "{errors}");
    assert_eq!(machine.temporary(), 0);
    for child in children {
        assert!(!Path::new("/proc").join(&child).exists(), "{child}");
    }
}

#[test]
fn the_demo_with_a_login_names_the_package_that_it_needs() {
    let hidden = "mount -t tmpfs none /usr/lib/postgresql && mount -t tmpfs none /usr/local/bin && exec \"$@\"";
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", hidden, "sh"])
        .arg(env!("CARGO_BIN_EXE_gatehold"))
        .args(["demo", "--postgres", "--auto"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("apt-get install postgresql"), "{errors}");
}

#[test]
fn an_agent_works_on_a_development_gate_and_people_decide() {
    let machine = Machine::new();
    let mut dev = machine.start(&["dev", "--agent"]);
    let told = dev.says("YOUR TURN");
    for wanted in [
        "End with Ctrl-C",
        "40 of 40 allowed",
        "UPDATE of order 7 is HELD",
    ] {
        assert!(told.contains(wanted), "{wanted} is not in:\n{told}");
    }
    both_approve(&machine, &waiting(&machine));
    let told = dev.says("demo tamper");
    for wanted in ["holds no credential  1 row changed\n", "order 7 is `retry`"] {
        assert!(told.contains(wanted), "{wanted} is not in:\n{told}");
    }
    assert_eq!(told.matches("REFUSED").count(), 5, "{told}");

    let before = machine.run(&["audit", "verify"]);
    assert!(before.status.success(), "{before:?}");
    let tampered = machine.run(&["demo", "tamper"]);
    let text = String::from_utf8(tampered.stdout).unwrap();
    assert!(tampered.status.success(), "{text}");
    assert!(text.contains("altered, and found"), "{text}");
    // What was altered was a copy, and nothing is left of it.
    let after = machine.run(&["audit", "verify"]);
    assert!(after.status.success(), "{after:?}");
    assert_eq!(machine.temporary(), 1);

    let (exit, errors) = dev.ends_by("INT");
    assert_eq!(exit, Some(130), "{errors}");
    assert!(errors.contains(" is removed"), "{errors}");
    // Whoever comes too late is told so.
    let late = machine.run(&["audit", "verify"]);
    let errors = String::from_utf8(late.stderr).unwrap();
    assert_eq!(late.status.code(), Some(2), "{errors}");
    assert!(errors.contains("start one with `gatehold dev`"), "{errors}");
}

#[test]
fn an_agent_begins_again_on_a_gate_that_was_kept_and_says_who_paused_it() {
    let machine = Machine::new();
    let starts = || machine.start(&["dev", "--agent", "--keep", "gate"]);
    let mut dev = starts();
    dev.says("YOUR TURN");
    both_approve(&machine, &waiting(&machine));
    dev.says("order 7 is `retry`");
    dev.says("demo tamper");
    dev.ends_by("INT");

    let mut dev = starts();
    let told = dev.says("YOUR TURN");
    assert!(
        told.contains("order 7 of the toy shop is `failed` again"),
        "{told}"
    );
    let ids = waiting(&machine);
    let id = told.split("requests/").nth(1).unwrap().trim().to_owned();
    assert!(ids.contains(&id), "{id} is not in {ids}");
    let reported = machine.run(&["suspicious", &id, "not this again", "--as", "reviewer"]);
    assert!(reported.status.success(), "{reported:?}");
    let told = dev.says("demo tamper");
    for wanted in [
        "it ended as denied  order 7 is still `failed`",
        "REFUSED asks for another write\n          workload_paused",
        "workload resume deploy-bot --as owner",
    ] {
        assert!(told.contains(wanted), "{wanted} is not in:\n{told}");
    }
    let (_, errors) = dev.ends_by("INT");
    assert!(!errors.contains("report this"), "{errors}");

    let mut dev = starts();
    let told = dev.says("demo tamper");
    assert!(
        told.contains("REFUSED deploy-bot asks to read an order\n          workload_paused"),
        "{told}"
    );
    let (_, errors) = dev.ends_by("INT");
    assert!(!errors.contains("report this"), "{errors}");
}

#[test]
fn whoever_stops_what_was_approved_reads_that_nothing_was_executed_and_how_to_lift_it() {
    let machine = Machine::new();
    let mut dev = machine.start(&["dev", "--agent"]);
    dev.says("YOUR TURN");
    let id = waiting(&machine);
    approves(&machine, &id, "reviewer");
    let stopped = machine.run(&[
        "stop",
        "workload",
        "deploy-bot",
        "--reason",
        "look first",
        "--as",
        "reviewer",
    ]);
    assert!(stopped.status.success(), "{stopped:?}");
    approves(&machine, &id, "second");
    let told = dev.says("demo tamper");
    for wanted in [
        "3  Approved, and stopped before it was used: nothing is executed",
        "order 7 is still `failed`",
        "REFUSED uses what was approved\n          workload_stopped",
        "stops lift --workload deploy-bot --as owner",
    ] {
        assert!(told.contains(wanted), "{wanted} is not in:\n{told}");
    }
    let (_, errors) = dev.ends_by("INT");
    assert!(!errors.contains("report this"), "{errors}");
}

#[test]
fn a_development_gate_says_what_happens_a_line_each_and_opens_a_browser_when_asked() {
    let machine = Machine::new();
    let program = machine.path("xdg-open");
    std::fs::write(&program, "#!/bin/sh\necho \"opened $1\" >opened\nexit 3\n").unwrap();
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&program, executable).unwrap();
    let path = format!("{}:/usr/bin:/bin", machine.path("").display());
    let mut dev = machine.start_with(&[("PATH", path.as_str())], &["dev", "--open"]);
    dev.says("End with Ctrl-C");
    let task = machine.run(&["task", "start", "--purpose", "repair", "-o", "id"]);
    let task = String::from_utf8(task.stdout).unwrap();
    let create = |kind: &str, payload: &str, more: &[&str]| {
        let mut create = vec!["request", "create", "--task", task.trim()];
        create.extend(["--descriptor", kind, "--target", "sql:shop"]);
        create.extend(["--resource", "shop/orders", "--payload", payload]);
        create.extend(["--cap", "rows=1", "--rollback", "set it back", "-o", "id"]);
        create.extend(more);
        String::from_utf8(machine.run(&create).stdout).unwrap()
    };
    let read = "SELECT id FROM orders WHERE id = 1";
    create("sql.read", read, &["--redeem"]);
    dev.says("ALLOWED   1 action of deploy-bot by policy, nobody was asked\n");
    let write = "UPDATE orders SET status = 'retry' WHERE id = 7";
    let id = create("sql.write", write, &[]);
    let told = dev.says(&format!("{}\n", id.trim()));
    assert!(
        told.contains("HELD      deploy-bot wants to change at most 1 row of shop/orders"),
        "{told}"
    );
    both_approve(&machine, &id);
    dev.says("APPROVED  deploy-bot wants to change at most 1 row");
    let used = machine.run(&["request", "redeem", id.trim()]);
    assert!(used.status.success(), "{used:?}");
    dev.says("EXECUTED  1 touched: deploy-bot wants to change at most 1 row");
    let (_, errors) = dev.ends_by("INT");
    let opened = machine.text("opened");
    let url = opened.strip_prefix("opened ").unwrap().trim();
    assert!(url.starts_with("http://localhost:"), "{opened}");
    assert!(
        errors.contains(&format!("go to {url} yourself")),
        "{errors}"
    );
}

/// What waits for somebody to decide, a line each.
fn waiting(machine: &Machine) -> String {
    let ids = machine.run(&["inbox", "--as", "reviewer", "-o", "id"]);
    String::from_utf8(ids.stdout).unwrap()
}

fn both_approve(machine: &Machine, id: &str) {
    for name in ["reviewer", "second"] {
        approves(machine, id, name);
    }
}

fn approves(machine: &Machine, id: &str, name: &str) {
    let answers = "fact.rows=1,fact.resource=shop/orders,fact.target=sql:shop,scope=yes,time_window=yes,\
                   rollback_plan=yes,intent=yes,business_context=yes,operational_safety=yes,least=yes";
    let because = ["--because", "order 7 alone", "--criteria", answers];
    let mut approve = vec!["approve", id.trim(), "--as", name];
    approve.extend(because);
    let approved = machine.run(&approve);
    assert!(approved.status.success(), "{approved:?}");
}
