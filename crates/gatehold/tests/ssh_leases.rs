//! Certificates of SSH that are handed out, where they are used: a gate in a process of its own, a real server of OpenSSH, a workload
//! that logs in with its own key, and people who take its certificate away.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: helpers outside test functions"
)]

use std::process::{Command, Stdio};

#[path = "ssh_leases/world.rs"]
mod world;

use gatehold_sim::ssh_server::PRINCIPAL;

use world::{TARGET, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m144_c07_what_people_approved_is_what_runs_until_one_of_them_revokes_it() {
    let mut world = World::open().await;
    let task = world
        .bot
        .start_task("see why the shop hangs")
        .await
        .unwrap();
    let request = world.ask(&task, "echo approved").await;
    let early = world.bot.client.redeem(&request, 0).await;
    assert!(early.is_err(), "{early:?}");
    world.is_refused();
    world.approve(&request).await;
    let credential = world.taken(&request).await;
    assert_eq!(credential.kind, "ssh_certificate");
    assert_eq!(credential.public["user"], PRINCIPAL);
    let ran = world.log_in();
    assert_eq!(ran.stdout, b"approved\n", "{ran:?}");
    // Nobody is handed it again.
    assert!(world.bot.client.redeem(&request, 0).await.is_err());
    let revoked = world.people["reviewer"].client.revoke_request(&request);
    revoked.await.unwrap();
    world.until_gone(&request).await;
    world.is_refused();
    world.gate.stop().await.unwrap();
    world.gate.verify_ledger().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c05_a_task_that_ends_takes_its_own_certificate_and_no_other() {
    let mut world = World::open().await;
    let first = world.bot.start_task("restart the shop").await.unwrap();
    let second = world.bot.start_task("look at its disk").await.unwrap();
    let (one, other) = (
        world.ask(&first, "echo one").await,
        world.ask(&second, "echo other").await,
    );
    world.approve(&one).await;
    world.approve(&other).await;
    let (ending, staying) = (world.taken(&one).await, world.taken(&other).await);
    world.bot.client.end_task(&first).await.unwrap();
    world.until_gone(&one).await;
    world.hold(&ending);
    world.is_refused();
    world.hold(&staying);
    assert_eq!(world.log_in().stdout, b"other\n");
    // Whoever takes over knows of it.
    world.gate.kill().await.unwrap();
    world.gate.start_again().await.unwrap();
    world.bot.client.end_task(&second).await.unwrap();
    world.until_gone(&other).await;
    world.is_refused();
    world.gate.stop().await.unwrap();
    world.gate.verify_ledger().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_whose_list_was_moved_says_which_file_is_missing() {
    let mut world = World::open().await;
    let task = world.bot.start_task("look at its disk").await.unwrap();
    let request = world.ask(&task, "echo moved").await;
    world.approve(&request).await;
    world.taken(&request).await;
    // The operator moves the list in the configuration, and its servers go on reading the first one.
    world.gate.stop().await.unwrap();
    let targets = world.gate.config().with_file_name("targets.toml");
    let before = std::fs::read_to_string(&targets).unwrap();
    let list = world.server.list().display().to_string();
    assert!(before.contains(&list), "{before}");
    std::fs::write(&targets, before.replace(&list, &format!("{list}-moved"))).unwrap();
    let looked = Command::new(env!("CARGO_BIN_EXE_gatehold"))
        .arg("doctor")
        .arg("--config")
        .arg(world.gate.config())
        .output()
        .unwrap();
    let told = String::from_utf8(looked.stdout).unwrap();
    let wanted = format!("what was handed out for {request} cannot be taken away: `krl_file`");
    assert!(told.contains(&wanted), "{told}");
    assert!(told.contains(&format!("read {list} when")), "{told}");
    assert_eq!(looked.status.code(), Some(1), "{told}");

    world.gate.start_again().await.unwrap();
    world.people = world.gate.people().await.unwrap();
    let person = &world.people["reviewer"];
    person.client.revoke_request(&request).await.unwrap();
    let seen = person.client.lease(&request).await.unwrap();
    let lease = seen.lease.unwrap();
    assert_ne!(lease.state, "revoked");
    let missing = lease.missing.unwrap();
    assert!(missing.contains(&format!("read {list} when")), "{missing}");

    // Named again, it is taken away.
    world.gate.stop().await.unwrap();
    std::fs::write(&targets, before).unwrap();
    world.gate.start_again().await.unwrap();
    world.until_gone(&request).await;
    world.is_refused();
    world.people = world.gate.people().await.unwrap();
    let seen = world.people["reviewer"].client.lease(&request).await;
    assert_eq!(seen.unwrap().lease.unwrap().missing, None);
    world.gate.stop().await.unwrap();
    world.gate.verify_ledger().await.unwrap();
}

/// What `gatehold audit reconcile` says of the server's own log, as a system keeps it: each line under its time.
fn reconciled(world: &World, log: &str, more: &str) -> (Option<i32>, serde_json::Value) {
    let now = Command::new("date")
        .args(["-u", "+%Y-%m-%dT%H:%M:%S+00:00"])
        .output()
        .unwrap();
    let now = String::from_utf8(now.stdout).unwrap();
    let line = |line: &str| format!("{} server sshd-session[7]: {line}\n", now.trim());
    let text: String = log.lines().map(line).collect();
    let path = world.server.path("auth.log");
    std::fs::write(&path, text + more).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gatehold"))
        .args([
            "audit",
            "reconcile",
            TARGET,
            "-o",
            "json",
            "--apart",
            "2m",
            "--log",
        ])
        .arg(&path)
        .arg("--config")
        .arg(world.gate.config())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let answer = serde_json::from_slice(&output.stdout);
    let answer = answer.unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code(), answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m023_the_servers_own_log_tells_a_certificate_of_a_lease_from_one_of_somebody_else() {
    let world = World::open().await;
    let task = world.bot.start_task("see why it hangs").await.unwrap();
    let request = world.ask(&task, "echo approved").await;
    world.approve(&request).await;
    let credential = world.taken(&request).await;
    assert_eq!(world.log_in().stdout, b"approved\n");
    let name = credential.public["key_id"].clone();
    let log = world.server.log_until(&format!("ID {name}"));
    let (code, answer) = reconciled(&world, &log, "");
    assert_eq!(code, Some(0), "{answer:#}");
    assert_eq!(answer["granted"], 1, "{answer:#}");

    // Whoever has the private key of the authority certifies without asking, also under the name of a lease.
    let authority = world.server.authority();
    let arguments = ["-q", "-I", name.as_str(), "-n", PRINCIPAL, "-z", "7", "-s"];
    let made = Command::new("ssh-keygen")
        .args(arguments)
        .arg(&authority)
        .arg(world.server.path("client.pub"))
        .status();
    assert!(made.unwrap().success());
    assert!(world.log_in().status.success());
    let log = world.server.log_until(&format!("ID {name} (serial 7)"));
    let line = log.lines().position(|line| line.contains("(serial 7) CA"));
    let (code, answer) = reconciled(&world, &log, "");
    assert_eq!(code, Some(7), "{answer:#}");
    let findings = answer["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{answer:#}");
    assert_eq!(findings[0]["line"], line.unwrap() + 1);
    let why = findings[0]["why"].as_str().unwrap();
    assert!(
        why.contains(&request) && why.contains("is not that"),
        "{why}"
    );

    // A line that nobody can read is not taken for nothing.
    let (_, answer) = reconciled(&world, &log, "\u{0}nonsense\n");
    let unknown = answer["unknown"].to_string();
    assert!(unknown.contains("does not begin with a time"), "{unknown}");
}
