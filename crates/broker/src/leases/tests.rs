//! Against real PostgreSQL servers, by a broker that is no superuser; and against servers that misbehave. Certificates are in `ssh`.

mod hostile;
mod interrupted;
mod issuing;
mod leaving;
mod planning;
mod rekeying;
mod relay;
mod removing;
mod shutting;
mod ssh;
mod ways;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use gatehold_core::action::{DescriptorRef, Envelope, PayloadRef};
use gatehold_core::hash::Hash;
use gatehold_core::json::canonical;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::issuer::Credential;
use tokio_postgres::{Client, Config, NoTls};

use super::*;
use crate::testing::CANARY;
use crate::testing::postgres::Server;

const TARGET: &str = "orders-access";
const ORIGIN: &str = "https://gate.example";

/// Data, two groups, and a broker with no more power than it needs.
const SHOP: &str = "CREATE TABLE orders (id int PRIMARY KEY, total int);
    INSERT INTO orders SELECT i, 10 FROM generate_series(1, 20) i;
    CREATE TABLE payroll (salary int);
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    CREATE ROLE orders_reader; GRANT SELECT ON orders TO orders_reader;
    CREATE ROLE orders_writer; GRANT SELECT, UPDATE ON orders TO orders_writer;
    GRANT orders_reader, orders_writer TO broker WITH ADMIN OPTION;";

/// Random enough to be told apart.
struct Counting(AtomicU8);

impl Entropy for Counting {
    fn bytes(&self) -> [u8; 32] {
        *Hash::of(&[self.0.fetch_add(1, Ordering::SeqCst)]).as_bytes()
    }
}

fn leases_of(toml: &str, origin: &str) -> Leases {
    let targets = Targets::from_toml(toml, &|_| Some(CANARY.to_owned()));
    let targets = targets.unwrap_or_else(|errors| panic!("{errors}"));
    let entropy = Arc::new(Counting(AtomicU8::new(0)));
    let clock = Arc::new(|| Timestamp::from_millis(0));
    Leases::new(&targets, origin, entropy, clock)
}

fn config(port: u16, roles: &str, more: &str) -> String {
    format!(
        "[[target]]\nid = \"{TARGET}\"\nkind = \"postgres_role\"\nhost = \"127.0.0.1\"\nport = {port}\n\
         database = \"postgres\"\nuser = \"broker\"\npassword_env = \"BROKER\"\nroles = [{roles}]\n{more}"
    )
}

/// The usual groups at a server of this port.
fn leases_at(port: u16, more: &str) -> Leases {
    let roles = "'orders_reader', 'orders_writer'";
    leases_of(&config(port, roles, more), ORIGIN)
}

/// A server with a shop and a broker.
struct House {
    server: Server,
    leases: Leases,
}

impl House {
    async fn new(settings: &[(&str, &str)]) -> Self {
        let server = Server::start(settings).await;
        let broker = format!("CREATE ROLE broker LOGIN CREATEROLE PASSWORD '{CANARY}'");
        server.admin(&broker).await;
        server.admin(SHOP).await;
        let leases = leases_at(server.port(), "connections = 5");
        Self { server, leases }
    }

    /// One whose broker ends sessions of roles that it is no member of.
    async fn ending_sessions(settings: &[(&str, &str)]) -> Self {
        let house = Self::new(settings).await;
        house
            .server
            .admin("GRANT pg_signal_backend TO broker")
            .await;
        house
    }

    /// How many roles of leases the broker is a member of.
    async fn joined(&self) -> Vec<String> {
        let rows = self.server.admin(
            "SELECT count(DISTINCT r.oid) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid \
             JOIN pg_roles b ON b.oid = m.member WHERE b.rolname = 'broker' AND r.rolname LIKE 'gh\\_%'",
        );
        rows.await.concat()
    }

    /// A lease that was made, with its credential.
    async fn issued(&self, group: &str, grant: u8) -> (Lease, Credential) {
        let lease = lease(&self.leases, group, grant);
        match self.leases.make(TARGET, &lease, b"").await {
            Issuance::Issued(credential) => (lease, credential),
            other => panic!("{other:?}"),
        }
    }

    async fn remove(&self, lease: &Lease) -> Removal {
        self.leases.remove(TARGET, &lease.recipe).await
    }

    /// Logs in with a credential.
    async fn login(&self, credential: &Credential, database: &str) -> Result<Client, String> {
        let mut config = Config::new();
        config
            .host("127.0.0.1")
            .port(self.server.port())
            .dbname(database)
            .user(public(credential, "user"))
            .password(&credential.secret);
        let opened = config.connect(NoTls).await;
        let (client, connection) = opened.map_err(|error| said(&error))?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// What of these roles a superuser sees: roles, sessions, prepared transactions.
    async fn left(&self) -> Vec<String> {
        let rows = self.server.admin(
            "SELECT (SELECT count(*) FROM pg_roles WHERE rolname LIKE 'gh\\_%'), \
             (SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'gh\\_%'), \
             (SELECT count(*) FROM pg_prepared_xacts)",
        );
        rows.await.concat()
    }
}

/// The code and the text of what a server said.
fn said(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{} {}", said.code().code(), said.message()),
        None => error.to_string(),
    }
}

fn public<'a>(credential: &'a Credential, name: &str) -> &'a str {
    let mut all = credential.public.iter();
    let found = all.find(|(known, _)| *known == name);
    found.map(|(_, text)| text.as_str()).unwrap()
}

fn grant_id(number: u8) -> GrantId {
    GrantId::from_bytes([number; 16])
}

fn action(payload: &[u8], change: impl FnOnce(&mut Envelope)) -> Action {
    let mut envelope = Envelope {
        descriptor: DescriptorRef {
            id: "postgres.lease".parse().unwrap(),
            hash: Hash::of(b"descriptor"),
        },
        workload: "report-bot".parse().unwrap(),
        task: None,
        target: TARGET.parse().unwrap(),
        resource: "shop/orders".parse().unwrap(),
        duration_seconds: 900,
        caps: BTreeMap::new(),
        precondition: None,
        payload: PayloadRef {
            media_type: "application/json".to_owned(),
            size: payload.len() as u64,
            sha256: Hash::of(payload),
        },
    };
    change(&mut envelope);
    let bytes = canonical::to_bytes(&envelope).unwrap();
    Action::parse(&bytes, payload.to_vec()).unwrap()
}

/// A lease as it is written down before anything is made; it ends in the year 2100.
fn lease(leases: &Leases, group: &str, grant: u8) -> Lease {
    let payload = serde_json::json!({ "role": group }).to_string();
    let action = action(payload.as_bytes(), |_| {});
    let plan = leases.plan(&action, grant_id(grant)).unwrap();
    let target = TARGET.parse().unwrap();
    Lease::planned(plan, target, Timestamp::from_millis(4_102_444_800_000))
}
