//! An executor in a process of its own, over real mutual TLS: it changes the row, the gate cannot, and nobody without the gate's
//! certificate says a word to it. What it makes of a gate that lies is in `crates/sim/tests/executor_apart.rs`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod apart;
mod gate;

use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use apart::{Served, certificates, set};
use gate::Gate;
use gatehold_core::context::{ChainContext, ResourceFacts, Signals};
use gatehold_core::effect::{Environment, Sensitivity};
use gatehold_core::known::Known;
use gatehold_core::tier::Tier;
use gatehold_gate::{Case, Word};
use gatehold_scenarios::cast::Person;
use rusqlite::Connection;
use serde_json::Value;

const RETRY: &str = "UPDATE orders SET status = 'retry' WHERE id = 7";

/// What its own operator says, whatever a gate says.
const RESOURCES: &str = "\n[[resource]]\nprefix = \"shop/\"\ntarget = \"sql:shop\"\nenv = \"production\"\nzone = \"shop\"\n\
                         sensitivity = \"internal\"\nowner = \"owner@dev.gatehold.local\"\nlegacy_coarse = false\n";

/// A gate and its executor, each in a process of its own.
struct Apart {
    _served: Served,
    executor: Served,
    address: String,
    folder: PathBuf,
    gate: Gate,
}

impl Apart {
    fn start() -> Self {
        let mut gate = Gate::start();
        let login = gate.json(&["login", "--as", "reviewer"]);
        let root = login["root"].as_str().unwrap().to_owned();
        gate.terminate();
        assert!(gate.ended());
        let folder = gate.home.join("apart");
        std::fs::create_dir(&folder).unwrap();
        set(&folder, 0o700);
        certificates(&folder);
        // What was the gate's is the executor's from now on.
        let targets = gate.home.join("targets.toml");
        let moved = std::fs::read_to_string(&targets).unwrap();
        std::fs::write(&targets, "").unwrap();
        let origin = gate.client_key("origin");
        let config = format!(
            "listen = \"127.0.0.1:0\"\norigin = \"{origin}\"\npublic_url = \"{}\"\nroot = \"{root}\"\nstate_folder = \"state\"\n\n\
             [tls]\ncertificate_file = \"executor.pem\"\nprivate_key_file = \"executor.key\"\nclient_ca_file = \"own.pem\"\n\n{moved}{RESOURCES}",
            gate.configured("public_url"),
        );
        let file = folder.join("executor.toml");
        std::fs::write(&file, &config).unwrap();
        set(&file, 0o600);
        let executor = Served::start(&["executor"], &file);
        let address = executor.said.rsplit("https://").next().unwrap().trim();
        let address = address.to_owned();
        // The same address after a start.
        std::fs::write(&file, config.replace("127.0.0.1:0", &address)).unwrap();
        let own = gate.home.join("gatehold.toml");
        let text = std::fs::read_to_string(&own).unwrap();
        let section = format!(
            "\n[executor]\nurl = \"https://{address}\"\nca_file = \"apart/own.pem\"\ncertificate_file = \"apart/gate.pem\"\n\
             key_file = \"apart/gate.key\"\n"
        );
        std::fs::write(&own, text + &section).unwrap();
        let served = Served::start(&["serve"], &own);
        Self {
            _served: served,
            executor,
            address,
            folder,
            gate,
        }
    }

    fn starts_again(&mut self) {
        self.executor = Served::start(&["executor"], &self.folder.join("executor.toml"));
    }

    fn approved(&self, payload: &str) -> String {
        let request = self.gate.held(payload);
        self.gate.approved(&request);
        request
    }

    fn status(&self, order: u32) -> String {
        let shop = Connection::open(self.gate.home.join("shop.db")).unwrap();
        let sql = "SELECT status FROM orders WHERE id = ?1";
        shop.query_row(sql, [order], |row| row.get(0)).unwrap()
    }

    /// Where the gate says that it executes.
    fn execution(&self) -> String {
        let client = self.gate.client_key("url");
        let origin = self.gate.client_key("origin");
        let seed = std::fs::read_to_string(self.gate.home.join("people/reviewer.seed")).unwrap();
        let seed = gatehold_core::hash::unhex(seed.trim()).unwrap();
        let human = format!("reviewer@{origin}").parse().unwrap();
        let asked = async {
            let origin = origin.parse().unwrap();
            let person = Person::log_in(human, origin, seed.try_into().unwrap(), &client).await;
            person.unwrap().client.gate().await.unwrap().execution
        };
        tokio::runtime::Runtime::new().unwrap().block_on(asked)
    }

    fn state(&self, request: &str) -> Value {
        self.gate.json(&["request", "show", request])
    }

    /// What a gate that was taken over could send of a request: what stands in its database, and a word of its own making.
    fn case(&self, request: &str) -> Value {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let store = Connection::open_with_flags(self.gate.home.join("gatehold.db"), flags).unwrap();
        let sql = "SELECT body, first_leaf FROM state_row WHERE kind = 'request' AND id = ?1";
        let row = store.query_row(sql, [request], |row| Ok((row.get(0)?, row.get(1)?)));
        let (record, leaf): (Vec<u8>, i64) = row.unwrap();
        let attached = |name: &str| -> Vec<u8> {
            let sql = "SELECT bytes FROM attachment WHERE leaf = ?1 AND name = ?2";
            let found = store.query_row(sql, (leaf, name), |row| row.get(0));
            found.unwrap()
        };
        let case = Case {
            record: serde_json::from_slice(&record).unwrap(),
            proof: String::from_utf8(attached("proof")).unwrap(),
            body: attached("body"),
            word: word(),
        };
        serde_json::to_value(&case).unwrap()
    }

    /// Asks for it with the gate's own key. Gives whether it was executed, and the answer.
    fn executes(&self, case: &Value) -> (bool, Value) {
        let body = case.to_string();
        let (status, answer) = self.says(Some("gate"), "/v1/execute", Some(&body)).unwrap();
        (status == 200, serde_json::from_str(&answer).unwrap())
    }

    /// Says something to the executor with this certificate; gives status and body, or nothing where TLS refused.
    fn says(&self, as_whom: Option<&str>, path: &str, body: Option<&str>) -> Option<(u16, String)> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--noproxy", "*", "--cacert", "own.pem"]);
        curl.args(["--write-out", "\n%{http_code}"]);
        if let Some(name) = as_whom {
            let [certificate, key] = ["pem", "key"].map(|end| format!("{name}.{end}"));
            curl.args(["--cert", &certificate, "--key", &key]);
        }
        if body.is_some() {
            curl.args(["--data-binary", "@-"]);
        }
        let mut child = curl
            .arg(format!("https://{}{path}", self.address))
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let _written = stdin.write_all(body.unwrap_or_default().as_bytes());
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        if !output.status.success() {
            return None;
        }
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        Some((status.parse().unwrap(), body.to_owned()))
    }
}

#[test]
fn what_people_approved_is_executed_by_a_process_that_the_gate_cannot_replace() {
    let apart = Apart::start();
    let request = apart.approved(RETRY);
    assert_ne!(apart.status(7), "retry");
    let redeemed = apart.gate.run(&["request", "redeem", &request]);
    assert!(redeemed.status.success(), "{redeemed:?}");
    assert_eq!(apart.status(7), "retry");
    assert_eq!(apart.state(&request)["state"], "completed");
    let spent = std::fs::read_to_string(apart.folder.join("state/spent")).unwrap();
    assert_eq!(spent.lines().count(), 2, "{spent}");

    // What policy allows goes the same way.
    let task = apart.gate.json(&["task", "start", "--purpose", "look"]);
    let mut read = vec![
        "request",
        "create",
        "--redeem",
        "--task",
        task["task"].as_str().unwrap(),
    ];
    read.extend([
        "--descriptor",
        "sql.read",
        "--target",
        "sql:shop",
        "--resource",
        "shop/orders",
    ]);
    read.extend([
        "--cap",
        "rows=1",
        "--payload",
        "SELECT status FROM orders WHERE id = 7",
    ]);
    let read = apart.gate.run(&read);
    assert!(read.status.success(), "{read:?}");
    let answer = String::from_utf8_lossy(&read.stdout).into_owned();
    assert!(answer.contains("retry"), "{answer}");

    // Everybody is told where that happens, and the operator how it stands.
    assert_eq!(apart.execution(), "executor");
    let doctor = apart.gate.run(&[
        "status",
        "--config",
        apart.gate.home.join("gatehold.toml").to_str().unwrap(),
    ]);
    let told = String::from_utf8(doctor.stdout).unwrap();
    assert!(told.contains("answers, with 1 target"), "{told}");
}

/// Whatever makes policy as mild as it gets.
fn word() -> Word {
    let no = Known::some(false);
    Word {
        resource: ResourceFacts {
            id: "shop/orders".parse().unwrap(),
            environment: Known::some(Environment::Development),
            zone: Known::some("shop".to_owned()),
            sensitivity: Known::some(Sensitivity::Public),
            owner: Known::some("owner".to_owned()),
            legacy_coarse: no.clone(),
        },
        facts: [].into(),
        signals: Signals {
            outside_hours: no.clone(),
            weekend: no.clone(),
            holiday: no.clone(),
            change_freeze: no.clone(),
            burst: no.clone(),
            wide: no.clone(),
            new_resource: no.clone(),
            flagged: no.clone(),
        },
        chain: ChainContext {
            steps: 0,
            sensitive: no.clone(),
            untrusted: no.clone(),
            external: no.clone(),
            tier: Known::some(Tier::Green),
            systems: Known::some(1),
        },
        purpose: Known::some("repair".to_owned()),
        out_of_boundary: no.clone(),
        anomaly: no.clone(),
        cross_system: no,
    }
}

#[test]
fn a_gate_that_was_taken_over_makes_it_execute_nothing_that_was_not_approved() {
    let mut apart = Apart::start();
    // Something honest, so that the links are known there.
    let first = apart.approved("UPDATE orders SET status = 'first' WHERE id = 1");
    assert!(
        apart
            .gate
            .run(&["request", "redeem", &first])
            .status
            .success()
    );
    let held = apart.gate.held(RETRY);
    let approved = apart.approved(RETRY);
    let honest = apart.case(&approved);

    // A row that says it was approved, reviews of another request among it; and no requirement at all.
    let mut claimed = apart.case(&held);
    claimed["record"]["state"] = honest["record"]["state"].clone();
    claimed["record"]["grant"] = honest["record"]["grant"].clone();
    claimed["record"]["decided_by"] = "human".into();
    assert_eq!(apart.executes(&claimed).1["code"], "not_approved");
    claimed["record"]["reviews"] = honest["record"]["reviews"].clone();
    assert_eq!(apart.executes(&claimed).1["code"], "not_approved");
    claimed["record"]["held"] = Value::Null;
    assert_eq!(apart.executes(&claimed).1["code"], "not_approved");

    type Forged = fn(&mut Value);
    let forgeries: [(Forged, &str); 8] = [
        (|case| case["proof"] = "".into(), "call_not_signed"),
        (|case| case["body"] = "e30=".into(), "call_not_signed"),
        (
            |case| case["record"]["envelope"]["caps"]["rows"] = 1_000.into(),
            "call_not_signed",
        ),
        (
            |case| case["record"]["requester"]["workload"]["owner"] = "mallory@evil.example".into(),
            "requester_unknown",
        ),
        (
            |case| case["record"]["envelope"]["workload"] = "other-bot".into(),
            "call_not_signed",
        ),
        (
            |case| case["record"]["request_nonce"] = case["record"]["digest"].clone(),
            "case_damaged",
        ),
        (
            |case| case["record"]["spend_by"] = 4_000_000_000_000_i64.into(),
            "case_damaged",
        ),
        (
            |case| drop(case["record"]["reviews"].as_array_mut().unwrap().pop()),
            "not_approved",
        ),
    ];
    for (forged, wanted) in forgeries {
        let mut case = honest.clone();
        forged(&mut case);
        let (done, answer) = apart.executes(&case);
        assert!(!done && answer["code"] == wanted, "{wanted}: {answer}");
    }
    assert_ne!(apart.status(7), "retry");

    // What people did approve it can have executed, once.
    let (done, answer) = apart.executes(&honest);
    assert!(done, "{answer}");
    assert_eq!(apart.status(7), "retry");
    let shop = Connection::open(apart.gate.home.join("shop.db")).unwrap();
    shop.execute("UPDATE orders SET status = 'paid' WHERE id = 7", [])
        .unwrap();
    assert_eq!(apart.executes(&honest).1["code"], "already_spent");
    apart.executor.kill();
    apart.starts_again();
    assert_eq!(apart.executes(&honest).1["code"], "already_spent");
    assert_eq!(apart.status(7), "paid");
}

#[test]
fn nobody_without_the_gates_certificate_is_heard() {
    let apart = Apart::start();
    for path in [
        "/v1/targets",
        "/v1/execute",
        "/v1/links",
        "/v1/issue",
        "/v1/shut",
        "/v1/remove",
        "/v1/found",
    ] {
        let body = (path != "/v1/targets").then_some("{}");
        assert_eq!(apart.says(None, path, body), None, "{path}");
        assert_eq!(apart.says(Some("stranger"), path, body), None, "{path}");
    }
    let (status, body) = apart.says(Some("gate"), "/v1/targets", None).unwrap();
    assert_eq!(status, 200);
    let standing: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(standing["targets"][0]["target"], "sql:shop");
    // With it, nothing is executed for what cannot be read, or is no chain of this root.
    for (path, body, wanted) in [
        ("/v1/execute", "{}", "unreadable"),
        ("/v1/execute", "[", "unreadable"),
        ("/v1/issue", "{}", "unreadable"),
        ("/v1/shut", "{}", "unreadable"),
        (
            "/v1/remove",
            "{\"target\":\"sql:shop\",\"recipes\":[]}",
            "unreadable",
        ),
        // Another gate's, by its name.
        (
            "/v1/remove",
            "{\"target\":\"sql:shop\",\"recipes\":[{\"broker\":\"postgres\",\"handle\":\"gh_00000000_00000000000000000000000000000000\",\
             \"entitlement\":\"role orders_reader\",\"parts\":{}}]}",
            "other_name",
        ),
        (
            "/v1/links",
            "{\"links\":[{\"leaf\":0,\"evidence\":\"e30=\",\"bundle\":null}],\"more\":false}",
            "chain_refused",
        ),
        ("/v1/approve", "{}", "no_such_door"),
    ] {
        let (status, answer) = apart.says(Some("gate"), path, Some(body)).unwrap();
        assert!((400..500).contains(&status), "{path}: {status} {answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["code"], wanted, "{path}: {answer}");
    }
    let long = "x".repeat((8 << 20) + 1);
    let (status, _) = apart
        .says(Some("gate"), "/v1/execute", Some(&long))
        .unwrap();
    assert_eq!(status, 413);
}

#[test]
fn without_its_executor_a_gate_does_nothing_and_says_so() {
    let mut apart = Apart::start();
    let request = apart.approved(RETRY);
    apart.executor.kill();
    let redeemed = apart.gate.run(&["request", "redeem", &request]);
    assert!(!redeemed.status.success(), "{redeemed:?}");
    let state = apart.state(&request);
    assert_eq!(state["state"], "failed", "{state}");
    assert_eq!(state["execution"]["code"], "unreachable", "{state}");
    assert_ne!(apart.status(7), "retry");
    // Known targets stay known: people may decide, and it is done once the executor is back.
    let next = apart.approved(RETRY);
    apart.starts_again();
    let redeemed = apart.gate.run(&["request", "redeem", &next]);
    assert!(redeemed.status.success(), "{redeemed:?}");
    assert_eq!(apart.status(7), "retry");
}

#[test]
fn an_answer_that_is_lost_is_unknown_and_nothing_is_done_twice() {
    let mut apart = Apart::start();
    let request = apart.approved(RETRY);
    // The target lets nobody in until this is over.
    let shop = Connection::open(apart.gate.home.join("shop.db")).unwrap();
    shop.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let redeem = apart
        .gate
        .command(&["request", "redeem", &request])
        .spawn()
        .unwrap();
    let spent = apart.folder.join("state/spent");
    while std::fs::read_to_string(&spent).unwrap().lines().count() < 2 {
        std::thread::yield_now();
    }
    apart.executor.kill();
    drop(shop);
    let redeemed = redeem.wait_with_output().unwrap();
    assert!(!redeemed.status.success(), "{redeemed:?}");
    let state = apart.state(&request);
    assert_eq!(state["state"], "unknown", "{state}");
    assert_ne!(apart.status(7), "retry");
    apart.starts_again();
    let again = apart.gate.run(&["request", "redeem", &request]);
    assert!(!again.status.success(), "{again:?}");
    assert_ne!(apart.status(7), "retry");
}

#[test]
fn a_gate_with_an_executor_holds_no_target_of_its_own() {
    let apart = Apart::start();
    let target = "[[target]]\nid = \"sql:other\"\nkind = \"sqlite\"\npath = \"/tmp/other.db\"\n";
    std::fs::write(apart.gate.home.join("targets.toml"), target).unwrap();
    let config = apart.gate.home.join("gatehold.toml");
    let checked = apart
        .gate
        .run(&["config", "check", "--config", config.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(2), "{checked:?}");
    let told = String::from_utf8(checked.stderr).unwrap();
    assert!(
        told.contains("target sql:other stands here, and with [executor]"),
        "{told}"
    );

    // Every mistake of an executor's own file at once.
    let file = apart.folder.join("wrong.toml");
    std::fs::write(
        &file,
        "listen = \"nowhere\"\nroot = \"abc\"\nextra = 1\n[[target]]\nkind = \"smtp\"\n",
    )
    .unwrap();
    let output = apart
        .gate
        .run(&["executor", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    for key in [
        "`listen`",
        "`root`",
        "`extra`",
        "`origin`",
        "`public_url`",
        "`state_folder`",
        "`tls`",
        "`target number 1, kind`",
    ] {
        assert!(told.contains(key), "{key}: {told}");
    }
}

#[test]
fn an_executor_whose_files_others_can_change_does_not_start() {
    let mut apart = Apart::start();
    apart.executor.kill();
    let file = apart.folder.join("executor.toml");
    let said = |modes: &[(&str, u32)]| {
        for (name, mode) in modes {
            set(&apart.folder.join(name), *mode);
        }
        let output = apart
            .gate
            .run(&["executor", "--config", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let all = [
        ("state", 0o770, "state_folder", "700"),
        ("state/spent", 0o606, "state_folder", "600"),
        ("executor.toml", 0o664, "(file)", "600"),
        ("executor.key", 0o644, "tls.private_key_file", "600"),
        ("own.pem", 0o646, "tls.client_ca_file", "go-w"),
    ];
    // All of it is said at once.
    let told = said(&all.map(|(name, mode, ..)| (name, mode)));
    for (name, _, key, remedy) in all {
        let path = apart.folder.join(name);
        assert!(told.contains(&format!("`{key}`: ")), "{key}: {told}");
        let wanted = format!("run chmod {remedy} {}", path.display());
        assert!(told.contains(&wanted), "{wanted}: {told}");
    }
    // Each as it should be, in a folder that others may write to.
    let mended = all.map(|(name, ..)| (name, if name == "state" { 0o700 } else { 0o600 }));
    let told = said(&[&mended[..], &[(".", 0o720)]].concat());
    assert!(told.contains("and replace what is in it"), "{told}");
    set(&apart.folder, 0o750);
    apart.starts_again();
}

#[test]
fn m155_ways_round_and_logs_of_what_an_executor_calls_are_looked_at_where_it_is() {
    let apart = Apart::start();
    let own = apart.folder.join("executor.toml");
    let log = apart.folder.join("server.log");
    std::fs::write(&log, "").unwrap();
    let asked = |command: &[&str], config: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_gatehold"))
            .args(command)
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        let said = String::from_utf8(said).unwrap();
        (output.status.code(), said)
    };
    let doctor = ["doctor", "bypass", "sql:shop"];
    let log = log.to_str().unwrap();
    let reconcile = ["audit", "reconcile", "sql:shop", "--log", log];
    // The gate says where, and what to run there.
    let gate = apart.gate.home.join("gatehold.toml");
    for command in [&doctor[..], &reconcile] {
        let (code, said) = asked(command, &gate);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("--config executor.toml"), "{said}");
    }
    let (code, said) = asked(&doctor, &own);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("who else writes the file"), "{said}");
    // Its ledger is the gate's.
    let (code, said) = asked(&reconcile, &own);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("an executor has no ledger"), "{said}");
    let export = apart.folder.join("ledger.export");
    let export = export.to_str().unwrap();
    let (code, said) = asked(&["audit", "export", "--out", export], &gate);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = asked(&[&reconcile[..], &["--export", export]].concat(), &own);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("a file of a database has none"), "{said}");
}
