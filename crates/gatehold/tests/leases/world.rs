//! A gate process over a PostgreSQL server at which it makes roles, its people, and one workload.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use gatehold_client::wire::{Claims, Credential, Submitted};
use gatehold_core::action::DescriptorRef;
use gatehold_core::effect::{Environment, Sensitivity};
use gatehold_core::review::ReviewAct;
use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};
use gatehold_scenarios::cast::{Answering, Ask, Person, Workload};
use gatehold_scenarios::gate_process::{GateProcess, Ground};
use gatehold_scenarios::play::{enrol, nhi_create};
use gatehold_scenarios::scenario::{Enrolled, Resource};
use gatehold_sim::postgres_server::PostgresServer;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use tokio_postgres::{Client, Error};

const SETUP: &str = "CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL);
    CREATE TABLE payroll (name text, amount int);
    INSERT INTO orders VALUES (7, 'stuck'), (8, 'paid');
    CREATE ROLE orders_reader NOLOGIN;
    GRANT SELECT ON orders TO orders_reader;
    CREATE ROLE gatehold_broker LOGIN CREATEROLE PASSWORD 'of-the-broker';
    GRANT orders_reader TO gatehold_broker WITH ADMIN OPTION;";
/// How often it is looked whether something has happened.
const LOOK: Duration = Duration::from_millis(20);
/// A way out for a test whose event never comes.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct World {
    pub gate: GateProcess,
    pub people: BTreeMap<String, Person>,
    pub bot: Workload,
    pub server: PostgresServer,
    task: String,
    login: DescriptorRef,
    folder: TempDir,
}

impl World {
    pub async fn open() -> Self {
        Self::over(PostgresServer::start_with(&[("log_statement", "all")])).await
    }

    /// Over a server of its own kind.
    pub async fn over(server: PostgresServer) -> Self {
        let _url = server.create_database("orders").await;
        let admin = server.connect("orders").await;
        admin.batch_execute(SETUP).await.unwrap();
        let folder = TempDir::new().unwrap();
        let mut ground = Ground::new(folder.path());
        let place = (server.port(), "orders");
        let roles = ["orders_reader"];
        ground
            .postgres_roles("orders-access", place, "of-the-broker", &roles)
            .unwrap();
        ground.resources.push(Resource {
            name: "shop/".to_owned(),
            environment: Environment::Production,
            zone: "shop".to_owned(),
            sensitivity: Sensitivity::Internal,
            owner: "owners".to_owned(),
            legacy_coarse: false,
            review_by: None,
        });
        let gate = GateProcess::start(program(), &ground).await.unwrap();
        let people = gate.people().await.unwrap();
        let descriptors = gate.descriptors(&people).await.unwrap();
        let bot = Workload::new("order-agent", gate.url()).unwrap();
        let enrolled = Enrolled {
            name: "order-agent".to_owned(),
            kind: WorkloadKind::AiAgent,
            assurance: WorkloadAssurance::Pop,
            owner: "owner".to_owned(),
            normal_actions: ["db.login".to_owned()].into(),
            normal_targets: ["orders-access".to_owned()].into(),
            normal_resources: ["shop/".to_owned()].into(),
            normal_scopes: None,
        };
        let create = nhi_create(&enrolled, &bot, &people["owner"]).unwrap();
        let others = ["reviewer", "second"].map(|name| people[name].clone());
        let owner = &people["owner"];
        enrol(owner, &others, &descriptors["nhi.create"], &create)
            .await
            .unwrap();
        let task = bot.start_task("look for stuck orders").await.unwrap();
        Self {
            gate,
            people,
            bot,
            server,
            task,
            login: descriptors["db.login"].clone(),
            folder,
        }
    }

    /// The gate's folder.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("gate")
    }

    /// Asks for a login, which is held; gives the request.
    pub async fn ask(&self, seconds: u32) -> String {
        self.ask_in(&self.task, seconds).await
    }

    async fn ask_in(&self, task: &str, duration_seconds: u32) -> String {
        let ask = Ask {
            descriptor: self.login.clone(),
            task,
            target: "orders-access",
            resource: "shop/orders",
            duration_seconds,
            caps: BTreeMap::new(),
            media_type: "application/json",
            payload: br#"{"role":"orders_reader"}"#,
            claims: Claims::default(),
        };
        let body = self.bot.body(&ask).unwrap();
        match self.bot.submit(&body, None).await.unwrap() {
            Submitted::Held(held) => {
                let at = &held.checkpoints;
                assert!(at.iter().any(|name| name == "privilege-change"), "{at:?}");
                held.request.unwrap()
            }
            Submitted::Decided(decision) => panic!("{decision:?}"),
        }
    }

    pub async fn approve(&self, request: &str) {
        self.approve_for(request, None).await;
    }

    /// Two people approve, for so long at most.
    pub async fn approve_for(&self, request: &str, ttl_seconds: Option<u32>) {
        let answering = Answering {
            ttl_seconds,
            ..Answering::default()
        };
        for name in ["reviewer", "second"] {
            let person = &self.people[name];
            let reviewed = person.review(request, ReviewAct::Approve, &answering).await;
            if reviewed.unwrap().decision.is_some() {
                return;
            }
        }
        panic!("two people are enough");
    }

    /// Takes what was approved.
    pub async fn taken(&self, request: &str) -> Credential {
        let redeemed = self.bot.client.redeem(request, 0).await.unwrap();
        redeemed
            .credential
            .unwrap_or_else(|| panic!("{:?}\n{}", redeemed.result, self.gate.says()))
    }

    /// Asks, has it approved, and takes it.
    pub async fn leased(&self, task: &str) -> Credential {
        let request = self.ask_in(task, 600).await;
        self.approve(&request).await;
        self.taken(&request).await
    }

    /// Logs in as the workload would, by what it was handed alone.
    pub async fn log_in(&self, credential: &Credential) -> Result<Client, Error> {
        let public = &credential.public;
        assert_eq!(public["host"], "127.0.0.1");
        assert_eq!(public["port"], self.server.port().to_string());
        self.server
            .log_in(&public["database"], &public["user"], &credential.secret)
            .await
    }

    /// How many roles of gates stand at the server.
    pub async fn roles(&self) -> i64 {
        self.counted("SELECT count(*) FROM pg_roles WHERE rolname ~ '^gh_'")
            .await
    }

    /// How many sessions and prepared transactions they have there.
    pub async fn sessions(&self) -> i64 {
        self.counted(
            "SELECT (SELECT count(*) FROM pg_stat_activity WHERE usename ~ '^gh_')
                  + (SELECT count(*) FROM pg_prepared_xacts WHERE owner ~ '^gh_')",
        )
        .await
    }

    async fn counted(&self, query: &str) -> i64 {
        let admin = self.server.connect("orders").await;
        admin.query_one(query, &[]).await.unwrap().get(0)
    }

    /// Waits until the broker waits for somebody else at the server.
    pub async fn until_the_broker_waits(&self) {
        self.until_there_is(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'gatehold_broker' AND wait_event_type = 'Lock'",
        )
        .await;
    }

    /// Waits until a role of a gate stands at the server.
    pub async fn until_a_role_stands(&self) {
        self.until_there_is("SELECT count(*) FROM pg_roles WHERE rolname ~ '^gh_'")
            .await;
    }

    /// Waits until no role of a gate stands at the server.
    pub async fn until_no_role(&self) {
        self.until_there_is("SELECT count(*) FROM (SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname ~ '^gh_')) AS none")
            .await;
    }

    /// What `gatehold doctor bypass` says of the target, and how it ends.
    pub fn ways_round(&self) -> (Option<i32>, serde_json::Value) {
        let output = Command::new(program())
            .args([
                "doctor",
                "bypass",
                "orders-access",
                "-o",
                "json",
                "--config",
            ])
            .arg(self.gate.config())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let answer = serde_json::from_slice(&output.stdout);
        let answer = answer.unwrap_or_else(|error| panic!("{error}: {output:?}"));
        (output.status.code(), answer)
    }

    /// What `gatehold audit reconcile` says of such a log, and how it ends.
    pub fn reconciled(&self, log: &str) -> (Option<i32>, serde_json::Value) {
        let path = self.folder.path().join("server.csv");
        std::fs::write(&path, log).unwrap();
        let output = Command::new(program())
            .args(["audit", "reconcile", "orders-access", "-o", "json"])
            .arg("--log")
            .arg(&path)
            .arg("--config")
            .arg(self.gate.config())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let answer = serde_json::from_slice(&output.stdout);
        let answer = answer.unwrap_or_else(|error| panic!("{error}: {output:?}"));
        (output.status.code(), answer)
    }

    async fn until_there_is(&self, query: &str) {
        let admin = self.server.connect("orders").await;
        let mut looks = tokio::time::interval(LOOK);
        let there = async {
            while admin.query_one(query, &[]).await.unwrap().get::<_, i64>(0) == 0 {
                looks.tick().await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, there).await;
        assert!(waited.is_ok(), "{query}\n{}", self.gate.says());
    }

    /// Waits until the ledger says of so many credentials that their target said nothing is left of them.
    pub async fn until_gone(&self, credentials: i64) {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let ledger = Connection::open_with_flags(self.gate.database(), flags).unwrap();
        let gone = || -> i64 {
            let query = "SELECT count(*) FROM leaf
                WHERE CAST(record AS TEXT) LIKE '%\"lease\":{%\"what\":\"verified\"%'";
            ledger.query_row(query, [], |row| row.get(0)).unwrap()
        };
        let mut looks = tokio::time::interval(LOOK);
        let waited = tokio::time::timeout(PATIENCE, async {
            while gone() < credentials {
                looks.tick().await;
            }
        });
        let waited = waited.await;
        assert!(waited.is_ok(), "it is never gone:\n{}", self.gate.says());
        assert_eq!(gone(), credentials);
    }

    /// Waits until the dossier of a request says this, and gives all that it says: it holds what is under the last tree head.
    pub async fn until_explained(&self, request: &str, wanted: &str) -> String {
        let mut looks = tokio::time::interval(LOOK);
        let mut text = String::new();
        let waited = tokio::time::timeout(PATIENCE, async {
            while !text.contains(wanted) {
                looks.tick().await;
                // There is none before a tree head covers the request.
                if let Ok(dossier) = self.bot.client.dossier(request).await {
                    text = explained(self, &dossier);
                }
            }
        });
        let waited = waited.await;
        assert!(waited.is_ok(), "{wanted} is never in:\n{text}");
        text
    }
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_gatehold"))
}

/// Everything that the auditor's command says of a dossier, offline.
fn explained(world: &World, dossier: &[u8]) -> String {
    let path = world.folder.path().join("dossier");
    std::fs::write(&path, dossier).unwrap();
    let config = std::fs::read_to_string(world.gate.config()).unwrap();
    let config: toml::Table = config.parse().unwrap();
    let root = config["trust"]["root"].as_str().unwrap();
    let output = Command::new(program())
        .args(["audit", "explain"])
        .arg(&path)
        .args(["--root", root, "-o", "json"])
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8(text).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

/// The server's code of what it refused.
pub fn code<T>(answer: &Result<T, Error>) -> String {
    let Err(error) = answer else {
        return "nothing was refused".to_owned();
    };
    let code = error.code().map(|code| code.code().to_owned());
    code.unwrap_or_else(|| error.to_string())
}
