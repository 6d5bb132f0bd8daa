//! A gate process over a PostgreSQL server at which it makes roles, its people, and one workload.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gatehold_client::wire::{Claims, Credential, RequestState, StopRequest, StopScope, Submitted};
use gatehold_core::action::DescriptorRef;
use gatehold_core::effect::{Environment, Sensitivity};
use gatehold_core::review::ReviewAct;
use gatehold_core::workload::{WorkloadAssurance, WorkloadKind};
use gatehold_scenarios::cast::{Answering, Ask, Person, Workload};
use gatehold_scenarios::gate_process::{GateProcess, Ground};
use gatehold_scenarios::play::{enrol, nhi_create};
use gatehold_scenarios::scenario::{Enrolled, Resource};
use gatehold_scenarios::{Outcome, Trouble, trouble};
use gatehold_sim::postgres_server::PostgresServer;
use tempfile::TempDir;
use tokio_postgres::Client;

use crate::{bundle, gate};

/// Where the orders are.
pub const DATABASE: &str = "orders";
/// Who may read them.
pub const GROUP: &str = "orders_reader";
const TARGET: &str = "orders-access";
const ACTION: &str = "db.login";
const SETUP: &str = "CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL);
    INSERT INTO orders VALUES (7, 'stuck');
    CREATE ROLE orders_reader NOLOGIN;
    GRANT SELECT ON orders TO orders_reader;
    CREATE ROLE gatehold_broker LOGIN CREATEROLE PASSWORD 'of-the-broker';
    GRANT pg_signal_backend TO gatehold_broker;
    GRANT orders_reader TO gatehold_broker WITH ADMIN OPTION;";
/// Sessions of a thousand leases, and of those who make and end them.
const CONNECTIONS: &str = "1200";
/// For how long a lease is asked.
const LEASE_SECONDS: u32 = 3_600;
/// How often two people may have to review one request.
const REVIEWED_MAX: usize = 8;
/// How often it is looked whether everything is gone.
const LOOK: Duration = Duration::from_millis(100);
/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(900);

/// Who decides about a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Two people, by the default pack.
    Reviewed,
    /// Policy.
    Allowed,
}

/// All of it; a clone is the same shop.
#[derive(Clone)]
pub struct Shop {
    /// The server.
    pub server: Arc<PostgresServer>,
    gate: Arc<tokio::sync::Mutex<GateProcess>>,
    pid: Option<u32>,
    people: BTreeMap<String, Person>,
    bot: Workload,
    task: String,
    login: DescriptorRef,
    folder: Arc<TempDir>,
}

impl Shop {
    /// Opens one.
    pub async fn open(gatehold: &Path, pack: &Path, kind: Kind) -> Outcome<Self> {
        let server = PostgresServer::start_with(&[("max_connections", CONNECTIONS)]);
        let _url = server.create_database(DATABASE).await;
        let admin = server.connect(DATABASE).await;
        admin.batch_execute(SETUP).await.map_err(trouble("setup"))?;
        let folder = TempDir::new().map_err(trouble("a folder"))?;
        let mut ground = Ground::new(folder.path());
        let place = (server.port(), DATABASE);
        ground.postgres_roles(TARGET, place, "of-the-broker", &[GROUP])?;
        ground.resources.push(Resource {
            name: "shop/".to_owned(),
            environment: Environment::Production,
            zone: "shop".to_owned(),
            sensitivity: Sensitivity::Internal,
            owner: "owners".to_owned(),
            legacy_coarse: false,
            review_by: None,
        });
        if kind == Kind::Allowed {
            let place = folder.path().join("bundle");
            bundle::write(pack, &place, 1)?;
            std::fs::write(place.join("login.cedar"), LOGIN).map_err(trouble("login.cedar"))?;
            ground.bundle = Some(place);
        }
        let gate = GateProcess::start(gatehold, &ground).await?;
        let people = gate.people().await?;
        let descriptors = gate.descriptors(&people).await?;
        let descriptor = |id: &str| {
            let found = descriptors.get(id).cloned();
            found.ok_or_else(|| Trouble(format!("the bundle has no `{id}`")))
        };
        let bot = Workload::new("order-agent", gate.url())?;
        let person = |name: &str| {
            let found = people.get(name).cloned();
            found.ok_or_else(|| Trouble(format!("the gate has no {name}")))
        };
        let owner = person("owner")?;
        let create = nhi_create(&enrolled(), &bot, &owner)?;
        let others = [person("reviewer")?, person("second")?];
        enrol(&owner, &others, &descriptor("nhi.create")?, &create).await?;
        let task = bot.start_task("look for stuck orders").await;
        Ok(Self {
            task: task.map_err(trouble("task"))?,
            login: descriptor(ACTION)?,
            pid: gate.pid(),
            gate: Arc::new(tokio::sync::Mutex::new(gate)),
            server: Arc::new(server),
            folder: Arc::new(folder),
            people,
            bot,
        })
    }

    /// Where the gate's folder is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Asks for a login; gives the request.
    pub async fn asked(&self) -> Outcome<String> {
        let ask = Ask {
            descriptor: self.login.clone(),
            task: &self.task,
            target: TARGET,
            resource: "shop/orders",
            duration_seconds: LEASE_SECONDS,
            caps: BTreeMap::new(),
            media_type: "application/json",
            payload: br#"{"role":"orders_reader"}"#,
            claims: Claims::default(),
        };
        let body = self.bot.body(&ask)?;
        let submitted = self.bot.submit(&body, None).await;
        let request = match submitted.map_err(trouble("a request"))? {
            Submitted::Held(held) => held.request,
            Submitted::Decided(decision) => decision.request,
        };
        request.ok_or_else(|| Trouble("a request has a name".to_owned()))
    }

    /// Two people approve. What others are given meanwhile can raise the tier: then it is held anew, and they review it again.
    pub async fn approve(&self, request: &str) -> Outcome<()> {
        for _ in 0..REVIEWED_MAX {
            let mut held_again = false;
            for name in ["reviewer", "second"] {
                let reviewed = self
                    .person(name)?
                    .review(request, ReviewAct::Approve, &Answering::default())
                    .await;
                let reviewed =
                    reviewed.map_err(|error| Trouble(format!("{request}: {error:?}")))?;
                if reviewed.decision.is_some() {
                    return Ok(());
                }
                held_again |= reviewed.held_again;
            }
            if !held_again {
                break;
            }
        }
        Err(Trouble(format!("{request}: two people are enough")))
    }

    /// Takes what was approved; nothing, where it is held anew at its use.
    pub async fn taken(&self, request: &str) -> Outcome<Option<Credential>> {
        let redeemed = self.bot.client.redeem(request, 0).await;
        let redeemed = redeemed.map_err(trouble(request))?;
        if redeemed.credential.is_none() && redeemed.status.state != RequestState::Held {
            return Err(Trouble(format!("{request}: {:?}", redeemed.status)));
        }
        Ok(redeemed.credential)
    }

    /// Logs in as the workload would.
    pub async fn log_in(&self, credential: &Credential) -> Result<Client, Trouble> {
        let user = credential.public.get("user").map_or("", String::as_str);
        let session = self.server.log_in(DATABASE, user, &credential.secret).await;
        session.map_err(trouble(user))
    }

    /// A person takes one away.
    pub async fn revoke(&self, request: &str) -> Outcome<()> {
        let person = self.person("reviewer")?;
        let revoked = person.client.revoke_request(request).await;
        revoked.map(drop).map_err(trouble(request))
    }

    /// A person stops the workload: whatever it has is taken away.
    pub async fn stop_the_workload(&self) -> Outcome<()> {
        let stop = StopRequest {
            scope: StopScope::Workload,
            name: Some(self.bot.id.to_string()),
            reason: "the figures are taken".to_owned(),
        };
        let stopped = self.person("owner")?.client.stop(&stop).await;
        stopped.map(drop).map_err(trouble("stop"))
    }

    fn person(&self, name: &str) -> Outcome<&Person> {
        let found = self.people.get(name);
        found.ok_or_else(|| Trouble(format!("the gate has no {name}")))
    }

    /// Waits until nothing that the gate made stands at the server.
    pub async fn until_swept(&self) -> Outcome<()> {
        let mut looks = tokio::time::interval(LOOK);
        let waited = tokio::time::timeout(PATIENCE, async {
            while self.left().await? > 0 {
                looks.tick().await;
            }
            Ok(())
        });
        waited.await.map_err(trouble("something is left"))?
    }

    /// Roles, sessions and prepared transactions that the gate's leases have at the server.
    pub async fn left(&self) -> Outcome<i64> {
        let admin = self.server.connect(DATABASE).await;
        let row = admin.query_one(LEFT, &[]).await;
        row.and_then(|row| row.try_get(0)).map_err(trouble("roles"))
    }

    /// The gate's resident memory.
    pub fn resident_kib(&self) -> Option<u64> {
        gate::resident_kib(self.pid?)
    }

    /// Ends the gate, and has its ledger verified.
    pub async fn end(&self) -> Outcome<()> {
        let mut gate = self.gate.lock().await;
        gate.stop().await?;
        gate.verify_ledger().await
    }
}

const LEFT: &str = "SELECT (SELECT count(*) FROM pg_roles WHERE rolname ~ '^gh_')
    + (SELECT count(*) FROM pg_stat_activity WHERE usename ~ '^gh_')
    + (SELECT count(*) FROM pg_prepared_xacts WHERE owner ~ '^gh_')";

const LOGIN: &str = r#"
@id("logins-are-routine")
@owner("security")
@rationale("bench")
@attest_by("2099-01-01")
permit (principal is Workload, action == Action::"db.login", resource);
"#;

fn enrolled() -> Enrolled {
    Enrolled {
        name: "order-agent".to_owned(),
        kind: WorkloadKind::AiAgent,
        assurance: WorkloadAssurance::Pop,
        owner: "owner".to_owned(),
        normal_actions: [ACTION.to_owned()].into(),
        normal_targets: [TARGET.to_owned()].into(),
        normal_resources: ["shop/".to_owned()].into(),
        normal_scopes: None,
    }
}
