//! Threat C18: nothing of a requester's reaches a target before people have decided, seen from outside. A real gate stands
//! before a web service, a PostgreSQL server and a SQLite file, each of which is watched for connections and openings.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use gatehold_client::ClientError;
use gatehold_client::wire::{
    Act, ActRequest, AnswerRequest, Claims, Opened, RequestState, SubmitRequest, Submitted,
};
use gatehold_client::{IdempotencyKey, Submission};
use gatehold_core::action::DescriptorRef;
use gatehold_core::effect::{Environment, Sensitivity};
use gatehold_core::review::ReviewAct;
use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};
use gatehold_scenarios::cast::{Answering, Ask, Person, Workload};
use gatehold_scenarios::gate_process::{GateProcess, Ground};
use gatehold_scenarios::play::{enrol, nhi_create};
use gatehold_scenarios::scenario::{Enrolled, Resource, Web};
use gatehold_scenarios::targets::{DatabaseFile, WebService};
use gatehold_sim::postgres_server::PostgresServer;
use tempfile::TempDir;

use crate::watched::{Door, Watched};
use crate::world::program;

const SETUP: &str = "CREATE TABLE orders (id INTEGER PRIMARY KEY, status TEXT NOT NULL);
    INSERT INTO orders VALUES (7, 'stuck'), (8, 'stuck');";
const SECRET: &str = "the-operators-secret";
const UPDATE: &str = "UPDATE orders SET status = 'open' WHERE id = 7";
/// Statements whose mere planning or counting would do something.
const TREACHEROUS: [&str; 4] = [
    "UPDATE orders SET status = 'x' WHERE id IN (SELECT pg_terminate_backend(pid)::int FROM pg_stat_activity)",
    "UPDATE orders SET status = dblink_exec('port=1', 'DROP TABLE orders') WHERE id = 7",
    "DELETE FROM orders WHERE random() < 2 OR nextval('s') > 0",
    "EXPLAIN ANALYZE DELETE FROM orders",
];

/// What a held action would touch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Target {
    Web,
    Postgres,
    Sqlite,
}

const TARGETS: [Target; 3] = [Target::Web, Target::Postgres, Target::Sqlite];

struct Ward {
    gate: GateProcess,
    reviewer: Person,
    second: Person,
    bot: Workload,
    task: String,
    sql: DescriptorRef,
    http: DescriptorRef,
    web: WebService,
    web_door: Door,
    server: PostgresServer,
    server_door: Door,
    file: DatabaseFile,
    opened: Watched,
    _folder: TempDir,
}

impl Ward {
    /// A gate over three watched targets. The watch begins before the gate's first start.
    async fn open(bundle: Option<&Path>) -> Self {
        let folder = TempDir::new().unwrap();
        let file = DatabaseFile::create(folder.path().join("shop.sqlite"), SETUP).unwrap();
        let server = PostgresServer::start();
        server.create_database("shop").await;
        let shop = server.connect("shop").await;
        shop.batch_execute(SETUP).await.unwrap();
        let web = WebService::start(SECRET, "{}").await.unwrap();
        let web_at = web.url().trim_start_matches("http://").parse().unwrap();
        let web_door = Door::before(web_at).await;
        let server_door = Door::before(([127, 0, 0, 1], server.port()).into()).await;
        let mut ground = Ground::new(folder.path());
        ground.bundle = bundle.map(PathBuf::from);
        ground.sqlite("sql:file", file.path());
        let port = server_door.address.port();
        ground
            .postgres("sql:server", port, "shop", server.password())
            .unwrap();
        let described = Web {
            target: "web:crm".to_owned(),
            methods: vec!["POST".to_owned()],
            paths: vec!["/customers/".to_owned()],
            answer: "{}".to_owned(),
            secret: SECRET.to_owned(),
        };
        let url = format!("http://{}", web_door.address);
        ground.http(&described, &url).unwrap();
        ground.resources.push(Resource {
            name: "shop/".to_owned(),
            environment: Environment::Production,
            zone: "shop".to_owned(),
            sensitivity: Sensitivity::Internal,
            owner: "owners".to_owned(),
            legacy_coarse: false,
            review_by: None,
        });
        let opened = Watched::file(file.path());
        let gate = GateProcess::start(program(), &ground).await.unwrap();
        let people = gate.people().await.unwrap();
        let descriptors = gate.descriptors(&people).await.unwrap();
        let [reviewer, second] = ["reviewer", "second"].map(|name| people[name].clone());
        let others = [&reviewer, &second];
        let create = &descriptors["nhi.create"];
        let bot = enrolled(&gate, &people["owner"], &others, create).await;
        Self {
            task: bot.start_task("release stuck orders").await.unwrap(),
            sql: descriptors["sql.write"].clone(),
            http: descriptors["http.write"].clone(),
            gate,
            reviewer,
            second,
            bot,
            web,
            web_door,
            server,
            server_door,
            file,
            opened,
            _folder: folder,
        }
    }

    /// How often each target was touched.
    async fn touched(&self) -> [usize; 3] {
        [
            self.web_door.count().await,
            self.server_door.count().await,
            self.opened.count(),
        ]
    }

    fn body(&self, target: Target, sql: &str) -> SubmitRequest {
        let call = r#"{"method":"POST","path":"/customers/7","body":"hello"}"#;
        let (descriptor, media_type, payload, name) = match target {
            Target::Web => (&self.http, "application/json", call, "web:crm"),
            Target::Postgres => (&self.sql, "application/sql", sql, "sql:server"),
            Target::Sqlite => (&self.sql, "application/sql", sql, "sql:file"),
        };
        let ask = Ask {
            descriptor: descriptor.clone(),
            task: &self.task,
            target: name,
            resource: "shop/orders",
            duration_seconds: 600,
            caps: [(cap(target).to_owned(), 10_000)].into(),
            media_type,
            payload: payload.as_bytes(),
            claims: Claims::default(),
        };
        self.bot.body(&ask).unwrap()
    }

    async fn held(&self, target: Target, key: &str) -> String {
        let body = self.body(target, UPDATE);
        held(self.bot.submit(&body, Some(key)).await)
    }

    async fn state(&self, request: &str) -> RequestState {
        self.bot.client.status(request, 0).await.unwrap().state
    }

    /// Tries to have it executed although nobody has allowed it.
    async fn redeem_in_vain(&self, request: &str) {
        match self.bot.client.redeem(request, 0).await {
            Ok(answer) => assert!(answer.result.is_none(), "{answer:?}"),
            Err(error) => assert!(matches!(error, ClientError::Problem(_)), "{error:?}"),
        }
    }

    async fn review(&self, person: &Person, request: &str, act: ReviewAct, answering: &Answering) {
        person.review(request, act, answering).await.unwrap();
    }
}

async fn enrolled(
    gate: &GateProcess,
    owner: &Person,
    others: &[&Person; 2],
    descriptor: &DescriptorRef,
) -> Workload {
    let bot = Workload::new("deploy-agent", gate.url()).unwrap();
    let enrolled = Enrolled {
        name: "deploy-agent".to_owned(),
        kind: WorkloadKind::AiAgent,
        assurance: WorkloadAssurance::Pop,
        owner: "owner".to_owned(),
        normal_actions: ["sql.write", "http.write"].map(str::to_owned).into(),
        normal_targets: ["sql:file", "sql:server", "web:crm"]
            .map(str::to_owned)
            .into(),
        normal_resources: ["shop/".to_owned()].into(),
        normal_scopes: None,
    };
    let create = nhi_create(&enrolled, &bot, owner).unwrap();
    let others = others.map(Clone::clone);
    enrol(owner, &others, descriptor, &create).await.unwrap();
    bot
}

fn held(answer: Result<Submitted, ClientError>) -> String {
    match answer.unwrap() {
        Submitted::Held(held) => held.request.unwrap(),
        Submitted::Decided(decision) => panic!("nobody was asked: {decision:?}"),
    }
}

/// What an action on this target is capped by.
fn cap(target: Target) -> &'static str {
    if target == Target::Web {
        "bytes"
    } else {
        "rows"
    }
}

fn act(act: Act, text: &str) -> ActRequest {
    ActRequest {
        act,
        reason: None,
        text: Some(text.to_owned()),
    }
}

/// Everything that may be done with a request before it is decided.
async fn everything_before_a_decision(ward: &Ward, target: Target) -> String {
    let key = format!("once-{target:?}");
    let body = ward.body(target, UPDATE);
    let dry = Submission {
        dry_run: true,
        ..Submission::default()
    };
    let said = ward.bot.client.submit(&body, &dry).await.unwrap();
    assert!(matches!(said, Submitted::Held(_)), "{said:?}");
    // Asked, and waited for people who do not come.
    let waiting = Submission {
        idempotency_key: IdempotencyKey::parse(&key),
        wait_seconds: 1,
        dry_run: false,
    };
    let request = held(ward.bot.client.submit(&body, &waiting).await);
    assert_eq!(ward.held(target, &key).await, request, "asked again");
    ward.redeem_in_vain(&request).await;
    // Looked at, by two people, and talked about.
    let shown: Opened = ward.reviewer.client.open(&request).await.unwrap();
    assert!(!shown.display.as_ref().is_empty());
    ward.second.client.open(&request).await.unwrap();
    for said in [Act::Claim, Act::Ask, Act::Escalate] {
        let said = act(said, "which order?");
        ward.reviewer.client.act(&request, &said).await.unwrap();
    }
    let answer = AnswerRequest {
        text: "number 7".to_owned(),
    };
    ward.bot.client.answer(&request, &answer).await.unwrap();
    ward.bot.client.status(&request, 1).await.unwrap();
    request
}

#[tokio::test]
async fn c18_nothing_reaches_a_target_before_the_decision_and_then_exactly_one_call() {
    let mut ward = Ward::open(None).await;
    assert_eq!(ward.touched().await, [0; 3], "the gate started");
    let mut touched = [0; 3];
    for (at, target) in TARGETS.into_iter().enumerate() {
        let request = everything_before_a_decision(&ward, target).await;
        assert_eq!(ward.touched().await, touched, "{target:?}: held");
        // The first of two people agrees, to less than was asked for.
        let narrower = Answering {
            ttl_seconds: Some(300),
            caps: [(cap(target).to_owned(), 5_000)].into(),
            ..Answering::default()
        };
        ward.review(&ward.reviewer, &request, ReviewAct::Approve, &narrower)
            .await;
        assert_eq!(ward.state(&request).await, RequestState::Held);
        ward.redeem_in_vain(&request).await;
        assert_eq!(ward.touched().await, touched, "{target:?}: one of two");
        // The second one decides; still nobody has used it.
        let answering = Answering::default();
        ward.review(&ward.second, &request, ReviewAct::Approve, &answering)
            .await;
        assert_eq!(ward.state(&request).await, RequestState::Redeemable);
        assert_eq!(ward.touched().await, touched, "{target:?}: not used yet");
        let done = ward.bot.client.redeem(&request, 10).await.unwrap();
        assert_eq!(done.status.state, RequestState::Completed, "{done:?}");
        touched[at] = 1;
        assert_eq!(ward.touched().await, touched, "{target:?}: used");
        ward.redeem_in_vain(&request).await;
        assert_eq!(ward.touched().await, touched, "{target:?}: used up");
    }
    // Nothing comes later either.
    ward.gate.stop().await.unwrap();
    assert_eq!(ward.touched().await, [1; 3]);
    assert_eq!(ward.web.saw().len(), 1);
    let rows = ward.file.ask("SELECT id, status FROM orders").unwrap();
    assert_eq!(rows, [["7", "open"], ["8", "stuck"]]);
    let shop = ward.server.connect("shop").await;
    let open = "SELECT count(*) FROM orders WHERE status = 'open'";
    let open: i64 = shop.query_one(open, &[]).await.unwrap().get(0);
    assert_eq!(open, 1);
}

#[tokio::test]
async fn c18_what_is_denied_withdrawn_or_only_tried_never_reaches_its_target() {
    let mut ward = Ward::open(None).await;
    for target in TARGETS {
        let denied = everything_before_a_decision(&ward, target).await;
        let answering = Answering {
            justification: "not this one".to_owned(),
            ..Answering::default()
        };
        ward.review(&ward.reviewer, &denied, ReviewAct::Approve, &answering)
            .await;
        ward.review(&ward.second, &denied, ReviewAct::Deny, &answering)
            .await;
        assert_eq!(ward.state(&denied).await, RequestState::Denied);
        let withdrawn = ward.held(target, &format!("withdrawn-{target:?}")).await;
        ward.bot.client.withdraw(&withdrawn).await.unwrap();
        assert_eq!(ward.state(&withdrawn).await, RequestState::Withdrawn);
        for request in [denied, withdrawn] {
            ward.redeem_in_vain(&request).await;
        }
    }
    // What would do something by being counted, planned or explained is not even planned.
    for (at, sql) in TREACHEROUS.into_iter().enumerate() {
        for target in [Target::Postgres, Target::Sqlite] {
            let body = ward.body(target, sql);
            for dry_run in [true, false] {
                let how = Submission {
                    idempotency_key: IdempotencyKey::parse(&format!("{target:?}-{at}-{dry_run}")),
                    wait_seconds: 0,
                    dry_run,
                };
                let said = ward.bot.client.submit(&body, &how).await.unwrap();
                if let Submitted::Held(held) = said
                    && let Some(request) = held.request
                {
                    ward.reviewer.client.open(&request).await.unwrap();
                    ward.bot.client.withdraw(&request).await.unwrap();
                }
            }
        }
    }
    ward.gate.stop().await.unwrap();
    assert_eq!(ward.touched().await, [0; 3]);
}

/// The default rules, with a second to decide about anything but the gate itself.
fn hasty(folder: &Path) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/default");
    let bundle = folder.join("bundle");
    copied(&from, &bundle);
    for entry in std::fs::read_dir(bundle.join("checkpoints")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("gate-")
        {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let mut checkpoint = toml::Table::from_str(&text).unwrap();
        checkpoint["decide_within_seconds"] = 1.into();
        checkpoint["escalation"] = toml::Value::Array(Vec::new());
        std::fs::write(&path, checkpoint.to_string()).unwrap();
    }
    bundle
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copied(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test]
async fn c18_what_nobody_decides_in_time_never_reaches_its_target() {
    let folder = TempDir::new().unwrap();
    let mut ward = Ward::open(Some(&hasty(folder.path()))).await;
    for target in TARGETS {
        let request = ward.held(target, &format!("late-{target:?}")).await;
        let mut state = RequestState::Held;
        while state == RequestState::Held {
            state = ward.bot.client.status(&request, 10).await.unwrap().state;
        }
        assert_eq!(state, RequestState::Expired);
        ward.redeem_in_vain(&request).await;
    }
    ward.gate.stop().await.unwrap();
    assert_eq!(ward.touched().await, [0; 3]);
}
