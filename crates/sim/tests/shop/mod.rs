//! A gate over a shop: three generated people, one workload enrolled through the real held path, a recorder as target.

#![allow(dead_code, reason = "each test file uses a part of the shop")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a fixture fails its test"
)]

#[path = "audited.rs"]
pub mod audited;
#[path = "ending.rs"]
pub mod ending;
#[path = "faulty.rs"]
pub mod faulty;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gatehold_core::action::{Action, DescriptorRef, Envelope, PayloadRef};
use gatehold_core::approved::Approved;
use gatehold_core::assurance::Assurance;
use gatehold_core::commit::LeafKind;
use gatehold_core::decide::{CallNonce, Claims, Settings};
use gatehold_core::hash::{Hash, hex};
use gatehold_core::ids::{HumanId, RequestId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::request::RequestRecord;
use gatehold_core::review::{Answers, REVIEW_TYPE, ReviewAct, UnverifiedReview};
use gatehold_core::signed_body::SignedBody;
use gatehold_core::ssh::soft::SoftVendor;
use gatehold_core::ssh::sshsig::{sign_software, software_key};
use gatehold_core::time::Timestamp;
use gatehold_core::trust::revocation::{REVOCATION_TYPE, RevocationSignature};
use gatehold_core::trust::{
    AttestationRoots, PinnedRoot, ROOT_NAMESPACE, RootHuman, RootKey, RootSignature, RootStatement,
    SignedRoot,
};
use gatehold_core::trust::{
    KeyRevocation, SAFE_NAMESPACE, SUBMIT_NAMESPACE, SignedRevocation, SubmitSignature,
};
use gatehold_gate::ports::entropy::Entropy;
use gatehold_gate::ports::executor::{Ending, Execution, Executor};
use gatehold_gate::ports::facts::{Facts, Nothing};
use gatehold_gate::ports::journal::Journal as KeptIn;
use gatehold_gate::ports::store::{Store, StoredLeaf};
use gatehold_gate::{
    Caller, Catalog, Gate, GateError, HumanSubmit, LoginStatement, OpenError, Parts, ReviewInput,
    StartTask, Submit, Submitted,
};
use gatehold_policy::Bundle;
use gatehold_proof::{
    Algorithm, PublicUrl, RequestParts, RequestToSign, SigningKey, UnverifiedRequestSignature,
    Window, sign_request,
};
use gatehold_store::clock::{Clock, SystemClock};
use gatehold_store::journal::Journal;
use gatehold_store::memory::MemoryStore;
use gatehold_store::postgres::{PostgresOptions, PostgresStore};
use gatehold_store::sqlite::{SqliteOptions, SqliteStore};

/// The `type` of a login statement, and its signature namespace.
const LOGIN_TYPE: &str = "gatehold/login/v1";

/// The workload's key.
pub const JWK: &str =
    r#"{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// The private half of it (RFC 8037, appendix A).
const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

/// The evidence of a call to submit, as the server makes it from the headers.
fn signed_call(body: &[u8], created: u64, nonce: &str) -> Vec<u8> {
    let seed = gatehold_core::hash::unhex(SEED).unwrap();
    let key = SigningKey::from_seed(Algorithm::Ed25519, &seed.try_into().unwrap()).unwrap();
    let public_url = PublicUrl::parse("https://gate.example").unwrap();
    let request = RequestToSign {
        method: "POST",
        public_url: &public_url,
        request_target: "/v1/requests",
        idempotency_key: None,
        body,
        created,
        life_seconds: 30,
        nonce,
    };
    let signed = sign_request(&key, &request).unwrap();
    let headers = [
        ("content-digest", signed.content_digest),
        ("signature-input", signed.signature_input),
        ("signature", signed.signature),
    ];
    let headers = headers
        .into_iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
    let parts = RequestParts::collect("POST", &public_url, "/v1/requests", &headers, body).unwrap();
    let window = Window {
        now: created,
        skew_seconds: 5,
    };
    let proof = UnverifiedRequestSignature::parse(parts).unwrap();
    let proof = proof.verify(key.public(), &window).unwrap();
    proof.evidence().to_bytes()
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Person {
    Owner,
    Reviewer,
    Second,
}

impl Person {
    const ALL: [Self; 3] = [Self::Owner, Self::Reviewer, Self::Second];

    fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Reviewer => "reviewer",
            Self::Second => "second",
        }
    }

    pub fn key(self) -> Hash {
        Hash::from_bytes(software_key(&self.seed()).thumbprint())
    }

    pub fn seed(self) -> [u8; 32] {
        *Hash::of(self.name().as_bytes()).as_bytes()
    }

    pub fn id(self) -> HumanId {
        HumanId::new("dev.local", self.name()).unwrap()
    }
}

/// Randomness that counts.
#[derive(Default)]
pub struct Counting(AtomicU64);

impl Entropy for Counting {
    fn bytes(&self) -> [u8; 32] {
        *Hash::of(&self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes()).as_bytes()
    }
}

/// Remembers what it was told to execute, and looks behind the gate's back whether the ledger knew before.
struct Recorder {
    executed: Mutex<Vec<String>>,
    unlogged: AtomicU64,
    database: PathBuf,
}

impl Recorder {
    /// Whether the claim of this very execution is durable: read by a connection of its own.
    fn is_logged(&self, request: RequestId) -> bool {
        // A store in memory has nothing that another connection could read.
        if !self.database.exists() {
            return true;
        }
        let database = rusqlite::Connection::open(&self.database).unwrap();
        let kind = [1, 0, LeafKind::Execution as u8];
        let known: i64 = database
            .query_row(
                "SELECT count(*) FROM leaf WHERE substr(leaf, 1, 3) = ?1 AND CAST(record AS TEXT) LIKE ?2",
                (&kind[..], format!("%{request}%")),
                |row| row.get(0),
            )
            .unwrap();
        known == 1
    }
}

#[async_trait]
impl Executor for Recorder {
    async fn execute(&self, approved: Approved) -> Execution {
        if !self.is_logged(approved.request()) {
            self.unlogged.fetch_add(1, Ordering::Relaxed);
        }
        tokio::task::yield_now().await;
        let text = String::from_utf8(approved.action().payload().to_vec()).unwrap();
        self.executed.lock().unwrap().push(text);
        tokio::task::yield_now().await;
        Execution {
            ending: Ending::Completed,
            code: "ok",
            quantity: Some(1),
            status: None,
            media_type: "text/plain".to_owned(),
            body: b"done".to_vec(),
            truncated: false,
        }
    }

    fn has_target(&self, target: &str) -> bool {
        ["sql:shop", "sql:depot", "sql:mill"].contains(&target)
    }

    fn enforces(&self, _: &str) -> Vec<String> {
        vec!["rows".to_owned()]
    }
}

pub struct Shop {
    pub gate: Gate,
    pub store: Arc<dyn Store>,
    memory: Option<Arc<MemoryStore>>,
    recorder: Arc<Recorder>,
    entropy: Arc<Counting>,
    journal: Journal,
    folder: tempfile::TempDir,
    clock: Arc<dyn Clock>,
    calls: AtomicU64,
}

impl Shop {
    pub async fn open() -> Self {
        Self::open_at(Arc::new(SystemClock::open())).await
    }

    /// With a clock of the test's own.
    pub async fn open_at(clock: Arc<dyn Clock>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = store_at(folder.path(), &clock);
        Self::over(store, folder, clock).await
    }

    /// In memory, where a test owns the clock and the faults.
    pub async fn in_memory() -> Self {
        let memory = Arc::new(MemoryStore::at(Timestamp::from_millis(1_800_000_000_000)));
        let mut shop = Self::over(
            memory.clone(),
            tempfile::tempdir().unwrap(),
            Arc::new(SystemClock::open()),
        )
        .await;
        shop.memory = Some(memory);
        shop
    }

    /// In a database of a PostgreSQL server.
    pub async fn in_postgres(url: &str) -> Self {
        let options = PostgresOptions::new(url);
        let store = Arc::new(PostgresStore::open(options).await.unwrap());
        let clock = Arc::new(SystemClock::open());
        Self::over(store, tempfile::tempdir().unwrap(), clock).await
    }

    /// Founded in an empty store.
    async fn over(store: Arc<dyn Store>, folder: tempfile::TempDir, clock: Arc<dyn Clock>) -> Self {
        gatehold_sim::mutants::remove_the_named_guard();
        let entropy = Arc::new(Counting::default());
        let bundle =
            Bundle::load(&bundle_folder()).unwrap_or_else(|problems| panic!("{problems:#?}"));
        Gate::found(
            store.as_ref(),
            entropy.as_ref(),
            root(bundle.hash()),
            bundle.to_bytes(),
        )
        .await
        .unwrap();
        let recorder = Arc::new(Recorder {
            executed: Mutex::default(),
            unlogged: AtomicU64::new(0),
            database: folder.path().join("gate.db"),
        });
        let journal = journal_in(folder.path());
        let gate = gate_of(&store, &recorder, &entropy, &journal).await;
        let shop = Self {
            gate,
            store,
            memory: None,
            recorder,
            entropy,
            journal,
            folder,
            clock,
            calls: AtomicU64::new(0),
        };
        let payload = nhi().to_string();
        let enrolled = shop.change("nhi.create", &payload, Person::Owner).await;
        assert_eq!(enrolled.state, gatehold_core::request::State::Completed);
        shop
    }

    /// Another process on the same store, with an executor of its own.
    pub async fn beside(&self, executor: Option<Arc<dyn Executor>>) -> Gate {
        let executor = executor.unwrap_or_else(|| self.recorder.clone());
        let gate = open_gate(&self.store, executor, &self.entropy, false, None);
        gate.await.unwrap()
    }

    /// Goes on as a process that finds facts out.
    pub async fn knowing(&mut self, facts: Arc<dyn Facts>) {
        let executor = self.recorder.clone();
        let journal = Some(shared(&self.journal));
        let gate = open_gate_knowing(facts, &self.store, executor, &self.entropy, false, journal);
        self.gate = gate.await.unwrap();
    }

    /// Another process whose store is this one.
    pub async fn over_store(&self, store: Arc<dyn Store>) -> Gate {
        let executor = self.recorder.clone();
        let gate = open_gate(&store, executor, &self.entropy, false, None);
        gate.await.unwrap()
    }

    /// Another process whose store is this one, with this executor and a journal of its own under this name.
    pub async fn keeping(
        &self,
        store: Arc<dyn Store>,
        executor: Option<Arc<dyn Executor>>,
        journal: &Journal,
    ) -> Gate {
        self.keeping_in(store, executor, shared(journal)).await
    }

    /// The same with a journal of any kind.
    pub async fn keeping_in(
        &self,
        store: Arc<dyn Store>,
        executor: Option<Arc<dyn Executor>>,
        journal: Arc<dyn KeptIn>,
    ) -> Gate {
        let executor = executor.unwrap_or_else(|| self.recorder.clone());
        let gate = open_gate(&store, executor, &self.entropy, false, Some(journal));
        gate.await.unwrap()
    }

    /// What performs its actions.
    pub fn executor(&self) -> Arc<dyn Executor> {
        self.recorder.clone()
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where time and faults of a shop in memory are set.
    pub fn memory(&self) -> &MemoryStore {
        self.memory.as_ref().unwrap()
    }

    /// The same, for an executor that makes the store fail.
    pub fn shared_memory(&self) -> Arc<MemoryStore> {
        self.memory.clone().unwrap()
    }

    /// What somebody with access to the database can do.
    pub fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("gate.db")).unwrap()
    }

    /// Where its database is.
    pub fn database_path(&self) -> PathBuf {
        self.folder.path().join("gate.db")
    }

    /// The store, for somebody who writes to it past the gate.
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// Ends the process, lets somebody at the database, and starts another.
    pub async fn restart_after(self, edit: impl FnOnce(&Path)) -> Result<Self, OpenError> {
        let Self {
            gate,
            store,
            memory,
            recorder,
            entropy,
            journal,
            folder,
            clock,
            calls,
        } = self;
        drop((gate, store, journal));
        edit(&folder.path().join("gate.db"));
        let store: Arc<dyn Store> = store_at(folder.path(), &clock);
        let journal = journal_in(folder.path());
        let executor = recorder.clone();
        let gate = open_gate(&store, executor, &entropy, true, Some(shared(&journal))).await?;
        Ok(Self {
            gate,
            store,
            memory,
            recorder,
            entropy,
            journal,
            folder,
            clock,
            calls,
        })
    }

    /// Takes the force of somebody's own key away, signed by them.
    pub async fn revoke_key(&self, person: Person) -> Result<(), GateError> {
        self.gate.revoke_key(self.own_revocation(person)).await
    }

    /// Somebody's word that their own key is to have no force any more.
    pub fn own_revocation(&self, person: Person) -> SignedRevocation {
        let statement = KeyRevocation {
            type_: REVOCATION_TYPE.to_owned(),
            gate: self.gate.origin(),
            human: person.id(),
            key: person.key(),
        };
        let statement = canonical::to_bytes(&statement).unwrap();
        let signature = RevocationSignature {
            human: person.id(),
            key: person.key(),
            signature: sign_software(&person.seed(), SAFE_NAMESPACE, &statement).unwrap(),
        };
        SignedRevocation {
            statement: String::from_utf8(statement).unwrap(),
            signatures: vec![signature],
        }
    }

    /// Logs somebody in; gives the name of the key of their session.
    pub async fn login(&self, gate: &Gate, person: Person) -> Result<Hash, GateError> {
        let now = gate.now().await?;
        let login = LoginStatement {
            type_: LOGIN_TYPE.to_owned(),
            gate: gate.origin(),
            human: person.id(),
            key: person.key(),
            jwk: JWK.to_owned(),
            issued_at: now,
            expires_at: now.plus_seconds(3_600),
        };
        let statement = String::from_utf8(canonical::to_bytes(&login).unwrap()).unwrap();
        let signed = sign_software(&person.seed(), LOGIN_TYPE, statement.as_bytes()).unwrap();
        gate.login(&statement, &signed, now)?;
        Ok(gatehold_core::jwk::Jwk::parse(JWK).unwrap().thumbprint())
    }

    /// The same database, opened by a new process.
    pub async fn restart(self) -> Self {
        let Self {
            gate,
            mut store,
            memory,
            recorder,
            entropy,
            journal,
            folder,
            clock,
            calls,
        } = self;
        drop((gate, journal));
        if memory.is_none() {
            drop(store);
            store = store_at(folder.path(), &clock);
        }
        let journal = journal_in(folder.path());
        let gate = gate_of(&store, &recorder, &entropy, &journal).await;
        Self {
            gate,
            store,
            memory,
            recorder,
            entropy,
            journal,
            folder,
            clock,
            calls,
        }
    }

    /// Executions that began before their leaf was durable.
    pub fn unlogged(&self) -> u64 {
        self.recorder.unlogged.load(Ordering::Relaxed)
    }

    pub fn human(&self, person: Person) -> HumanId {
        person.id()
    }

    pub fn executed(&self) -> Vec<String> {
        self.recorder.executed.lock().unwrap().clone()
    }

    pub async fn leaves(&self) -> u64 {
        self.store.head().await.unwrap().size
    }

    /// Everything in the ledger, as an auditor is given it.
    pub async fn stored(&self) -> Vec<StoredLeaf> {
        self.store.leaves(0, 1_000, true).await.unwrap()
    }

    pub fn caller(&self) -> Caller {
        Caller {
            key: gatehold_core::jwk::Jwk::parse(JWK).unwrap().thumbprint(),
            nonce: CallNonce {
                text: format!("call-{}", self.calls.fetch_add(1, Ordering::Relaxed)),
                until: None,
            },
            evidence: Vec::new(),
            body: Vec::new(),
            idempotency: None,
            workload: None,
        }
    }

    /// A caller whose call, signed as the server takes it, asks for exactly this.
    pub async fn asking(&self, input: &Submit) -> Caller {
        let action = Action::parse(&input.envelope, input.payload.clone()).unwrap();
        let body = SignedBody::write(&action, &input.claims);
        let now = u64::try_from(self.gate.now().await.unwrap().seconds()).unwrap();
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        Caller {
            evidence: signed_call(&body, now, &format!("shop-call-{call:016}")),
            body,
            ..self.caller()
        }
    }

    pub async fn task(&self) -> TaskId {
        let start = StartTask {
            purpose: "retry failed orders".into(),
            on_behalf_of: None,
            boundary: None,
        };
        self.gate
            .start_task(&self.caller(), start)
            .await
            .unwrap()
            .id
    }

    pub async fn submit(
        &self,
        task: &TaskId,
        descriptor: &str,
        sql: &str,
    ) -> Result<Submitted, GateError> {
        let input = self.asked(Some(*task), descriptor, sql, false);
        self.gate.submit(&self.asking(&input).await, input).await
    }

    pub async fn dry_run(
        &self,
        task: &TaskId,
        descriptor: &str,
        sql: &str,
    ) -> Result<Submitted, GateError> {
        let input = self.asked(Some(*task), descriptor, sql, true);
        self.gate.submit(&self.asking(&input).await, input).await
    }

    pub async fn submit_keyed(
        &self,
        task: &TaskId,
        descriptor: &str,
        sql: &str,
        key: &str,
    ) -> Result<Submitted, GateError> {
        let input = self.asked(Some(*task), descriptor, sql, false);
        let caller = Caller {
            idempotency: Some(key.to_owned()),
            ..self.asking(&input).await
        };
        self.gate.submit(&caller, input).await
    }

    /// Changes the gate itself: submitted by one, approved by the two others.
    pub async fn change(&self, descriptor: &str, payload: &str, by: Person) -> RequestRecord {
        let mut record = self.propose(descriptor, payload, by).await;
        for person in Person::ALL.into_iter().filter(|person| *person != by) {
            record = self.approve(person, record.id).await.unwrap();
        }
        record
    }

    /// Asks for a change of the gate itself.
    pub async fn propose(&self, descriptor: &str, payload: &str, by: Person) -> RequestRecord {
        self.try_propose(descriptor, payload, by).await.unwrap()
    }

    pub async fn try_propose(
        &self,
        descriptor: &str,
        payload: &str,
        by: Person,
    ) -> Result<RequestRecord, GateError> {
        let signed = self.signed_proposal(descriptor, payload, by);
        Ok(self.gate.submit_human(signed).await?.record)
    }

    /// What somebody sends who asks for a change of the gate.
    pub fn signed_proposal(&self, descriptor: &str, payload: &str, by: Person) -> HumanSubmit {
        self.signed_by(self.asked(None, descriptor, payload, false), by)
    }

    /// The same for anything that is asked for.
    pub fn signed_by(&self, input: Submit, by: Person) -> HumanSubmit {
        let nonce = format!("human-{}", self.calls.fetch_add(1, Ordering::Relaxed));
        let envelope: Envelope = canonical::from_bytes(&input.envelope).unwrap();
        let message = SubmitSignature::message(&canonical::to_bytes(&envelope).unwrap(), &nonce);
        let signature = sign_software(&by.seed(), SUBMIT_NAMESPACE, message.as_bytes()).unwrap();
        HumanSubmit {
            human: by.id(),
            key: Hash::from_bytes(software_key(&by.seed()).thumbprint()),
            envelope: input.envelope,
            payload: input.payload,
            claims: Claims::default(),
            submit: SubmitSignature { nonce, signature },
            dry_run: false,
        }
    }

    pub async fn approve(&self, person: Person, id: RequestId) -> Result<RequestRecord, GateError> {
        let signed = self.sign(person, id, true).await;
        self.gate.review(signed).await
    }

    pub async fn deny(&self, person: Person, id: RequestId) -> Result<RequestRecord, GateError> {
        let signed = self.sign(person, id, false).await;
        self.gate.review(signed).await
    }

    /// Opens the request and signs its context.
    pub async fn sign(&self, person: Person, id: RequestId, approve: bool) -> ReviewInput {
        let key = Hash::from_bytes(software_key(&person.seed()).thumbprint());
        let opened = self
            .gate
            .open_request(&person.id(), &key, id)
            .await
            .unwrap();
        let fact = opened.record.fact_challenge();
        let intent = ("intent".to_owned(), "yes".to_owned());
        let answers = Answers {
            criteria: [intent, (fact.id, fact.answer)].into(),
            justification: "looked at it".into(),
            salt: "salt".into(),
        };
        let mut context = opened.context;
        context.act = if approve {
            ReviewAct::Approve
        } else {
            ReviewAct::Deny
        };
        context.answers_hash = answers.hash().unwrap();
        let text = String::from_utf8(context.to_bytes().unwrap()).unwrap();
        let signature = sign_software(&person.seed(), REVIEW_TYPE, text.as_bytes()).unwrap();
        ReviewInput {
            request: id,
            review: UnverifiedReview::new(text, signature),
            answers,
        }
    }

    pub fn asked(
        &self,
        task: Option<TaskId>,
        descriptor: &str,
        payload: &str,
        dry_run: bool,
    ) -> Submit {
        let found = self
            .gate
            .descriptors()
            .into_iter()
            .find(|known| known.id.as_str() == descriptor)
            .unwrap();
        let human = task.is_none();
        let envelope = Envelope {
            descriptor: DescriptorRef {
                id: found.id.clone(),
                hash: found.hash(),
            },
            workload: if human { "gatehold" } else { "deploy-bot" }
                .parse()
                .unwrap(),
            task,
            target: if human { "gatehold" } else { "sql:shop" }.parse().unwrap(),
            resource: if human { "gatehold" } else { "shop/orders" }
                .parse()
                .unwrap(),
            duration_seconds: 600,
            caps: BTreeMap::new(),
            precondition: None,
            payload: PayloadRef {
                media_type: found.media_types.first().unwrap().clone(),
                size: u64::try_from(payload.len()).unwrap(),
                sha256: Hash::of(payload.as_bytes()),
            },
        };
        Submit {
            envelope: canonical::to_bytes(&envelope).unwrap(),
            payload: payload.as_bytes().to_vec(),
            claims: Claims([("reason".to_owned(), "a test".to_owned())].into()),
            dry_run,
        }
    }
}

/// Where its first bundle is.
pub fn bundle_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shop/bundle")
}

fn store_at(folder: &Path, clock: &Arc<dyn Clock>) -> Arc<SqliteStore> {
    let options = SqliteOptions {
        clock: Arc::clone(clock),
        ..SqliteOptions::new(folder.join("gate.db"))
    };
    Arc::new(SqliteStore::open(options).unwrap())
}

fn shared(journal: &Journal) -> Arc<dyn KeptIn> {
    Arc::new(journal.clone())
}

fn journal_in(folder: &Path) -> Journal {
    Journal::open(folder.join("gate.journal")).unwrap()
}

async fn gate_of(
    store: &Arc<dyn Store>,
    recorder: &Arc<Recorder>,
    entropy: &Arc<Counting>,
    journal: &Journal,
) -> Gate {
    let gate = open_gate(
        store,
        recorder.clone(),
        entropy,
        true,
        Some(shared(journal)),
    );
    gate.await.unwrap()
}

async fn open_gate(
    store: &Arc<dyn Store>,
    executor: Arc<dyn Executor>,
    entropy: &Arc<Counting>,
    alone: bool,
    journal: Option<Arc<dyn KeptIn>>,
) -> Result<Gate, OpenError> {
    open_gate_knowing(Arc::new(Nothing), store, executor, entropy, alone, journal).await
}

async fn open_gate_knowing(
    facts: Arc<dyn Facts>,
    store: &Arc<dyn Store>,
    executor: Arc<dyn Executor>,
    entropy: &Arc<Counting>,
    alone: bool,
    journal: Option<Arc<dyn KeptIn>>,
) -> Result<Gate, OpenError> {
    let parts = Parts {
        store: Arc::clone(store),
        entropy: Arc::clone(entropy) as _,
        executor,
        facts,
        journal,
        settings: Settings {
            open_holds_max: 3,
            ..Settings::default()
        },
        pinned_root: None,
        catalog: Catalog::default(),
        page_files: None,
        execution_seconds_max: 60,
        alone,
    };
    Gate::open(parts).await
}

/// The root statement of a shop, signed by its people.
pub fn root(bundle: Hash) -> SignedRoot {
    let line = |person: Person| software_key(&person.seed()).to_line();
    let humans = Person::ALL.map(|person| RootHuman {
        human: person.id(),
        keys: vec![RootKey {
            key: line(person),
            assurance: Assurance::Software,
            attestation: None,
        }],
    });
    let everyone = Person::ALL.map(Person::id);
    let statement = RootStatement {
        type_: "gatehold/root/v1".into(),
        origin: "dev.local/gate".parse().unwrap(),
        created_at: Timestamp::from_millis(0),
        humans: humans.to_vec(),
        teams: [("reviewers".parse().unwrap(), everyone.into())].into(),
        bundle,
        log_key: log_key(),
        recovery_keys: OFFLINE.map(|seed| software_key(&seed).to_line()).to_vec(),
        attestation_roots: AttestationRoots {
            roots: vec![PinnedRoot {
                name: "soft".to_owned(),
                certificate: hex(&maker().root_certificate()),
            }],
            intermediates: vec![],
        },
        consoles: vec![],
    };
    let statement = String::from_utf8(canonical::to_bytes(&statement).unwrap()).unwrap();
    let signatures = Person::ALL.map(|person| RootSignature {
        key: line(person),
        signature: sign_software(&person.seed(), ROOT_NAMESPACE, statement.as_bytes()).unwrap(),
    });
    let offline = OFFLINE.map(|seed| RootSignature {
        key: software_key(&seed).to_line(),
        signature: sign_software(&seed, ROOT_NAMESPACE, statement.as_bytes()).unwrap(),
    });
    SignedRoot {
        statement,
        signatures: signatures.into_iter().chain(offline).collect(),
    }
}

/// The seed of the log's key.
pub const LOG_SEED: [u8; 32] = [1; 32];

/// The log's verifier key line.
fn log_key() -> String {
    let origin = gatehold_ledger::Origin::new("dev.local/gate").unwrap();
    let signer = gatehold_ledger::LogSigner::from_seed(origin, &LOG_SEED);
    signer.log_key().to_string()
}

/// The offline keys' seeds.
pub const OFFLINE: [[u8; 32]; 3] = [[201; 32], [202; 32], [203; 32]];

/// The one maker of security keys whose attestations count.
pub fn maker() -> SoftVendor {
    SoftVendor::new([7; 32], [0xa7; 16])
}

/// The workload, as `nhi.create` takes it.
pub fn nhi() -> serde_json::Value {
    serde_json::json!({
        "id": "deploy-bot", "kind": "ai_agent", "jwk": JWK,
        "owner": Person::Owner.id(), "backup": Person::Owner.id(), "custodians": [],
        "assurance": "pop", "teams": [],
        "baseline": { "descriptors": ["shop.read"], "targets": ["sql:shop"], "resources": ["shop/"] },
        "lifecycle": "active", "not_after": 4_102_444_800_000_i64,
    })
}

/// A team of one, as `team.set` takes it: of whoever asks for it, as whoever joins a team does not decide that.
pub fn team_set() -> String {
    serde_json::json!({ "team": "night", "members": [Person::Owner.id()] }).to_string()
}
