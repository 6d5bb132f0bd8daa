//! Credentials from an executor in a process of its own: a gate that has no password of a broker and no certificate authority, a real
//! PostgreSQL server, a real server of OpenSSH, and both processes killed when it hurts.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: helpers outside test functions"
)]

mod apart;
#[path = "ssh_leases/world.rs"]
mod ssh_world;
#[path = "leases/world.rs"]
mod world;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use apart::{Served, certificates, set};
use gatehold_client::wire::{Credential, StopRequest, StopScope};
use gatehold_scenarios::gate_process::GateProcess;
use world::{World, code};

/// What the server says to whoever it does not know, or whose password is not right.
const NOBODY: &str = "28P01";
/// How often it is looked whether something has happened.
const LOOK: Duration = Duration::from_millis(20);
/// A way out for a test whose event never comes.
const PATIENCE: Duration = Duration::from_secs(120);

/// An executor that has all that a gate's targets are opened with.
struct Executor {
    served: Option<Served>,
    folder: PathBuf,
}

impl Executor {
    /// Takes over the targets of a gate, which is stopped for it and knows of them by this executor alone from then on.
    async fn of(gate: &mut GateProcess) -> Self {
        gate.stop().await.unwrap();
        let own = gate.config();
        let folder = own.with_file_name("apart");
        std::fs::create_dir(&folder).unwrap();
        set(&folder, 0o700);
        certificates(&folder);
        let mut config: toml::Table = std::fs::read_to_string(&own).unwrap().parse().unwrap();
        let targets = own.with_file_name("targets.toml");
        let moved = std::fs::read_to_string(&targets).unwrap();
        std::fs::write(&targets, "").unwrap();
        let file = folder.join("executor.toml");
        let text = format!(
            "listen = \"127.0.0.1:0\"\norigin = \"{}\"\npublic_url = {}\nroot = {}\nstate_folder = \"state\"\n\n\
             [tls]\ncertificate_file = \"executor.pem\"\nprivate_key_file = \"executor.key\"\nclient_ca_file = \"own.pem\"\n\n{moved}",
            gate.origin(),
            config["public_url"],
            config["trust"]["root"],
        );
        std::fs::write(&file, &text).unwrap();
        set(&file, 0o600);
        let mut executor = Self {
            served: None,
            folder,
        };
        executor.starts();
        let said = &executor.served.as_ref().unwrap().said;
        let address = said.rsplit("https://").next().unwrap().trim().to_owned();
        // The same address after a start.
        std::fs::write(&file, text.replace("127.0.0.1:0", &address)).unwrap();
        let section = format!(
            "url = \"https://{address}\"\nca_file = \"apart/own.pem\"\ncertificate_file = \"apart/gate.pem\"\n\
             key_file = \"apart/gate.key\"\n"
        );
        let section: toml::Table = section.parse().unwrap();
        config.insert("executor".to_owned(), section.into());
        std::fs::write(&own, toml::to_string(&config).unwrap()).unwrap();
        gate.start_again().await.unwrap();
        executor
    }

    fn starts(&mut self) {
        let log = File::options().create(true).append(true).open(self.log());
        let file = self.folder.join("executor.toml");
        let served = Served::logging(&["executor"], &file, log.unwrap().into());
        self.served = Some(served);
    }

    fn kill(&mut self) {
        self.served.take().unwrap().kill();
    }

    fn log(&self) -> PathBuf {
        self.folder.join("executor.log")
    }
}

/// A gate whose credentials come from an executor of its own.
async fn open() -> (World, Executor) {
    let mut world = World::open().await;
    let executor = Executor::of(&mut world.gate).await;
    world.people = world.gate.people().await.unwrap();
    (world, executor)
}

/// Everything in a folder that holds this text.
fn holding(folder: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, text));
        } else if let Ok(bytes) = std::fs::read(&path)
            && bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        {
            found.push(path);
        }
    }
    found
}

/// Waits until the gate has tried to take it away and says why it is still there.
async fn until_it_remains(world: &World, request: &str, why: &str) {
    let mut looks = tokio::time::interval(LOOK);
    let remains = async {
        loop {
            looks.tick().await;
            let seen = world.people["reviewer"].client.lease(request).await;
            let lease = seen.unwrap().lease.unwrap();
            assert_ne!(lease.state, "revoked");
            if lease.remains_because.as_deref() == Some(why) {
                return;
            }
        }
    };
    let waited = tokio::time::timeout(PATIENCE, remains).await;
    assert!(waited.is_ok(), "{}", world.gate.says());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_approved_logs_in_and_the_gate_has_nothing_to_make_it_with() {
    let (mut world, executor) = open().await;
    let request = world.ask(600).await;
    let early = world.bot.client.redeem(&request, 0).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(world.roles().await, 0, "nothing is made before a decision");
    world.approve(&request).await;
    let credential = world.taken(&request).await;
    assert_eq!(credential.kind, "postgres_login");
    let session = world.log_in(&credential).await.unwrap();
    let row = session.query_one("SELECT status FROM orders WHERE id = 7", &[]);
    assert_eq!(row.await.unwrap().get::<_, String>(0), "stuck");

    // What is made is in the answer alone; what makes it is in the executor's files alone.
    let home = world.home();
    assert_eq!(holding(&home, &credential.secret), Vec::<PathBuf>::new());
    let gates: Vec<PathBuf> = holding(&home, "password_file")
        .into_iter()
        .filter(|path| !path.starts_with(&executor.folder))
        .collect();
    assert_eq!(gates, Vec::<PathBuf>::new());
    let log = std::fs::read_to_string(executor.log()).unwrap();
    assert!(log.contains("a credential is made"), "{log}");
    let spent = std::fs::read_to_string(executor.folder.join("state/spent")).unwrap();
    assert_eq!(spent.lines().count(), 2, "{spent}");

    let working = tokio::spawn(async move { session.batch_execute("SELECT pg_sleep(600)").await });
    let revoked = world.people["reviewer"].client.revoke_request(&request);
    revoked.await.unwrap();
    assert!(working.await.unwrap().is_err());
    world.until_gone(1).await;
    assert_eq!((world.roles().await, world.sessions().await), (0, 0));
    assert_eq!(code(&world.log_in(&credential).await), NOBODY);
    assert!(world.bot.client.redeem(&request, 0).await.is_err());
    world.gate.stop().await.unwrap();
    world.gate.verify_ledger().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_ends_and_a_stop_take_what_an_executor_made() {
    let (world, _executor) = open().await;
    let task = world.bot.start_task("look for stuck orders").await.unwrap();
    let credential = world.leased(&task).await;
    let session = world.log_in(&credential).await.unwrap();
    let working = tokio::spawn(async move { session.batch_execute("SELECT pg_sleep(600)").await });
    world.bot.client.end_task(&task).await.unwrap();
    assert!(working.await.unwrap().is_err());
    world.until_gone(1).await;
    assert_eq!((world.roles().await, world.sessions().await), (0, 0));

    let task = world.bot.start_task("look for lost orders").await.unwrap();
    let credential = world.leased(&task).await;
    let session = world.log_in(&credential).await.unwrap();
    let working = tokio::spawn(async move { session.batch_execute("SELECT pg_sleep(600)").await });
    let stop = StopRequest {
        scope: StopScope::Target,
        name: Some("orders-access".to_owned()),
        reason: "odd sessions".to_owned(),
    };
    world.people["reviewer"].client.stop(&stop).await.unwrap();
    assert!(working.await.unwrap().is_err());
    world.until_gone(2).await;
    assert_eq!((world.roles().await, world.sessions().await), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_that_is_killed_while_it_makes_one_leaves_nothing() {
    let (mut world, mut executor) = open().await;
    let request = world.ask(600).await;
    world.approve(&request).await;
    // Nobody becomes a member of anything until this is over.
    let holding = world.server.connect("orders").await;
    let hold = "BEGIN; LOCK TABLE pg_catalog.pg_auth_members IN SHARE MODE";
    holding.batch_execute(hold).await.unwrap();
    let (bot, asked) = (world.bot.clone(), request.clone());
    let redeeming = tokio::spawn(async move { bot.client.redeem(&asked, 0).await });
    world.until_the_broker_waits().await;
    executor.kill();
    let redeemed = redeeming.await.unwrap().unwrap();
    assert!(redeemed.credential.is_none());
    // Nobody says that it is gone as long as nobody can tell.
    until_it_remains(&world, &request, "executor_unreachable").await;
    drop(holding);
    executor.starts();
    world.until_gone(1).await;
    world.until_no_role().await;
    // What was begun is not begun again.
    assert!(world.bot.client.redeem(&request, 0).await.is_err());
    let next = world.ask(600).await;
    world.approve(&next).await;
    let credential = world.taken(&next).await;
    drop(world.log_in(&credential).await.unwrap());
    world.gate.stop().await.unwrap();
    world.gate.verify_ledger().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_executor_made_ends_once_it_is_back_and_not_before_the_target_says_so() {
    let (mut world, mut executor) = open().await;
    let request = world.ask(600).await;
    world.approve(&request).await;
    let credential = world.taken(&request).await;
    executor.kill();
    // Known targets stay known: people can be asked; what is used then is not made.
    let next = world.ask(600).await;
    world.approve(&next).await;
    let redeemed = world.bot.client.redeem(&next, 0).await.unwrap();
    assert!(redeemed.credential.is_none());
    let revoked = world.people["reviewer"].client.revoke_request(&request);
    revoked.await.unwrap();
    until_it_remains(&world, &request, "executor_unreachable").await;
    drop(world.log_in(&credential).await.unwrap());
    // The gate may be killed besides.
    world.gate.kill().await.unwrap();
    world.gate.start_again().await.unwrap();
    executor.starts();
    world.until_gone(2).await;
    assert_eq!((world.roles().await, world.sessions().await), (0, 0));
    assert_eq!(code(&world.log_in(&credential).await), NOBODY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_at_a_target_without_a_grant_is_taken_away_by_its_executor() {
    let (world, _executor) = open().await;
    let request = world.ask(600).await;
    world.approve(&request).await;
    let credential: Credential = world.taken(&request).await;
    // Named as the gate's credentials are, and of no grant; and one of another gate.
    let (ours, _) = credential.public["user"].rsplit_once('_').unwrap();
    let orphan = format!("{ours}_{}", "7".repeat(32));
    let foreign = format!("gh_00000000_{}", "7".repeat(32));
    let admin = world.server.connect("orders").await;
    for role in [&orphan, &foreign] {
        let planted =
            format!("CREATE ROLE {role} LOGIN; GRANT {role} TO gatehold_broker WITH ADMIN OPTION");
        admin.batch_execute(&planted).await.unwrap();
    }
    let there = "SELECT count(*) FROM pg_roles WHERE rolname = $1::text";
    let mut looks = tokio::time::interval(LOOK);
    let waited = tokio::time::timeout(PATIENCE, async {
        while admin
            .query_one(there, &[&orphan])
            .await
            .unwrap()
            .get::<_, i64>(0)
            == 1
        {
            looks.tick().await;
        }
    });
    assert!(waited.await.is_ok(), "{}", world.gate.says());
    assert_eq!(world.roles().await, 2, "its own lease and another gate's");
    drop(world.log_in(&credential).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_says_where_its_targets_are_and_looks_round_them_with_the_executors_file() {
    let (world, mut executor) = open().await;
    let request = world.ask(600).await;
    world.approve(&request).await;
    let _credential = world.taken(&request).await;
    let by = |config: &Path, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatehold"));
        let command = command.args(arguments).arg("--config");
        let output = command.arg(config).stdin(Stdio::null()).output();
        let output = output.unwrap();
        let told = [&output.stdout[..], &output.stderr[..]].concat();
        (output.status.code(), String::from_utf8(told).unwrap())
    };
    let gatehold = |arguments: &[&str]| by(&world.gate.config(), arguments);
    let (_, told) = gatehold(&["status"]);
    assert!(told.contains("answers, with 1 target"), "{told}");
    let (_, told) = gatehold(&["doctor"]);
    let wanted = "nothing that takes them away is missing";
    assert!(
        told.contains("1 credential is handed out") && told.contains(wanted),
        "{told}"
    );
    // Its login lies in the executor's file.
    let bypass = ["doctor", "bypass", "orders-access"];
    let (code, told) = gatehold(&bypass);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("name its file with --targets"), "{told}");
    let file = executor.folder.join("executor.toml");
    let file = file.to_str().unwrap();
    let (_, told) = gatehold(&[&bypass[..], &["--targets", file]].concat());
    assert!(told.contains("1 living lease"), "{told}");
    // With that file alone nobody knows whether what is called as a lease lives, and nobody says that it does.
    let (code, told) = by(Path::new(file), &bypass);
    assert_eq!(code, Some(1), "{told}");
    let wanted_there = "lives: only the gate knows";
    assert!(
        told.contains("UNKNOWN: whether gh_") && told.contains(wanted_there),
        "{told}"
    );
    assert!(!told.contains("living lease"), "{told}");
    let log = world.home().join("server.csv");
    std::fs::write(&log, "no record\n").unwrap();
    let log = log.to_str().unwrap();
    let reconcile = ["audit", "reconcile", "orders-access", "--log", log];
    let (code, told) = gatehold(&reconcile);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("name its file with --targets"), "{told}");
    let (code, told) = gatehold(&[&reconcile[..], &["--targets", file]].concat());
    assert_eq!(code, Some(1), "{told}");
    // Without it nobody can tell whether what is handed out can be taken away, and nobody says so.
    executor.kill();
    let (_, told) = gatehold(&["doctor"]);
    assert!(told.contains("is not known until it answers"), "{told}");
    assert!(!told.contains(wanted), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_approved_runs_by_a_certificate_whose_authority_the_gate_does_not_have() {
    let mut world = ssh_world::World::open().await;
    let mut executor = Executor::of(&mut world.gate).await;
    world.people = world.gate.people().await.unwrap();
    let task = world
        .bot
        .start_task("see why the shop hangs")
        .await
        .unwrap();
    let request = world.ask(&task, "echo approved").await;
    world.is_refused();
    world.approve(&request).await;
    let credential = world.taken(&request).await;
    assert_eq!(credential.kind, "ssh_certificate");
    assert_eq!(world.log_in().stdout, b"approved\n");
    // It forgets nothing that it certified.
    executor.kill();
    executor.starts();
    let revoked = world.people["reviewer"].client.revoke_request(&request);
    revoked.await.unwrap();
    world.until_gone(&request).await;
    world.is_refused();
    world.gate.stop().await.unwrap();
    world.gate.verify_ledger().await.unwrap();
}
