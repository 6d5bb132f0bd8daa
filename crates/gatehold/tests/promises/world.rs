//! A real gate process over a SQLite target, its people, and one workload: what every promise is tried on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use gatehold_client::wire::{Claims, Submitted};
use gatehold_core::action::DescriptorRef;
use gatehold_core::effect::{Environment, Sensitivity};
use gatehold_core::review::ReviewAct;
use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};
use gatehold_scenarios::cast::{Answering, Ask, Person, Workload};
use gatehold_scenarios::gate_process::{GateProcess, Ground};
use gatehold_scenarios::play::{enrol, nhi_create};
use gatehold_scenarios::scenario::{Enrolled, Resource, Web};
use gatehold_scenarios::targets::{DatabaseFile, WebService};
use tempfile::TempDir;

const SETUP: &str = "CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT NOT NULL);
    CREATE TABLE count (request TEXT NOT NULL);
    INSERT INTO orders VALUES (6, 'shipped'), (7, 'stuck'), (8, 'stuck'), (9, 'paid');";

/// The operator's secret for the web service.
const SECRET: &str = "canary-secret-4d7c21b90e";

pub struct World {
    pub gate: GateProcess,
    pub people: BTreeMap<String, Person>,
    pub bot: Workload,
    pub shop: DatabaseFile,
    pub web: WebService,
    pub task: String,
    descriptors: BTreeMap<String, DescriptorRef>,
    folder: TempDir,
}

pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_gatehold"))
}

/// Runs the program in a folder and gives what came of it.
pub fn gatehold(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(program())
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("GATEHOLD_HOME", folder)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Everything a process wrote.
pub fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(text).unwrap()
}

impl World {
    pub async fn open() -> Self {
        Self::open_on(None).await
    }

    /// The same on a PostgreSQL database.
    pub async fn open_on(store_url: Option<String>) -> Self {
        let folder = TempDir::new().unwrap();
        let shop = DatabaseFile::create(folder.path().join("shop.sqlite"), SETUP).unwrap();
        let mut ground = Ground::new(folder.path());
        ground.store_url = store_url;
        ground.sqlite("sql:shop", shop.path());
        ground.resources.push(Resource {
            name: "shop/".to_owned(),
            environment: Environment::Production,
            zone: "shop".to_owned(),
            sensitivity: Sensitivity::Internal,
            owner: "owners".to_owned(),
            legacy_coarse: false,
            review_by: None,
        });
        // The service sends back what it was sent, secret and all.
        let answer = format!("{{\"echo\":\"Bearer {SECRET}\"}}");
        let web = WebService::start(SECRET, &answer).await.unwrap();
        let described = Web {
            target: "web:crm".to_owned(),
            methods: vec!["POST".to_owned()],
            paths: vec!["/customers/".to_owned()],
            answer,
            secret: SECRET.to_owned(),
        };
        ground.http(&described, &web.url()).unwrap();
        let gate = GateProcess::start(program(), &ground).await.unwrap();
        let people = gate.people().await.unwrap();
        let descriptors = gate.descriptors(&people).await.unwrap();
        let bot = Workload::new("deploy-agent", gate.url()).unwrap();
        let enrolled = Enrolled {
            name: "deploy-agent".to_owned(),
            kind: WorkloadKind::AiAgent,
            assurance: WorkloadAssurance::Pop,
            owner: "owner".to_owned(),
            normal_actions: ["sql.read", "sql.write"].map(str::to_owned).into(),
            normal_targets: ["sql:shop".to_owned()].into(),
            normal_resources: ["shop/".to_owned()].into(),
            normal_scopes: None,
        };
        let create = nhi_create(&enrolled, &bot, &people["owner"]).unwrap();
        let others = ["reviewer", "second"].map(|name| people[name].clone());
        enrol(
            &people["owner"],
            &others,
            &descriptors["nhi.create"],
            &create,
        )
        .await
        .unwrap();
        let task = bot.start_task("release stuck orders").await.unwrap();
        Self {
            gate,
            people,
            bot,
            shop,
            web,
            task,
            descriptors,
            folder,
        }
    }

    /// The gate's folder: configuration, database, anchors, published tiles.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("gate")
    }

    /// The hash of the root statement.
    pub fn root(&self) -> String {
        let config = std::fs::read_to_string(self.home().join("gatehold.toml")).unwrap();
        let line = config
            .lines()
            .find(|line| line.starts_with("root = "))
            .unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    }

    /// Asks for a statement; gives the request.
    pub async fn ask(&self, action: &str, sql: &str) -> String {
        self.ask_with(action, sql, Claims::default()).await
    }

    pub async fn ask_with(&self, action: &str, sql: &str, claims: Claims) -> String {
        self.ask_by(&self.bot, action, sql, claims).await
    }

    /// Asked by this client of the workload.
    pub async fn ask_by(&self, bot: &Workload, action: &str, sql: &str, claims: Claims) -> String {
        let ask = Ask {
            descriptor: self.descriptors[action].clone(),
            task: &self.task,
            target: "sql:shop",
            resource: "shop/orders",
            duration_seconds: 600,
            caps: [("rows".to_owned(), 100)].into(),
            media_type: "application/sql",
            payload: sql.as_bytes(),
            claims,
        };
        Self::submitted(bot, &ask).await
    }

    /// Asks for a call to the web service, which the gate makes with a secret of its own.
    pub async fn call_web(&self, path: &str) -> String {
        let payload = format!(r#"{{"method":"POST","path":"{path}","body":"hello"}}"#);
        let ask = Ask {
            descriptor: self.descriptors["http.write"].clone(),
            task: &self.task,
            target: "web:crm",
            resource: "shop/customers",
            duration_seconds: 600,
            caps: [("bytes".to_owned(), 10_000)].into(),
            media_type: "application/json",
            payload: payload.as_bytes(),
            claims: Claims::default(),
        };
        Self::submitted(&self.bot, &ask).await
    }

    /// What the gate adds to calls of the web service.
    pub fn secret(&self) -> &'static str {
        SECRET
    }

    async fn submitted(bot: &Workload, ask: &Ask<'_>) -> String {
        let body = bot.body(ask).unwrap();
        match bot.submit(&body, None).await.unwrap() {
            Submitted::Decided(decision) => decision.request.unwrap(),
            Submitted::Held(held) => held.request.unwrap(),
        }
    }

    pub async fn approve(&self, request: &str) {
        for name in ["reviewer", "second"] {
            self.review(name, request, ReviewAct::Approve).await;
        }
    }

    pub async fn review(&self, name: &str, request: &str, act: ReviewAct) {
        self.review_with(name, request, act, "looked at it").await;
    }

    pub async fn review_with(&self, name: &str, request: &str, act: ReviewAct, why: &str) {
        let answering = Answering {
            justification: why.to_owned(),
            ..Answering::default()
        };
        self.people[name]
            .review(request, act, &answering)
            .await
            .unwrap();
    }
}
